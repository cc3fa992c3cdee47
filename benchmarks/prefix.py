"""How much faster does ``icl_ft_hf`` score than lm-eval's ``hf``, and how close is it to what is needed at the least?

    python benchmarks/prefix.py --model path/to/SmolLM2-135M --random 256x6x2048x4096 --json prefix.json

For each model and context length it makes one set of requests (questions x choices behind one context of invented
sentences) and scores it with both, on the same weights in one process, alternating, ``--rounds`` times. Stock's
cost is linear in its requests, so ``--stock-requests N`` measures N of them and scales (the table says so).

Columns: wall and CPU time ratios stock / ours (each its best round; stock at batch 1, and the best of the sizes
tried); the ratio of tokens, reached at equal speed per token; the share of ours that is needed at the least (the
tree's tokens / computed); CPU time (wall time on a GPU) over a bare forward pass over as many tokens (without the
tokenizer's time); peak memory beside the weights. Ours runs at its default batch size of 1, which leaves the passes to it.

On a GPU the closed book and two contexts are asked for by

    python benchmarks/prefix.py --random 2048x16x32000x32768 --device cuda --dtype bfloat16 --context 8000 30000 \
        --stock-requests 4 --rounds 3 --json prefix-gpu.json
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import json
import logging
import os
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
import transformers
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM
from prefix_cases import random_llama, requests_for, statement_requests, task_requests

from icl_ft_plugin.prefix.limits import free_bytes
from icl_ft_plugin.prefix.lm import PrefixLM
from icl_ft_plugin.prefix.tree import build_tree


class Meter:
    """Measures wall seconds, CPU seconds and the peak of memory above the level at its start."""

    def __init__(self, device: str) -> None:
        self.cuda = device.startswith("cuda")

    def __call__(self, work: Any) -> tuple[dict[str, float], Any]:
        """Run ``work()`` once; return the measures and its result."""
        gc.collect()
        if self.cuda:
            torch.cuda.synchronize()
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
            before = torch.cuda.memory_allocated()
        else:
            ctypes.CDLL("libc.so.6").malloc_trim(0)  # else the work that runs first pays for the heap of all
            Path("/proc/self/clear_refs").write_text("5")  # resets VmHWM, Linux only
            before = self._status("VmRSS")
        wall, cpu = time.perf_counter(), time.process_time()
        result = work()
        if self.cuda:
            torch.cuda.synchronize()
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        peak = torch.cuda.max_memory_allocated() if self.cuda else self._status("VmHWM")
        return {"wall_s": wall, "cpu_s": cpu, "peak_bytes": peak - before}, result

    @staticmethod
    def _status(key: str) -> int:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith(key):
                return int(line.split()[1]) * 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def best(runs: list[dict[str, float]]) -> dict[str, float]:
    """Return the least time of the rounds, which other work on the machine disturbs least, and the highest peak."""
    return {key: (max if key == "peak_bytes" else min)(run[key] for run in runs) for key in runs[0]}


def fitting(batches: list[int], tokens: int, model: Any, device: str) -> list[int]:
    """Return the batch sizes whose logits, which stock holds twice, take less than half of the free memory."""
    row_bytes = 2 * tokens * model.config.vocab_size * model.dtype.itemsize
    return [batch for batch in batches if batch * row_bytes < free_bytes(torch.device(device)) / 2]


def measure(
    lms: dict[str, Any],
    requests: list[Instance],
    stock_requests: int | None,
    rounds: int,
    meter: Meter,
) -> dict[str, Any]:
    """Score the requests with every LM in turn, ``rounds`` times, and run a bare forward pass over the tree's tokens."""
    part = requests[:stock_requests] if stock_requests else requests
    ours = lms["ours"]
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in [*lms, "ours ids", "bare"]}
    answers: dict[str, list[tuple[float, bool]]] = {}
    pairs = [ours._encode_pair(*request.args) for request in requests]
    tree = build_tree([((a + b)[:-1], b) for a, b in pairs]).size
    bare = torch.randint(5, ours.tokenizer.vocab_size, (1, tree), device=ours.device)
    for _ in range(rounds):
        for name, lm in lms.items():
            if name == "ours":  # no round is given what the one before has encoded
                lm._encoded.clear()
                lm._encoders.clear()
            asked = requests if name == "ours" else part
            measures, answers[name] = meter(lambda lm=lm, asked=asked: lm.loglikelihood(asked, disable_tqdm=True))
            if name != "ours":
                measures["wall_s"] *= len(requests) / len(asked)
                measures["cpu_s"] *= len(requests) / len(asked)
            runs[name].append(measures)
        ids = [(None, *pair) for pair in pairs]
        measures, _ = meter(lambda ids=ids: ours._loglikelihood_tokens(ids, disable_tqdm=True))
        runs["ours ids"].append(measures)
        if len(lms) > 1:  # quadratic in one piece, so not where stock would be too slow
            with torch.no_grad():
                measures, _ = meter(lambda: ours.model(bare, logits_to_keep=1))
            runs["bare"].append(measures)
    stock = [name for name in lms if name != "ours"]
    apart = max(
        (abs(a[0] - b[0]) for name in stock for a, b in zip(answers[name], answers["ours"], strict=False)), default=0.0
    )
    return {
        "requests": len(requests),
        "stock_requests_measured": len(part) if stock else 0,
        "context_and_question_tokens": len(pairs[0][0]),
        "largest_difference": apart,
        "stock_tokens": sum(len(a) + len(b) - 1 for a, b in pairs),
        "tree_tokens": tree,
        "computed_tokens": ours.prefix_stats.get("computed_tokens"),
        "passes": ours.prefix_stats.get("passes"),
        "sharing": ours.sharing,
        "measures": {name: best(done) for name, done in runs.items() if done},
    }


def row(label: str, result: dict[str, Any], device: str) -> list[str]:
    """Make one line of the table; beside a GPU the CPU does little, so the bare pass is compared by wall time there."""
    stock_cpu = min(
        (value["cpu_s"] for name, value in result["measures"].items() if name.startswith("stock")), default=0
    )
    clock = "wall_s" if device.startswith("cuda") else "cpu_s"
    found = result["measures"]
    ours = found["ours"]
    stock = {name: value for name, value in found.items() if name.startswith("stock")}
    cells = [label, str(result["requests"])]
    if stock:
        fastest = min(stock, key=lambda name: stock[name]["wall_s"])
        one = stock["stock b1"]
        cells += [
            f"{one['wall_s']:.1f}",
            f"{stock[fastest]['wall_s']:.1f} ({fastest.split()[1]})",
            f"{ours['wall_s']:.2f}",
            f"{one['wall_s'] / ours['wall_s']:.1f}",
            f"{stock[fastest]['wall_s'] / ours['wall_s']:.1f}",
            f"{one['cpu_s'] / ours['cpu_s']:.1f}",
            f"{stock_cpu / ours['cpu_s']:.1f}",
        ]
    else:
        cells += ["", "", f"{ours['wall_s']:.2f}", "", "", "", ""]
    computed = result["computed_tokens"] or result["stock_tokens"]
    cells += [
        f"{result['stock_tokens'] / result['tree_tokens']:.1f}",
        f"{result['tree_tokens'] / computed:.2f}",
        f"{found['ours ids'][clock] / found['bare'][clock]:.2f}" if "bare" in found else "",
        f"{ours['peak_bytes'] / 2**20:.0f}",
        ", ".join(f"{value['peak_bytes'] / 2**20:.0f}" for value in stock.values()),
    ]
    return cells


HEAD = [
    "case", "requests", "stock b1 s", "best stock s (batch)", "ours s", "wall ratio b1", "wall ratio best",
    "CPU ratio b1", "CPU ratio best", "token ratio", "needed / computed", "over bare pass", "ours peak MB", "stock peak MB",
]  # fmt: skip


def main() -> None:
    """Measure, print a Markdown table, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", action="append", default=[], help="checkpoint folder or name; repeatable")
    parser.add_argument("--random", action="append", default=[], help="HIDDENxLAYERSxVOCABxPOSITIONS; repeatable")
    parser.add_argument("--context", type=int, nargs="*", default=[1500, 4000, 8000])
    parser.add_argument("--ours-only", type=int, nargs="*", default=[], help="contexts that stock is not asked for")
    parser.add_argument("--questions", type=int, default=20)
    parser.add_argument("--choices", type=int, default=2)
    parser.add_argument("--closed", type=int, default=40, help="closed-book questions (4 choices each); 0 for none")
    parser.add_argument("--unshared", type=int, default=160, help="statements that share nothing; 0 for none")
    parser.add_argument("--stock-batch", type=int, nargs="*", default=[8], help="stock sizes beside 1, with contexts")
    parser.add_argument("--stock-requests", type=int, default=None, help="measure so many of stock's, and scale")
    parser.add_argument("--task", action="append", default=[], help="also the requests of an lm-eval task; repeatable")
    parser.add_argument("--metadata", type=json.loads, default={}, help="of the tasks, JSON")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--closed-rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--attention", default="sdpa")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    logging.disable(logging.WARNING)
    transformers.utils.logging.set_verbosity_error()
    torch.set_num_threads(args.threads)
    meter = Meter(args.device)
    report: list[dict[str, Any]] = []
    table: list[list[str]] = []
    with tempfile.TemporaryDirectory() as folder:
        names = args.model + [str(random_llama(spec, Path(folder))) for spec in args.random]
        for name in names:
            model = transformers.AutoModelForCausalLM.from_pretrained(
                name, dtype=getattr(torch, args.dtype), attn_implementation=args.attention
            ).to(args.device)
            tokenizer = transformers.AutoTokenizer.from_pretrained(name)
            with torch.no_grad():  # reads the mapped weights, which the first measure would otherwise be charged for
                model(torch.ones(1, 64, dtype=torch.long, device=args.device))
            cases: list[int | str] = [*([0] if args.closed else []), *(["unshared"] if args.unshared else [])]
            for context in [*cases, *args.context, *args.ours_only, *(["tasks"] if args.task else [])]:
                short = context in (0, "unshared")
                if context == "tasks":
                    requests = task_requests(args.task, args.metadata, name)
                    window = model.config.max_position_embeddings
                elif context == "unshared":
                    requests, window = statement_requests(args.unshared, seed=1), 2048
                else:
                    size = args.closed if context == 0 else args.questions
                    choices = 4 if context == 0 else args.choices
                    requests = requests_for(tokenizer, context, size, choices, seed=context)
                    window = max(context + 200, 2048)
                batches = [4, 8, 16, 32, 64] if short else fitting(args.stock_batch, window, model, args.device)
                lms = {"ours": PrefixLM(pretrained=model, tokenizer=tokenizer, max_length=window)}
                if context not in args.ours_only:
                    for batch in [1, *batches]:  # sizes that do not fit into memory are left out
                        lms[f"stock b{batch}"] = HFLM(
                            pretrained=model, tokenizer=tokenizer, batch_size=batch, max_length=window
                        )
                named = {0: "closed book", "unshared": "nothing shared", "tasks": ", ".join(args.task)}
                label = f"{Path(name).name}, {named.get(context, f'{context} tokens')}"
                result = measure(
                    lms,
                    requests,
                    None if short else args.stock_requests,
                    args.closed_rounds if short else args.rounds,
                    meter,
                )
                report.append({"model": Path(name).name, "context": context, **result})
                table.append(row(label, result, args.device))
                print(json.dumps(report[-1]), flush=True)
                if args.json:
                    write(args.json, report, args)
    for line in [HEAD, ["---"] * len(HEAD), *table]:
        print("| " + " | ".join(line) + " |")


def write(path: Path, report: list[dict[str, Any]], args: argparse.Namespace) -> None:
    """Write what is measured so far, with the settings and versions behind it."""
    settings = {key: str(value) if isinstance(value, Path) else value for key, value in vars(args).items()}
    versions = {"torch": torch.__version__, "transformers": transformers.__version__}
    path.write_text(json.dumps({"settings": settings, "versions": versions, "results": report}, indent=1) + "\n")


if __name__ == "__main__":
    main()
