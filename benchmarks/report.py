"""Measures a report of many items: how long and how large its writing is, and its page in Chromium.

``python benchmarks/report.py --items 100000`` writes a study by hand (five worlds, four arms, five seeds, two splits),
reports it in a process of its own, and opens the page: the first paint, then each of its filters.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from report_data import paper_like, write_study

COMMAND = [sys.executable, "-c", "from icl_ft_plugin.cli.app import main; main()", "report"]
CELLS = 5 * (2 + 2 * 5)
PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
FILTER = """([id, value]) => {
  const at = document.getElementById(id), begun = performance.now();
  at.value = value;
  at.dispatchEvent(new Event('input', {bubbles: true}));
  at.dispatchEvent(new Event('change', {bubbles: true}));
  document.body.getBoundingClientRect();
  return performance.now() - begun;
}"""


def written(folder: Path) -> dict[str, Any]:
    """Report a study in a process of its own."""
    begun = time.monotonic()
    child = os.posix_spawn(COMMAND[0], [*COMMAND, str(folder)], {**os.environ}, file_actions=[
        (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)
    ])  # fmt: skip
    _, status, used = os.wait4(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    size = (folder / "report.html").stat().st_size
    return {
        "seconds": round(time.monotonic() - begun, 1),
        "cpu_seconds": round(used.ru_utime + used.ru_stime, 1),
        "megabytes": round(used.ru_maxrss / 1024),
        "page_megabytes": round(size / 2**20, 1),
    }


def opened(file: Path) -> dict[str, Any]:
    """Open a page and set its filters; milliseconds."""
    from playwright.sync_api import sync_playwright

    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_context(offline=True).new_page()
        page.goto(file.as_uri())
        page.wait_for_function(f"{PAINT} > 0")
        paint = round(page.evaluate(PAINT))
        choices = page.evaluate(
            "[...document.querySelectorAll('select[id^=f-]')].map((s) => [s.id, s.options[s.options.length - 1].value])"
        )
        taken = {name: round(page.evaluate(FILTER, [name, value])) for name, value in [*choices, ["f-text", "femp7"]]}
        count = page.locator("#count").inner_text()
        browser.close()
    return {"first_paint": paint, "filters": taken, "count": count}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--log", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = write_study(
            Path(place), paper_like, worlds=range(5), seeds=range(5), questions=options.items // CELLS // 2
        )
        found = {"what": "report", "items": options.items // CELLS // 2 * CELLS * 2, **written(folder)}
        found |= opened(folder / "report.html")
    print(json.dumps(found))
    if options.log:
        with options.log.open("a", encoding="utf-8") as log:
            log.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
