from __future__ import annotations

import logging
import random

import pytest
import torch
from lm_eval.models.huggingface import HFLM
from prefix.test_lm import TOKENIZER, assert_same, forget_lengths, pair
from prefix_models import BY_LENGTH, CONFIGS, VOCABULARY, instances, text, tiny_model, token_requests

from icl_ft_plugin.prefix.lm import PrefixLM


def test_adapters_share_and_prompt_tuning_falls_back(tmp_path, caplog):
    import peft

    folder = tmp_path / "base"
    tiny_model("llama").save_pretrained(folder)
    TOKENIZER.save_pretrained(folder)
    lora = peft.LoraConfig(r=4, target_modules=["q_proj", "v_proj"], init_lora_weights=False, task_type="CAUSAL_LM")
    prompt = peft.PromptTuningConfig(num_virtual_tokens=3, task_type="CAUSAL_LM")
    requests = token_requests(random.Random(2), [50], 4)
    scores = []
    for number, config in enumerate((lora, prompt)):
        adapter = tmp_path / f"adapter{number}"
        peft.get_peft_model(tiny_model("llama"), config).save_pretrained(adapter)
        arguments = {"pretrained": str(folder), "peft": str(adapter), "device": "cpu"}
        plain = HFLM(**arguments)
        ours = PrefixLM(**arguments)
        with caplog.at_level(logging.INFO):
            assert_same(plain, ours, requests)
        scores.append(plain._loglikelihood_tokens(requests[:1])[0][0])
        assert ours.sharing == ("packed" if config is lora else "stock")
    assert scores[0] != pytest.approx(pair("llama")[0]._loglikelihood_tokens(requests[:1])[0][0], abs=1e-3)
    assert caplog.text.count("prompt tuning puts its own prefix in front") == 1


def test_stateful_models_fall_back_with_one_line(caplog):
    plain, ours = pair("mamba")
    with caplog.at_level(logging.INFO, logger="icl_ft_plugin"):
        for seed in range(2):
            assert_same(plain, ours, token_requests(random.Random(seed), [50], 3))
    assert [record.levelname for record in caplog.records if "icl_ft" in record.name] == ["WARNING"]
    assert "MambaForCausalLM keeps a state" in caplog.text
    assert ours.get_model_info()["prefix_sharing"] == "stock"


def test_a_model_that_ignores_its_cache_is_found_out(caplog):
    plain, ours = pair("jamba")
    assert_same(plain, ours, token_requests(random.Random(0), [50], 3))
    assert ours.sharing == "stock"
    assert "sharing prefixes by rows disagrees with hf" in caplog.text
    assert "scoring as hf does" in caplog.text


def test_encoder_decoder_models_run_as_stock():
    import transformers

    config = transformers.T5Config(
        vocab_size=VOCABULARY, d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2, decoder_start_token_id=0
    )
    torch.manual_seed(0)
    model = transformers.T5ForConditionalGeneration(config).eval()
    plain = HFLM(pretrained=model, tokenizer=TOKENIZER)
    ours = PrefixLM(pretrained=model, tokenizer=TOKENIZER)
    assert_same(plain, ours, token_requests(random.Random(0), [50], 3))
    assert ours.sharing == "stock"


GREEDY = {"until": ["w5"], "max_gen_toks": 12, "do_sample": False}


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("batch", [1, 3])
def test_greedy_generation_is_stocks(name, batch):
    if batch > 1 and name in BY_LENGTH:
        batch = 1  # stock pads prompts of both sides of the switch to one length
    plain, ours = pair(name, stock={"batch_size": batch}, batch_size=batch)
    rng = random.Random(batch)
    documents = [text(rng, 60), text(rng, 45)]
    arguments = [(f"{rng.choice(documents)} {text(rng, rng.randrange(1, 6))}", dict(GREEDY)) for _ in range(7)]
    arguments += [(text(rng, 8), dict(GREEDY)), (documents[0], {**GREEDY, "max_gen_toks": 5})]
    made = instances("generate_until", arguments)
    forget_lengths(plain)
    wanted = plain.generate_until(made, disable_tqdm=True)
    forget_lengths(ours)
    assert ours.generate_until(made, disable_tqdm=True) == wanted
    assert len(set(wanted)) > 3


def test_generation_computes_the_document_once():
    _, ours = pair("llama", batch_size=4)
    rng = random.Random(0)
    document = text(rng, 100)
    made = instances("generate_until", [(f"{document} {text(rng, 3)}", dict(GREEDY)) for _ in range(8)])
    ours._way(list(range(24)))  # the comparison with stock is not part of it
    computed = []
    handle = ours.model.model.register_forward_pre_hook(
        lambda module, args, kwargs: computed.append(kwargs["input_ids"].numel()), with_kwargs=True
    )
    ours.generate_until(made, disable_tqdm=True)
    handle.remove()
    assert sum(computed) < 2 * 100 + 8 * (3 + 12)


def test_sampling_and_quantized_caches_run_as_stock():
    plain, ours = pair("llama")
    rng = random.Random(0)
    document = text(rng, 60)
    sampled = {**GREEDY, "do_sample": True, "temperature": 1.0}
    made = instances("generate_until", [(f"{document} {text(rng, 3)}", dict(sampled)) for _ in range(3)])
    torch.manual_seed(1)
    wanted = plain.generate_until(made, disable_tqdm=True)
    torch.manual_seed(1)
    assert ours.generate_until(made, disable_tqdm=True) == wanted
    quantized = {**GREEDY, "cache_implementation": "quantized", "cache_config": {"backend": "fp8"}}
    made = instances("generate_until", [(f"{document} {text(rng, 3)}", dict(quantized)) for _ in range(3)])
    assert ours.generate_until(made, disable_tqdm=True) == plain.generate_until(made, disable_tqdm=True)


def test_ranks_never_wait_for_each_other():
    _, ours = pair("mistral", batch_size="auto", max_batch_size=2, max_length=64)
    ours._rank, ours._world_size = 1, 2  # a gather would need an accelerator, which is not there
    assert len(ours._loglikelihood_tokens([(("a", "b"), [1, 2, 3], [n]) for n in range(4)])) == 4
    assert ours.world_size == 2
    assert ours._detect_batch_size() == ours._detect_batch_size() == 2
