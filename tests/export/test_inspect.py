"""The Inspect task pack against lm-eval's own tasks; where inspect_ai is not installed, nothing is run."""

from __future__ import annotations

import asyncio
import math
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("inspect_ai")

from inspect_ai import eval as inspect_eval
from inspect_ai.model import ModelName, ModelOutput
from inspect_ai.scorer import Target
from inspect_ai.solver import TaskState

from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.export import inspect as inspect_tasks
from icl_ft_plugin.families import generated
from icl_ft_plugin.harness.context import in_context_prompt
from icl_ft_plugin.harness.documents import build
from icl_ft_plugin.harness.evaluate import evaluate
from icl_ft_plugin.harness.prompts import closed_prompt
from icl_ft_plugin.paths import models_dir

SIZE = {"n_facts": 3}
RAW = "{{ messages[0]['content'] }}"  # a base model reads the prompt as it is


def test_a_task_a_family() -> None:
    assert all(callable(getattr(inspect_tasks, f"icl_ft_{family}")) for family in generated())


@pytest.mark.parametrize("condition", ["closed", "icl"])
def test_samples_are_the_harness_documents_and_prompts(condition: str) -> None:
    task = inspect_tasks.icl_ft_reversal(condition=condition, split="reversal", seed=3, **SIZE)
    docs = list(build(family="reversal", split="reversal", seed=3, prompt="instruct", **SIZE)["test"])
    prompt = closed_prompt if condition == "closed" else in_context_prompt
    assert [sample.input for sample in task.dataset] == [prompt(doc) for doc in docs]
    assert [sample.target for sample in task.dataset] == [[doc["choices"][doc["label"]]] for doc in docs]


def test_all_splits_by_default_and_options_in_the_prompt() -> None:
    task = inspect_tasks.icl_ft_reversal(options="shown", **SIZE)
    assert {sample.metadata["split"] for sample in task.dataset} == {
        *("reversal", "rephrase", "reversal_entity", "rephrase_entity")
    }
    assert len({sample.id for sample in task.dataset}) == len(task.dataset) == 12
    assert all(option in task.dataset[0].input for option in task.dataset[0].metadata["options"])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"condition": "ilc"}, "did you mean 'icl'"),
        ({"split": "revesal"}, "did you mean 'reversal'"),
        ({"options": "show"}, "did you mean 'shown'"),
        ({"n_fact": 3}, "did you mean 'n_facts'"),
    ],
)
def test_bad_arguments(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        inspect_tasks.icl_ft_reversal(**arguments)


@pytest.mark.parametrize(
    ("answer", "wanted"),
    [
        ("The answer is **RIGHT**\n\nBecause it is.", (1, 1, 0, 0)),
        ("WRONG", (0, 0, 0, 0)),
        ("I cannot know.", (0, None, 1, 0)),
        ("\n\nRIGHT", (0, None, 0, 1)),
    ],
)
def test_answers_are_scored_as_the_harness_scores_them(answer: str, wanted: tuple[int | None, ...]) -> None:
    task = inspect_tasks.icl_ft_reversal(split="reversal", **SIZE)
    sample = task.dataset[0]
    right = sample.target[0]
    wrong = next(choice for choice in sample.metadata["choices"] if choice != right)
    state = TaskState(
        model=ModelName("mockllm/model"),
        sample_id=sample.id,
        epoch=1,
        input=sample.input,
        messages=[],
        target=Target(right),
    )
    state.metadata = sample.metadata
    state.output = ModelOutput.from_content("m", answer.replace("RIGHT", right).replace("WRONG", wrong))
    score = asyncio.run(task.scorer[0](state, Target(right)))
    found = [None if math.isnan(score.value[name]) else score.value[name] for name in inspect_tasks.SCORES]
    assert tuple(found) == wanted


@pytest.mark.slow
@pytest.mark.parametrize("condition", ["closed", "icl"])
def test_scores_of_the_embedded_model_equal_those_of_the_harness(tmp_path: Path, condition: str) -> None:
    nano = str(models_dir() / "nano")
    task = inspect_tasks.icl_ft_reversal(condition=condition, split="reversal", prompt="plain", n_facts=10)
    arguments = {"model_path": nano, "do_sample": False, "device": "cpu", "dtype": "float32", "chat_template": RAW}
    [log] = inspect_eval(task, model="hf/nano", model_args=arguments, log_dir=str(tmp_path), display="none")
    assert log.status == "success", log.error
    name = f"icl_ft_reversal_gen_{condition}"
    metadata = {"n_facts": 10, "prompt": "plain"}
    ours = evaluate([name], model_args={"pretrained": nano, "dtype": "float32"}, metadata=metadata, batch_size=8)
    wanted = {sample["doc"]["id"]: sample["filtered_resps"][0] for sample in ours["samples"][name]}
    assert {s.metadata["id"]: s.scores["written_answer"].answer for s in log.samples} == wanted
    found = {score.name: score.metrics["grouped_all"].value for score in log.results.scores}
    assert found["exact_match"] == ours["results"][name]["exact_match,answer"]
