"""A small server of OpenAI's protocol on 127.0.0.1: it writes by a rule, and keeps what it was asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Rule = Callable[[str], str]


@dataclass
class Server:
    """What is served, and what was asked for.

    Attributes:
        write: Returns what is written behind a prompt.
        knows: Whether a model of that name is there; others are refused.
        adapters: Those that it has loaded, by their names, as vLLM's server does; None: it loads none.
        fails_after: Requests after which every further one is refused; None: none is.
        asked: The bodies of the requests that were answered.
        keys: What stood in their ``Authorization``.
        url: With the version, without the path of an interface.
    """

    write: Rule
    knows: Callable[[str], bool] = lambda name: True
    adapters: dict[str, str] | None = None
    fails_after: int | None = None
    asked: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    url: str = ""

    @property
    def models(self) -> set[str]:
        """The names that were asked for."""
        return {body["model"] for body in self.asked}


def prompt_of(body: dict[str, Any]) -> str:
    """Return what a request has the model read."""
    return str(body["messages"][-1]["content"] if "messages" in body else body["prompt"])


@contextmanager
def serving(write: Rule, **more: Any) -> Iterator[Server]:
    """Serve until the end of the block."""
    server = Server(write, **more)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.answer(404, {"error": "nothing there"})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.path.endswith("_lora_adapter"):
                return self.adapter(body)
            if not server.knows(body["model"]) and body["model"] not in (server.adapters or ()):
                return self.answer(404, {"error": f"no model {body['model']}"})
            if server.fails_after is not None and len(server.asked) >= server.fails_after:
                return self.answer(503, {"error": "tired of it"})
            server.asked.append(body)
            server.keys.append(self.headers["Authorization"])
            text = server.write(prompt_of(body))
            said = {"message": {"role": "assistant", "content": text}} if "messages" in body else {"text": text}
            return self.answer(200, {"model": body["model"], "choices": [{"index": 0, **said}]})

        def adapter(self, body: dict[str, Any]) -> None:
            name, adapters = body["lora_name"], server.adapters
            if adapters is None:
                return self.answer(404, {"detail": "Not Found"})
            if self.path.startswith("/v1/load_") == (name in adapters):
                return self.answer(400, {"error": f"{name}: loaded already, or not loaded"})
            if "lora_path" in body:
                adapters[name] = body["lora_path"]
            else:
                del adapters[name]
            return self.answer(200, {})

        def answer(self, status: int, body: dict[str, Any]) -> None:
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *args: Any) -> None:
            """Nothing."""

    at = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.url = f"http://127.0.0.1:{at.server_port}/v1"
    threading.Thread(target=at.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        at.shutdown()
        at.server_close()
