"""A real server of the OpenAI API: ``transformers serve`` on a free port of this machine."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

SECONDS = 240  # for the start


@contextmanager
def transformers_serve(model: Path | None, folder: Path) -> Iterator[str]:
    """Serve a checkpoint in float32, or each that a request names; give the address. Skips where the server's packages are not installed."""
    for module in ("fastapi", "uvicorn", "tenacity", "openai"):
        pytest.importorskip(module)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        "-m",
        "transformers.cli.transformers",
        "serve",
        *([str(model)] if model else []),
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
    ]
    log = folder / "log.txt"
    with log.open("w") as stream:
        process = subprocess.Popen(
            [sys.executable, *command, "--device", "cpu", "--dtype", "float32"],
            stdout=stream,
            stderr=stream,
            env={**os.environ, "HF_HUB_OFFLINE": "1"},
        )
    try:
        for _ in range(2 * SECONDS):
            assert process.poll() is None, log.read_text()
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2):
                    break
            except (urllib.error.URLError, OSError):
                time.sleep(0.5)
        else:
            pytest.fail(f"the server did not start: {log.read_text()}")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=60)
