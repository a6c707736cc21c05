"""A service of embeddings on this machine, in both forms; it refuses what the real ones refuse, and fails as it is told to."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "emb-5Qz81LmT0vXc27RkWn94"
Reply = tuple[int, dict[str, str], bytes]
Fault = Reply | None  # None: the connection is closed without a word


def vector(text: str, dimension: int) -> list[float]:
    """Texts of the same letters are alike; none of the numbers is whole."""
    found = [0.25] * dimension
    for char in text.lower():
        found[ord(char) % dimension] += 0.5
    return found


class EmbeddingServer:
    """`requests` are the bodies it took; `faults` are answered first, one a request."""

    def __init__(self, *, key: str = KEY, dimension: int = 12, change: Callable[[Any], Any] | None = None) -> None:
        self.requests: list[dict[str, Any]] = []
        self.refused: list[str] = []
        self.faults: list[Fault] = []
        self.calls = 0
        self._key = key
        self._dimension = dimension
        self._change = change or (lambda reply: reply)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> EmbeddingServer:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)
        assert self.refused == []

    def answer(self, path: str, headers: Any, data: bytes) -> Reply:
        problem, body = self._problem(path, headers, data)
        if problem:
            self.refused.append(problem)
            return 400, {}, json.dumps({"error": {"message": problem}}).encode()
        self.requests.append(body)
        rows = [vector(text, body.get("dimensions", self._dimension)) for text in body["input"]]
        if path == "/api/embed":
            reply: Any = {"model": body["model"], "embeddings": rows}
        else:
            data_ = [{"object": "embedding", "index": number, "embedding": row} for number, row in enumerate(rows)]
            reply = {"object": "list", "data": data_[::-1], "model": body["model"]}  # the order is the index's
        return 200, {}, json.dumps(self._change(reply)).encode()

    def _problem(self, path: str, headers: Any, data: bytes) -> tuple[str, dict[str, Any]]:
        try:
            body = json.loads(data.decode("utf-8", "strict"))
        except ValueError:
            return "the body is not JSON in UTF-8", {}
        checks = (
            (path in ("/v1/embeddings", "/api/embed"), f"no such path: {path}"),
            (headers.get("content-type") == "application/json", "not application/json"),
            (headers.get("authorization") == (f"Bearer {self._key}" if self._key else None), "wrong key"),
            (isinstance(body, dict) and set(body) <= {"model", "input", "dimensions"}, f"unknown fields: {body!r:.80}"),
            (isinstance(body.get("model"), str) and body["model"], "no model"),
            (isinstance(body.get("input"), list) and 1 <= len(body["input"]) <= 2_048, "input must be 1 to 2048 texts"),
            (all(isinstance(text, str) and text for text in body.get("input", [])), "an empty text"),
            (all(len(text) <= 8_192 for text in body.get("input", [])), "a text is too long"),
            (sum(map(len, body.get("input", []))) <= 200_000, "too much text"),
        )
        return next((problem for right, problem in checks if not right), ""), body

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                data = self.rfile.read(int(self.headers["content-length"]))
                server.calls += 1
                fault: Fault | bool = server.faults.pop(0) if server.faults else False
                if fault is None:
                    self.close_connection = True
                    return
                status, headers, reply = server.answer(self.path, self.headers, data) if isinstance(fault, bool) else fault
                self.send_response(status)
                for name, value in {"content-length": str(len(reply)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(reply)

            def log_message(self, *_: Any) -> None:
                pass

        return Handler
