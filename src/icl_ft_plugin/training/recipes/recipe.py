"""A recipe is one YAML file that holds a whole training run, in the keys of stock TRL and nothing else.

For example (``recipes/reversal/full.yaml``, shortened)::

    model_name_or_path: smollm2-135m
    datasets: [{path: json, data_files: reversal/train-ft.jsonl}]
    learning_rate: 3.0e-4
    per_device_train_batch_size: 16
    max_steps: 300

The same file runs through ``trl sft --config`` and through ``icl-ft train``. TRL's command ignores misspelt keys and
checks neither the types nor the choices of YAML values, so ``load`` checks them against TRL's own dataclasses: the
keys of the installed version, never a list of ours that would age. Importing this module imports none of them.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from icl_ft_plugin.config import read_yaml
from icl_ft_plugin.errors import UsageError, shown, suggest
from icl_ft_plugin.guard.confidential import refuse_secrets
from icl_ft_plugin.paths import recipe_names, recipes_dir
from icl_ft_plugin.schema import content_hash
from icl_ft_plugin.training.recipes.keys import checked, key_classes, known_keys

if TYPE_CHECKING:
    from trl import DatasetMixtureConfig, ModelConfig, ScriptArguments, SFTConfig


@dataclass(frozen=True, slots=True)
class Recipe:
    """A validated recipe.

    Attributes:
        path: The YAML file.
        values: Every key of the file, overrides applied.
        overrides: The keys that did not come from the file.
    """

    path: Path
    values: Mapping[str, Any]
    overrides: Mapping[str, object]

    @property
    def sha256(self) -> str:
        """SHA-256 over the canonical JSON of ``values``: comments and key order do not count."""
        return content_hash(dict(self.values))

    @property
    def model(self) -> str | None:
        """The base model that the recipe names, if it names one."""
        return self.values.get("model_name_or_path")

    @property
    def data_files(self) -> tuple[Path, ...]:
        """The JSON-lines files that the recipe names, relative to the working folder as in TRL.

        Raises:
            UsageError: A dataset is not read from JSON lines, or a file does not exist.
        """
        files: list[Path] = []
        for i, dataset in enumerate(self.values.get("datasets") or ()):
            place = f"{self.path}: datasets[{i}]"
            if dataset.get("path") != "json" or set(dataset) - {"path", "data_files", "split"}:
                raise UsageError(f"{place}: {shown(dataset)} is not of the form {{path: json, data_files: FILE.jsonl}}")
            names = dataset.get("data_files")
            for name in [names] if isinstance(names, str) else names or []:
                if not Path(name).is_file():
                    raise UsageError(
                        f"{place}.data_files: {shown(name)} does not exist; name the corpus with --corpus, or run from its folder"
                    )
                files.append(Path(name))
        return tuple(files)


def find_recipe(name: str | Path) -> Path:
    """Return a recipe's file: the path as given, else its place under ``recipes/``.

    Raises:
        UsageError: Neither exists.
    """
    for path in (Path(name), recipes_dir() / name, recipes_dir() / f"{name}.yaml"):
        if path.is_file():
            return path
    hint = suggest(str(name).removesuffix(".yaml"), recipe_names())
    raise UsageError(f"recipe: {shown(str(name))} is neither a file here nor one under {recipes_dir()}{hint}")


def load(path: str | Path, overrides: Mapping[str, object] | None = None) -> Recipe:
    """Read and validate a recipe.

    Args:
        path: The YAML file.
        overrides: Values that replace or extend those of the file.

    Returns:
        The recipe, numbers converted to the types of their keys.

    Raises:
        UsageError: The file is missing or not a YAML mapping; a key is unknown; a value has the wrong type, is not one
            of the choices or out of range; or a key asks for what a run does not do.
    """
    path = Path(path)
    from_file = read_yaml(path)
    given = dict(overrides or {})
    refuse_secrets(from_file, str(path))
    refuse_secrets(given, f"{path}, override")
    hints = known_keys()
    values = {
        key: checked(key, value, hints, f"{path}, override" if key in given else str(path))
        for key, value in {**from_file, **given}.items()
    }
    if values.get("load_in_4bit") and not values.get("use_peft"):
        raise UsageError(
            f"{path}: load_in_4bit: true needs use_peft: true: 4 bits cannot be trained, an adapter on them can"
        )
    return Recipe(path, values, {key: values[key] for key in given})


def parse(recipe: Recipe, **forced: object) -> tuple[ScriptArguments, SFTConfig, ModelConfig, DatasetMixtureConfig]:
    """Parse a recipe strictly with TRL's own parser.

    Args:
        recipe: The recipe.
        **forced: Values that the run decides (``output_dir``, ``seed``, ...).

    Returns:
        TRL's ``ScriptArguments``, ``SFTConfig``, ``ModelConfig`` and ``DatasetMixtureConfig``.

    Raises:
        UsageError: TRL refuses the values together, e.g. ``bf16: true`` on a machine that lacks it.
    """
    from trl import TrlParser

    with tempfile.TemporaryDirectory() as folder:
        merged = Path(folder) / "recipe.yaml"
        merged.write_text(yaml.safe_dump({**recipe.values, **forced}), encoding="utf-8")
        try:
            parsed = TrlParser(key_classes()).parse_args_and_config(["--config", str(merged)])
        except (ValueError, TypeError, OSError, ImportError) as error:
            raise UsageError(f"{recipe.path}: refused by TRL: {error}") from error
    script, sft, chosen, mixture = parsed
    return script, sft, chosen, mixture
