"""The readers that are fuzzed, each with the sound input that harm is done to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from fuzz.inputs import Given
from report_data import paper_like, write_results, write_study
from tiny import RECIPE, save_tiny

from icl_ft_plugin.families import generate
from icl_ft_plugin.files import read_json, read_jsonl
from icl_ft_plugin.paths import recipes_dir
from icl_ft_plugin.worlds.folder import save_world

WORDS = [
    "",
    "=",
    "n_facts",
    "n_facts=",
    "n_facts=2",
    "n_facts=-1",
    "n_facts=!!int abc",
    "n_facts=[[[[",
    "n_facts=" + "9" * 6000,
    "n_facts=" + "[" * 3000,
    "n_facts=\ud800",
    "=2",
    "seed=1",
    "a.b.c=1",
    "api_key=sk-1",
    "worlds.0=1",
    "worlds.9.x=1",
    "worlds.0.config.n_facts=x",
    "arms.0=zzz",
    "models=[]",
    "name=\x1b[31m",
    "name=a=b",
    "name=.nan",
    "name=2024-13-45",
    "x" * 9000 + "=1",
]
"""Settings that a command line may hold."""


@dataclass(frozen=True)
class Target:
    """A reader.

    Attributes:
        files: Its sound input, by path below the working folder.
        arguments: The command.
        codes: Exit codes beside 0 and 2 that mean something else than a refusal.
        listing: Whether the command is meant to list everything that is wrong.
        rehash: Whether the world's hash is made right again after the harm.
    """

    files: dict[str, Given]
    arguments: list[str]
    codes: tuple[int, ...] = ()
    listing: bool = False
    rehash: bool = False


def shipped(name: str) -> dict[str, Any]:
    value = yaml.safe_load((recipes_dir() / name).read_text(encoding="utf-8"))
    assert isinstance(value, dict)
    return value


def study(**changes: Any) -> dict[str, Any]:
    worlds = [{"family": "reversal", "config": {"n_facts": 4}, "seeds": [0], "name": "small", "splits": ["reversal"]}]
    arms = ["pretrained", {"name": "mine", "condition": "icl", "context_copies": 1}]
    return {"name": "t", "models": ["../tiny"], "worlds": worlds, "arms": arms, "training_seeds": [0], **changes}


def folder(path: Path) -> dict[str, Given]:
    """Return all JSON files below a folder."""
    found = {}
    for file in sorted(path.rglob("*.json*")):
        kind = file.suffix.removeprefix(".")
        value = read_jsonl(file) if kind == "jsonl" else read_json(file)
        found[str(file.relative_to(path))] = Given(value, kind)
    return found


def below(name: str, files: dict[str, Given]) -> dict[str, Given]:
    return {f"{name}/{path}": given for path, given in files.items() if not path.endswith("manifest.json")}


def targets(root: Path) -> dict[str, Target]:
    """Return all readers with sound inputs."""
    save_tiny(root / "tiny")
    save_world(generate("reversal", 0, {"n_facts": 4}), root / "world")
    write_study(root / "study", paper_like, arms=("pretrained", "icl"), questions=2)
    labels = {"model": "nano", "worlds": "reversal", "family": "reversal", "world_seed": 0, "arm": "ft"}
    write_results(root / "results", "nano", lambda number: True, questions=2)
    plan = read_json(root / "study" / "study.json")
    plan["cells"].append({"key": "late", **labels, "training_seed": 0, "splits": ["reversal"]})
    world, done = below("world", folder(root / "world")), below("done", folder(root / "study"))
    done["done/study.json"] = Given(plan, "json")
    done["done/failures/late.json"] = Given({"key": "late", "error": "no space", "attempts": 3}, "json")
    documents = [
        {"id": "d1", "text": "The Lantern Desk is led by Mirela Voss."},
        {"sentences": ["Odan Pell has its key."]},
    ]
    question = {
        "question": "Mirela Voss leads",
        "choices": ["the Desk", "the Room"],
        "answer": 0,
        "split": "a",
        "evidence": ["d1"],
    }
    own = below("own", {"documents.jsonl": Given(documents, "jsonl"), "questions.jsonl": Given([question], "jsonl")})
    dry = ["study", "run", "s.yaml", "--dry-run"]
    local = {"augmentation": {"prompts": {"local": "p.yaml"}, "n_samples": 2, "temperature": 0.5}}
    trained = study(arms=["ft", "ft+local"], recipe="r.yaml", steps=2, recipe_overrides={"seed": 1}, **local)
    asked = study(arms=[{"name": "asked", "prompt": "q.yaml"}])
    journal = [{"answers": {"k": {"raw": "x is y.", "prompt_tokens": 3, "generated_tokens": None}}}]
    augment = [
        "augment",
        "reversal",
        "--set",
        "n_facts=2",
        "--strategy",
        "local",
        "--model",
        "icl_ft_rule",
        "--prompt",
        "p.yaml",
    ]
    prompt = {"p.yaml": Given(shipped("prompts/nano-local.yaml"), "yaml")}
    recipe = {"r.yaml": Given(yaml.safe_load(RECIPE), "yaml")}
    wording = {"q.yaml": Given(shipped("prompts/questions/instruct.yaml"), "yaml")}
    of_world = study(worlds=[{"family": "reversal", "config": {"path": "world"}}])
    of_own = study(worlds=[{"family": "own", "config": {"path": "own"}}], arms=["pretrained"])
    return {
        "study": Target({"s.yaml": Given(study(), "yaml")}, dry),
        "recipe": Target({"s.yaml": Given(trained, "yaml"), **prompt, **recipe}, dry),
        "wording": Target({"s.yaml": Given(asked, "yaml"), **wording}, dry),
        "study of a world": Target({"s.yaml": Given(of_world, "yaml"), **world}, dry, rehash=True),
        "study of own documents": Target({"s.yaml": Given(of_own, "yaml"), **own}, dry),
        "world": Target(world, ["data", "verify", "world"], codes=(1,), rehash=True),
        "own documents": Target(own, ["data", "check", "own"], listing=True),
        "journal": Target(
            {".out.partial/journal.jsonl": Given(journal, "jsonl"), **prompt}, [*augment, "--out", "out"]
        ),
        "status": Target(done, ["study", "status", "done"]),
        "verify": Target(done, ["study", "verify", "done"]),
        "report": Target(done, ["report", "done"]),
        "leaderboard": Target(below("theirs", folder(root / "results")), ["report", "theirs", "--out", "board.html"]),
    }
