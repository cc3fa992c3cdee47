"""The wordings of questions: data, the plain one as the study has it, none without question, documents or options."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from lm_eval.models.api_models import JsonChatStr
from lm_eval.tasks import TaskManager
from tiny import save_tiny
from transformers import AutoTokenizer

from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.families import family_of
from icl_ft_plugin.families.family import COMPARISON, DESCRIPTION, NAME, PHRASE, WORD
from icl_ft_plugin.harness.context import context_of
from icl_ft_plugin.harness.documents import world_of
from icl_ft_plugin.harness.prompts import load_question_prompt
from icl_ft_plugin.paths import models_dir, recipes_dir, tasks_dir
from icl_ft_plugin.study.config import load_study
from icl_ft_plugin.study.plan import plan
from icl_ft_plugin.study.run import run_study

NAMES = sorted(file.stem for file in (recipes_dir() / "prompts" / "questions").glob("*.yaml"))
KNOBS = {"n_facts": 6}


def load(name: str, **metadata: Any) -> Any:
    manager = TaskManager(include_path=str(tasks_dir()), include_defaults=False, metadata={**KNOBS, **metadata})
    return manager.load([name])["tasks"][name]


def test_there_are_wordings_to_compare() -> None:
    assert len(NAMES) >= 4 and {"plain", "instruct"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("documents", ["", "One.\nTwo."])
@pytest.mark.parametrize("options", [(), ("less", "more")])
def test_a_wording_has_all_that_it_is_given_and_nothing_else(
    name: str, documents: str, options: tuple[str, ...]
) -> None:
    prompt = load_question_prompt(name)
    assert prompt.name == name
    text = prompt.render("glon are", documents=documents, options=options, form=WORD)
    assert text == text.strip() and text.count("glon are") == 1 and "\n\n\n" not in text
    assert documents in text and ("statements are true" in text and not documents) is False
    assert [line.split(maxsplit=1)[1] for line in text.splitlines() if line[:2] in ("A.", "A)", "B.", "B)")] == [
        *options
    ]
    if name != "plain":
        assert (WORD in text) == (not options)


def test_the_plain_wording_is_the_studys() -> None:
    plain = load_question_prompt("plain")
    assert plain.render("glon are") == "glon are"
    assert plain.render("glon are", documents="One.\nTwo.") == "One.\nTwo.\n\nglon are"
    assert plain.render("glon are", options=["x", "y"]) == "A. x\nB. y\n\nglon are"


def form_of(family: str, split: str) -> str:
    return family_of(family).split(split).form


def test_every_split_has_a_form_of_answer() -> None:
    assert form_of("reversal", "reversal") == form_of("reversal", "rephrase") == COMPARISON
    assert form_of("reversal", "reversal_entity") == WORD
    assert form_of("celebrity", "both_name") == NAME and form_of("celebrity", "rephrase") == DESCRIPTION
    assert form_of("own", "anything") == PHRASE


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("template: '{{ question }} {{ documents }}'", "lacks 'first option'"),
        ("template: '{{ documents }}{% for l, o in options %}{{ o }}{% endfor %}'", "lacks 'the question'"),
        ("template: '{{ question }} {{ dokuments }}'", "dokuments"),
        ("template: '{% if %}'", "template"),
        ("templat: x", "templat"),
    ],
)
def test_a_broken_wording_is_refused(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(f"name: mine\nversion: 1\n{text}\n", encoding="utf-8")
    with pytest.raises(UsageError, match=message):
        load_question_prompt(str(path))


def test_a_task_is_asked_as_its_metadata_says_and_its_documents_tell() -> None:
    for name in ("icl_ft_reversal_closed", "icl_ft_reversal_icl"):
        plain, instruct = load(name), load(name, prompt="instruct")
        [before, *_], [after, *_] = plain.test_docs(), instruct.test_docs()
        assert json.loads(after["world"])["prompt"] == "instruct" and "prompt" not in json.loads(before["world"])
        assert {**before, "world": None} == {**after, "world": None}
        assert world_of(before["world"]) is world_of(after["world"])  # generated once
        documents = context_of(before) if name.endswith("_icl") else ""
        assert plain.doc_to_text(before) == f"{documents}\n\n{before['question']}".strip()
        expected = load_question_prompt("instruct").render(before["question"], documents=documents, form=COMPARISON)
        assert instruct.doc_to_text(after) == expected


def test_a_chat_of_json_is_logged_without_its_context() -> None:
    task = load("icl_ft_reversal_gen_icl", pretrained=str(models_dir() / "nano"))

    def chat(turns: list[dict[str, str]], add_generation_prompt: bool = True) -> JsonChatStr:
        return JsonChatStr(json.dumps(turns, ensure_ascii=False))

    arguments = {"apply_chat_template": True, "chat_template": chat, "rank": 0, "world_size": 1, "limit": 2}
    task.build_all_requests(**arguments)
    before = [json.loads(instance.arguments[0].prompt)[0]["content"] for instance in task.instances]
    for instance in task.instances:
        instance.resps = ["less"]
    task.apply_filters()
    context = context_of(next(iter(task.test_docs())))
    for text, instance in zip(before, task.instances, strict=True):
        logged = json.loads(instance.arguments[0].prompt)[0]["content"]
        assert context in text and context not in logged
        assert logged.startswith("The following") and "[context: " in logged and logged[-20:] == text[-20:]


STUDY = """
name: wording
models: [nano]
worlds: [{family: reversal, config: {n_facts: 4}}]
arms: [icl, {name: asked, condition: icl, prompt: quiz}]
context_seeds: [0]
"""


def test_the_wording_is_part_of_a_cell(tmp_path: Path) -> None:
    file = tmp_path / "study.yaml"
    file.write_text(STUDY, encoding="utf-8")
    plain, quiz = plan(load_study(file))
    assert plain.identity["test"]["prompt"] == load_question_prompt("plain").hash
    assert quiz.identity["test"] == {**plain.identity["test"], "prompt": load_question_prompt("quiz").hash}
    assert plain.key != quiz.key
    file.write_text(STUDY.replace("prompt: quiz", "prompt: quizz"), encoding="utf-8")
    with pytest.raises(UsageError, match=r"arm 'asked': prompt: 'quizz' .*did you mean 'quiz'"):
        load_study(file)
    file.write_text(STUDY.replace("prompt: quiz", "chat_template: true"), encoding="utf-8")
    with pytest.raises(UsageError, match="no chat template"):
        plan(load_study(file))  # the embedded model is a base model


def test_studies_of_the_wording_ask_in_at_least_three_ways() -> None:
    for name in ("prompts", "prompts-chat"):
        arms = load_study(Path(name)).arms
        assert len({arm.prompt for arm in arms if arm.condition == "icl"}) >= 3
    assert {arm.chat_template for arm in arms} == {True, False}


def test_a_study_asks_through_the_chat_template_and_counts_its_tokens(tmp_path: Path) -> None:
    model = save_tiny(tmp_path / "model", window=2048)
    turn = "<{{ turn['role'] }}>{{ turn['content'] }}</{{ turn['role'] }}>"
    (model / "chat_template.jinja").write_text(
        f"{{% for turn in messages %}}{turn}{{% endfor %}}{{% if add_generation_prompt %}}<assistant>{{% endif %}}"
    )
    file = tmp_path / "study.yaml"
    file.write_text(
        STUDY.replace("[nano]", f"[{model}]")
        .replace("prompt: quiz", "prompt: instruct, chat_template: true")
        .replace("{n_facts: 4}", "{n_facts: 2}, splits: [reversal]"),
        encoding="utf-8",
    )
    study = load_study(file)
    run_study(study, tmp_path / "out", lambda *_: None)
    plain, chat = plan(study)
    assert len({plain.key, chat.key}) == 2
    [samples] = (tmp_path / "out" / "cells" / chat.key).rglob("samples_*.jsonl")
    asked = [json.loads(line) for line in samples.read_text(encoding="utf-8").splitlines()]
    tokenizer = AutoTokenizer.from_pretrained(model)
    count = 0
    for sample in asked:
        prompt, choice = sample["arguments"]["gen_args_0"].values()
        assert prompt.startswith("<user>The following") and prompt.endswith(
            f"{sample['doc']['question']}</user><assistant>"
        )
        assert choice == sample["doc"]["choices"][0]  # without the space that stands before it elsewhere
        context = context_of(sample["doc"])
        [note] = re.findall(r"\[context: .*?\]", prompt)
        count += len(tokenizer(prompt.replace(note, context), add_special_tokens=False)["input_ids"])
    ledger = json.loads((tmp_path / "out" / "cells" / chat.key / "ledger.json").read_text(encoding="utf-8"))
    assert ledger["evaluation"]["prompt_tokens"] == count
