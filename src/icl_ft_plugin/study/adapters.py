"""Has a server of vLLM load the adapter that a cell trained, for as long as the cell is asked.

For example, with ``VLLM_ALLOW_RUNTIME_LORA_UPDATING=1 vllm serve BASE --enable-lora`` on port 8000, ``POST
/v1/load_lora_adapter {"lora_name": KEY, "lora_path": FOLDER}``; requests then name the model ``KEY``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from icl_ft_plugin.augment.generate import load_lm
from icl_ft_plugin.errors import UsageError, cut
from icl_ft_plugin.guard.confidential import public
from icl_ft_plugin.study.engine import Engine, rank_of


@contextmanager
def served_adapter(engine: Engine, base: Path, adapter: Path, name: str) -> Iterator[dict[str, object]]:
    """Have a server load an adapter, and drop it at the end.

    Args:
        engine: The server.
        base: The folder of the adapter's base, which is served.
        adapter: The folder of the adapter, which the server must see.
        name: What requests call it.

    Yields:
        The engine's arguments, which name the adapter.

    Raises:
        UsageError: The server does not load it.
    """
    import requests

    arguments = {**engine.loading(base), "model": name}
    client: Any = load_lm(engine.name, arguments, 1)
    address = str(arguments["base_url"]).partition("/v1/")[0]

    def post(verb: str, **more: str) -> requests.Response:
        return requests.post(
            f"{address}/v1/{verb}_lora_adapter",
            json={"lora_name": name, **more},
            headers=client.header,
            verify=client.verify_certificate,
            timeout=600,
        )

    post("unload")  # what a run that was killed has left there
    answer = post("load", lora_path=str(adapter.absolute()))
    if not answer.ok:
        raise UsageError(
            f"engine: {engine.name}: the server at {public(address)} does not load the adapter {adapter}: "
            f"{answer.status_code}: {cut(answer.text, 200)}; start it with VLLM_ALLOW_RUNTIME_LORA_UPDATING=1 vllm serve "
            f"{base} --enable-lora --max-lora-rank {rank_of(adapter)}, or leave out loads_adapters, and icl_ft_hf asks"
        )
    try:
        yield arguments
    finally:
        with suppress(requests.RequestException):
            post("unload")
