"""Who writes in the place of ``icl_ft_hf``, in lm-eval's own names: ``engine: vllm``, ``engine: local-chat-completions``.

For example the entry ``{pretrained: nano, engine: local-completions, engine_args: {model: nano, base_url: ..., num_concurrent: 8}}``
becomes ``Engine("local-completions", {"model": "nano", "base_url": ..., ...}, {"model": "nano"}, served=True)``: where a model is
served, and how many requests it gets at a time, changes no number.
"""

from __future__ import annotations

import gc
import inspect
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from icl_ft_plugin.augment.generate import lm_class, load_lm
from icl_ft_plugin.errors import UsageError, cut, shown, suggest
from icl_ft_plugin.files import read_json
from icl_ft_plugin.guard.confidential import concealing, public, refuse_secrets, shown_as

# Where a model is put and how it is read: no number hangs on it.
PLACING = {
    *("device", "device_map", "device_map_option", "parallelize", "max_memory", "max_memory_per_gpu", "max_cpu_memory"),
    *("offload_folder", "gpus", "tp_plan", "low_cpu_mem_usage", "use_fast_tokenizer", "pass_bytes", "pass_tokens"),
}
# The same of an engine: where it is reached, and how many requests at a time.
_REACHING = {
    *("base_url", "num_concurrent", "max_retries", "timeout", "verify_certificate", "ca_cert_path", "header"),
    *("tensor_parallel_size", "pipeline_parallel_size", "data_parallel_size", "distributed_executor_backend"),
    *("gpu_memory_utilization", "max_num_seqs", "max_num_batched_tokens", "download_dir", "cpu_offload_gb"),
}
_DECIDED = {"pretrained", "batch_size", "max_batch_size", "peft", "lora_local_path"}  # by the study
_RANKS = (16, 32, 64, 128, 256, 320, 512)  # that vLLM makes room for


@dataclass(frozen=True, slots=True)
class Engine:
    """An lm-eval model that writes.

    Attributes:
        name: What lm-eval calls it.
        arguments: Its arguments, without the weights.
        asked: Those of them that numbers depend on.
        served: Whether a server has the weights; else it loads them in this process.
        loads_adapters: Whether that server loads an adapter when it is asked to, as vLLM's does.
    """

    name: str
    arguments: Mapping[str, object]
    asked: Mapping[str, object]
    served: bool
    loads_adapters: bool = False

    @property
    def identity(self) -> dict[str, object]:
        """What numbers depend on."""
        return {"engine": self.name, "engine_args": dict(self.asked)}

    @property
    def chats(self) -> bool:
        """Whether it takes turns of a chat, and nothing else."""
        return "chat" in self.name

    @property
    def only_writes(self) -> bool:
        """Whether it gives no log-probabilities of given answers."""
        return self.chats or self.name.startswith("anthropic")

    @property
    def batch_size(self) -> int | str | None:
        """How many prompts a request holds; None leaves it to the study."""
        return 1 if self.served else "auto" if self.name == "vllm" else None

    def takes(self, recipe: Mapping[str, object]) -> bool:
        """Whether weights that a recipe trained can be handed to it: by their folder, which a server must load by its name."""
        if self.served and recipe.get("use_peft"):
            return self.loads_adapters
        # A server that loads adapters is vLLM's, which loads nothing else.
        return not self.served or ("model" not in self.arguments and not self.loads_adapters)

    def loading(self, base: Path | None, checkpoint: Path | None = None) -> dict[str, object]:
        """Return its arguments, with the weights.

        Args:
            base: The folder of the model; None where only the engine has it.
            checkpoint: The folder of trained weights, or of an adapter of the model.
        """
        if base is None:
            return dict(self.arguments)
        adapter = checkpoint if checkpoint and (checkpoint / "adapter_config.json").is_file() else None
        weights = base if adapter else checkpoint or base
        if self.served:
            named = {
                "model": str(weights.absolute()),
                **({"tokenizer": str(base)} if "completions" in self.name else {}),
            }
            return {**named, **self.arguments}
        handed = {} if adapter is None else _lora(adapter) if self.name == "vllm" else {"peft": str(adapter)}
        return {**handed, **self.arguments, "pretrained": str(weights)}


def _lora(adapter: Path) -> dict[str, object]:
    """Return what hands an adapter of PEFT to lm-eval's ``vllm``."""
    return {"lora_local_path": str(adapter), "max_lora_rank": rank_of(adapter)}


def rank_of(adapter: Path) -> int:
    """Return the smallest ``max_lora_rank`` of vLLM that holds an adapter of PEFT."""
    config = read_json(adapter / "adapter_config.json")
    rank = max([int(config.get("r") or 0), *map(int, (config.get("rank_pattern") or {}).values())])
    return next((room for room in _RANKS if room >= rank), rank)


def engine_of(
    name: str, arguments: Mapping[str, object], pretrained: str | None, place: str, *, loads_adapters: bool = False
) -> Engine:
    """Return the engine of a study's model.

    Args:
        name: What lm-eval calls it.
        arguments: As the study gives them.
        pretrained: The model's checkpoint; None where only the engine has it.
        place: For the message.
        loads_adapters: Whether its server loads adapters when it is asked to.

    Raises:
        UsageError: There is none of that name, an argument cannot be used, holds a secret or is missing.
    """
    from lm_eval.models.api_models import TemplateAPI

    kind = lm_class(name, f"{place}: engine")
    known = {parameter for base in kind.__mro__ for parameter in inspect.signature(base).parameters}
    served = issubclass(kind, TemplateAPI) or "pretrained" not in known
    check_arguments(arguments, known, _DECIDED, f"{place}: engine_args")
    if pretrained is None and not served:
        raise UsageError(f"{place}: engine: {name} loads a checkpoint in this process: pretrained is missing")
    if pretrained is None and not arguments.get("model"):
        raise UsageError(f"{place}: engine_args.model is missing: which model {name} is asked for")
    if "local" in name and served and not arguments.get("base_url"):
        raise UsageError(f"{place}: engine_args.base_url is missing: where the server of {name} is")
    if loads_adapters and (pretrained is None or "/v1/" not in str(arguments.get("base_url"))):
        raise UsageError(
            f"{place}: loads_adapters: said of a server of vLLM (engine_args.base_url, with /v1/) that has pretrained as its base"
        )
    asked = {key: value for key, value in arguments.items() if key not in PLACING | _REACHING}
    return Engine(name, dict(arguments), asked, served, loads_adapters)


def check_arguments(arguments: Mapping[str, object], known: set[str], decided: set[str], place: str) -> None:
    """Refuse what the study decides itself, secrets, and names that look like misspelt ones.

    Args:
        arguments: Of an lm-eval model.
        known: Names that it takes, beside others that it hands on.
        decided: Names that the study decides.
        place: For the message.

    Raises:
        UsageError: One of these stands there.
    """
    refuse_secrets(arguments, place)
    for key, value in arguments.items():
        if public(value) != value:
            raise UsageError(
                f"{place}.{key}: holds a secret, which would be stored: give it by an environment variable"
            )
        if key in decided:
            raise UsageError(f"{place}.{key}: {shown(value)}: the study decides it: leave it out")
        if key not in known and (hint := suggest(key, known, cutoff=0.8)):
            raise UsageError(f"{place}: unknown key {key!r} (value {shown_as(key, value)}){hint}")


@contextmanager
def at_work(engine: Engine | None, arguments: Mapping[str, object]) -> Iterator[None]:
    """Have an engine work: what a server's client raises becomes one message, and memory is given back at the end.

    Raises:
        UsageError: The server did not answer.
    """
    try:
        with concealing(arguments):
            yield
    except UsageError:
        raise
    except Exception as error:  # what a client raises depends on its libraries
        if engine is None or not engine.served:
            raise
        said = getattr(getattr(error, "response", None), "text", "")
        where = f" at {public(address)}" if (address := arguments.get("base_url")) else ""
        raise UsageError(
            f"engine: {engine.name}{where} did not answer: {type(error).__name__}: {cut(str(error), 200)}{said and f': {cut(said, 200)}'}; "
            "what it has answered is kept: run the same command again to go on"
        ) from error
    finally:
        if engine and not engine.served:
            _free_memory()


def _free_memory() -> None:
    import torch

    gc.collect()  # vLLM gives its memory back when nothing refers to it any more
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def check_loads_by_name(engine: Engine, base: Path) -> None:
    """Check that a server loads the weights that a request names: one that answers whatever is named would answer for all.

    Raises:
        UsageError: It answers a request that names weights which do not exist.
    """
    import json

    from lm_eval.models.api_models import JsonChatStr

    arguments = {**engine.loading(base), "model": str(base / "no-such-weights")}
    lm = load_lm(engine.name, arguments, 1)
    prompt: str | JsonChatStr | list[int] = (
        JsonChatStr(json.dumps([{"role": "user", "content": "a"}])) if engine.chats else "a"
    )
    if lm.tokenized_requests:
        prompt = lm.tok_encode("a")
    try:
        lm.model_call([prompt], generate=True, gen_kwargs={"max_gen_toks": 1, "until": []})
    except Exception:  # as it should be: there are no such weights
        return
    raise UsageError(
        f"engine: {engine.name}: the server answers whatever model is named, so no trained weights can be handed to it: start "
        "it without a model, or name the one that it serves (engine_args.model), and icl_ft_hf asks the trained ones"
    )
