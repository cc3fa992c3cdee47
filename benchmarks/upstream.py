"""What two of the patches for lm-evaluation-harness (``contrib/lm-eval``) save, beside the harness as it is.

    python benchmarks/upstream.py lm-evaluation-harness --json upstream.json

prints, for a checkout of the commit that the patches are made for::

    index    as it is 7.3 s   patched, first 7.9 s   patched, later 0.49 s   x15
    prefix   as it is 35.3 s   patched 4.1 s   x8.7   log-likelihoods differ by 1.7e-05 at most

CPU time of fresh processes on one thread, so that other programs do not lengthen it. ``index`` builds the index of all
built-in tasks; ``prefix`` scores the questions of ``icl_ft_reversal_icl`` on the embedded model ``nano`` by ``hf``, one
request at a time. The checkout stays as it is.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from icl_ft_plugin.paths import models_dir, tasks_dir

PATCHES = Path(__file__).resolve().parents[1] / "contrib" / "lm-eval"

INDEX = """
import json, time
from pathlib import Path
import lm_eval.tasks
from lm_eval.tasks._index import TaskIndex
start = time.process_time()
found = TaskIndex.build([Path(lm_eval.tasks.__file__).parent])
print("RESULT" + json.dumps({"seconds": time.process_time() - start, "entries": len(found)}))
"""
PREFIX = """
import json, sys, time
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager
model, tasks, limit, arguments = sys.argv[1], sys.argv[2], int(sys.argv[3]), json.loads(sys.argv[4])
loaded = TaskManager(include_path=tasks, include_defaults=False, metadata={"seed": 0}).load("icl_ft_reversal_icl")
task = loaded["tasks"]["icl_ft_reversal_icl"]
task.build_all_requests(limit=limit, rank=0, world_size=1)
lm = HFLM(model, device="cpu", dtype="float32", batch_size=1, **arguments)
start = time.process_time()
found = lm.loglikelihood(task.instances, disable_tqdm=True)
print("RESULT" + json.dumps({"seconds": time.process_time() - start, "scores": [score for score, _ in found]}))
"""


def patched(checkout: Path, folder: Path, patch: str) -> Path:
    """Copy a checkout and apply a patch to the copy."""
    copy = folder / patch
    shutil.copytree(checkout, copy, ignore=shutil.ignore_patterns(".git", "__pycache__", ".cache"))
    command = ["git", "apply", str(PATCHES / f"{patch}.patch")]
    subprocess.run(command, cwd=copy, check=True, env={**os.environ, "GIT_CEILING_DIRECTORIES": str(folder)})
    return copy


def measure(harness: Path, cache: Path, code: str, *arguments: str) -> dict[str, Any]:
    """Run code with a harness in a fresh process; return what it reports."""
    mine = {"PYTHONPATH": str(harness), "LM_HARNESS_CACHE_PATH": str(cache), "ICL_FT_NO_AUTOLOAD": "1"}
    environment = {**os.environ, **mine, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, cwd=cache, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    line = next(line for line in done.stdout.splitlines() if line.startswith("RESULT"))
    return dict(json.loads(line.removeprefix("RESULT")))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkout", type=Path)
    parser.add_argument("--limit", type=int, default=25, help="questions that are scored")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    checkout = options.checkout.resolve()

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ours = patched(checkout, folder, "task-index-cache")
        index = [measure(harness, folder, INDEX) for harness in (checkout, ours, ours)]
        asked = (PREFIX, str(models_dir() / "nano"), str(tasks_dir()), str(options.limit))
        plain = measure(checkout, folder, *asked, "{}")
        shared = measure(patched(checkout, folder, "prefix-sharing"), folder, *asked, '{"prefix_sharing": true}')

    if len({found["entries"] for found in index}) != 1:
        raise SystemExit(f"the indexes differ: {index}")
    before, first, later = (found["seconds"] for found in index)
    apart = max(abs(a - b) for a, b in zip(plain["scores"], shared["scores"], strict=True))
    ratio = plain["seconds"] / shared["seconds"]
    print(
        f"index    as it is {before:.1f} s   patched, first {first:.1f} s   patched, later {later:.2f} s"
        f"   x{before / later:.0f}\n"
        f"prefix   as it is {plain['seconds']:.1f} s   patched {shared['seconds']:.1f} s   x{ratio:.1f}"
        f"   log-likelihoods differ by {apart:.1e} at most"
    )
    if options.json:
        report = {"index_s": [before, first, later], "prefix_s": [plain["seconds"], shared["seconds"]], "apart": apart}
        options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
