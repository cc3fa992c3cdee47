"""What an installed icl-ft-plugin adds to every start of Python.

``python benchmarks/startup.py`` prints, for example::

    startup line: CPU time 0.11 ms (0.10-0.13) over 50 starts of 12.1 ms: x1.009; per later import 0.00007 ms

The line of ``icl_ft_plugin.pth`` is timed inside fresh interpreters as ``site`` runs it (median, 10th and 90th
percentile of the process's CPU time, which other programs do not lengthen). ``--json FILE`` also writes the numbers.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys
from pathlib import Path

STARTUP = Path(__file__).resolve().parents[1] / "src" / "icl_ft_plugin.pth"
LIMIT_MS = 0.5

# A bare start is all that the process has used before its first line.
PROBE = """
import sys, os, time
line = {line!r}
start = time.process_time()
exec(line)
print((time.process_time() - start) * 1e3, start * 1e3)
"""
LATER = """
import sys, timeit
exec({line!r})
print(timeit.timeit("find('json.decoder')", globals={{"find": sys.meta_path[0].find_spec}}, number=100_000) / 100_000 * 1e3)
"""


def fresh(code: str) -> list[float]:
    """Return the numbers that ``code`` prints in a fresh interpreter."""
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True)
    return [float(number) for number in done.stdout.split()]


def main() -> None:
    """Measure, print, and fail when the median is over the limit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()

    line = STARTUP.read_text(encoding="utf-8")
    added, bare = zip(*(fresh(PROBE.format(line=line)) for _ in range(options.runs)), strict=True)
    tenths = statistics.quantiles(added, n=10)
    result = {
        "line_cpu_ms": statistics.median(added),
        "line_cpu_ms_p10": tenths[0],
        "line_cpu_ms_p90": tenths[-1],
        "bare_start_cpu_ms": statistics.median(bare),
        "ratio": 1 + statistics.median(added) / statistics.median(bare),
        "later_import_ms": fresh(LATER.format(line=line))[0],
        "runs": options.runs,
        "python": platform.python_version(),
        "platform": platform.platform(),
    }
    print(
        f"startup line: CPU time {result['line_cpu_ms']:.2f} ms ({tenths[0]:.2f}-{tenths[-1]:.2f}) over {options.runs} "
        f"starts of {result['bare_start_cpu_ms']:.1f} ms: x{result['ratio']:.3f}; "
        f"per later import {result['later_import_ms']:.5f} ms"
    )
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n")
    if result["line_cpu_ms"] > LIMIT_MS:
        sys.exit(f"over the limit of {LIMIT_MS} ms")


if __name__ == "__main__":
    main()
