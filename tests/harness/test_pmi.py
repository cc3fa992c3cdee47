"""The prior-corrected accuracy: a preference for a wording is taken out, and nothing changes where it is not asked for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from harness.test_tasks import load
from lm_eval.api.model import LM
from tiny_study import save_study

from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.files import read_jsonl
from icl_ft_plugin.harness.documents import task_documents
from icl_ft_plugin.harness.evaluate import evaluate
from icl_ft_plugin.harness.prompts import bare_prompt
from icl_ft_plugin.harness.scoring import pmi
from icl_ft_plugin.report.table import write_table
from icl_ft_plugin.study.config import load_study
from icl_ft_plugin.study.plan import plan
from icl_ft_plugin.study.run import run_study

KNOBS: dict[str, Any] = {"seed": 1, "n_facts": 8}
TASKS = ["icl_ft_reversal_closed", "icl_ft_reversal_icl"]


class Knowing(LM):
    """Knows every answer, and says "more" a hundred times more readily than "less", whatever it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[str, str]] = []
        docs = task_documents("reversal", "reversal", **KNOBS)
        self._right = {(doc["question"], f" {doc['choices'][doc['label']]}") for doc in docs}

    def loglikelihood(self, requests: Any) -> list[tuple[float, bool]]:
        self.asked += [request.args for request in requests]
        return [
            (4.6 * choice.startswith(" more") + ((context.split("\n")[-1], choice) in self._right) - 9.0, False)
            for context, choice in self.asked[-len(requests) :]
        ]

    def loglikelihood_rolling(self, requests: Any) -> Any:
        raise NotImplementedError

    def generate_until(self, requests: Any) -> Any:
        raise NotImplementedError


def test_a_preference_for_a_word_is_taken_out() -> None:
    lm = Knowing()
    found = evaluate(TASKS, model=lm, metadata={**KNOBS, "pmi": True})
    docs = task_documents("reversal", "reversal", **KNOBS)
    more = sum(doc["labels"]["gold_word"] == "more" for doc in docs) / len(docs)
    for name in TASKS:
        assert found["results"][name]["acc,none"] == more < 1
        assert found["results"][name]["acc_pmi,none"] == 1
    assert len(lm.asked) == 2 * 2 * 2 * len(docs)
    bare = [(context, choice) for context, choice in lm.asked if context == "are"]
    assert sorted(bare) == sorted([("are", f" {choice}") for doc in docs for choice in doc["choices"]] * 2)


def test_where_it_is_not_asked_for_the_requests_and_documents_are_what_they_were() -> None:
    plain, corrected = Knowing(), Knowing()
    without, found = (
        evaluate(TASKS, model=lm, metadata={**KNOBS, **more}) for lm, more in ((plain, {}), (corrected, {"pmi": True}))
    )
    assert plain.asked == [request for request in corrected.asked if request[0] != "are"]
    for name in TASKS:
        old, new = (results["samples"][name] for results in (without, found))
        assert [row["doc_hash"] for row in old] == [row["doc_hash"] for row in new]
        assert "acc_pmi" not in old[0] and "acc_pmi,none" not in without["results"][name]
        assert all(row["filtered_resps"] == both["filtered_resps"][:2] for row, both in zip(old, new, strict=True))


def test_the_bare_prompt_says_that_an_answer_comes_and_nothing_about_which() -> None:
    (doc, *_) = task_documents("reversal", "reversal", **KNOBS)
    assert bare_prompt(doc) == "are" and doc["question"].endswith(" are")
    (asked, *_) = task_documents("reversal", "reversal", prompt="instruct", **KNOBS)
    assert bare_prompt(asked).endswith("\n\nare") and "statements" not in bare_prompt(asked)
    assert pmi({"gold": [1]}, [(-1.0, False), (-2.0, False)], [(-1.0, False), (-2.5, False)]) == 1


def test_what_cannot_be_corrected_is_refused() -> None:
    with pytest.raises(UsageError, match="pmi='yes' must be true or false"):
        load([TASKS[0]], **KNOBS, pmi="yes")
    with pytest.raises(UsageError, match="no choice has a likelihood to correct"):
        load(["icl_ft_reversal_gen_closed"], **KNOBS, pmi=True)


def test_a_study_has_a_table_of_it_and_other_cells(tmp_path: Path) -> None:
    arms = ["pretrained", "icl", "cooccurrence-baseline"]
    file = save_study(tmp_path, arms=arms, pmi=True)
    keys = [{cell.arm.name: cell.key for cell in plan(load_study(file, [f"pmi={on}"]))} for on in ("false", "true")]
    assert {arm for arm in arms if keys[0][arm] != keys[1][arm]} == {"pretrained", "icl"}
    run_study(file, tmp_path / "runs")
    _, (block,), files = write_table(tmp_path / "runs")
    text = files[0].read_text(encoding="utf-8")
    table = text[text.index("prior-corrected (PMI)") :].split("\n\n")[1]
    assert [row.split(" |")[0] for row in table.splitlines()[2:]] == ["| pretrained", "| icl"]
    right: list[float] = []
    for sample in (tmp_path / "runs").rglob("samples_icl_ft_reversal_closed*.jsonl"):
        right += [row["acc_pmi"] for row in read_jsonl(sample) if "acc_pmi" in row]
    record = block.accuracy["pretrained", "reversal"]
    assert record.pmi is not None and record.pmi.accuracy == pytest.approx(sum(right) / len(right))
    found = json.loads((tmp_path / "runs" / "table.json").read_text(encoding="utf-8"))["accuracy"]
    assert [("pmi" in row) for row in found if row["split"] == "reversal"] == [True, True, False]
