"""Many adapters on one loaded base: ``icl-ft eval BASE --peft A --peft B --tasks ... --out DIR`` fills ``DIR/A`` and ``DIR/B``.

The base is read once. An adapter is put on it as lm-eval's ``hf`` does, scored, and taken off again, which gives back the
base's own layers untouched: the results are those of separate runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.models.find import find_adapter, label_of

if TYPE_CHECKING:
    from lm_eval.api.model import LM


def labels_of(adapters: Sequence[str | Path]) -> dict[str, Path]:
    """Return the folders of adapters, each named by its folder or its Hub id, by the last parts of these names.

    Raises:
        UsageError: One is no adapter, or two have one name.
    """
    found: dict[str, Path] = {}
    for folder in map(str, adapters):
        if (name := label_of(folder)) in found:
            raise UsageError(f"--peft {folder}: {found[name]} has the same name, and so would its results; rename one")
        found[name] = find_adapter(folder)
    return found


def evaluate_each(
    adapters: Mapping[str, Path],
    evaluate: Callable[[LM, str], dict[str, Any]],
    *,
    model_args: Mapping[str, Any],
    batch_size: int | str = 1,
) -> dict[str, dict[str, Any]]:
    """Score several adapters on one base.

    Args:
        adapters: Folders by label.
        evaluate: Scores a loaded model under a label; called once per adapter.
        model_args: Arguments of ``icl_ft_hf`` for the base.
        batch_size: As in lm-eval.

    Returns:
        What ``evaluate`` returned, by label.

    Raises:
        UsageError: An adapter is not for this base.
    """
    import torch
    from peft import PeftModel

    from icl_ft_plugin.prefix.lm import PrefixLM

    lm = PrefixLM(**model_args, batch_size=batch_size, device="cuda" if torch.cuda.is_available() else "cpu")
    if lm.model.config.get_text_config().vocab_size != len(lm.tokenizer):
        lm.model.resize_token_embeddings(len(lm.tokenizer))  # as hf does before it loads an adapter
    results = {}
    for label, folder in adapters.items():
        try:
            with_adapter = PeftModel.from_pretrained(lm.model, str(folder))
        except (ValueError, RuntimeError) as error:
            raise UsageError(f"--peft {folder}: not for {model_args['pretrained']}: {error}") from error
        lm._model = with_adapter.eval()
        lm.peft = str(folder)
        lm.sharing = None  # which way prefixes are shared is decided, and checked, for each model anew
        results[label] = evaluate(lm, label)
        lm._model = with_adapter.unload()
    return results
