"""What lm-eval says of our tasks: the nearest names, and its advice on metadata once a run."""

from __future__ import annotations

import contextlib
import logging
import re
from pathlib import Path

import pytest
from lm_eval.tasks import TaskManager

from icl_ft_plugin import _messages, register


def test_a_misspelt_task_is_told_its_nearest_names(caplog: pytest.LogCaptureFixture) -> None:
    register()
    register()  # and yet it is said once
    manager = TaskManager(include_defaults=False)
    for ask in (manager.match_tasks, manager.load):
        caplog.clear()
        with contextlib.suppress(KeyError):  # lm-eval's own words, from load
            ask(["icl_ft_reversl", "icl_ft_revers*"])
        [line] = caplog.messages
        assert re.match(r"icl_ft_reversl: no such task; did you mean icl_ft_reversal(, \w+)* or \w+\?$", line)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("icl_ft_reversal", None),
        ("icl_ft_*", None),
        ("arc_eazy", None),  # lm-eval's own
        ("icl-ft-reversal", "icl-ft-reversal: no such task; did you mean icl_ft_reversal?"),
        ("icl_ft_gsm8k", "icl_ft_gsm8k: no such task; icl-ft tasks lists all of ours"),
    ],
)
def test_hints(name: str, said: str | None) -> None:
    assert _messages.hint(name, ["icl_ft_reversal", "icl_ft_process", "arc_easy"]) == said


def test_a_folder_of_yamls_may_be_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "icl_ft_mine").mkdir()
    assert _messages.hint("icl_ft_mine", ["icl_ft_reversal"]) is None


def test_lm_eval_advises_on_metadata_once_a_run(caplog: pytest.LogCaptureFixture) -> None:
    register()
    others = ["icl_ft_syllogism_closed", "icl_ft_syllogism_icl"]
    for begun, names in enumerate((["icl_ft_reversal_closed", "icl_ft_reversal_icl"], others, others), start=1):
        TaskManager(include_defaults=False, metadata={"seed": 1}).load(names)
        advice = [record for record in caplog.records if "Custom kwargs" in record.getMessage()]
        assert len(advice) == begun
    logging.getLogger("lm_eval.api.task").warning("other: Custom kwargs")
    assert caplog.messages[-1] == "other: Custom kwargs"
