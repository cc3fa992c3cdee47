"""Written answers: what is right, wrong, refused and unparsable, in every form of answer."""

from __future__ import annotations

import json
import math
from functools import lru_cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lm_eval.tasks import TaskManager

from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.families import generate
from icl_ft_plugin.families.reversal.proof import subject as asked_about
from icl_ft_plugin.families.semantic.proof import Reader
from icl_ft_plugin.families.syllogism import phrases
from icl_ft_plugin.families.syllogism.proof import CHOSEN, statement_of
from icl_ft_plugin.harness import answers
from icl_ft_plugin.harness.documents import build
from icl_ft_plugin.harness.scoring import mean_of_subset, written, written_inferred
from icl_ft_plugin.paths import tasks_dir

SMALL: dict[str, dict[str, Any]] = {
    "reversal": {"n_facts": 8},
    "syllogism": {"n_documents": 12},
    "celebrity": {"n_phrasings": 4, "n_questions": 1},
    "semantic": {
        "n_categories": 24,
        "n_documents": 60,
        "n_holdout": 2,
        "n_choices": 2,
        "min_sentences": 3,
        "max_sentences": 8,
    },
    "process": {"n_questions": 8},
    "codebook": {"n_groups": 1, "n_sets": 3},
}


@lru_cache(maxsize=32)
def docs(family: str, split: str, options: str = "hidden", **knobs: Any) -> list[dict[str, Any]]:
    return list(build(family=family, split=split, options=options, **{**SMALL[family], **knobs})["test"])


def doc(question: str, choices: list[str], gold: list[int], family: str = "celebrity", split: str = "both_name") -> Any:
    world = json.dumps({"family": family, "seed": 0, "config": {}})
    return {
        **{"question": question, "choices": choices, "gold": gold, "label": gold[0], "split": split, "world": world},
        **{"proof": [], "inference": "restated", "depth": 0},
    }


NAME = doc("the composer of the opera was", ["Tavori Brensolk.", "Kogom Lesborp."], [1])
WORK = doc("Kogom Lesborp is", ["the host of the show.", "the pilot of the ship."], [0], split="both_description")


@pytest.mark.parametrize(
    ("question", "text", "outcome"),
    [
        (NAME, "Kogom Lesborp", "right"),
        (NAME, "  **kogom lesborp!**\nBecause the documents say so.", "right"),
        (NAME, "\n\n\u201cKogom Lesborp\u201d", "right"),
        (NAME, "The composer of the opera was Kogom Lesborp. It is stated.", "right"),
        (NAME, "Tavori Brensolk", "wrong"),
        (NAME, "Marie Curie", "wrong"),
        (NAME, "Kogom", "wrong"),
        (NAME, "", "unparsable"),
        (NAME, "...", "unparsable"),
        (NAME, "The opera was first given in a small town by the sea", "unparsable"),
        (NAME, "I'm sorry, but I can't help with that.", "refused"),
        (NAME, "I don\u2019t know.", "refused"),
        (NAME, "Unknown", "refused"),
        (NAME, "There is not enough information to tell.", "refused"),
        (NAME, "Kogom Lesborp, though I do not know him", "refused"),
        (WORK, "host of a show", "right"),
        (WORK, "The Host of the Show", "right"),
        (WORK, "Kogom Lesborp is the host of the show", "right"),
        (WORK, "the host", "wrong"),
        (WORK, "the pilot of the ship.", "wrong"),
    ],
)
def test_names_and_descriptions(question: Any, text: str, outcome: str) -> None:
    assert answers.outcome_of(question, text) == outcome


def shown(choices: list[str], gold: list[int]) -> Any:
    return {**doc("it was", choices, gold), "options": [choice.removesuffix(".") for choice in choices]}


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("B", "right"),
        ("b.", "right"),
        ("(B)", "right"),
        ("**B)** Kogom Lesborp", "right"),
        ("B: Kogom Lesborp.", "right"),
        ("B Kogom Lesborp", "right"),
        ("Kogom Lesborp", "right"),
        ("It was Kogom Lesborp.", "right"),
        ("A", "wrong"),
        ("A. Tavori Brensolk", "wrong"),
        ("A. Kogom Lesborp", "unparsable"),  # the letter and the text name two options
        ("Marie Curie", "unparsable"),
        ("E", "unparsable"),
        ("A or B", "unparsable"),
        ("B. Kogom Lesborp\nbecause the documents say so", "right"),
        ("A. Tavori Brensolk\nB. Kogom Lesborp\nC. Wevem Boyord", "unparsable"),  # the list again
        ("B)\nA) Tavori Brensolk", "unparsable"),
        ("Neither", "unparsable"),
        ("None of the above.", "refused"),
    ],
)
def test_options_are_named_by_letter_or_text(text: str, outcome: str) -> None:
    assert answers.outcome_of(shown(["Tavori Brensolk.", "Kogom Lesborp.", "Wevem Boyord."], [1]), text) == outcome


def test_any_right_option_counts() -> None:
    question = shown(["Some femp.", "Some glon.", "No femp."], [0, 1])
    assert [answers.outcome_of(question, letter) for letter in "ABC"] == ["right", "right", "wrong"]


def test_a_comparison_is_right_with_or_without_its_subject_and_not_the_other_way_round() -> None:
    for row in docs("reversal", "reversal"):
        gold = row["choices"][row["label"]].removesuffix(".")
        other = row["choices"][1 - row["label"]].removesuffix(".")
        subject = asked_about(row["question"])
        word, dimension, entity = (gold.split()[i] for i in (0, 1, 3))
        assert answers.outcome_of(row, gold) == "right"
        for form in ("{1} are {0}", "known to be {0}", "{1} are usually considered {0}", "So {1} must be {0}"):
            assert answers.outcome_of(row, form.format(gold, subject)) == "right", form
        assert answers.outcome_of(row, f"It is well known that {subject} are {gold}") == "right"
        assert answers.outcome_of(row, f"It is not true that {subject} are {gold}") == "unparsable"
        assert answers.outcome_of(row, f"not {gold}") == "unparsable"
        assert answers.outcome_of(row, other) == "wrong"
        back = {"more": "less", "less": "more"}[word]
        assert answers.outcome_of(row, f"{entity} are {back} {dimension} than {subject}") == "wrong"  # the document
        assert answers.outcome_of(row, f"{word} {dimension}") == "unparsable"


def test_every_valid_conclusion_counts_in_all_its_words() -> None:
    both = 0
    for row in docs("syllogism", "inference"):
        both += len(row["gold"]) == 2
        for i, choice in enumerate(row["choices"]):
            quantifier, first, second = statement_of(CHOSEN.match(choice))  # type: ignore[arg-type]
            expected = "right" if i in row["gold"] else "wrong"
            assert answers.outcome_of(row, choice) == expected
            for bank in (phrases.DOCUMENTS, phrases.INFERENCES, phrases.TESTS):
                for wording in bank[quantifier]:
                    assert answers.outcome_of(row, wording.format(a=first, b=second)) == expected, wording
            other = {"all": "each", "some": "some", "no": "no"}[quantifier]
            assert answers.outcome_of(row, f"{other} {first} is a {second}") == expected
        assert answers.outcome_of(row, "All femp are glon.") == "wrong"
        assert answers.outcome_of(row, "as both are animals") == "unparsable"
    assert both > 0


def test_a_weaker_conclusion_is_valid_too_where_terms_have_members() -> None:
    weaker = 0
    for row in docs("syllogism", "inference", existential_import=True):
        for i in row["gold"]:
            if row["choices"][i].startswith("Every"):
                weaker += 1
                assert answers.outcome_of(row, row["choices"][i].replace("Every", "At least one")) == "right"
    assert weaker > 0


def test_all_that_the_documents_imply_is_right_and_same_inference_asks_for_the_steps() -> None:
    world = generate("semantic", 0, SMALL["semantic"])
    reader = Reader(world)
    stated = {claim: directions for claim, directions in reader.directions.items() if False in directions}
    easier = 0
    for row in docs("semantic", "syllogism"):
        assert written_inferred(row, [row["choices"][row["label"]]])["same_inference"] == 1
        [(gold, _)] = reader.parser.read(f"{row['question']} {row['choices'][row['label']]}")
        for claim in stated:
            if (claim.subject, claim.predicate) == (gold.subject, gold.predicate) and claim.predicate != "do":
                easier += 1  # what a document says of the category itself
                scored = written_inferred(row, [claim.value])
                assert (scored["exact_match"], scored["same_inference"]) == (1, 0)
        assert answers.outcome_of(row, "bonsai") == "wrong"
        assert (
            answers.outcome_of(row, f"{row['choices'][row['label']].removesuffix('.')}, or perhaps bonsai") == "wrong"
        )
    assert easier > 0


@pytest.mark.parametrize(("form", "outcome"), [("{}", "right"), ("0 + ({})", "right"), ("{} + 1", "wrong")])
def test_an_expression_is_right_in_any_form(form: str, outcome: str) -> None:
    for options in ("hidden", "shown"):
        for row in docs("process", "holdout", options):
            gold = row["choices"][row["label"]].removesuffix(".")
            wrong_and_shown = outcome == "wrong" and options == "shown"
            assert answers.outcome_of(row, form.format(gold)) == ("unparsable" if wrong_and_shown else outcome)
    assert answers.outcome_of(docs("process", "holdout")[0], "two times x") == "unparsable"


def test_the_metrics_count_what_was_not_answered() -> None:
    assert written(NAME, ["Kogom Lesborp"]) == {
        **{"exact_match": 1, "exact_match_answered": 1},
        **{"refused": 0, "unparsable": 0},
    }
    refused = written(NAME, ["I cannot say."])
    assert (refused["exact_match"], refused["refused"], refused["unparsable"]) == (0, 1, 0)
    assert math.isnan(refused["exact_match_answered"])
    assert mean_of_subset([1, math.nan, 0, math.nan]) == 0.5


@lru_cache(maxsize=1)
def written_task() -> Any:
    manager = TaskManager(include_path=str(tasks_dir()), include_defaults=False, metadata=SMALL["reversal"])
    return manager.load(["icl_ft_reversal_gen_options_entity_closed"])["tasks"][
        "icl_ft_reversal_gen_options_entity_closed"
    ]


@pytest.mark.parametrize(
    ("raw", "kept"),
    [
        ("burpe", "burpe"),
        (" The answer is **B**.", "B**."),
        ("<think>\nIs it A? No, it is B.\n</think>\n\nAnswer: B", "B"),
        ("The missing word is: burpe", "burpe"),
        ("Option B", "B"),
        ("The sentence is: glon are small", "glon are small"),
        ("The correct option is (B)", "(B)"),
        ("**Final answer:** burpe", "burpe"),
        ("less fragrant than burpe", "less fragrant than burpe"),
        ("answers vary", "answers vary"),
        ("", ""),
    ],
)
def test_the_filter_of_lm_eval_cuts_off_what_leads_up_to_an_answer(raw: str, kept: str) -> None:
    [ensemble] = written_task()._filters
    assert ensemble.name == "answer"
    found: Any = [[raw]]
    for make in ensemble.filters:
        found = make().apply(found, [{}])
    assert list(found) == [kept]


@given(st.text(max_size=80))
def test_any_text_has_one_outcome(text: str) -> None:
    for question in (NAME, WORK, shown(["Tavori Brensolk.", "Kogom Lesborp."], [1])):
        scored = written(question, [text])
        assert scored["exact_match"] + scored["refused"] + scored["unparsable"] in (0, 1)
        assert math.isnan(scored["exact_match_answered"]) == bool(scored["refused"] + scored["unparsable"])


def test_wrong_metadata_is_refused() -> None:
    with pytest.raises(UsageError, match="options='all' must be hidden or shown"):
        docs("reversal", "reversal", "all")
    with pytest.raises(UsageError, match=r"prompt: 'instrct' .*did you mean 'instruct'"):
        build(family="reversal", split="reversal", prompt="instrct", n_facts=8)
    with pytest.raises(UsageError, match=r"unknown knob promt='instruct'.*prompt"):
        build(family="reversal", split="reversal", promt="instruct", n_facts=8)
