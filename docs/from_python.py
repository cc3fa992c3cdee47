"""The page "From Python" as a script: ``python docs/from_python.py`` in an empty folder, under a minute of CPU time."""

# --8<-- [start:world]
import pandas
from transformers import AutoModelForCausalLM, AutoTokenizer

import icl_ft_plugin as icl_ft
from icl_ft_plugin.paths import models_dir

world = icl_ft.generate("reversal", seed=0, n_facts=5)
for document in world.documents[:3]:
    print(document.text)
for question in world.questions[:3]:
    print(f"{question.split}: {question.prompt} ... {question.choices} -> {question.gold}")
print(f"{len(world.documents)} documents, {len(world.questions)} questions, violations: {icl_ft.verify(world)}")
# --8<-- [end:world]

# --8<-- [start:score]
model = AutoModelForCausalLM.from_pretrained(models_dir() / "nano")
tokenizer = AutoTokenizer.from_pretrained(models_dir() / "nano")

icl_ft.save_world(world, "runs/world")
here = {"path": "runs/world"}
closed = icl_ft.evaluate("icl_ft_reversal_closed", model=model, tokenizer=tokenizer, metadata=here)
in_context = icl_ft.evaluate("icl_ft_reversal_icl", model=model, tokenizer=tokenizer, metadata=here)
print(closed["results"]["icl_ft_reversal_closed"]["acc,none"])
print(in_context["results"]["icl_ft_reversal_icl"]["acc,none"])
# --8<-- [end:score]

# --8<-- [start:train]
written = icl_ft.augment(world, "local", "nano", copies=1)
print(written.statements[0].asked, "->", written.statements[0].text)

few = {"max_steps": 100, "disable_tqdm": True}
for arm in ("ft", "ft+local"):
    rows = icl_ft.rows(arm, world, written.statements)
    ledger = icl_ft.train("nano", rows, recipe="reversal/nano", output=f"runs/{arm}", overrides=few)
    print(f"{arm}: {ledger.rows} rows, {ledger.steps} steps, {ledger.tokens} tokens")
# --8<-- [end:train]

# --8<-- [start:compare]
results = {"pretrained": closed, "icl": in_context}
for arm in ("ft", "ft+local"):
    results[arm] = icl_ft.evaluate("icl_ft_reversal_closed", model=f"runs/{arm}", metadata=here)
items = pandas.concat({arm: icl_ft.items(found) for arm, found in results.items()}, names=["arm", "question"])
print(items.groupby("arm", sort=False)["correct"].agg(["mean", "count"]))
wrong = items.loc["ft"].query("correct == 0")
print(wrong[["question", "choices", "gold", "scores"]].to_string())
# --8<-- [end:compare]

# --8<-- [start:study]
icl_ft.run_study("demo", "runs/demo", overrides=["arms=[pretrained, icl]", "worlds.0.config.n_facts=5"])
print(icl_ft.report("runs/demo"))
print(icl_ft.items("runs/demo").groupby(["arm", "split"])["correct"].mean())
# --8<-- [end:study]
