"""Models of lm-eval by their name: what is missing or broken is one message."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from lm_eval.api.registry import model_registry

from icl_ft_plugin.augment.generate import lm_class
from icl_ft_plugin.errors import UsageError


@pytest.mark.parametrize(
    "line",
    [
        "raise OSError('Could not load this library: libother.so')",
        "raise RuntimeError('operator other::nms does not exist')",
        "import package_that_is_not_there",
    ],
)
def test_a_build_that_does_not_load_is_one_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    (tmp_path / "broken_build.py").write_text(line)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(model_registry._objs, "broken", EntryPoint("broken", "broken_build:LM", "lm_eval.models"))
    with pytest.raises(
        UsageError,
        match=r"^models\[0\]: engine 'broken': what it needs is not installed here, or broken: .*other|package_that",
    ):
        lm_class("broken", "models[0]: engine")


def test_a_misspelt_name_is_told_its_neighbour() -> None:
    with pytest.raises(UsageError, match=r"--model 'icl_ft_hff'.*icl_ft_hf"):
        lm_class("icl_ft_hff")
