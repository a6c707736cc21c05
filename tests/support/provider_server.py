"""A strict model server for tests: OpenAI Chat Completions and Anthropic Messages on the loopback, scripted, with faults.

It refuses what the real services refuse, with their statuses and bodies, so that a request which passes here is one that
they would take. It records every request. A fault happens once, at the index of its request; whoever sends the request
again gets the turn that the fault kept back.

    with ProviderServer(Script([turn("Looking.", call("read_file", path="a.py")), "Done."])) as server:
        server.faults[1] = faults.reset(at=100)
        ... run with server.environ("openai") ...
        server.assert_accepted()
        assert_prefix(server.requests)

Several conversations at once: `ProviderServer({"alpha": Script(...), "beta": Script(...)})` serves each request from the
script whose key stands in the conversation's user messages (or what `key` says).
"""

from __future__ import annotations

import hashlib
import itertools
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from http.server import ThreadingHTTPServer
from types import TracebackType
from typing import Any

from tests.support import faults
from tests.support.anthropic_wire import AnthropicWire
from tests.support.faults import Fault
from tests.support.openai_wire import OpenAIWire
from tests.support.prefix import assert_prefix, canonical, marks
from tests.support.prompt_cache import PromptCache, prompt_tokens
from tests.support.script import Call, Script, Text, Thinking, Turn, call, turn
from tests.support.token_count import count_tokens
from tests.support.transport import Handler
from tests.support.wire import Count, Refusal, Rendered, Wire, arguments_text, dump, parse

__all__ = [
    "Call", "Fault", "ProviderServer", "Recorded", "Script", "Text", "Thinking", "Turn",
    "assert_prefix", "call", "canonical", "faults", "marks", "turn",
]  # fmt: skip

_numbers = itertools.count(1)


@dataclass
class Recorded:
    """One request as it came. `status` 0: the connection broke before an answer. `refusal` says what was wrong with it."""

    index: int
    api: str
    path: str
    headers: dict[str, str]
    raw: bytes
    at: float
    body: dict[str, Any] = field(default_factory=dict)
    conversation: str = ""
    turn: int | None = None
    status: int = 0
    refusal: str = ""
    fault: Fault | None = None
    finished: float = 0.0
    count: Count | None = None  # what its reply reported


@dataclass
class _Conversation:
    script: Script
    position: int = 0
    kept_back: Turn | None = None
    doubtful: bytes | None = None  # the body whose reply broke off so late that the client may hold it for whole


@dataclass(frozen=True)
class Plan:
    """What is to be sent for one request: a rendered reply, or an error; with the fault that happens to it."""

    rendered: Rendered
    status: int = 200
    fault: Fault | None = None


class ProviderServer:
    """Serves until `close`. `api_key` None takes any key; `context_window` in tokens refuses what is longer;
    `pace` is a pause between the pieces of every stream; `terse` makes streams as short as small servers make them."""

    def __init__(
        self,
        script: Script | Mapping[str, Script],
        *,
        key: Callable[[dict[str, Any]], str] | None = None,
        api_key: str | None = None,
        context_window: int | None = None,
        pace: float = 0.0,
        terse: bool = False,
    ) -> None:
        self._scripts = {"": script} if isinstance(script, Script) else dict(script)
        self._key = key
        self._talks = {name: _Conversation(one) for name, one in self._scripts.items()}
        self._lock = threading.Lock()
        self._salt = f"server{next(_numbers)}"
        self.api_key, self.context_window, self.pace = api_key, context_window, pace
        self.cache = PromptCache()
        count_tokens("")  # has the vocabulary loaded before anybody waits for an answer
        self.requests: list[Recorded] = []
        self.faults: dict[int, Fault] = {}
        self.closing = threading.Event()
        self.wires: dict[str, Wire] = {wire.path: wire for wire in (OpenAIWire(terse), AnthropicWire(terse))}
        self._http = _Http(("127.0.0.1", 0), Handler)
        self._http.owner = self
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    # where it is

    @property
    def port(self) -> int:
        return int(self._http.server_address[1])

    @property
    def url(self) -> str:
        """The base for Anthropic."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def openai_url(self) -> str:
        """The base for OpenAI, with its version."""
        return f"{self.url}/v1"

    def environ(self, api: str | None = None) -> dict[str, str]:
        """The variables that point a client here: for one API, or (None) for both."""
        key = self.api_key or "test-key"
        both = {
            "openai": {"OPENAI_BASE_URL": self.openai_url, "OPENAI_API_KEY": key},
            "anthropic": {"ANTHROPIC_BASE_URL": self.url, "ANTHROPIC_API_KEY": key},
        }
        return both[api] if api else {**both["openai"], **both["anthropic"]}

    # what came

    @property
    def refusals(self) -> list[str]:
        """What was wrong with requests that were refused, in order."""
        return [f"request {one.index}: {one.refusal}" for one in list(self.requests) if one.refusal]

    def assert_accepted(self) -> None:
        """No request was refused, and every turn of the scripts was asked for."""
        assert not self.refusals, "\n".join(self.refusals)
        for name, talk in self._talks.items():
            turns = len(talk.script.turns)
            assert talk.position >= turns, f"conversation {name!r}: {talk.position} of {turns} turns were asked for"

    def answered(self, conversation: str = "") -> list[Recorded]:
        """The requests of a conversation whose replies went out whole, in order: one for each turn."""
        ok = [one for one in list(self.requests) if one.conversation == conversation and one.status == 200 and not one.refusal]
        return [one for one in ok if one.fault is None or one.fault.kind == "drip"]

    @property
    def usage(self) -> Count:
        """The sum of what the replies reported."""
        counts = [one.count for one in list(self.requests) if one.count is not None]
        return Count(*(sum(getattr(one, name.name) for one in counts) for name in fields(Count)))

    @property
    def cache_share(self) -> float:
        """How much of everything that was sent came out of the cache."""
        usage = self.usage
        return usage.cached / usage.input if usage.input else 0.0

    # serving (called by the handler's threads)

    def receive(self, api: str, path: str, headers: dict[str, str], raw: bytes) -> Recorded:
        with self._lock:
            index = len(self.requests)
            record = Recorded(index, api, path, headers, raw, time.monotonic(), fault=self.faults.pop(index, None))
            self.requests.append(record)
            return record

    def plan(self, record: Recorded) -> Plan:
        """Check the request, then decide what is sent. A request that is wrong is refused, fault or not."""
        wire = self.wires[record.path]
        try:
            self._check(wire, record)
            with self._lock:
                return self._next(wire, record)
        except Refusal as refusal:
            record.refusal, record.fault = refusal.message, None
            return Plan(_json(wire.error(refusal.status, refusal.message, refusal)), refusal.status)

    def _check(self, wire: Wire, record: Recorded) -> None:
        try:
            body = parse(record.raw)
            record.body = body if isinstance(body, dict) else {}
        except ValueError as error:
            raise Refusal(f"The request body is not valid JSON: {error}") from None
        wire.authorize(record.headers, self.api_key)
        if record.headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
            raise Refusal("Unsupported content type: the body must be sent as application/json", status=415)
        if not isinstance(body, dict):
            raise Refusal("The request body must be a JSON object")
        wire.check(body)
        if self.context_window is not None and (tokens := prompt_tokens(wire.name, body)) > self.context_window:
            raise wire.too_long(tokens, self.context_window)

    def _next(self, wire: Wire, record: Recorded) -> Plan:
        record.conversation = self._conversation(record.body)
        talk = self._talks[record.conversation]
        if talk.doubtful is not None and talk.doubtful != record.raw:
            self._advance(talk)
        talk.doubtful = None
        fault = record.fault
        if fault is not None and fault.kind == "status":
            return Plan(_json(self._status_body(wire, fault)), fault.status, fault)
        if fault is not None and fault.kind in ("html", "reset_early"):
            return Plan(_PAGE, fault.status, fault)
        record.turn = talk.position
        chosen = talk.kept_back or talk.script.answer(talk.position, record.body)
        if chosen is None:
            raise Refusal(f"the script of conversation {record.conversation!r} has no turn {talk.position}", status=400)
        talk.kept_back = chosen
        record.count = self._count(wire, chosen, record.body)
        rendered = wire.render(chosen, record.body, self._ids(record), record.count)
        if fault is None or fault.kind == "drip":
            self._advance(talk)
        elif fault.at >= rendered.whole_at or fault.kind == "garbage":
            talk.doubtful = record.raw
        return Plan(rendered, 200, fault)

    def delivered(self, record: Recorded) -> None:
        """A reply that hung was released and goes out whole."""
        with self._lock:
            talk = self._talks[record.conversation]
            if talk.position == record.turn:
                self._advance(talk)

    def _advance(self, talk: _Conversation) -> None:
        talk.position, talk.kept_back, talk.doubtful = talk.position + 1, None, None

    def _conversation(self, body: dict[str, Any]) -> str:
        name = self._key(body) if self._key else next((key for key in self._scripts if key in user_text(body)), None)
        if name not in self._talks:
            raise Refusal(f"no script is for this conversation: {user_text(body)[:200]!r}")
        return str(name)

    def _ids(self, record: Recorded) -> Callable[[int], str]:
        """Ids that are the same when a turn is served again, and never the same otherwise."""
        base = f"{self._salt}|{record.conversation}|{record.turn}"
        return lambda item: hashlib.sha256(f"{base}|{item}".encode()).hexdigest()[:24]

    def _count(self, wire: Wire, chosen: Turn, body: dict[str, Any]) -> Count:
        sent = self.cache.take(wire.name, body)
        reasoning = sum(count_tokens(item.text) for item in chosen.items if isinstance(item, Thinking))
        output = reasoning + sum(count_tokens(_said(item)) for item in chosen.items if not isinstance(item, Thinking))
        values = {"input": sent.input, "cached": sent.cached, "written": sent.written, "output": output, "reasoning": reasoning}
        return Count(**{**values, **(chosen.usage or {})})

    def _status_body(self, wire: Wire, fault: Fault) -> dict[str, Any]:
        refusal = Refusal(fault.code, code=fault.code) if fault.code else None
        words = {429: "Rate limit reached for requests", 529: "Overloaded", 503: "The engine is currently overloaded"}
        return wire.error(fault.status, words.get(fault.status, f"The server answered {fault.status}"), refusal)

    def close(self) -> None:
        self.closing.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(timeout=5)

    def __enter__(self) -> ProviderServer:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64
    owner: ProviderServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away are part of the tests."""


_PAGE = Rendered(
    b"<!DOCTYPE html>\n<html><head><title>Bad gateway</title></head><body><h1>Bad gateway</h1></body></html>\n", "text/html", 0
)


def user_text(body: dict[str, Any]) -> str:
    """The text of the user messages, in order."""
    found: list[str] = []
    for message in body.get("messages", []):
        if message.get("role") != "user":
            continue
        content = message.get("content")
        blocks = content if isinstance(content, list) else [{"text": content}]
        found += [block["text"] for block in blocks if isinstance(block.get("text"), str)]
    return "\n".join(found)


def _json(value: Any) -> Rendered:
    data = dump(value).encode()
    return Rendered(data, "application/json", len(data))


def _said(item: Text | Thinking | Call) -> str:
    return f"{item.name} {arguments_text(item.arguments)}" if isinstance(item, Call) else item.text
