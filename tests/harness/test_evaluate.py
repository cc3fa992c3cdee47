"""The prompts that were read are there after an evaluation, whole, though the log has a note in the place of a context."""

from __future__ import annotations

from pathlib import Path

from icl_ft_plugin.families import generate
from icl_ft_plugin.files import read_jsonl
from icl_ft_plugin.harness.baseline import BaselineLM
from icl_ft_plugin.harness.context import in_context_prompt
from icl_ft_plugin.harness.documents import task_documents
from icl_ft_plugin.harness.evaluate import evaluate, prompts_read
from icl_ft_plugin.harness.prompts import closed_prompt

KNOBS = {"seed": 1, "n_facts": 3}


def test_the_prompts_that_were_read_are_those_of_the_task_documents(tmp_path: Path) -> None:
    lm = BaselineLM(generate("reversal", 1, {"n_facts": 3}), "first")
    tasks = {"icl_ft_reversal_closed": closed_prompt, "icl_ft_reversal_icl": in_context_prompt}
    results = evaluate(list(tasks), model=lm, metadata=KNOBS, output=tmp_path)
    docs = task_documents("reversal", "reversal", **KNOBS)
    prompts = {name: [render(doc) for doc in docs] for name, render in tasks.items()}
    assert len(docs) == 3 and prompts["icl_ft_reversal_icl"][0].count("\n") == 3 + 8 + 1
    assert sorted(prompts_read(results)) == sorted(prompt for found in prompts.values() for prompt in found)
    for name, found in prompts.items():
        [file] = tmp_path.rglob(f"samples_{name}_*.jsonl")
        logged = [row["arguments"]["gen_args_0"]["arg_0"] for row in read_jsonl(file)]
        assert (logged == found) == name.endswith("_closed")
        assert all(prompt.startswith("[context: ") for prompt in logged) == name.endswith("_icl")


def test_a_written_answer_has_its_prompt_once() -> None:
    lm = BaselineLM(generate("reversal", 1, {"n_facts": 3}), "first")
    results = evaluate(["icl_ft_reversal_gen_options_icl"], model=lm, metadata=KNOBS)
    docs = task_documents("reversal", "reversal", prompt="instruct", options="shown", **KNOBS)
    assert list(prompts_read(results)) == [in_context_prompt(doc) for doc in docs]
