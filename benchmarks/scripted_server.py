"""A local Chat Completions server that plays a script and notes when each request came and each reply ended.

It runs as a process of its own, so that its work is not counted as the client's. `POST /script {"turns": n}` sets the
script: n replies with one tool call each (read, edit, run, and again), then a text. `GET /record` gives the times, on
the system's monotonic clock, which all processes share. It ends when its standard input does.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

FILE = "src/app.py"
FIRST_VALUE = 0


def reply(turn: int, turns: int) -> dict[str, Any]:
    """The assistant's message of one turn, from 0. An edit raises the number in FILE by one."""
    if turn >= turns:
        return {"content": "The value was raised, and the check passed."}
    edits = turn // 3
    name, arguments = [
        ("read_file", {"path": FILE}),
        ("edit_file", {"path": FILE, "edits": [{"old": f"VALUE = {edits}\n", "new": f"VALUE = {edits + 1}\n"}]}),
        ("shell", {"command": f"grep -c VALUE {FILE}"}),
    ][turn % 3]
    call = {
        "index": 0,
        "id": f"call_{turn}",
        "type": "function",
        "function": {"name": name, "arguments": json.dumps(arguments)},
    }
    return {"content": None, "tool_calls": [call]}


class Script:
    """The state that all connections share."""

    def __init__(self) -> None:
        self.turns = 1
        self.record: list[dict[str, float]] = []
        self.lock = threading.Lock()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    script: Script

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the base class names it)
        """Silent: the record is the log."""

    def do_GET(self) -> None:
        self._json(self.script.record)

    def do_POST(self) -> None:
        arrived = time.monotonic()
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/script":
            self.script.turns, self.script.record = body["turns"], []
            self._json({})
            return
        with self.script.lock:
            turn = len(self.script.record)
            note = {"arrived": arrived, "ended": 0.0, "bytes": int(self.headers["Content-Length"])}
            self.script.record.append(note)
        self._stream(reply(turn, self.script.turns), note)

    def _json(self, value: Any) -> None:
        data = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _stream(self, message: dict[str, Any], note: dict[str, float]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        finish = "tool_calls" if "tool_calls" in message else "stop"
        self._event({"choices": [{"index": 0, "delta": {"role": "assistant", **message}, "finish_reason": None}]})
        self._event({"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
        self._event({"choices": [], "usage": {"prompt_tokens": 1000, "completion_tokens": 20, "total_tokens": 1020}})
        note["ended"] = time.monotonic()  # before the last bytes leave: the client may be faster than the next line
        self._chunk(b"data: [DONE]\n\n", last=True)

    def _event(self, event: dict[str, Any]) -> None:
        head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "scripted"}
        self._chunk(b"data: " + json.dumps({**head, **event}).encode() + b"\n\n")

    def _chunk(self, data: bytes, last: bool = False) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data) + (b"0\r\n\r\n" if last else b""))


def main() -> None:
    Handler.script = Script()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_address[1], flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
