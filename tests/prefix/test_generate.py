from __future__ import annotations

import torch
import transformers
from prefix_models import tiny_model

from icl_ft_plugin.prefix.generate import behind_stem, common_stems, is_greedy


def test_stems_leave_a_token_to_run_and_skip_the_unshared():
    document = list(range(40))
    contexts = [[*document, 50], [1, 2, 3], document, [*document, 51, 52]]
    assert common_stems(contexts) == [(document[:39], [0, 2, 3])]
    assert common_stems([[1, 2], [1, 3]]) == []


def test_padding_moves_behind_the_stem():
    context = torch.tensor([[0, 0, 7, 8, 1], [7, 8, 1, 2, 3]])
    mask = torch.tensor([[0, 0, 1, 1, 1], [1, 1, 1, 1, 1]])
    ids, seen = behind_stem(context, mask, [7, 8], padded=True)
    assert ids.tolist() == [[7, 8, 0, 0, 1], [7, 8, 1, 2, 3]]
    assert seen.tolist() == [[1, 1, 0, 0, 1], [1, 1, 1, 1, 1]]
    assert behind_stem(context, mask, [7, 8], padded=False) is None  # a window would count the padding
    assert behind_stem(context, mask, [7, 9], padded=True) is None  # another stem
    assert behind_stem(context, mask, [7, 8, 1], padded=True) is None  # nothing left to run


def test_only_plain_greedy_decoding_shares():
    model = tiny_model("llama")
    assert is_greedy({"do_sample": False}, model)
    assert is_greedy({"temperature": 0.0}, model)
    for other in ({"do_sample": True}, {"temperature": 0.7}, {"num_beams": 3}, {"cache_implementation": "static"}):
        assert not is_greedy(other, model)
    model.generation_config = transformers.GenerationConfig(num_beams=4)
    assert not is_greedy({"do_sample": False}, model)
