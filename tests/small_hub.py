"""A small Hub on 127.0.0.1: the paths of ``huggingface_hub`` for one model, whose weights are kept apart as LFS files."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"
NAME = "someone/tiny-model"


@dataclass
class Hub:
    """What is served, and what was asked for.

    Attributes:
        files: Contents by name.
        asked: Method, path and range of each request.
        gated: Whether files are refused, as of a model that wants a form to be filled in.
        breaks: How often the connection breaks off near the end of the weights.
        failing: Whether the weights are answered by an error of the server.
        commit: The newest.
    """

    files: dict[str, bytes]
    asked: list[tuple[str, str, str | None]] = field(default_factory=list)
    gated: bool = False
    breaks: int = 0
    failing: bool = False
    commit: str = COMMIT
    url: str = ""

    def entry(self, name: str) -> dict[str, object]:
        """Return what the Hub says of a file."""
        data = self.files[name]
        blob = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
        large = {"lfs": {"oid": self.etag(name), "sha256": self.etag(name), "size": len(data), "pointerSize": 130}}
        return {"size": len(data), "oid": blob, "blobId": blob, **(large if name.endswith(".safetensors") else {})}

    def etag(self, name: str) -> str:
        """Return the checksum of a file: SHA-256 of the large ones, git's own of the others."""
        data = self.files[name]
        if name.endswith(".safetensors"):
            return hashlib.sha256(data).hexdigest()
        return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


@contextmanager
def serving(folder: Path) -> Iterator[Hub]:
    """Serve the files of a checkpoint, and what no one should get of it."""
    files = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    unwanted = {"pytorch_model.bin": b"pickle", "original/consolidated.safetensors": b"x", "onnx/model.json": b"{}"}
    hub = Hub({**files, **unwanted})

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None:
            pass

        def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
            self.send_response(status)
            for name, value in {"Content_Length": str(len(body)), **headers}.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def refuse(self, status: int, code: str, message: str) -> None:
            body = json.dumps({"error": message}).encode()
            self.answer(status, body, X_Error_Code=code, X_Error_Message=message, Content_Type="application/json")

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            path = unquote(urlsplit(self.path).path)
            hub.asked.append((self.command, path, self.headers.get("Range")))
            if path.startswith(f"/api/models/{NAME}"):
                self.tell(path.removeprefix(f"/api/models/{NAME}"))
            elif path.startswith(f"/{NAME}/resolve/"):
                revision, _, file = path.removeprefix(f"/{NAME}/resolve/").partition("/")
                self.give(revision, file)
            else:
                self.refuse(404 if path.startswith("/api/models/old") else 401, "RepoNotFound", "Repository not found")

        def tell(self, rest: str) -> None:
            kind, _, revision = rest.strip("/").partition("/")
            if revision and revision not in ("main", hub.commit):
                self.refuse(404, "RevisionNotFound", f"Invalid rev id: {revision}")
                return
            if kind == "tree":
                body = [{"type": "file", "path": name, **hub.entry(name)} for name in hub.files]
            else:
                siblings = [{"rfilename": name, **hub.entry(name)} for name in hub.files]
                body = {"id": NAME, "modelId": NAME, "sha": hub.commit, "siblings": siblings, "tags": []}
            self.answer(200, json.dumps(body).encode(), Content_Type="application/json")

        def give(self, revision: str, file: str) -> None:
            if hub.gated:
                self.refuse(403, "GatedRepo", f"Access to model {NAME} is restricted: visit {hub.url}/{NAME}")
                return
            if revision not in ("main", hub.commit) or file not in hub.files:
                self.refuse(404, "EntryNotFound", "Entry not found")
                return
            data = hub.files[file]
            about = {"ETag": f'"{hub.etag(file)}"', "X_Repo_Commit": hub.commit, "Accept_Ranges": "bytes"}
            begin = int((self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").split("-")[0])
            if self.command == "HEAD" or not begin:
                status = 200
            else:
                status, about["Content_Range"] = 206, f"bytes {begin}-{len(data) - 1}/{len(data)}"
            weights = self.command == "GET" and file.endswith(".safetensors")
            if weights and hub.failing:
                self.refuse(500, "", "out of order")
            elif weights and hub.breaks:
                hub.breaks -= 1
                self.answer(status, data[begin:-1000], **about, Content_Length=str(len(data) - begin))
                self.close_connection = True
            else:
                self.answer(status, data[begin:], **about)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    hub.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
