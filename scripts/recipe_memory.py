"""Writes the memory that each recipe of recipes/models takes into its header: ``python scripts/recipe_memory.py``.

The numbers are those of ``icl-ft train RECIPE --dry-run``, from configs under tests/training/configs; a test compares them.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from icl_ft_plugin.training.launch import launch_config
from icl_ft_plugin.training.recipes.fit import lines
from icl_ft_plugin.training.recipes.memory import memory_of
from icl_ft_plugin.training.recipes.recipe import load

ROOT = Path(__file__).parents[1]


def block(file: Path) -> list[str]:
    """Return the lines of a recipe's header that say what memory it takes."""
    recipe = load(file)
    assert recipe.model
    with tempfile.TemporaryDirectory() as folder:
        config = ROOT / "tests" / "training" / "configs" / f"{recipe.model.rpartition('/')[2]}.json"
        (Path(folder) / "config.json").write_bytes(config.read_bytes())
        memory = memory_of(folder, recipe, launch_config("fsdp-8") if file.stem.endswith("-fsdp") else None)
    return [f"#   {line}" for line in lines(recipe.model, memory)]


def main() -> None:
    """Rewrite the headers."""
    for file in sorted((ROOT / "recipes" / "models").glob("*.yaml")):
        header, _, rest = file.read_text(encoding="utf-8").partition("takes:\n")
        body = rest[rest.index("\nmodel_name_or_path") + 1 :]
        file.write_text(f"{header}takes:\n" + "\n".join([*block(file), body]), encoding="utf-8")


if __name__ == "__main__":
    main()
