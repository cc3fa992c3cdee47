"""Whatever lies in a file or stands on the command line: it is taken, or refused in one message.

50 tries a run of the suite, each the same every time; in CI also 550 that follow from the date (ICL_FT_FUZZ_SEED);
``make fuzz`` draws ICL_FT_FUZZ_TRIES new ones, 10,000 by default, and counts them in ICL_FT_FUZZ_LOG. A try ends with exit code 0 or 2; a refusal is one message
of at most 500 characters that names the place; it takes less than 5 s, writes nowhere but at ``--out``, and leaves nothing
half-written there.
"""

from __future__ import annotations

import functools
import json
import os
import re
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import augment_models  # noqa: F401 - registers the model that answers by rule
import pytest
from fuzz.inputs import ODD, harm, text_of
from fuzz.targets import WORDS, Target, targets
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from typer import testing

from icl_ft_plugin.cli.app import app
from icl_ft_plugin.schema import content_hash

TRIES = int(os.environ.get("ICL_FT_FUZZ_TRIES", "40"))
SEED = os.environ.get("ICL_FT_FUZZ_SEED")
LOG = os.environ.get("ICL_FT_FUZZ_LOG")
SECONDS, CHARACTERS = 5.0, 500
testing._get_command = functools.cache(testing._get_command)  # type: ignore[attr-defined] # longer than most tries


@st.composite
def words(draw: st.DrawFn) -> list[str]:
    """Settings of the command line."""
    odd = st.sampled_from([str(value) for value in ODD if "\x00" not in str(value)])
    made = st.tuples(st.sampled_from(["n_facts", "steps", "worlds.0.seeds", "arms"]), odd).map("=".join)
    found: list[str] = draw(st.lists(st.one_of(st.sampled_from(WORDS), made), min_size=1, max_size=3))
    return found


class Known(dict[str, Target]):
    """All readers by name, and the folder they work in; a failure shows it in one word."""

    def __init__(self, root: Path) -> None:
        super().__init__(targets(root))
        self.root = root
        self.ends: Counter[str] = Counter()

    def __repr__(self) -> str:
        return "Known"


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Known]:
    begun, known = time.monotonic(), Known(tmp_path_factory.mktemp("fuzz"))
    yield known
    if LOG:
        counted = {
            "what": "inputs",
            "seed": SEED,
            "tries": known.ends.total(),
            "ends": dict(sorted(known.ends.items())),
        }
        with Path(LOG).open("a", encoding="utf-8") as log:
            log.write(json.dumps({**counted, "seconds": round(time.monotonic() - begun)}) + "\n")


OPTIONS: dict[str, Any] = {"derandomize": False} if SEED else {}
tried = settings(
    max_examples=TRIES,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    report_multiple_bugs=False,
    **OPTIONS,
)
seeded = seed(int(SEED)) if SEED else lambda test: test
OFTEN = ["study", "recipe", "wording", "world", "journal", "status", "verify"] * 6
OFTEN += ["study of a world", "study of own documents", "own documents"] * 4 + [
    "report",
    "leaderboard",
]  # which draw figures


@seeded
@tried
@given(data=st.data())
def test_whatever_lies_in_a_file_is_taken_or_refused(known: Known, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(OFTEN), label="target")
    target = known[name]
    found = dict(target.files)
    harmed, lies = data.draw(harm(found), label="harm")
    with working(known.root) as work:
        for path, sound in found.items():
            file = work / path
            file.parent.mkdir(parents=True, exist_ok=True)
            lay(file, lies if path == harmed else text_of(sound))
        if target.rehash:
            rehash(work / "world")
        counted(known, work, target)


@seeded
@settings(tried, max_examples=max(10, TRIES // 10))
@given(said=words(), command=st.sampled_from(["study", "build", "verify", "augment", "metadata"]))
def test_whatever_stands_on_the_command_line_is_taken_or_refused(known: Known, said: list[str], command: str) -> None:
    files = known["study"].files
    given = [part for word in said for part in ("--set", word)]
    arguments = {
        "study": ["study", "run", "s.yaml", "--dry-run", *given],
        "build": ["data", "build", "reversal", "--out", "out", *given],
        "verify": ["data", "verify", "reversal", *given],
        "augment": ["augment", "reversal", "--strategy", "oracle", "--out", "out", *given],
        "metadata": ["eval", "../tiny", "--tasks", "icl_ft_reversal_closed", "--limit", "1", "--out", "out", *given],
    }[command]
    with working(known.root) as work:
        lay(work / "s.yaml", text_of(files["s.yaml"]))
        counted(known, work, Target(files, arguments, codes=(1,) if command == "verify" else ()))


@contextmanager
def working(root: Path) -> Iterator[Path]:
    """Give an empty working folder."""
    work, before = root / "work", Path.cwd()
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    os.chdir(work)
    try:
        yield work
    finally:
        os.chdir(before)


def lay(file: Path, lies: str | bytes | Callable[[Path], None]) -> None:
    if callable(lies):
        lies(file)
    else:
        file.write_bytes(lies if isinstance(lies, bytes) else lies.encode("utf-8", "surrogatepass"))


def rehash(world: Path) -> None:
    """Make the hash of a world that can be read right for what lies there now."""
    if not all(
        (world / name).is_file() for name in ("world.json", "facts.jsonl", "documents.jsonl", "questions.jsonl")
    ):
        return  # a pipe would be waited for
    try:
        header = json.loads((world / "world.json").read_text(encoding="utf-8"))
        tables = {
            name: [
                json.loads(line) for line in (world / f"{name}.jsonl").read_text(encoding="utf-8").split("\n") if line
            ]
            for name in ("facts", "documents", "questions")
        }
        about = {key: header[key] for key in ("family", "config", "seed")}
        header["hash"] = content_hash({**about, **tables})
        (world / "world.json").write_text(json.dumps(header), encoding="utf-8")
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        pass


def counted(known: Known, work: Path, target: Target) -> None:
    """Count how a try ends."""
    try:
        known.ends[f"exit code {check(work, target)}"] += 1
    except AssertionError:
        known.ends["fell"] += 1
        raise


def check(work: Path, target: Target) -> int:
    """Run the command, hold it to what is promised, and return its exit code."""
    outside = state(work.parent)
    begun = time.process_time()
    with alarm(60):
        result = testing.CliRunner().invoke(app, target.arguments)
    took = time.process_time() - begun
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise AssertionError(f"a traceback: {result.exception!r}") from result.exception
    assert result.exit_code in (0, 2, *target.codes), result.output
    assert took < SECONDS, f"{took:.1f} s"
    shown = result.output.replace("\r", "") if target.arguments[0] == "eval" else result.output  # lm-eval's bars
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]", shown), "control characters"
    said = result.stderr
    if (
        result.exit_code == 2
        and not target.listing
        and not ("status" in target.arguments or "verify" in target.arguments)
    ):
        assert "icl-ft: " in said or "Usage: " in said, result.output
    if "icl-ft: " in said:
        message = said[said.index("icl-ft: ") :].replace(str(work.parent), "")
        assert len(message) <= CHARACTERS, f"{len(message)} characters: {message}"
    changed = {path for path in state(work.parent).items() ^ outside.items() for path in path[:1]}
    changed = {
        path
        for path in changed
        if not re.match(r"work/(out|\.out\.partial|board|figures|done/[^/]*$|done/figures)", path)
    }
    assert not changed, f"written elsewhere: {sorted(changed)}"
    if "out" in target.arguments:
        out = work / "out"
        assert out.exists() == (result.exit_code == 0), f"exit {result.exit_code} and {list(work.glob('out*'))}"
        assert not list(work.glob(".out-*")), "half-written"
    return result.exit_code


def state(folder: Path) -> dict[str, tuple[int, int]]:
    """Return size and time of every file below a folder."""
    found = {}
    for path in folder.rglob("*"):
        about = path.lstat()
        if not path.is_dir():
            found[str(path.relative_to(folder))] = (about.st_size, about.st_mtime_ns)
    return found


@contextmanager
def alarm(seconds: int) -> Iterator[None]:
    """Fail where something waits for ever."""

    def late(*_: object) -> None:
        raise AssertionError(f"not over after {seconds} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
