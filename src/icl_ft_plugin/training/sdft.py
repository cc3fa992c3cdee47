r"""Experimental: a model that reads the documents teaches itself to speak without them (``trl.experimental.sdft``).

For one name of a world the two see::

    teacher, the base model   "It turns out that burpe are more fragrant than gilku.\n...\n\ngilku"
    student                   "gilku"

and a continuation such as ``" are less fragrant than burpe."`` is sampled with the documents in the prompt; the student
is moved towards the teacher's probabilities of each of its tokens (TRL's ``SDFTTrainer``, after arXiv 2601.19897). The
student never trains on the documents themselves, and no question stands in a prompt. The result is a plain checkpoint with ``ledger.json``
as ``train.train`` writes it, and ``sdft.json``: the settings, and how many tokens each part took.
"""

from __future__ import annotations

import dataclasses
import math
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

# TRL warns of each import of an experimental part unless this is set; the arm is marked experimental where it is chosen.
os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")

import datasets
from transformers import PreTrainedTokenizerBase

from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.files import atomic_folder, write_json
from icl_ft_plugin.paths import called
from icl_ft_plugin.schema import World, content_hash
from icl_ft_plugin.training.checks import check_tokens, load_tokenizer, window_of
from icl_ft_plugin.training.curve import Curve
from icl_ft_plugin.training.folder import checkpoints_in, claim, writing
from icl_ft_plugin.training.ledger import Ledger
from icl_ft_plugin.training.recipes.arguments import given_values, load_values, run_values
from icl_ft_plugin.training.recipes.keys import known_keys
from icl_ft_plugin.training.recipes.recipe import Recipe, parse
from icl_ft_plugin.training.run import Origin, Run, quiet, refusals
from icl_ft_plugin.worlds.context import context_text

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel
    from trl.experimental.sdft import SDFTConfig, SDFTTrainer


SDFT_NAME = "sdft.json"
TEMPLATE = "{privileged_context}\n\n{prompt}"  # as the in-context prompt of a question
# Keys of stock recipes that say nothing here: what the model and the rows are is decided by the study.
IDLE = {"model_name_or_path", "datasets", "output_dir", "dtype", "attn_implementation", "model_revision"}


def distill(
    *,
    model: str,
    world: World,
    recipe: Recipe,
    output: Path,
    copies: int = 1,
    seed: int | None = None,
    max_steps: int | None = None,
    curve: Curve | None = None,
) -> Ledger:
    """Train a model on what it says itself with a world's documents in its prompt; ``output`` appears by a rename.

    A run that was killed begins anew.

    Args:
        model: A checkpoint folder: the student at its start, and the teacher to the end.
        world: What is to be learned.
        recipe: What ``recipe.load`` returned; a step takes as many prompts as the recipe has rows.
        output: Folder to make.
        copies: Documents per fact in the teacher's prompt; 0 puts all of them there.
        seed: Replaces the recipe's ``seed``.
        max_steps: Replaces the recipe's ``max_steps``.
        curve: What the student is asked while it trains; the answers are counted in ``output / "curve.jsonl"``.

    Returns:
        The ledger: ``rows`` are the prompts, ``tokens`` all that went through either model, the documents included,
        ``target_tokens`` those of the continuations.

    Raises:
        UsageError: The world, the recipe, the model or the output cannot be used; nothing is left at ``output``.
    """
    output = Path(output)
    prompts, context = prompts_of(world), context_text(world, copies)
    with quiet(), writing(output) as work:
        tokenizer = load_tokenizer(model)
        length = max(len(ids) for ids in tokenizer([fact.text for fact in world.facts])["input_ids"])
        args = _arguments(recipe, checkpoints_in(work), len(prompts), length, given_values(seed, max_steps, "distill"))
        _check_student(prompts, tokenizer, length, recipe)
        # TRL drops a last, smaller batch, so the names are repeated until they come out even: each is drawn equally often.
        repeats = args.generation_batch_size // math.gcd(len(prompts), args.generation_batch_size)
        with refusals(model, recipe, by="TRL's SDFT"):
            trainer = _make_trainer(model, tokenizer, prompts * repeats, context, args)
        _check_window(trainer, world, prompts, context)
        corpus = content_hash({"prompts": prompts, "context": context})
        counts = trainer.counts
        run = Run(
            trainer,
            Origin(called(model), recipe, corpus, len(prompts), "completion", repeats),
            counted=lambda: (sum(counts.values()), counts["generated"]),
        )
        claim(work, run.identity)
        run.train(curve)
        info = {"teacher": "base", "context_copies": copies, "completion_tokens": length, "tokens": counts}
        with atomic_folder(output, inside=work) as folder:
            run.save(folder, output.name)
            write_json(folder / SDFT_NAME, info)
    return run.ledger


def prompts_of(world: World) -> list[str]:
    """Return the names that the world's facts are about, each once, in the order of the facts.

    Raises:
        UsageError: The facts are about something else, such as the numbers and rules of an operator.
    """
    names = list(dict.fromkeys(argument for fact in world.facts for argument in fact.arguments))
    for name in names:
        if not re.search(r"[^\W\d_]{3}", name):
            raise UsageError(
                f"method: sdft: {world.family} has facts about {name!r}, which is no name to be continued; "
                "leave this arm out for these worlds"
            )
    return names


def _arguments(recipe: Recipe, folder: Path, prompts: int, completion: int, given: dict[str, object]) -> SDFTConfig:
    """Return the run's SDFTConfig: the recipe's keys as far as both trainers have them."""
    try:
        from trl.experimental.sdft import SDFTConfig
    except ImportError as error:
        raise UsageError(f"method: sdft: the TRL that is installed has no trl.experimental.sdft: {error}") from error
    shared = {field.name for field in dataclasses.fields(SDFTConfig)}
    _refuse(recipe, shared)
    _, sft, chosen, _ = parse(recipe, output_dir=str(folder), **given)
    values = {key: value for key, value in recipe.values.items() if key in shared} | given
    batch = sft.per_device_train_batch_size * sft.gradient_accumulation_steps
    if sft.max_steps <= 0:
        values["max_steps"] = math.ceil(sft.num_train_epochs * prompts / batch)
    own = run_values(folder) | {
        "learning_rate": sft.learning_rate,  # where the recipe has none, that of the other arms
        "save_strategy": "no",
        "model_init_kwargs": load_values(chosen),
        "num_generations": 1,  # a step of 16 rows continues 16 names, not two of them eight times
        "generate_from_teacher": True,  # without the documents, small models name none of the world's relations
        "teacher_model_kind": "base",
        "teacher_prompt_template": TEMPLATE,
        "max_prompt_length": None,  # TRL would cut documents off without a word; _check_window refuses
        "max_completion_length": completion,
    }
    try:
        return SDFTConfig(**values | own)
    except (ValueError, TypeError) as error:
        raise UsageError(f"{recipe.path}: refused by TRL's SDFT: {error}") from error


def _refuse(recipe: Recipe, shared: set[str]) -> None:
    """Refuse what the recipe asks for and a distillation does not do.

    Raises:
        UsageError: A key is set that has no meaning here, to another value than its default.
    """
    reasons: dict[str, tuple[object, str]] = {
        "save_strategy": ("no", "a distillation that was killed begins anew"),
        "save_steps": (None, "a distillation that was killed begins anew"),
        "data_seed": (None, "TRL's SDFT orders the prompts by seed"),
        "use_peft": (False, "this arm trains all parameters"),
        "model_init_kwargs": (None, "name dtype and attn_implementation"),
    }
    hints = known_keys()
    for key, value in recipe.values.items():
        if key in reasons:
            default, reason = reasons[key]
        elif key in shared or key in IDLE or key == "max_length" or key.startswith("lora_"):
            continue
        else:
            default, reason = hints[key][1].default if key in hints else value, "TRL's SDFT has no such key"
        if value != default:
            raise UsageError(f"{recipe.path}: {key}: {value!r} is not supported with method: sdft: {reason}")


def _check_student(prompts: list[str], tokenizer: PreTrainedTokenizerBase, completion: int, recipe: Recipe) -> None:
    """Refuse a recipe whose ``max_length`` is less than what the student trains on."""
    if tokenizer.eos_token is None:
        raise UsageError("tokenizer: it has no end-of-text token, which ends a continuation")
    longest = max(len(ids) for ids in tokenizer(prompts)["input_ids"]) + completion
    limit = recipe.values.get("max_length")
    if limit is not None and longest > limit:
        raise UsageError(
            f"{recipe.path}: max_length: {limit}: a name and its continuation have up to {longest} tokens; raise it"
        )


def _check_window(trainer: SDFTTrainer, world: World, prompts: list[str], context: str) -> None:
    """Refuse documents that do not fit the teacher's window, and a tokenizer of another model."""
    texts = [TEMPLATE.format(privileged_context=context, prompt=prompt) for prompt in prompts]
    rows = trainer.processing_class(texts)["input_ids"]
    check_tokens(trainer, rows)
    window = window_of(trainer)
    longest = max(map(len, rows)) + trainer.args.max_completion_length
    if window is not None and longest > window:
        raise UsageError(
            f"method: sdft: the documents of {world.family}, a name and its continuation take {longest} tokens, the "
            f"model's window has {window}; make the world smaller"
        )


def _make_trainer(
    model: str, tokenizer: PreTrainedTokenizerBase, prompts: list[str], context: str, args: SDFTConfig
) -> SDFTTrainer:
    from trl.experimental.sdft import SDFTTrainer

    class Trainer(SDFTTrainer):  # type: ignore[misc]
        """Counts what goes through the models, padding excluded."""

        def __init__(self, *arguments: object, **options: object) -> None:
            self.counts = dict.fromkeys(("generation_prompt", "generated", "teacher", "student"), 0)
            super().__init__(*arguments, **options)

        def compute_loss(
            self, model: PreTrainedModel, inputs: dict[str, torch.Tensor], *rest: object, **options: object
        ) -> torch.Tensor:
            written, teacher = int(inputs["completion_mask"].sum()), int(inputs["teacher_attention_mask"].sum())
            self.counts["generation_prompt"] += teacher - written
            self.counts["generated"] += written
            self.counts["teacher"] += teacher
            self.counts["student"] += int(inputs["prompt_mask"].sum()) + written
            loss: torch.Tensor = super().compute_loss(model, inputs, *rest, **options)
            return loss

    rows = datasets.Dataset.from_list([{"prompt": prompt, "privileged_context": context} for prompt in prompts])
    return Trainer(model=model, args=args, train_dataset=rows, processing_class=tokenizer)
