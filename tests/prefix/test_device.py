"""A CUDA device that is not there is named before anything is loaded."""

from __future__ import annotations

import pytest
import torch

from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.prefix.device import refuse_missing_device
from icl_ft_plugin.prefix.lm import PrefixLM


@pytest.mark.parametrize(
    ("device", "count", "said"),
    [
        ("cuda", 0, "sees no CUDA device; use cpu"),
        ("cuda:1", 0, "sees no CUDA device; use cpu"),
        ("cuda:1", 1, "sees 1 CUDA device; use cuda"),
        ("cuda:2", 2, "sees 2 CUDA devices; use cuda:0 to cuda:1"),
    ],
)
def test_a_device_that_is_not_there_is_refused(device, count, said):
    with pytest.raises(UsageError, match=f"--device {device} .*{said}$"):
        refuse_missing_device(device, count)


@pytest.mark.parametrize(
    ("device", "count"), [("cuda:0", 0), ("cuda", 1), ("cuda:1", 2), ("cpu", 0), ("mps", 0), (None, 0)]
)
def test_other_devices_are_left_to_hf(device, count):
    refuse_missing_device(device, count)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_cuda_without_cuda_is_refused_before_anything_is_loaded():
    with pytest.raises(UsageError, match="--device cuda "):
        PrefixLM("no-such-checkpoint", device="cuda")
