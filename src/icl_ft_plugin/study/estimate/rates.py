"""How fast a model trains, is scored and writes: measured from the complete cells of studies.

``Rates.of([Path("runs/demo")])`` takes the median of tokens a second by what was done, model and family, for example
``("train", "c15a51...", "reversal"): 2,144``; where nothing of a model was measured, another model's rate
is scaled by the number of parameters, and where nothing at all was, the rates are those of ``MACHINE``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from statistics import median
from typing import NamedTuple

from icl_ft_plugin.study.records import CONFIG, LEDGER, CellLedger, Record, read

MACHINE = "nano on 2 cores of an AMD EPYC server, 2 threads"
PARAMETERS = 5_344_512  # of the embedded model
# Tokens a second on MACHINE, from the cells of `icl-ft study demo`; prompts are counted as if no prefix were shared. Only what is
# written with all documents in the prompt ("global") is from `icl-ft study augmentation` and `augmentation-semantic`, two at a time.
DEFAULT = {"train": 2144.0, "closed": 372.0, "icl": 17665.0, "local": 1084.0, "global": 48.0}
# How many times longer the same cells take without sharing: CPU seconds of `evaluate` with `hf` over those with `icl_ft_hf`, batch size
# 8, transformers 5.23, medians of three on two cores of an Intel Xeon that did other work too.
SLOWER = {"closed": 1.4, "icl": 13.7}
DEFAULT |= {
    f"qa{behind}": DEFAULT[alike] for behind, alike in (("", "local"), ("-global", "global"))
}  # not measured apart
DEFAULT |= {f"{condition} unshared": DEFAULT[condition] / times for condition, times in SLOWER.items()}


def scoring(condition: str, *, shared: bool) -> str:
    """Return the kind of a scoring: ``icl`` where the prompts' prefixes are shared, ``icl unshared`` where not."""
    return condition if shared else f"{condition} unshared"


class Measured(NamedTuple):
    """Something done once: ``train``, a scoring, or a strategy (tokens written)."""

    kind: str
    model: str
    parameters: int
    family: str
    tokens: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Rate:
    """Tokens a second, and where the number comes from."""

    tokens_per_second: float
    source: str


class Rates:
    """The rates of some measurements."""

    def __init__(self, measured: Iterable[Measured]) -> None:
        self._measured = list(measured)

    @classmethod
    def of(cls, folders: Iterable[Path]) -> Rates:
        """Return the rates of the complete cells and augmentations of studies' folders."""
        return cls(one for folder in folders for one in (*_cells(folder), *_augmentations(folder)))

    def unshared(self, model: str) -> bool:
        """Say whether prompts of a model were scored without sharing their prefixes."""
        kinds = {scoring(condition, shared=False) for condition in ("closed", "icl")}
        return any(one.model == model and one.kind in kinds for one in self._measured)

    def find(self, kind: str, model: str, parameters: int, family: str) -> Rate:
        """Return the rate of a model in a family, or the nearest there is.

        Args:
            kind: What is done.
            model: Hash of the model.
            parameters: Its size.
            family: Dataset family.
        """
        same = [one for one in self._measured if one.kind == kind]
        of_model = [one for one in same if one.model == model]
        of_family = [one for one in of_model if one.family == family]
        if of_family:
            return Rate(_rate(of_family), f"measured, {len(of_family)} time{'s' if len(of_family) > 1 else ''}")
        if of_model:
            families = ", ".join(sorted({one.family for one in of_model}))
            return Rate(_rate(of_model), f"measured on other families ({families})")
        if same:
            scaled = [one._replace(tokens=one.tokens * one.parameters) for one in same]
            return Rate(_rate(scaled) / parameters, "measured on another model, scaled by the number of parameters")
        scale = "" if parameters == PARAMETERS else ", scaled by the number of parameters"
        return Rate(DEFAULT[kind] * PARAMETERS / parameters, f"not measured here: {MACHINE}{scale}")


def _rate(measured: list[Measured]) -> float:
    # The median: a cell that ran beside other work, or was suspended, says little of the next one.
    return median(one.tokens / one.seconds for one in measured)


class _Weights(Record):
    model: str
    augmentations: Mapping[str, str] = {}


class _Identity(Record):
    training: _Weights


class _Arm(Record):
    condition: str = "closed"
    method: str = "finetune"
    baseline: str | None = None


class _Labels(Record):
    family: str


class _Config(Record):
    """What the rates need of a cell's ``config.json``."""

    identity: _Identity
    labels: _Labels
    arm: _Arm
    model: Path
    answers: str = "chosen"


class _Scoring(Record):
    prefix_sharing: str | None = None


class _Results(Record):
    """What the rates need of lm-eval's ``results_*.json``; it writes the time as text."""

    total_evaluation_time_seconds: float = 0.0
    config: _Scoring = _Scoring()


class _WritingIdentity(Record):
    strategy: str
    model: str


class _Writing(Record):
    """What the rates need of ``augmentation.json``."""

    identity: _WritingIdentity


class _Timing(Record):
    generated_tokens: int
    seconds: float


class _Audit(Record):
    family: str = ""


def _cells(folder: Path) -> Iterator[Measured]:
    for path in sorted(folder.glob("cells/[!.]*")):
        ledger, config = read(path / LEDGER, CellLedger), read(path / CONFIG, _Config)
        if not ledger or not config or config.arm.baseline:
            continue
        who = (config.identity.training.model, parameters_of(config.model), config.labels.family)
        training = ledger.training
        if training and training.seconds and config.arm.method == "finetune":
            yield Measured("train", *who, training.tokens, training.seconds)
        file = next(path.rglob("results_*.json"), None)
        results = read(file, _Results) if file else None
        if config.answers == "chosen" and results and (seconds := results.total_evaluation_time_seconds):
            kind = scoring(config.arm.condition, shared=results.config.prefix_sharing != "stock")
            yield Measured(kind, *who, ledger.evaluation.prompt_tokens or 0, seconds)


def scoring_seconds(results: Path) -> float:
    """Return the wall time of lm-eval's file of results, 0 where it does not say."""
    found = read(results, _Results)
    return found.total_evaluation_time_seconds if found else 0.0


def _augmentations(folder: Path) -> Iterator[Measured]:
    families: dict[str, str] = {}
    sizes: dict[str, int] = {}
    for path in folder.glob(f"cells/[!.]*/{CONFIG}"):
        if config := read(path, _Config):
            training = config.identity.training
            sizes[training.model] = parameters_of(config.model)
            families.update(dict.fromkeys(training.augmentations.values(), config.labels.family))
    for path in sorted(folder.glob("augmentations/[!.]*")):
        info, timing = read(path / "augmentation.json", _Writing), read(path / "timing.json", _Timing)
        if info and timing and timing.seconds and timing.generated_tokens:
            who = info.identity
            family = families.get(path.name) or (read(path / "audit.json", _Audit) or _Audit()).family
            size = sizes.get(who.model, PARAMETERS)
            yield Measured(who.strategy, who.model, size, family, timing.generated_tokens, timing.seconds)


@lru_cache(maxsize=256)
def parameters_of(model: Path) -> int:
    """Return the number of parameters of a checkpoint, from the headers of its files, or its configuration; of a lost one, the embedded model's."""
    total = 0
    for file in sorted(model.glob("*.safetensors")):
        with file.open("rb") as stream:
            header = json.loads(stream.read(int.from_bytes(stream.read(8), "little")))
        for name, tensor in header.items():
            if name != "__metadata__":
                count = 1
                for side in tensor["shape"]:
                    count *= side
                total += count
    return total or _described(model) or PARAMETERS


def _described(folder: Path) -> int:
    """Return the number of parameters that a configuration describes; 0 where there is none."""
    if not (folder / "config.json").is_file():
        return 0
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    with torch.device("meta"):
        return int(AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(folder)).num_parameters())
