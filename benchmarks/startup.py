"""What an installed icl-ft-plugin adds to every start of Python.

``python benchmarks/startup.py`` prints, for example::

    startup line 0.31 ms (0.22-0.55) of an interpreter start of 12.1 ms: x1.026; per later import 0.00015 ms

The line of ``icl_ft_plugin.pth`` is timed inside fresh interpreters, as ``site`` runs it (median, 10th and 90th
percentile), with compiled files on disk as ``pip`` leaves them. ``--json FILE`` also writes the numbers there.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

SRC = Path(__file__).resolve().parents[1] / "src"
LIMIT_MS = 1.0

PROBE = """
import sys, os, time
line = {line!r}
start = time.perf_counter()
exec(line)
print((time.perf_counter() - start) * 1e3)
"""
LATER = """
import sys, timeit
from icl_ft_plugin._autoload import _Finder
print(timeit.timeit("find('json.decoder')", globals={"find": _Finder().find_spec}, number=100_000) / 100_000 * 1e3)
"""


def fresh(code: str) -> float:
    """Return the number that ``code`` prints in a fresh interpreter that finds the package."""
    environment = {**os.environ, "PYTHONPATH": str(SRC), "PYTHONDONTWRITEBYTECODE": ""}
    return float(
        subprocess.run(
            [sys.executable, "-S", "-c", code], env=environment, capture_output=True, text=True, check=True
        ).stdout
    )


def bare_start_ms() -> float:
    """Return the wall time of one interpreter start without the line."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-I", "-c", "pass"], check=True)
    return (time.perf_counter() - start) * 1e3


def main() -> None:
    """Measure, print, and fail when the median is over the limit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()

    probe = PROBE.format(line=(SRC / "icl_ft_plugin.pth").read_text())
    fresh(probe)  # compiles
    line, bare = [], []
    for _ in range(options.runs):  # in turn, so that both meet the same load
        line.append(fresh(probe))
        bare.append(bare_start_ms())
    tenths = statistics.quantiles(line, n=10)
    result = {
        "line_ms": statistics.median(line),
        "line_ms_p10": tenths[0],
        "line_ms_p90": tenths[-1],
        "bare_start_ms": statistics.median(bare),
        "ratio": 1 + statistics.median(line) / statistics.median(bare),
        "later_import_ms": fresh(LATER),
        "runs": options.runs,
        "python": platform.python_version(),
        "platform": platform.platform(),
    }
    print(
        f"startup line {result['line_ms']:.2f} ms ({tenths[0]:.2f}-{tenths[-1]:.2f}) of an interpreter start of "
        f"{result['bare_start_ms']:.1f} ms: x{result['ratio']:.3f}; per later import {result['later_import_ms']:.5f} ms"
    )
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n")
    if result["line_ms"] >= LIMIT_MS:
        sys.exit(f"over the limit of {LIMIT_MS} ms")


if __name__ == "__main__":
    main()
