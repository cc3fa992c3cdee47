"""What a recipe takes of a device's memory, by arithmetic: before any weight is loaded, from the model's config alone.

For example ``memory_of("models/nano", recipe.load(find_recipe("reversal/nano")))`` has ``weights`` of 21 MB, as many of
gradients, twice as many of AdamW's state, and the activations of 16 rows of 256 tokens; with ``longest=19``, of 19, as short rows
are padded to the longest of their batch.

The model stands on the meta device, so its parameters, and those of an adapter, are counted and not estimated. Activations
are what autograd keeps of one decoder layer, whose forward runs on tensors without storage, times the layers; with gradient
checkpointing, the input of each and all of one. The loss is TRL's, which never makes the logits as a whole.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.autograd.graph import saved_tensors_hooks

from icl_ft_plugin.errors import UsageError, cut, shown
from icl_ft_plugin.training.recipes.keys import known_keys
from icl_ft_plugin.training.recipes.recipe import Recipe

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel


# Bytes of an optimizer's state per trained parameter, where they are not two numbers of the parameter's own type.
_STATES = {"sgd": 0.0, "adafactor": 0.02} | dict.fromkeys(
    ("adamw_8bit", "adamw_bnb_8bit", "paged_adamw_8bit", "ademamix_8bit"), 2.03
)
_TILE = (4096, 32768)  # tokens and words of the logits that TRL's loss makes at a time
_BLOCK, _BLOCKS = 64, 256  # bitsandbytes: weights that share a scale, scales that share one of their own


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes on each device at the peak of a step; what CUDA itself takes, about a gigabyte, is not among them.

    Attributes:
        parameters: Of the model, with an adapter's.
        trained: Those of them that get gradients.
        weights: Bytes; with FSDP a device's share, and the layers that are gathered at a time.
        gradients: Bytes; with DDP also the buckets that are sent.
        optimizer: Bytes of its state.
        activations: Bytes that the backward pass needs, and the loss.
        what: What the weights are held in, and what is counted in the activations, for a person.
    """

    parameters: int
    trained: int
    weights: int
    gradients: int
    optimizer: int
    activations: int
    what: Mapping[str, str]

    @property
    def total(self) -> int:
        """All of it."""
        return self.weights + self.gradients + self.optimizer + self.activations


def memory_of(
    model: str, recipe: Recipe, launch: Mapping[str, Any] | None = None, longest: int | None = None
) -> Memory:
    """Return what a recipe takes on each device.

    Args:
        model: A checkpoint folder or the name of a repository; only its config is read.
        recipe: The recipe.
        launch: What ``launch_config`` returned; its processes share the recipe's batch.
        longest: Tokens of the longest row, which a batch is padded to; None where the rows are not known. Then, and where rows are
            packed, ``max_length`` counts.

    Raises:
        UsageError: The config cannot be read, or the recipe uses DeepSpeed, which lays out memory itself.
    """
    given = {key: recipe.values.get(key, field.default) for key, (_, field) in known_keys().items()}
    if given["deepspeed"]:
        raise UsageError(f"{recipe.path}: deepspeed: its memory is not estimated: DeepSpeed's own estimators do that")
    launch = launch or {}
    processes = int(launch.get("num_processes", 1))
    sharded = launch.get("distributed_type") == "FSDP"
    network = _network(model, given, recipe)
    parameters = list(network.parameters())
    trained = [parameter for parameter in parameters if parameter.requires_grad]
    rows = max(1, given["per_device_train_batch_size"] // processes)
    length, counted = _length(network, given, longest)
    held, weights = _weights(network, given)
    gradients = sum(parameter.numel() * parameter.element_size() for parameter in trained)
    if sharded and _halved(given):  # accelerate then keeps what is trained in float32
        weights, gradients = (sum(p.numel() for p in group) * 4 for group in (parameters, trained))
        held = "float32 shards, gathered in bfloat16"
    states = _STATES.get(given["optim"])
    optimizer = 2 * gradients if states is None else int(states * sum(parameter.numel() for parameter in trained))
    share = processes if sharded else 1
    gathered = _gathered(network) if sharded else 0
    copies = 2 if processes > 1 and not sharded else 1
    activations = _activations(network, given, rows, length)
    checkpointed = "gradient checkpointing" if given["gradient_checkpointing"] else "no gradient checkpointing"
    return Memory(
        sum(parameter.numel() for parameter in parameters),
        sum(parameter.numel() for parameter in trained),
        math.ceil(weights / share) + gathered,
        math.ceil(gradients / share) * copies,
        math.ceil(optimizer / share),
        activations,
        {
            "weights": held + (f", over {processes} devices" if sharded else ""),
            "optimizer": str(given["optim"]),
            "activations": f"{rows} rows of {length:,} tokens ({counted}), {checkpointed}",
        },
    )


def _halved(given: Mapping[str, Any]) -> bool:
    """Whether the forward pass computes in 16 bits; TRL does unless it is told otherwise."""
    return bool(given["fp16"]) or given["bf16"] is not False


def _network(model: str, given: Mapping[str, Any], recipe: Recipe) -> PreTrainedModel | PeftModel:
    """Return the model, with its adapter if it gets one, on the meta device."""
    from peft import get_peft_model
    from transformers import AutoConfig, AutoModelForCausalLM
    from trl import ModelConfig, get_peft_config

    try:
        config = AutoConfig.from_pretrained(model, revision=given["model_revision"])
    except (OSError, ValueError) as error:
        raise UsageError(f"model: {shown(model)}: its config cannot be read: {cut(str(error), 300)}") from error
    dtype = given["dtype"] if given["dtype"] not in (None, "auto") else config.dtype or "float32"
    asked = {"attn_implementation": given["attn_implementation"]} if given["attn_implementation"] == "eager" else {}
    with torch.device("meta"):
        network = AutoModelForCausalLM.from_config(config, dtype=getattr(torch, str(dtype).split(".")[-1]), **asked)
        if given["use_peft"]:
            names = ModelConfig.__dataclass_fields__
            adapter = get_peft_config(ModelConfig(**{key: given[key] for key in given if key in names}))
            try:
                network = get_peft_model(network, adapter)
            except ValueError as error:
                raise UsageError(f"{recipe.path}: refused by peft: {error}") from error
            for weight in network.parameters():
                if given["load_in_4bit"] and weight.requires_grad:
                    weight.data = weight.data.to(torch.bfloat16)  # as TRL does
    return network.train()


def _length(network: PreTrainedModel | PeftModel, given: Mapping[str, Any], longest: int | None) -> tuple[int, str]:
    """Return the tokens that each row of a batch is as long as, and what says so."""
    most, says = given["max_length"], "max_length"
    if most is None:
        most, says = int(getattr(network.config.get_text_config(), "max_position_embeddings", 2048)), "the window"
    if longest is None or given["packing"] or longest >= most:
        return most, says
    multiple = given["pad_to_multiple_of"]
    multiple = multiple if isinstance(multiple, int) else 1  # "auto" pads on Neuron alone
    return math.ceil(longest / multiple) * multiple, "the longest row"


def _weights(network: PreTrainedModel | PeftModel, given: Mapping[str, Any]) -> tuple[str, int]:
    """Return what the weights are held in, and their bytes on one device."""
    total = sum(parameter.numel() * parameter.element_size() for parameter in network.parameters())
    held = str(next(network.parameters()).dtype).removeprefix("torch.")
    if not given["load_in_4bit"]:
        masters = held == "float32" and _halved(given)
        return f"{held} master weights, computed with in 16 bits" if masters else held, total
    head = network.get_output_embeddings()
    linear = [m for m in network.modules() if isinstance(m, torch.nn.Linear) and m is not head]
    frozen = [m.weight for m in linear if not m.weight.requires_grad]
    numbers = sum(weight.numel() for weight in frozen)
    scales = 1 + 4 / _BLOCKS if given["use_bnb_nested_quant"] else 4
    dequantized = max(weight.numel() * weight.element_size() for weight in frozen)  # one at a time
    quantized = int(numbers * (1 / 2 + scales / _BLOCK))
    rest = total - sum(weight.numel() * weight.element_size() for weight in frozen)
    return f"4 bits, the rest {held}", rest + quantized + dequantized


def _layers(network: PreTrainedModel | PeftModel) -> torch.nn.ModuleList:
    """Return the decoder's layers: the list of modules that holds the most parameters."""
    lists = [module for module in network.modules() if isinstance(module, torch.nn.ModuleList)]
    return max(lists, key=lambda module: sum(parameter.numel() for parameter in module.parameters()))


def _gathered(network: PreTrainedModel | PeftModel) -> int:
    """Return the bytes of what FSDP gathers at a time: what stands outside the layers, and two layers."""
    sizes = [sum(parameter.numel() for parameter in layer.parameters()) for layer in _layers(network)]
    outside: int = sum(parameter.numel() for parameter in network.parameters()) - sum(sizes)
    return 2 * (outside + 2 * max(sizes))


def _activations(network: PreTrainedModel | PeftModel, given: Mapping[str, Any], rows: int, length: int) -> int:
    """Return the bytes that the backward pass needs, and those of the loss; changes the network."""
    layers, head = _layers(network), network.get_output_embeddings()
    count = len(layers)
    layers[0] = max(layers, key=lambda layer: sum(parameter.numel() for parameter in layer.parameters()))
    del layers[1:]
    shape = (1, rows * length) if given["packing"] else (rows, length)
    kept = _kept(network, layers[0], shape, given)
    head_trained = head.weight.numel() if head.weight.requires_grad else 0
    tile = min(rows * length, _TILE[0]) * _TILE[1] * (2 if _halved(given) else 4)
    loss: int = tile + 4 * (rows * length * head.in_features + head_trained)  # gradients, summed up in float32
    layer = kept.layer if not given["gradient_checkpointing"] else kept.input
    return loss + kept.all + (count - 1) * layer + (kept.input if given["gradient_checkpointing"] else 0)


class _Kept(NamedTuple):
    """Bytes that autograd keeps of a forward pass through one layer."""

    input: int
    layer: int
    all: int


def _kept(
    network: PreTrainedModel | PeftModel, layer: torch.nn.Module, shape: tuple[int, int], given: Mapping[str, Any]
) -> _Kept:
    backbone = (network.get_base_model() if given["use_peft"] else network).base_model
    tensors: dict[int, torch.Tensor] = {}
    marks: list[int] = []

    def counted() -> int:
        return sum(tensor.untyped_storage().nbytes() for tensor in tensors.values())

    with FakeTensorMode(allow_non_fake_inputs=True):
        network.to_empty(device="cpu")
        own = {parameter.untyped_storage()._cdata for parameter in network.parameters()}

        def keep(tensor: torch.Tensor) -> torch.Tensor:
            if (place := tensor.untyped_storage()._cdata) not in own:
                tensors.setdefault(place, tensor)
            return tensor

        layer.register_forward_pre_hook(lambda module, args: marks.extend((args[0].nbytes, counted())))
        layer.register_forward_hook(lambda module, args, output: marks.append(counted()))
        if given["use_peft"]:
            network.enable_input_require_grads()
        ids = torch.zeros(shape, dtype=torch.long)
        with saved_tensors_hooks(keep, lambda tensor: tensor), torch.autocast("cpu", torch.bfloat16, _halved(given)):
            backbone(input_ids=ids, attention_mask=torch.ones_like(ids), use_cache=False)
    entering, before, after = marks
    return _Kept(entering, after - before, counted())
