from __future__ import annotations

import json
import random

import pytest
import torch
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from lm_eval.models.huggingface import HFLM
from prefix_models import CONFIGS, WAY, WORDS, instances, text, tiny_model, tiny_tokenizer, token_requests

from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.prefix.lm import PrefixLM
from icl_ft_plugin.prefix.positions import positions_of

TOKENIZER = tiny_tokenizer()
MODELS = {}


def pair(name, stock=None, **ours):
    """Return stock's and our LM on the same weights."""
    model = MODELS.setdefault(name, tiny_model(name))
    plain = HFLM(pretrained=model, tokenizer=TOKENIZER, **{"max_length": 256, **(stock or {})})
    return plain, PrefixLM(pretrained=model, tokenizer=TOKENIZER, **{"max_length": 256, **ours})


def forget_lengths(lm):
    """Undo what a long pass leaves in a model with dynamic positions: there hf's own scores depend on what ran before."""
    if positions_of(lm.model.config).limit:
        with torch.no_grad():
            lm.model(torch.tensor([[0]]))


def assert_same(plain, ours, requests, tolerance=1e-4):
    forget_lengths(plain)
    wanted = plain._loglikelihood_tokens(requests, disable_tqdm=True)
    forget_lengths(ours)
    found = ours._loglikelihood_tokens(requests, disable_tqdm=True)
    assert [answer[1] for answer in found] == [answer[1] for answer in wanted]
    assert [answer[0] for answer in found] == pytest.approx([answer[0] for answer in wanted], abs=tolerance)


@pytest.mark.parametrize("name", CONFIGS)
@settings(max_examples=4, deadline=None)
@given(seed=st.integers(0, 2**32), contexts=st.lists(st.integers(1, 60), min_size=1, max_size=3))
def test_same_scores_in_the_same_order_as_stock(name, seed, contexts):
    plain, ours = pair(name, pass_tokens=random.Random(seed).choice([16, 40, 512]))
    assert_same(plain, ours, token_requests(random.Random(seed), contexts, 6))
    if ours.sharing is not None:
        assert ours.sharing == WAY[name]


@pytest.mark.parametrize("name", ["llama", "mistral", "mamba"])
@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_attention_implementations(name, attention):
    model = tiny_model(name)
    if name != "mamba":
        model.set_attn_implementation(attention)
    plain = HFLM(pretrained=model, tokenizer=TOKENIZER)
    ours = PrefixLM(pretrained=model, tokenizer=TOKENIZER, pass_tokens=32)
    assert_same(plain, ours, token_requests(random.Random(1), [50], 6))
    assert ours.sharing == WAY[name]


def test_long_shared_context_is_computed_once():
    plain, ours = pair("llama", pass_tokens=64)
    requests = token_requests(random.Random(3), [200], 12)
    assert_same(plain, ours, requests)
    stats = ours.prefix_stats
    assert stats["computed_tokens"] == stats["tree_tokens"] < 200 + 12 * 20
    assert stats["stock_tokens"] > 10 * stats["tree_tokens"]


def test_a_prompt_is_encoded_once_for_all_its_choices(monkeypatch):
    plain, ours = pair("llama")
    pairs = [(f"{'more ' * 30}{stem}", f" {choice}") for stem in "ab" for choice in ("ice", "oil", "tar")]
    wanted = plain.loglikelihood(instances("loglikelihood", pairs), disable_tqdm=True)
    encoded = []
    encode = HFLM.tok_encode
    monkeypatch.setattr(
        HFLM, "tok_encode", lambda self, text, *a, **k: encoded.append(text) or encode(self, text, *a, **k)
    )
    found = ours.loglikelihood(instances("loglikelihood", pairs), disable_tqdm=True)
    assert sorted(encoded) == sorted({prompt for prompt, _ in pairs} | {prompt + choice for prompt, choice in pairs})
    assert [score for score, _ in found] == pytest.approx([score for score, _ in wanted], abs=1e-4)


def closed_book(count, seed=0):
    """Short requests of many lengths that share nothing."""
    rng = random.Random(seed)
    made = []
    for first in rng.sample(range(WORDS), count):
        ids = [first, *(rng.randrange(WORDS) for _ in range(rng.randrange(2, 25)))]
        cut = rng.randrange(max(1, len(ids) - 4), len(ids))
        made.append(((f"question {first}", "answer"), ids[:cut], ids[cut:]))
    return made


@pytest.mark.parametrize("name", CONFIGS)
@settings(max_examples=3, deadline=None)
@given(seed=st.integers(0, 2**32), batch=st.sampled_from([1, 3, "auto"]), limit=st.sampled_from([16, 100, None]))
def test_requests_that_share_nothing_are_batched(name, seed, batch, limit):
    plain, ours = pair(name, batch_size=batch, max_batch_size=4, max_length=128, pass_tokens=limit)
    requests = closed_book(30, seed)
    assert_same(plain, ours, requests)
    if WAY[name] == "stock":
        assert ours.prefix_stats == {}
    elif limit is None:
        assert ours.prefix_stats["passes"] <= (10 if batch == 3 else 2)
        if WAY[name] == "packed":  # short ones share a row, so that little is padded
            assert ours.prefix_stats["computed_tokens"] < 1.3 * ours.prefix_stats["tree_tokens"]


def test_the_default_batch_is_bounded_by_tokens_and_a_given_one_by_rows_too():
    widths = []
    for batch in (1, 4):
        _, ours = pair("llama", batch_size=batch, pass_tokens=128)
        ours._way([1, 2, 3])
        seen = []
        handle = ours.model.model.register_forward_pre_hook(
            lambda module, args, kwargs, seen=seen: seen.append(kwargs["input_ids"].shape), with_kwargs=True
        )
        ours._loglikelihood_tokens(closed_book(60), disable_tqdm=True)
        handle.remove()
        assert all(rows * tokens <= 128 for rows, tokens in seen)
        widths.append(max(rows for rows, _ in seen))
    assert widths[0] > 8 and widths[1] == 4


@pytest.mark.parametrize("name", ["llama", "mistral"])
def test_one_token_answers_keep_their_questions_in_any_mixture(name):
    # One question with several answers of one token, the same tokens cut elsewhere, an input that is another's
    # beginning, and a request asked twice. Stock's reuse of logits scores one token in the first place of a longer
    # continuation of the same tokens, so it is compared without.
    plain, ours = pair(name, stock={"logits_cache": False})
    made = [(("one", str(n)), [5, 6, 7], [n]) for n in (9, 3, 9, 40)]
    made += [(("long", str(n)), [5, 6], [7, n]) for n in (9, 3)]
    made += [(("deeper", "8"), [5, 6, 7, 9], [8]), *closed_book(12)]
    random.Random(1).shuffle(made)
    assert_same(plain, ours, made)


def test_answers_of_unshared_requests_reach_the_response_cache():
    _, ours = pair("llama")
    requests = closed_book(20)
    kept = {}

    class Hook:
        def add_partial(self, kind, key, answer):
            kept[kind, key] = answer

    ours.set_cache_hook(Hook())
    answers = ours._loglikelihood_tokens(requests, disable_tqdm=True)
    assert kept == {("loglikelihood", key): answer for (key, _, _), answer in zip(requests, answers, strict=True)}


def test_no_request_and_one_request_run_as_stock():
    plain, ours = pair("llama")
    assert ours._loglikelihood_tokens([]) == []
    assert_same(plain, ours, closed_book(1))
    assert (ours.sharing, ours.prefix_stats) == (None, {})


def test_truncation_as_stock_and_overflow_as_an_error():
    requests = token_requests(random.Random(5), [70], 5)
    plain, ours = pair("llama", stock={"max_length": 60}, max_length=60)
    assert_same(plain, ours, requests)
    _, strict = pair("llama", max_length=60, on_overflow="error")
    key, context, continuation = requests[0]
    with pytest.raises(
        UsageError, match=rf"request 0 needs {len(context) + len(continuation) - 1} tokens.*60.*{key[0]}"
    ):
        strict._loglikelihood_tokens(requests)
    exact = [(("a", "b"), [1] * 60, [2])]  # 60 inputs: the last token is never fed
    assert strict._loglikelihood_tokens(exact)
    with pytest.raises(UsageError, match="needs 61"):
        strict._loglikelihood_tokens([(("a", "b"), [1] * 60, [2, 3])])
    with pytest.raises(UsageError, match="request 1: the 61 tokens of the continuation"):
        ours._loglikelihood_tokens([*exact, (("a", "b"), [1], [2] * 61)])
    with pytest.raises(UsageError, match="a context of one token"):
        ours._loglikelihood_tokens([(("a", "b"), [], [2])])
    with pytest.raises(UsageError, match="on_overflow='eror'"):
        pair("llama", on_overflow="eror")


def test_overflow_in_generation_names_the_room_left():
    _, strict = pair("llama", max_length=60, on_overflow="error")
    with pytest.raises(UsageError, match=r"request 1 needs 55 tokens.*50"):
        strict.generate_until(
            instances("generate_until", [(text(random.Random(0), n), {"max_gen_toks": 10}) for n in (20, 55)])
        )


@pytest.mark.parametrize("batch", [1, 3, "auto"])
def test_batch_sizes(batch):
    plain, ours = pair("mistral", batch_size=batch, max_batch_size=4, max_length=128)
    assert_same(plain, ours, token_requests(random.Random(7), [3, 50], 8))


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision(dtype):
    model = tiny_model("llama").to(getattr(torch, dtype))
    plain = HFLM(pretrained=model, tokenizer=TOKENIZER)
    ours = PrefixLM(pretrained=model, tokenizer=TOKENIZER, pass_tokens=32, softmax_dtype="float32")
    requests = token_requests(random.Random(2), [50], 6)
    wanted, found = plain._loglikelihood_tokens(requests), ours._loglikelihood_tokens(requests)
    assert ours.sharing == "packed"
    assert [a for a, _ in found] == pytest.approx([a for a, _ in wanted], rel=0.03, abs=0.3)


def test_mixed_precision():
    plain, ours = pair("llama", stock={"mixed_precision_dtype": "bfloat16"}, mixed_precision_dtype="bfloat16")
    assert_same(plain, ours, token_requests(random.Random(2), [50], 2), tolerance=0.5)
    assert ours.sharing == "packed"


def test_answers_reach_the_response_cache_under_stocks_keys():
    plain, ours = pair("llama")
    made = instances("loglikelihood", [(text(random.Random(1), 50) + " w1", " " + f"w{n}") for n in range(4)])
    kept = {}

    class Hook:
        def add_partial(self, kind, key, answer):
            kept[kind, key] = answer

    ours.set_cache_hook(Hook())
    answers = ours.loglikelihood(made, disable_tqdm=True)
    assert kept == {("loglikelihood", made[n].args): answers[n] for n in range(4)}
    wanted = plain.loglikelihood(made, disable_tqdm=True)
    assert [a for a, _ in answers] == pytest.approx([a for a, _ in wanted], abs=1e-4)


def test_rolling_scores_are_stocks():
    plain, ours = pair("llama", stock={"max_length": 40}, max_length=40)
    made = instances("loglikelihood_rolling", [(text(random.Random(n), 90),) for n in range(3)])
    assert ours.loglikelihood_rolling(made) == pytest.approx(plain.loglikelihood_rolling(made), abs=1e-4)


def test_a_pass_that_does_not_fit_is_halved(monkeypatch, caplog):
    plain, ours = pair("llama")
    requests = token_requests(random.Random(1), [100], 10)
    ours._way(requests[0][1])
    forward = ours.model.forward

    def small(input_ids, **kwargs):
        if input_ids.shape[1] > 70:
            raise torch.OutOfMemoryError("too large")
        return forward(input_ids=input_ids, **kwargs)

    wanted = plain._loglikelihood_tokens(requests, disable_tqdm=True)
    small.__signature__ = __import__("inspect").signature(forward)
    monkeypatch.setattr(ours.model, "forward", small)
    found = ours._loglikelihood_tokens(requests, disable_tqdm=True)
    assert [a for a, _ in found] == pytest.approx([a for a, _ in wanted], abs=1e-4)
    assert "64 tokens a pack" in caplog.text


def test_a_batch_that_does_not_fit_is_halved(monkeypatch, caplog):
    plain, ours = pair("llama")
    requests = closed_book(60)
    ours._way(requests[0][1])
    forward = ours.model.forward

    def small(input_ids, **kwargs):
        if input_ids.numel() > 130:
            raise torch.OutOfMemoryError("too large")
        return forward(input_ids=input_ids, **kwargs)

    wanted = plain._loglikelihood_tokens(requests, disable_tqdm=True)
    small.__signature__ = __import__("inspect").signature(forward)
    monkeypatch.setattr(ours.model, "forward", small)
    found = ours._loglikelihood_tokens(requests, disable_tqdm=True)
    assert [a for a, _ in found] == pytest.approx([a for a, _ in wanted], abs=1e-4)
    assert "128 tokens a pack" in caplog.text


def test_from_a_checkpoint_through_the_evaluator(tmp_path):
    import lm_eval
    from lm_eval.tasks import TaskManager

    folder = tmp_path / "model"
    tiny_model("llama").save_pretrained(folder)
    TOKENIZER.save_pretrained(folder)
    task = {
        "task": "tiny",
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(tmp_path / "docs.jsonl")}},
        "test_split": "test",
        "output_type": "multiple_choice",
        "doc_to_text": "{{question}}",
        "doc_to_choice": "{{choices}}",
        "doc_to_target": "{{gold}}",
        "metric_list": [{"metric": "acc"}],
    }
    rng = random.Random(0)
    context = text(rng, 60)
    with (tmp_path / "docs.jsonl").open("w") as out:
        for _ in range(10):
            choices = [text(rng, 2) for _ in range(3)]
            out.write(json.dumps({"question": f"{context} {text(rng, 4)}", "choices": choices, "gold": 0}) + "\n")
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(task))
    manager = TaskManager(include_path=str(tmp_path), include_defaults=False)
    scores = []
    for build in (HFLM, PrefixLM):
        lm = build.create_from_arg_string(f"pretrained={folder},dtype=float32", {"batch_size": 1, "device": "cpu"})
        results = lm_eval.simple_evaluate(
            model=lm, tasks=["tiny"], task_manager=manager, log_samples=True, bootstrap_iters=0
        )
        scores.append([float(r[0]) for sample in results["samples"]["tiny"] for r in sample["filtered_resps"]])
    assert len(scores[0]) == 30
    assert results["config"]["prefix_sharing"] == "packed"
    assert scores[1] == pytest.approx(scores[0], abs=1e-4)
