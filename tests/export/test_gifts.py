"""The patches for lm-evaluation-harness: each applies, passes its own tests, and leaves upstream's of its area as they were.

``LM_EVAL_CHECKOUT`` names a checkout of the commit in ``contrib/lm-eval/README.md``; nothing is fetched, and the checkout
stays as it is. A test of upstream's that needs the Hub may fail for want of it, and for no other reason.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

PATCHES = Path(__file__).parents[2] / "contrib" / "lm-eval"
README = (PATCHES / "README.md").read_text(encoding="utf-8")
CHECKOUT = os.environ.get("LM_EVAL_CHECKOUT", "")

OWN = {
    "cluster-key": "tests/test_cluster_key.py",
    "prefix-sharing": "tests/models/test_prefix_sharing.py",
    "task-index-cache": "tests/test_index_cache.py",
}
AREA = {
    "cluster-key": [
        "tests/test_metrics.py",
        "tests/test_group.py",
        "tests/test_evaluator_utils.py",
        "tests/test_aggregation_pipeline.py",
    ],
    "prefix-sharing": ["tests/models/test_model_utils.py", "tests/models/test_max_length.py"],
    "task-index-cache": ["tests/test_task_manager.py"],
}
OFFLINE = re.compile(r"ConnectionError|OfflineMode|LocalEntryNotFound|couldn't connect|Couldn't reach", re.IGNORECASE)


def test_every_patch_is_described_and_tested() -> None:
    names = sorted(path.stem for path in PATCHES.glob("*.patch"))
    assert names == sorted(OWN) == sorted(AREA) == re.findall(r"^## `([a-z-]+)\.patch`", README, re.MULTILINE)
    for name in names:
        assert f"+++ b/{OWN[name]}\n" in (PATCHES / f"{name}.patch").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not CHECKOUT:
        pytest.skip("LM_EVAL_CHECKOUT names no checkout of lm-evaluation-harness")
    copy = tmp_path_factory.mktemp("gifts") / "harness"
    shutil.copytree(CHECKOUT, copy, ignore=shutil.ignore_patterns(".git", "icl_ft*", "__pycache__", ".cache"))
    return copy


def run_in(checkout: Path, *command: str) -> subprocess.CompletedProcess[str]:
    mine = {"ICL_FT_NO_AUTOLOAD": "1", "PYTHONPATH": str(checkout), "HF_HUB_OFFLINE": "1"}
    mine |= {"GIT_CEILING_DIRECTORIES": str(checkout.parent), "LM_HARNESS_CACHE_PATH": str(checkout.parent / "cache")}
    return subprocess.run(
        command, cwd=checkout, capture_output=True, text=True, env={**os.environ, **mine}, check=False
    )


def apply(checkout: Path, name: str, *options: str) -> None:
    done = run_in(checkout, "git", "apply", *options, str(PATCHES / f"{name}.patch"))
    assert done.returncode == 0, done.stderr


def failed(checkout: Path, *files: str) -> tuple[int, list[str]]:
    """Run tests of the copy; return how many passed, and the messages of those that did not."""
    report = checkout.parent / "report.xml"
    report.unlink(missing_ok=True)
    options = ("-q", "-p", "no:cacheprovider", f"--junitxml={report}")
    done = run_in(checkout, sys.executable, "-m", "pytest", *options, *files)
    assert report.is_file(), done.stdout[-3000:] + done.stderr[-3000:]
    cases = list(ElementTree.parse(report).iter("testcase"))
    found = [case.find(kind) for case in cases for kind in ("failure", "error")]
    messages = [f"{element.get('message')}\n{element.text}" for element in found if element is not None]
    skipped = sum(case.find("skipped") is not None for case in cases)
    return len(cases) - len(messages) - skipped, messages


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(OWN))
def test_a_patch_passes_its_tests_and_upstreams(checkout: Path, name: str) -> None:
    apply(checkout, name)
    try:
        own, messages = failed(checkout, OWN[name])
        assert own >= 6 and messages == []
        passed, messages = failed(checkout, *AREA[name])
        assert passed >= 30
        assert [message for message in messages if not OFFLINE.search(message)] == []
    finally:
        apply(checkout, name, "--reverse")


@pytest.mark.slow
def test_the_tests_of_a_patch_fail_without_its_change(checkout: Path) -> None:
    for name, own in OWN.items():
        apply(checkout, name, f"--include={own}")
        try:
            _, messages = failed(checkout, own)
            assert messages, name
        finally:
            apply(checkout, name, "--reverse", f"--include={own}")


@pytest.mark.slow
def test_all_patches_apply_together_and_pass_upstreams_linter(checkout: Path) -> None:
    changed = set()
    for name in OWN:
        apply(checkout, name)
        text = (PATCHES / f"{name}.patch").read_text(encoding="utf-8")
        changed |= set(re.findall(r"^\+\+\+ b/(.*\.py)$", text, re.MULTILINE))
    new = [file for file in sorted(changed) if not (Path(CHECKOUT) / file).exists()]
    assert len(new) == 5
    for command in (["check"], ["format", "--check"]):
        done = run_in(checkout, sys.executable, "-m", "ruff", *command, "--no-cache", *new)
        assert done.returncode == 0, done.stdout
