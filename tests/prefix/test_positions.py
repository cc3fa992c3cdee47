from __future__ import annotations

import logging
import random
import warnings

import pytest
import torch
import transformers
from prefix.test_lm import assert_same, forget_lengths, pair
from prefix_models import BY_LENGTH, CONFIGS, SWITCH, WAY, instances, text, tiny_model, token_requests
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

from icl_ft_plugin.prefix.check import cannot_share
from icl_ft_plugin.prefix.positions import FIXED, SWITCHED, Positions, positions_of, unknown_kinds
from icl_ft_plugin.prefix.score import TreeScorer
from icl_ft_plugin.prefix.tree import build_tree


def test_every_kind_of_rotary_positions_of_the_installed_transformers_is_known() -> None:
    assert set(ROPE_INIT_FUNCTIONS) <= FIXED | SWITCHED


def test_switches_are_found_in_flat_and_nested_parameters() -> None:
    found = {name: positions_of(config()) for name, config in CONFIGS.items()}
    longrope, dynamic = Positions((SWITCH,)), Positions(limit=SWITCH)
    assert {name: kind for name, kind in found.items() if kind != Positions()} == {
        "phi3": longrope,
        "gemma3_longrope": longrope,
        "llama_dynamic": dynamic,
    }
    phimoe = {"rope_type": "longrope", "original_max_position_embeddings": 9, "long_mscale": 1.0, "short_mscale": 1.0}
    phimoe |= {"rope_theta": 1e4, "short_factor": [1.0] * 4, "long_factor": [2.0] * 4}
    config = transformers.PhimoeConfig(
        hidden_size=32, num_attention_heads=4, rope_parameters=phimoe, original_max_position_embeddings=9
    )
    assert positions_of(config) == Positions((9,))


def test_a_kind_that_is_not_known_is_not_shared() -> None:
    model = tiny_model("llama")
    model.config.rope_parameters = {"rope_type": "spiral"}
    assert unknown_kinds(model.config) == ["spiral"]
    assert "(spiral) may depend on the length" in str(cannot_share(model, "causal"))


def test_only_inputs_that_lie_on_one_side_and_agree_up_to_it_are_together() -> None:
    inputs = [[1, 2, 3], [1, 2, 3, 4], [1, 2, 3, 4, 5], [1, 2, 9, 4], [1, 2, 3, 4, 6]]
    assert Positions().parts(inputs) == [([0, 1, 2, 3, 4], 0)]
    assert Positions((3,)).parts(inputs) == [([0], 0), ([1, 2, 4], 3), ([3], 3)]
    assert Positions((2, 4)).parts(inputs) == [([0, 1], 2), ([2], 4), ([3], 2), ([4], 4)]
    assert Positions(limit=5).parts(inputs) == [([0, 1, 3], 0)]


@pytest.mark.parametrize(("prefix", "question"), [(150, 5), (SWITCH - 4, 8), (SWITCH, 3), (SWITCH + 1, 3), (10, 5)])
@pytest.mark.parametrize("name", BY_LENGTH)
def test_prefixes_on_both_sides_of_the_switch(name: str, prefix: int, question: int) -> None:
    plain, ours = pair(name, pass_tokens=50)
    rng = random.Random(prefix)
    context = [rng.randrange(100) for _ in range(prefix)]
    made = [
        ((str(n), ""), context + [rng.randrange(100) for _ in range(rng.randrange(1, question + 1))], [n, n + 1])
        for n in range(8)
    ]
    assert_same(plain, ours, made)
    assert ours.sharing == WAY[name]


def test_beyond_the_switch_a_long_prefix_is_computed_once() -> None:
    plain, ours = pair("phi3", pass_tokens=50)
    requests = token_requests(random.Random(1), [150], 10)
    assert_same(plain, ours, requests)
    assert ours.prefix_stats["computed_tokens"] < 150 + 10 * 20 and ours.prefix_stats["requests"] == len(requests)


def test_both_sides_in_one_call_are_shared_and_counted() -> None:
    plain, ours = pair("phi3")
    requests = token_requests(random.Random(2), [20, 150], 12)
    assert_same(plain, ours, requests)
    assert ours.prefix_stats["requests"] == len(requests)
    assert ours.prefix_stats["computed_tokens"] == ours.prefix_stats["tree_tokens"]


def test_pieces_that_end_below_the_switch_would_be_wrong() -> None:
    """The reason for it all; where this fails, transformers no longer needs it."""
    model = tiny_model("phi3")
    rng = random.Random(0)
    context = [rng.randrange(100) for _ in range(60)]
    made = [([*context, n, n + 1], [5]) for n in range(2)]
    scores: dict[int, list[float]] = {0: [], SWITCH: []}
    for floor, found in scores.items():
        TreeScorer(model, packed=True).run(
            build_tree(made), limit=20, floor=floor, on_score=lambda _, value, hit, found=found: found.append(value)
        )
    with torch.no_grad():
        plain = model(torch.tensor([ids for ids, _ in made])).logits[:, -1].log_softmax(-1)[:, 5].tolist()
    assert scores[SWITCH] == pytest.approx(plain, abs=1e-4)
    assert scores[0] != pytest.approx(plain, abs=0.01)


@pytest.mark.parametrize(
    ("name", "passes", "reason"), [("phi3", 16, "pieces that end behind it"), ("llama_dynamic", 512, "for each length")]
)
def test_what_runs_as_stock_is_said_once(name: str, passes: int, reason: str, caplog: pytest.LogCaptureFixture) -> None:
    plain, ours = pair(name, pass_tokens=passes)
    requests = token_requests(random.Random(3), [50], 6)
    for _ in range(2):
        assert_same(plain, ours, requests)
    assert ours.prefix_stats == {}
    told = [record for record in caplog.records if "icl_ft" in record.name]
    assert [record.levelname for record in told] == ["WARNING"] and reason in told[0].getMessage()


GREEDY = {"until": [], "max_gen_toks": 12, "do_sample": False}


@pytest.mark.parametrize("name", BY_LENGTH)
@pytest.mark.parametrize("words", [SWITCH - 20, SWITCH - 8, SWITCH, 60])
@pytest.mark.parametrize("batch", [1, 3])
def test_generation_on_both_sides_and_across(name: str, words: int, batch: int) -> None:
    plain, ours = pair(name, stock={"batch_size": batch}, batch_size=batch)
    rng = random.Random(words)
    document = text(rng, words)
    made = instances("generate_until", [(f"{document} {text(rng, 3)}", dict(GREEDY)) for _ in range(5)])
    forget_lengths(plain)
    wanted = plain.generate_until(made, disable_tqdm=True)
    forget_lengths(ours)
    assert ours.generate_until(made, disable_tqdm=True) == wanted


def test_a_stem_that_would_end_at_the_switch_is_not_cached() -> None:
    _, ours = pair("phi3")
    beyond = list(range(SWITCH + 1))
    assert ours._stems([beyond, [*beyond, 1]]) == []
    assert ours._stems([[*beyond, 2], [*beyond, 1]]) == [(beyond, [0, 1], SWITCH)]


@pytest.mark.parametrize("name", ["llama", "gpt2", "gpt_neox", "qwen3"])
def test_common_models_share_without_a_name_that_transformers_has_given_up(name: str) -> None:
    """Fails, and does not skip, where the installed transformers calls the cache by a name not known here."""
    _, ours = pair(name, batch_size=4)
    computed: list[int] = []
    counted = ours.model.get_input_embeddings().register_forward_hook(
        lambda module, args, out: computed.append(args[0].numel())
    )
    rng = random.Random(0)
    document = text(rng, 100)
    with warnings.catch_warnings():
        warnings.simplefilter("error", FutureWarning)
        ours._loglikelihood_tokens(token_requests(rng, [100], 8), disable_tqdm=True)
        assert ours.sharing == "packed"
        assert sum(computed) < 2 * 100 + 8 * 40
        computed.clear()
        asked = [(f"{document} {text(rng, 3)}", dict(GREEDY)) for _ in range(8)]
        ours.generate_until(instances("generate_until", asked), disable_tqdm=True)
    counted.remove()
    assert sum(computed) < 2 * 100 + 8 * (3 + 12)


def test_a_model_whose_cache_has_an_unknown_name_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("icl_ft_plugin.prefix.cache.NAMES", ("memory",))
    _, ours = pair("llama")
    with caplog.at_level(logging.WARNING, logger="icl_ft_plugin"):
        ours._loglikelihood_tokens(token_requests(random.Random(0), [50], 3), disable_tqdm=True)
    assert ours.sharing == "stock" and "LlamaForCausalLM.forward takes no key/value cache" in caplog.text
