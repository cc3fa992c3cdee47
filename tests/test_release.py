"""What a release needs: metadata for the package index, a citation and a workflow that keeps no secrets."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from icl_ft_plugin import __version__

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def workflow() -> dict[str, Any]:
    """The release workflow; YAML 1.1 reads its key "on" as true."""
    found: dict[str, Any] = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text(encoding="utf-8"))
    return found


def project() -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return found


def test_the_citation_is_of_this_version_and_licence() -> None:
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert {"cff-version", "message", "title", "authors"} <= cited.keys()
    assert (cited["title"], cited["version"], cited["license"]) == (
        project()["name"],
        __version__,
        project()["license"],
    )
    assert [author["name"] for author in cited["authors"]] == [author["name"] for author in project()["authors"]]


def test_classifiers_name_every_python_that_the_wheel_is_tried_on(workflow: dict[str, Any]) -> None:
    named = re.findall(r"Python :: (3\.\d+)'", str(project()["classifiers"]))
    assert (
        named == workflow["jobs"]["wheel"]["strategy"]["matrix"]["python-version"] == ["3.11", "3.12", "3.13", "3.14"]
    )
    assert project()["requires-python"] == f">={named[0]}"
    # Licence classifiers are refused beside a licence expression.
    assert not any(classifier.startswith("License ::") for classifier in project()["classifiers"])


def test_only_the_last_job_may_publish_and_there_is_no_secret(workflow: dict[str, Any]) -> None:
    assert "secrets" not in str(workflow) and "password" not in str(workflow)
    assert workflow[True] == {"push": {"tags": ["v*"]}} and workflow["permissions"] == {"contents": "read"}
    permitted = {name: job.get("permissions") for name, job in workflow["jobs"].items()}
    assert permitted == {"build": None, "wheel": None, "publish": {"id-token": "write"}}
    jobs = workflow["jobs"]
    assert (jobs["wheel"]["needs"], jobs["publish"]["needs"], jobs["publish"]["environment"]) == (
        "build",
        "wheel",
        "pypi",
    )


def test_the_version_is_found_where_the_workflow_looks(workflow: dict[str, Any]) -> None:
    step = next(step for step in workflow["jobs"]["build"]["steps"] if step.get("name") == "The tag is the version")
    pattern = re.search(r"s/(.*?)/\\1/p' (\S+)\)", step["run"])
    assert pattern is not None
    text = (ROOT / pattern[2]).read_text(encoding="utf-8")
    assert re.findall(pattern[1].replace(r"\(", "(").replace(r"\)", ")"), text, re.MULTILINE) == [__version__]
