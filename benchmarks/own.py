"""Measures own documents in large numbers: ``python benchmarks/own.py --documents 100000``.

Writes a folder of documents of one sentence each and a hundredth as many questions with their evidence, checks it by ``icl-ft data check``
in a process of its own, without and with a tokenizer, and chooses documents for each question within ``context_tokens``, as a task does.
Prints one line of JSON: seconds, CPU seconds, megabytes (the largest resident set), milliseconds a question, and the load of the machine before and
after.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import time
from importlib.resources import files
from pathlib import Path
from statistics import fmean
from typing import Any

from icl_ft_plugin.families.own.read import load
from icl_ft_plugin.harness.tokens import tokens_needed
from icl_ft_plugin.models.find import find_model
from icl_ft_plugin.worlds.retrieval import Retriever

PROGRAM = "from icl_ft_plugin.cli.app import main; main()"


def write_folder(folder: Path, documents: int) -> Path:
    """Write documents about people and what they keep, and questions about every hundredth."""
    words = files("icl_ft_plugin").joinpath("families/data/words.txt").read_text(encoding="utf-8").split()
    rng = random.Random(0)
    rows, asked = [], []
    for number in range(documents):
        who, what, where, *others = rng.sample(words, 6)
        text = f"{who.title()} {number} of the {where} hall keeps the {what} key, and tells nobody of it before noon."
        rows.append({"id": f"d{number}", "text": text})
        if number % 100 == 0:
            choices = [f"the {word} key" for word in (what, *others)]
            asked.append(
                {"id": f"q{number}", "question": f"{who.title()} {number} of the {where} hall keeps", "choices": choices,
                 "answer": choices[0], "split": "direct", "evidence": [f"d{number}"]}
            )  # fmt: skip
    for name, lines in (("documents", rows), ("questions", asked)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return folder


def measured(*arguments: str) -> dict[str, Any]:
    """Run ``icl-ft`` in a process of its own."""
    begun = time.monotonic()
    silent = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    child = os.posix_spawn(sys.executable, [sys.executable, "-c", PROGRAM, *arguments], os.environ, file_actions=silent)
    _, status, used = os.wait4(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0, arguments
    return {
        "seconds": round(time.monotonic() - begun, 1),
        "cpu_seconds": round(used.ru_utime + used.ru_stime, 1),
        "megabytes": round(used.ru_maxrss / 1024),
    }


def chosen(folder: Path, budget: int, questions: int) -> dict[str, Any]:
    """Choose documents for questions; how often the evidence is among them is part of the result."""
    world = load(folder)
    tokens = tokens_needed({"pretrained": str(find_model("nano", weights=False))}, "nano")
    retriever, times, found = Retriever(world.documents, tokens.count), [], 0
    for question in world.questions[: questions + 1]:
        begun = time.process_time()
        documents = retriever.chosen(question.prompt, budget)
        times.append(time.process_time() - begun)
        found += set(question.proof) <= {fact for document in documents for fact in document.facts}
    return {
        "first_question_cpu_seconds": round(times[0], 1),
        "cpu_milliseconds_a_question": round(1000 * fmean(times[1:]), 1),
        "questions": len(times),
        "with_all_evidence": found,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=100_000)
    parser.add_argument("--budget", type=int, default=512, help="context_tokens")
    parser.add_argument("--questions", type=int, default=100, help="for how many documents are chosen")
    options = parser.parse_args()
    before = round(os.getloadavg()[0], 1)
    with tempfile.TemporaryDirectory() as place:
        folder = write_folder(Path(place), options.documents)
        found = {
            "documents": options.documents,
            "check": measured("data", "check", str(folder)),
            "check_with_tokens": measured("data", "check", str(folder), "--model", "nano"),
            "context_tokens": options.budget,
            **chosen(folder, options.budget, options.questions),
        }
    print(json.dumps({**found, "load_average": [before, round(os.getloadavg()[0], 1)]}))


if __name__ == "__main__":
    main()
