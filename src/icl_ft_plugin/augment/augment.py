"""An augmentation in one call: ``augment(world, "local", "nano")``; the command and studies do the same in steps."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from icl_ft_plugin.arms.arm import Strategy
from icl_ft_plugin.augment.folder import make_folder
from icl_ft_plugin.augment.journal import Journal
from icl_ft_plugin.augment.prompts import default_prompt, load_prompt
from icl_ft_plugin.augment.run import Augmentation, infer
from icl_ft_plugin.augment.settings import Settings
from icl_ft_plugin.config import parsed
from icl_ft_plugin.harness.loaded import arguments_of, loaded
from icl_ft_plugin.models.find import weights_hash
from icl_ft_plugin.schema import World

if TYPE_CHECKING:
    from lm_eval.api.model import LM
    from peft import PeftModel
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


def augment(
    world: World,
    strategy: Strategy,
    model: LM | PreTrainedModel | PeftModel | str | Path,
    *,
    tokenizer: PreTrainedTokenizerBase | None = None,
    prompt: str | None = None,
    output: str | Path | None = None,
    batch_size: int = 8,
    **settings: object,
) -> Augmentation:
    """Have a model write what it infers from a world's documents, to be trained on beside them.

    Args:
        world: The world.
        strategy: ``"local"`` asks about one sentence at a time, ``"global"`` about one document behind all the others; ``"qa"`` and
            ``"qa-global"`` ask for questions with their answers, about one document alone and behind all the others.
        model: The folder or Hub id of a checkpoint or of an adapter, or an embedded model's name; a model of
            transformers that is in memory; or a loaded ``LM`` of lm-eval that runs in this process.
        tokenizer: Of a model of transformers that is in memory.
        prompt: A name under ``recipes/prompts``, or a file; chosen by the model where none is named.
        output: Folder to make, as ``icl-ft augment`` does; a call that was killed goes on where it was. None writes nothing.
        batch_size: Prompts generated together.
        **settings: ``n_samples``, ``temperature``, ``seed``, ``max_tokens``, ``token_budget``, ``copies``,
            ``context_copies``, ``deduplicate`` (see ``augment.settings``).

    Returns:
        Its ``statements``, which ``rows`` takes, and the ``record`` of what they cost.

    Raises:
        UsageError: The model or a setting cannot be used, a prompt does not fit into the model's window, or ``output``
            exists.

    Examples:
        >>> import icl_ft_plugin as icl_ft
        >>> world = icl_ft.generate("reversal", n_facts=3)
        >>> written = icl_ft.augment(world, "local", "nano", copies=1)
        >>> written.statements[0].strategy
        'local'
        >>> rows = icl_ft.rows("ft+local", world, written.statements)
        >>> len(rows) == len(world.documents) + len(written.statements)
        True
    """
    knobs = parsed(Settings, settings, "augment")
    arguments = arguments_of(model) if isinstance(model, str | Path) else {}
    asked = load_prompt(prompt or default_prompt(strategy, "icl_ft_hf", arguments), strategy)
    lm = loaded(model, tokenizer, batch_size)
    name = weights_hash(lm.model.parameters())

    def make(journal: Journal) -> Augmentation:
        return infer(world, asked, knobs, lm, name, journal)

    if output is not None:
        return make_folder(Path(output), make)
    with tempfile.TemporaryDirectory() as scratch:
        return make(Journal(Path(scratch) / "journal.jsonl"))
