from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from augment_models import RuleLM, answer

from icl_ft_plugin.augment import generate as generation
from icl_ft_plugin.augment.asking import Window, context_of, requests_of, texts_of
from icl_ft_plugin.augment.generate import ask, load_lm
from icl_ft_plugin.augment.journal import Journal
from icl_ft_plugin.augment.prompts import Prompt, load_prompt
from icl_ft_plugin.augment.run import Augmentation, Context, Requests, Statements, Tokens, infer
from icl_ft_plugin.augment.settings import Settings
from icl_ft_plugin.augment.statements import Statement, chosen
from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.families import family_of, generate
from icl_ft_plugin.paths import models_dir
from icl_ft_plugin.worlds.audit import audit
from icl_ft_plugin.worlds.context import context_documents

LOCAL = load_prompt("nano-local", "local")
GLOBAL = load_prompt("nano-global", "global")
WORLD = generate("reversal", 0, {"n_facts": 4, "documents_per_fact": 3, "misleading": 0})
CHARACTERS = Window(lambda prompt: len(str(prompt)), None)


def requests(settings: Settings, prompt: Prompt = LOCAL, identity: str = "rule") -> Any:
    return requests_of(WORLD, prompt, settings, [], identity)


@pytest.fixture(scope="module")
def nano() -> Any:
    return load_lm("icl_ft_hf", {"pretrained": str(models_dir() / "nano")})


def with_nano(nano: Any, folder: Path, prompt: Prompt, world: Any = WORLD, **knobs: Any) -> Augmentation:
    return infer(world, prompt, Settings(**knobs), nano, "nano", Journal(folder / "journal.jsonl"))


def test_local_asks_about_sentences_and_global_about_documents() -> None:
    world = generate("syllogism", 0, {"n_documents": 3})
    assert len(texts_of(world, LOCAL, 0)) == 9
    assert texts_of(world, GLOBAL, 0) == [(document.text, document.id) for document in world.documents]
    assert len(texts_of(WORLD, LOCAL, 0)) == 12
    assert len(texts_of(WORLD, LOCAL, 1)) == 4


def test_a_request_depends_on_all_that_its_answer_depends_on() -> None:
    plain = Settings(temperature=0.5)
    keys = {
        requests(settings, prompt, identity)[0].key
        for settings, prompt, identity in (
            (plain, LOCAL, "a"),
            (plain, LOCAL, "b"),
            (plain, LOCAL.model_copy(update={"version": 2}), "a"),
            (Settings(temperature=0.6), LOCAL, "a"),
            (Settings(temperature=0.5, seed=1), LOCAL, "a"),
            (Settings(temperature=0.5, max_tokens=3), LOCAL, "a"),
        )
    }
    assert len(keys) == 6
    assert requests(plain)[0].key == requests(Settings(temperature=0.5, chunk=1, deduplicate=False))[0].key
    many = requests(Settings(temperature=0.5, n_samples=3))
    assert len({request.key for request in many}) == 36 and [r.sample for r in many[::12]] == [0, 1, 2]
    assert many[:12] == requests(plain)


def test_the_context_is_that_of_the_in_context_task_as_far_as_it_fits() -> None:
    documents = [document.text for document in context_documents(WORLD, 1)]
    assert context_of(WORLD, GLOBAL, Settings(), CHARACTERS) == (documents, (4, 4))
    assert context_of(WORLD, LOCAL, Settings(), CHARACTERS) == ([], (0, 0))
    longest = max((text for text, _ in texts_of(WORLD, GLOBAL, 0)), key=len)
    size = len(GLOBAL.render(longest, documents[:2])) + GLOBAL.max_tokens
    assert context_of(WORLD, GLOBAL, Settings(), Window(CHARACTERS.count, size)) == (documents[:2], (2, 4))
    assert context_of(WORLD, GLOBAL, Settings(), Window(CHARACTERS.count, size - 1)) == (documents[:1], (1, 4))
    with pytest.raises(UsageError, match=r"nano-global.*window of 90 tokens"):
        context_of(WORLD, GLOBAL, Settings(), Window(CHARACTERS.count, 90))


def test_no_chunk_holds_two_samples_of_a_text() -> None:
    chunks = generation._chunks(requests(Settings(temperature=1.0, n_samples=2)), 8)
    assert [len(chunk) for chunk in chunks] == [8, 4, 8, 4]
    assert all(len({request.sample for request in chunk}) == 1 for chunk in chunks)


def test_statements_come_with_their_provenance_and_nothing_comes_twice(tmp_path: Path) -> None:
    augmentation = infer(WORLD, LOCAL, Settings(), RuleLM(), "rule", Journal(tmp_path / "j"))
    assert len(augmentation.statements) == 24
    document = WORLD.documents[0]
    assert asdict(augmentation.statements[0]) == {
        "text": f"Surely {document.text}",
        "source": document.id,
        "asked": document.text,
        "strategy": "local",
        "prompt": "nano-local/1",
        "sample": 0,
        "sampling": {"temperature": 0.0, "seed": None, "max_tokens": 160},
        "raw": answer(LOCAL.render(document.text)),  # type: ignore[arg-type]
    }
    assert augmentation.record.tokens == Tokens(None, None)  # this model has no tokenizer
    twice = Settings(temperature=1.0, n_samples=2)
    again = infer(WORLD, LOCAL, twice, RuleLM(), "rule", Journal(tmp_path / "j2"))
    assert len(again.statements) == 24 and again.record.statements == Statements(24, 24)
    every = infer(
        WORLD, LOCAL, twice.model_copy(update={"deduplicate": False}), RuleLM(), "rule", Journal(tmp_path / "j2")
    )
    assert len(every.statements) == 48


def said(strategy: str, *texts: str) -> list[Statement]:
    return [Statement(text, "f0-d0", None, strategy, *[None] * 4) for text in texts]


def test_what_is_trained_on_is_chosen_in_one_place() -> None:
    true = [document.text for document in family_of("reversal").oracle(WORLD)][:2]
    false = WORLD.documents[0].text.replace("more", "MORE").replace("less", "more").replace("MORE", "less")
    written = [*said("none", "no form of the world"), *said("local", true[0], false, false), *said("global", *true)]

    def texts(deduplicate: bool, only_entailed: bool) -> list[str]:
        found = chosen(WORLD, written, deduplicate=deduplicate, only_entailed=only_entailed)
        return [statement.text for statement in found]

    assert texts(False, False) == [statement.text for statement in written]
    assert texts(True, False) == ["no form of the world", true[0], false, false, true[1]]
    assert texts(False, True) == ["no form of the world", true[0], *true]
    assert texts(True, True) == ["no form of the world", *true]


def test_a_failing_model_is_asked_again(tmp_path: Path) -> None:
    lm = RuleLM(failures=2, after=1)
    knobs = Settings(chunk=5)
    answers = ask(lm, requests(knobs), LOCAL, knobs, Journal(tmp_path / "j"), first_wait=0.001)
    assert None not in answers and lm.calls == 5 and len(lm.asked) == 12


def test_a_model_that_stays_away_is_reported_with_what_is_missing(tmp_path: Path) -> None:
    knobs = Settings(chunk=5)
    with pytest.raises(
        UsageError, match=r"3 attempts.*server is away.*7 of 12 local generations are missing, about f1-d2"
    ):
        ask(RuleLM(9, 1), requests(knobs), LOCAL, knobs, Journal(tmp_path / "j"), attempts=3, first_wait=0.001)
    lm = RuleLM()
    ask(lm, requests(knobs), LOCAL, knobs, Journal(tmp_path / "j"))
    assert len(lm.asked) == 7  # what was there is not asked again


def test_a_mistake_in_the_model_itself_is_not_retried(tmp_path: Path) -> None:
    class Broken(RuleLM):
        def generate_until(self, requests: list[Any], disable_tqdm: bool = False) -> list[str]:
            self.calls += 1
            raise ZeroDivisionError

    lm = Broken()
    with pytest.raises(ZeroDivisionError):
        ask(lm, requests(Settings()), LOCAL, Settings(), Journal(tmp_path / "j"))
    assert lm.calls == 1


def test_samples_at_temperature_0_are_refused() -> None:
    with pytest.raises(ValueError, match="would all be the same"):
        Settings(n_samples=2)


def test_nano_reverses_and_rephrases(nano: Any, tmp_path: Path) -> None:
    augmentation = with_nano(nano, tmp_path, LOCAL)
    texts = {row.text for row in augmentation.statements}
    found = {verdict.text for verdict in audit(WORLD, sorted(texts)) if verdict.inference == "reversed"}
    assert len(found) >= 4  # every fact; its three documents are answered in the same words
    tokens = augmentation.record.tokens
    assert tokens.prompt > 12 * 10 and tokens.generated > 12 * 10  # type: ignore[operator]


def test_nano_infers_from_documents_together(nano: Any, tmp_path: Path) -> None:
    world = generate("syllogism", 1, {"n_documents": 4})
    augmentation = with_nano(nano, tmp_path, GLOBAL, world)
    assert augmentation.record.context_documents == Context(4, 4)
    verdicts = audit(world, [row.text for row in augmentation.statements])
    assert sum(verdict.label == "entailed" for verdict in verdicts) >= 4


def test_samples_are_deterministic_and_follow_the_seed(nano: Any, tmp_path: Path) -> None:
    knobs = {"temperature": 1.0, "n_samples": 2, "max_tokens": 24, "deduplicate": False}
    world = generate("reversal", 0, {"n_facts": 2, "documents_per_fact": 1, "misleading": 0})
    first, again, other = (
        with_nano(nano, tmp_path / name, LOCAL, world, **knobs, seed=seed)
        for name, seed in (("a", 0), ("b", 0), ("c", 1))
    )
    assert first == again and first.statements != other.statements
    raws = {(row.asked, row.sample): row.raw for row in first.statements}
    assert any(raws.get((asked, 0)) != raws.get((asked, 1)) for asked, _ in raws)


def test_the_token_budget_stops_after_the_chunk_that_spends_it(nano: Any, tmp_path: Path) -> None:
    augmentation = with_nano(nano, tmp_path, LOCAL, token_budget=20, chunk=2)
    assert augmentation.record.requests == Requests(2, 10)
    with pytest.raises(UsageError, match="token_budget: this model has no tokenizer"):
        infer(WORLD, LOCAL, Settings(token_budget=9), RuleLM(), "rule", Journal(tmp_path / "j2"))


def test_unknown_models_and_arguments_are_refused() -> None:
    with pytest.raises(UsageError, match="--model 'no-such-model'"):
        load_lm("no-such-model", {})
    with pytest.raises(UsageError, match="cannot be loaded"):
        load_lm("icl_ft_hf", {"pretrained": "no/such/folder"})
