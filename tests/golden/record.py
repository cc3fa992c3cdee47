"""Record the golden worlds again: ``python tests/golden/record.py`` rewrites the ``*.json`` beside this file.

Each holds the hash of a family's default world at seed 0 and its first rows, so that a change of bytes is seen and a
reader sees what changed. Recording again changes the data set: say so in the changelog.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from icl_ft_plugin.families import FAMILIES, generate, generated
from icl_ft_plugin.schema import content_hash

FOLDER = Path(__file__).parent


def golden(family: str) -> dict[str, Any]:
    """Return what is recorded of a family."""
    world = generate(family, 0)
    oracle = FAMILIES[family].oracle(world)
    first = {split: next(asdict(q) for q in world.questions if q.split == split) for split in world.splits}
    return {
        "hash": world.hash,
        "oracle": content_hash([asdict(document) for document in oracle]),
        "sizes": [len(world.facts), len(world.documents), len(world.questions)],
        "documents": [document.text for document in world.documents[:3]],
        "questions": json.loads(json.dumps(first)),
    }


if __name__ == "__main__":
    for name in generated():
        text = json.dumps(golden(name), indent=2, ensure_ascii=False) + "\n"
        (FOLDER / f"{name}.json").write_text(text, encoding="utf-8", newline="\n")
        print(name, golden(name)["hash"])
