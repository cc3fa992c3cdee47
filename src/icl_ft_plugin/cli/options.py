"""Options that several commands have, and what stands below their ``--help``."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

Out = Annotated[Path, typer.Option("--out", "--output", help="Folder to write; it must not exist.")]
Settings = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override; may be repeated.")]
WorldSeed = Annotated[int, typer.Option("--seed", help="World seed.")]


def folded(lines: Iterable[str]) -> str:
    """Return lines for standard output: on a terminal each is folded to its width, indented from the second part on."""
    text = "\n".join(lines)
    if not sys.stdout.isatty():
        return text
    width = shutil.get_terminal_size().columns
    # Runs of blanks are kept, which are the columns of a table.
    fold = partial(textwrap.wrap, width=width, subsequent_indent="    ", break_on_hyphens=False)
    return "\n".join(part for line in text.split("\n") for part in fold(line) or [""])


class BuildCommand(TyperCommand):
    """Lists, below its own help, the families and their knobs, which are read only then."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        from icl_ft_plugin.families import FAMILIES

        lines = [
            f"{name}: {', '.join(f'{knob}={value}' for knob, value in family.knobs.items())}"
            for name, family in FAMILIES.items()
            if family.knobs
        ]
        self.epilog = "\n\n".join([self.epilog or "", "Families and their knobs, for --set:", *lines])
        super().format_help(ctx, formatter)
