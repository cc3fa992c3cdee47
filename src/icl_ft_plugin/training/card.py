"""The card of a finetuned model or LoRA adapter: ``README.md`` beside its weights, from its ledger and lm-eval's results.

A page of the Hub shows the scores by its front matter::

    model-index:
    - name: ft
      results:
      - task: {type: text-generation, name: icl_ft_reversal_icl}
        metrics: [{type: accuracy, value: 0.94, name: acc, args: {n: 100, stderr: 0.0239}}]

A card names models and files by their names, never by their places on the machine that made them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import isfinite
from pathlib import Path
from typing import Any

from icl_ft_plugin import __version__
from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.files import read_json
from icl_ft_plugin.training.ledger import LEDGER_NAME, Ledger, read
from icl_ft_plugin.worlds.card import CARD, PAPER, save_card

METRICS = {"acc": "accuracy", "exact_match": "exact_match"}  # what lm-eval calls a metric, and what the Hub does
_TEXT = """\
---
{{ card_data }}
---
# {{ title }}

{{ what }} by icl-ft-plugin {{ version }} on {{ rows }} rows. It is made to measure what finetuning on them teaches (after
[arXiv 2505.00661]({{ paper }})), not for use.

{{ use }}

## Training

| | |
|---|---|
{% for name, value in facts -%}
| {{ name }} | {{ value }} |
{% endfor %}

`{{ ledger }}` has the losses and library versions.
{%- if scores %}

## Evaluation

| task | metric | value | standard error | n |
|---|---|---|---|---|
{% for row in scores -%}
| `{{ row.task }}` | {{ row.metric }} | {{ "%.4f" % row.value }} | {{ "%.4f" % row.stderr if row.stderr is not none }} | {{ row.n }} |
{% endfor %}

By lm-evaluation-harness {{ harness }}.
{%- endif %}
"""


def write_model_card(folder: Path, results: Iterable[Mapping[str, Any]] = (), name: str | None = None) -> None:
    """Write the card of a finetuned checkpoint or adapter, from its ledger.

    Args:
        folder: The checkpoint, with ``ledger.json``; an adapter has ``adapter_config.json``.
        results: Results of lm-eval for this model, as its ``results_*.json`` holds them.
        name: The model's name; the folder's by default.

    Raises:
        UsageError: No ledger there.
    """
    from huggingface_hub import EvalResult, ModelCard, ModelCardData

    ledger, results, name = read(folder), list(results), name or folder.resolve().name
    adapter = (folder / "adapter_config.json").is_file()
    scores = [row for result in results for row in scores_of(result)]
    harness = ", ".join(sorted({str(result.get("lm_eval_version", "")) for result in results}))
    hub_name = _hub_name(ledger.model)
    data = ModelCardData(
        language="en",
        license=_license(ledger.model),
        library_name="peft" if adapter else "transformers",
        pipeline_tag="text-generation",
        base_model=hub_name,
        base_model_relation=None if hub_name is None else "adapter" if adapter else "finetune",
        tags=["icl-ft", "trl", "sft", *(["lora"] if adapter else [])],
        model_name=name,
        eval_results=[
            EvalResult(
                task_type="text-generation",
                task_name=row["task"],
                dataset_type="icl-ft",
                dataset_name=row["task"],
                dataset_args=row["world"],
                metric_type=METRICS[row["metric"]],
                metric_name=row["metric"],
                metric_value=row["value"],
                metric_args={key: row[key] for key in ("n", "stderr") if row[key] is not None},
                source_name=f"lm-evaluation-harness {harness}",
                source_url="https://github.com/EleutherAI/lm-evaluation-harness",
            )
            for row in scores
        ]
        or None,
    )
    card = ModelCard.from_template(
        data,
        template_str=_TEXT,
        title=name,
        version=__version__,
        paper=PAPER,
        what=f"{'A LoRA adapter for' if adapter else 'A model finetuned from'} `{public_name(ledger.model)}`, made",
        rows=f"{ledger.rows:,}",
        use=_use(adapter, public_name(ledger.model)),
        facts=_training(ledger),
        ledger=LEDGER_NAME,
        scores=scores,
        harness=harness,
    )
    save_card(card, folder)


def read_results(places: Iterable[Path]) -> list[dict[str, Any]]:
    """Read lm-eval's results, the newest of each folder.

    Args:
        places: ``results_*.json`` files, or lm-eval's output folders.

    Raises:
        UsageError: Nothing of the kind there.
    """
    found = []
    for place in places:
        file = max(place.rglob("results_*.json"), default=None) if place.is_dir() else place
        try:
            if file is None:
                raise ValueError("no results_*.json below it")
            result = read_json(file)
            if "results" not in result:
                raise ValueError("no results of lm-eval")
            for row in scores_of(result):
                if not isfinite(row["value"]):
                    raise ValueError(
                        f"{row['metric']} of {row['task']} is {row['value']}, no number; score the model again"
                    )
        except (OSError, ValueError) as error:
            raise UsageError(f"--results {place}: {error}") from error
        found.append(result)
    return found


def scores_of(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the headline scores of lm-eval's results: task, metric, value, stderr, n and what world it was.

    Groups without a score of their own are left out, and so is whatever names a place on the machine.
    """
    rows = []
    for task, values in result["results"].items():
        for key, value in values.items():
            metric, _, filtered = key.partition(",")
            if metric not in METRICS or not isinstance(value, int | float):
                continue
            error = values.get(f"{metric}_stderr,{filtered}")
            metadata = (result.get("configs", {}).get(task) or {}).get("metadata") or {}
            world = {k: metadata[k] for k in ("family", "split", "seed", "context_copies") if k in metadata}
            rows.append(
                {
                    "task": task,
                    "metric": metric,
                    "value": round(float(value), 6),
                    "stderr": round(float(error), 6) if isinstance(error, int | float) and isfinite(error) else None,
                    "n": (result.get("n-samples", {}).get(task) or {}).get("effective"),
                    "world": world,
                }
            )
    return rows


def _short_name(model: str) -> str:
    """Return a model's name without the folder it lies in."""
    return Path(model).name or model


def public_name(model: str) -> str:
    """Return how others call a model: its name on the Hub if it has one, else that of its folder."""
    return _hub_name(model) or _short_name(model)


def _hub_name(model: str) -> str | None:
    """Return the model's name on the Hub: its own if it is one, else what its card says its folder was made from."""
    if not Path(model).is_dir():
        model = model.partition("@")[0]
        return model if model.count("/") == 1 and not model.startswith((".", "/", "~")) else None
    base = _front_matter(model).get("base_model")
    # Only of a copy: a finetuned folder's base is not this model.
    return base if isinstance(base, str) and not (Path(model) / LEDGER_NAME).is_file() else None


def _license(model: str) -> str | None:
    """Return the licence that the base model's own card states, if its folder is here."""
    found = _front_matter(model).get("license")
    return found if isinstance(found, str) else None


def _front_matter(model: str) -> dict[str, object]:
    from huggingface_hub import ModelCard

    path = Path(model) / CARD
    if not path.is_file():
        return {}
    try:
        return dict(ModelCard.load(path, ignore_metadata_errors=True).data.to_dict())
    except ValueError:  # somebody else's card, and not in order: nothing is known then
        return {}


def _use(adapter: bool, base: str) -> str:
    if not adapter:
        return '```python\ntransformers.AutoModelForCausalLM.from_pretrained("DIR")\n```'
    return (
        "```python\n"
        f'base = transformers.AutoModelForCausalLM.from_pretrained("{base}")\npeft.PeftModel.from_pretrained(base, "DIR")\n```'
    )


def _training(ledger: Ledger) -> list[tuple[str, str]]:
    changed = ", ".join(f"{key}={_short_name(v) if isinstance(v, str) else v}" for key, v in ledger.overrides.items())
    return [
        ("base model", f"`{_short_name(ledger.model)}`, weights `{ledger.model_sha256[:16]}`"),
        ("recipe", f"`{ledger.recipe}`" + (f" with {changed}" if changed else "")),
        ("loss on", "all tokens" if ledger.loss_mask == "full" else f"the {ledger.loss_mask}"),
        ("gradient steps", f"{ledger.steps:,} of {ledger.batch_size} rows, {ledger.epochs:g} epochs"),
        ("tokens", f"{ledger.tokens:,}, {ledger.target_tokens:,} with loss"),
        ("trained parameters", f"{ledger.trained_parameters:,}"),
        ("last loss", f"{ledger.losses[-1][1]:.4f} nats per token" if ledger.losses else "not logged"),
        ("time", f"{ledger.seconds:,.0f} s on {ledger.device}, {ledger.threads} CPU threads"),
        ("seeds", ", ".join(f"{key} {value}" for key, value in ledger.seeds.items())),
        ("rows", f"SHA-256 `{ledger.corpus_sha256[:16]}`"),
    ]
