"""A model as lm-eval takes it: ``loaded("nano")`` from a folder, ``loaded(model, tokenizer)`` from memory.

Either is scored by ``icl_ft_hf``, which computes what prompts share once.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.files import read_json
from icl_ft_plugin.models.find import find_adapter, find_model, is_adapter

if TYPE_CHECKING:
    from lm_eval.api.model import LM
    from peft import PeftModel
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


def arguments_of(model: str | Path) -> dict[str, Any]:
    """Return the arguments of ``icl_ft_hf`` for a model.

    Args:
        model: The folder or Hub id of a checkpoint or of an adapter, or the name of an embedded model.

    Raises:
        UsageError: There is neither, or the adapter does not say where its base is.
    """
    if not is_adapter(str(model)):
        return {"pretrained": str(find_model(str(model)))}
    adapter = find_adapter(str(model))
    config = read_json(adapter / "adapter_config.json")
    base, revision = config.get("base_model_name_or_path"), config.get("revision")
    if not isinstance(base, str):
        raise UsageError(f"{adapter / 'adapter_config.json'}: base_model_name_or_path={base!r} names no model")
    return {"pretrained": str(find_model(base, revision=revision)), "peft": str(adapter)}


def loaded(
    model: LM | PreTrainedModel | PeftModel | str | Path,
    tokenizer: PreTrainedTokenizerBase | None = None,
    batch_size: int | str = 1,
) -> LM:
    """Return an lm-eval model.

    Args:
        model: What ``arguments_of`` takes; or a model of transformers or PEFT that is in memory; or an lm-eval ``LM``, which is
            returned as it is.
        tokenizer: Of a model in memory.
        batch_size: As in lm-eval.

    Raises:
        UsageError: It is none of these, or the tokenizer is missing.
    """
    import torch
    from lm_eval.api.model import LM

    from icl_ft_plugin.prefix.lm import PrefixLM

    if isinstance(model, LM):
        return model
    if isinstance(model, str | Path):
        device = "cuda" if torch.cuda.is_available() else "cpu"
        return PrefixLM(**arguments_of(model), batch_size=batch_size, device=device)
    if not isinstance(model, torch.nn.Module):
        raise UsageError(
            f"model: {type(model).__name__} is neither a folder, a model of transformers nor an lm-eval LM"
        )
    if tokenizer is None:
        raise UsageError("tokenizer: a model in memory brings none: tokenizer=AutoTokenizer.from_pretrained(...)")
    return PrefixLM(model, tokenizer=tokenizer, batch_size=batch_size)
