"""Providers without a service: a recorded session played again, the recorder, and a script for tests of the loop.

A recording is JSON lines, one for each request, in order:

    {"request": {"digest": "sha256:…", "model": "…", "messages": 3}, "reply": {…the neutral form of a Reply…}}
    {"request": {…}, "error": {"message": "…", "hint": "…", "status": 400, "overflow": false}}

`digest` is over the neutral JSON of system text, tools and messages. A replay answers in order whatever it is asked, as
ids and paths differ from run to run; `mismatches` says which requests were others than those recorded.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from lcode.errors import ConfigError, ProviderError, UserError
from lcode.llm.protocol import Delta, Provider, Reply, Request, Text, TextPiece, Thinking, ThinkingPiece
from lcode.llm.wire import message_to_json, reply_from_json, reply_to_json
from lcode.redact_content import redacted_json, redacted_parts


def digest(request: Request) -> str:
    """What was asked, as a short name of its bytes."""
    asked = {
        "system": request.system,
        "tools": [[spec.name, spec.description, spec.parameters] for spec in request.tools],
        "messages": [message_to_json(message) for message in request.messages],
    }
    return "sha256:" + hashlib.sha256(json.dumps(asked, separators=(",", ":")).encode()).hexdigest()


def pieces(reply: Reply) -> Iterable[Delta]:
    """A reply as a service would stream it: thinking and text in lines, then the whole."""
    for part in reply.parts:
        if isinstance(part, Text):
            yield from (TextPiece(line) for line in part.text.splitlines(keepends=True))
        elif isinstance(part, Thinking) and part.text:
            yield ThinkingPiece(part.text)
    yield reply


class ReplayProvider:
    """Plays `path`. Raises UserError where it cannot be read, ProviderError when it is asked more than was recorded."""

    api = "replay"

    def __init__(self, path: Path) -> None:
        self.name = f"replay:{path}"
        self.mismatches: list[int] = []
        self._path = path
        self._lines = _read(path)
        self._at = 0

    async def stream(self, request: Request) -> AsyncGenerator[Delta, None]:
        if self._at >= len(self._lines):
            raise ProviderError(f"the recording {self._path} has ended after {self._at} replies", "Record a longer session.")
        line = self._lines[self._at]
        self._at += 1
        if line["request"].get("digest") != digest(request):
            self.mismatches.append(self._at)
        if "error" in line:
            raise _error_from_json(line["error"])
        for delta in pieces(reply_from_json(line["reply"])):
            yield delta

    async def close(self) -> None:
        pass


class RecordingProvider:
    """Passes another provider through and appends what it answered to `path` (0600), each text as `redact` gives it: a reply
    comes from the service as it is, and an error may quote what was sent."""

    def __init__(self, inner: Provider, path: Path, redact: Callable[[str], str] = str) -> None:
        self.name = inner.name
        self.api = inner.api
        self._inner = inner
        self._path = path
        self._redact = redact
        self._append("")  # whether it can be written is known before the first request

    async def stream(self, request: Request) -> AsyncGenerator[Delta, None]:
        from contextlib import aclosing

        asked = {"digest": digest(request), "model": request.model, "messages": len(request.messages)}
        stream = self._inner.stream(request)
        try:
            async with aclosing(stream):
                async for delta in stream:
                    if isinstance(delta, Reply):
                        self._write({"request": asked, "reply": self._reply(delta)})
                    yield delta
        except ProviderError as error:
            self._write({"request": asked, "error": redacted_json(_error_to_json(error), self._redact)})
            raise

    async def close(self) -> None:
        await self._inner.close()

    def _reply(self, reply: Reply) -> dict[str, Any]:
        data = reply_to_json(reply)
        return data | {"parts": redacted_parts(data["parts"], self._redact)}

    def _write(self, line: Mapping[str, Any]) -> None:
        self._append(json.dumps(line, separators=(",", ":")) + "\n")

    def _append(self, text: str) -> None:
        try:
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "a", encoding="ascii") as file:
                os.fchmod(descriptor, 0o600)
                file.write(text)
        except OSError as error:
            raise ConfigError(f"cannot record into {self._path}: {error.strerror}", "Name another file.") from None


class ScriptedProvider:
    """Answers with `replies`, in order: a Reply, an exception to raise, or a function of the request that gives either.
    `requests` keeps what was asked."""

    def __init__(
        self,
        replies: Iterable[Reply | Exception | Callable[[Request], Reply | Exception]],
        *,
        name: str = "scripted/model",
        api: str = "openai",
    ) -> None:
        self.name = name
        self.api = api
        self.requests: list[Request] = []
        self.closed = False
        self._replies = list(replies)

    async def stream(self, request: Request) -> AsyncGenerator[Delta, None]:
        self.requests.append(request)
        if len(self.requests) > len(self._replies):
            raise ProviderError(f"the script has ended after {len(self._replies)} replies")
        item = self._replies[len(self.requests) - 1]
        answer = item if isinstance(item, Reply | Exception) else item(request)
        if isinstance(answer, Exception):
            raise answer
        for delta in pieces(answer):
            yield delta

    async def close(self) -> None:
        self.closed = True


def _read(path: Path) -> list[dict[str, Any]]:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot read the recording {path}: {error.strerror}", "Record one with --record FILE.") from None
    except UnicodeDecodeError:
        raise UserError(f"{path} is no recording", "Record one with --record FILE.") from None
    lines = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            data = json.loads(line)
            if not isinstance(data["request"], dict) or not ("error" in data or reply_from_json(data["reply"])):
                raise ValueError
        except (ValueError, KeyError, TypeError, RecursionError):
            raise UserError(f"{path}: line {number} is no line of a recording", "Record one with --record FILE.") from None
        lines.append(data)
    return lines


def _error_to_json(error: ProviderError) -> dict[str, Any]:
    return {"message": error.message, "hint": error.hint, "status": error.status, "overflow": error.overflow}


def _error_from_json(data: Mapping[str, Any]) -> ProviderError:
    message, hint = str(data.get("message", "")), str(data.get("hint", ""))
    return ProviderError(message, hint, status=data.get("status", 0), overflow=bool(data.get("overflow")))
