"""Long sessions through many compactions: is what matters still known, and does the provider's cache hold?

`python -m benchmarks.long_sessions`: 400 turns for each API against the tests' protocol server, with a summariser that is
honest and mediocre. After each compaction ten probes: standing instructions, open plan items, exact names, the next action,
old ones too. Each must be in the next request, or be found by one `conversation_search` with a query that does not name it.
The server counts tokens by a real vocabulary and simulates the provider's cache; it also sees where the prefix changed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.long_session_checks import SUMMARY, Break, breaks, conversation, is_summary, paid, text_of
from benchmarks.long_session_script import Exchange, Plant, Session
from lcode.agent.runtime import Runtime
from lcode.agent.session import Session as Live
from lcode.config import load
from lcode.events import Compacted, Event, Evicted, Notice, ReplyFinished
from lcode.llm.protocol import Provider
from lcode.llm.providers import resolve
from tests.support.provider_server import ProviderServer, Script, Turn, turn
from tests.support.wire import Refusal

MODELS = {"openai": "openai/gpt-4.1", "anthropic": "anthropic/claude-sonnet-4-5"}
PROBES = 10  # after each compaction
SHARES = (("instruction", 3), ("plan item", 3), ("identifier", 3), ("next action", 1))  # of these, where there are so many
WANTED_SHARE, WANTED_SEEN, IN_A_ROW = 0.97, 50 / 60, 3


@dataclass(frozen=True)
class Probe:
    kind: str
    needle: str
    query: str
    seen: bool
    found: bool


@dataclass
class Result:
    """What came out of one session."""

    api: str
    turns: int
    requests: int = 0
    compactions: list[Break] = field(default_factory=list)
    evictions: list[Break] = field(default_factory=list)
    unexplained: list[Break] = field(default_factory=list)
    unpaid: int = 0
    closest: int = 1 << 30  # replies between two compactions
    probes: list[Probe] = field(default_factory=list)
    holding: int = 0  # of everything planted that held, at all compactions
    shown: int = 0  # of that, how much the next request said
    input: int = 0
    cached: int = 0
    written: int = 0
    output: int = 0
    errors: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def share(self) -> float:
        return self.cached / max(self.input, 1)

    @property
    def seen(self) -> int:
        return sum(probe.seen for probe in self.probes)

    @property
    def reached(self) -> int:
        return sum(probe.seen or probe.found for probe in self.probes)

    @property
    def freed(self) -> float:
        """The least share that a compaction freed."""
        return min((1 - one.after / one.before for one in self.compactions), default=0.0)

    def holds(self) -> bool:
        return (
            not self.errors
            and not self.unexplained
            and not self.unpaid
            and self.share >= WANTED_SHARE
            and self.seen >= WANTED_SEEN * len(self.probes)
            and self.reached == len(self.probes)
            and self.freed >= 0.3
            and self.closest >= IN_A_ROW
        )


class Model:
    """Answers the requests of a session with the replies of the exchange at hand, and summaries where these are asked for."""

    def __init__(self, summariser: str, seed: int) -> None:
        self._summariser = summariser
        self._random = random.Random(seed)
        self.waiting: list[Turn] = []

    def answer(self, body: dict[str, Any]) -> Turn:
        if SUMMARY not in str(body["messages"][-1].get("content", "")):
            return self.waiting.pop(0) if self.waiting else turn("There is nothing left to do.")
        if self._summariser == "failing":
            raise Refusal("The model is not available for this request.", status=400)
        return turn("" if self._summariser == "none" else self._mediocre(body))

    def _mediocre(self, body: dict[str, Any]) -> str:
        """An honest summary that drops most of it: every sixth message, its beginning."""
        said = [text for message in body["messages"][:-1] if (text := _words(message)) and not text.startswith("<")]
        lines = [f"- {' '.join(text.split()[:25])}" for text in said[::6]][-14:]
        return "\n".join(["Goals: work through what the user asks on the shop's services.", "What happened:", *lines,
                          "State: in the middle of it; the files were read and some were changed."])  # fmt: skip


def _words(message: dict[str, Any]) -> str:
    content = message.get("content")
    if message.get("role") not in ("user", "assistant") or not content:
        return ""
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
    return next((str(block["text"]) for block in reversed(blocks) if block.get("type") == "text"), "")


class Driver:
    """Runs one session in this process, over the real store and provider, and probes it after each compaction."""

    def __init__(self, api: str, options: argparse.Namespace, folder: Path) -> None:
        self._api, self._options, self._folder = api, options, folder
        self._script = Session(options.turns, options.seed)
        self._model = Model(options.summariser, options.seed)
        self._random = random.Random(options.seed)
        self._server = ProviderServer(Script(self._model.answer), context_window=options.window)
        self._compacted: list[int] = []  # indices of the next requests
        self._evicted: list[int] = []
        self._replies: list[int] = []  # replies before each compaction
        self._said = 0
        self.result = Result(api, options.turns)

    async def run(self) -> Result:
        start = time.process_time()
        self._script.write(self._folder)
        runtime = self._open()
        live = await runtime.new_session()
        for number, exchange in enumerate(self._script.exchanges):
            if number == self._options.resume:
                await runtime.close()
                runtime = self._open()
                live = await runtime.resume_session()
            await self._turn(live, number, exchange)
        await runtime.close()
        self._server.close()
        self._count()
        self.result.seconds = time.process_time() - start
        return self.result

    def _open(self) -> Runtime:
        settings = {"permission_mode": "yolo", "context_window": self._options.window, "model": MODELS[self._api]}
        runtime = Runtime.open(load(None, os.environ, settings), self._folder)
        environ = {**os.environ, **self._server.environ(self._api)}

        def provider(model: str | None) -> Provider:
            return resolve(model or MODELS[self._api], {}, environ)

        runtime._provider = provider  # type: ignore[method-assign]
        return runtime

    async def _turn(self, live: Live, number: int, exchange: Exchange) -> None:
        self._model.waiting = list(exchange.replies)
        done = len(self._compacted)
        if self._options.debug:
            live.environment.debug = lambda text: print(f"  turn {number}: {text}")
        finished = await live.run(exchange.text, self._hear)
        if finished.error:
            self.result.errors.append(f"turn {number}: {finished.error}")
        if len(self._compacted) > done:
            await self._probe(live, number, self._compacted[-1])

    def _hear(self, event: Event) -> None:
        if isinstance(event, ReplyFinished):
            self._said += 1
        elif isinstance(event, Compacted):
            self._compacted.append(len(self._server.requests))
            self._replies.append(self._said)
        elif isinstance(event, Evicted):
            self._evicted.append(len(self._server.requests))
        elif isinstance(event, Notice) and event.level == "error":
            self.result.errors.append(event.text)

    # -- probes -----------------------------------------------------------------------------------------------------

    async def _probe(self, live: Live, number: int, index: int) -> None:
        request = next(one for one in self._server.requests[index:] if not is_summary(one))
        text = text_of(request, self._api)
        holding = [plant for plant in self._script.holds(number) if plant.since < number]
        self.result.holding += len(holding)
        self.result.shown += sum(plant.needle in text for plant in holding)
        for plant in self._chosen(holding):
            found = await self._search(live, plant)
            self.result.probes.append(Probe(plant.kind, plant.needle, plant.query, plant.needle in text, found))

    def _chosen(self, holding: Sequence[Plant]) -> list[Plant]:
        """Ten of what holds: of each kind so many, wherever in the session it was said."""
        chosen: list[Plant] = []
        for kind, count in SHARES:
            of_kind = [plant for plant in holding if plant.kind == kind]
            chosen += self._random.sample(of_kind, min(count, len(of_kind)))
        others = [plant for plant in holding if plant not in chosen]
        return chosen + self._random.sample(others, min(PROBES - len(chosen), len(others)))

    async def _search(self, live: Live, plant: Plant) -> bool:
        context = live.calls.make_context("op-probe", "step-probe")
        output = await live.calls.tools["conversation_search"].run(context, query=plant.query)
        return plant.needle in " ".join(output.text.split())

    # -- what the server saw ----------------------------------------------------------------------------------------

    def _count(self) -> None:
        result, usage = self.result, self._server.usage
        talk = conversation(self._server.requests)
        found = breaks(talk, self._api, {_next(talk, at) for at in self._compacted}, {_next(talk, at) for at in self._evicted})
        result.requests = len(talk)
        result.compactions = [one for one in found if one.kind == "compaction"]
        result.evictions = [one for one in found if one.kind == "eviction"]
        result.unexplained = [one for one in found if one.kind == "unexplained"]
        ends = [one.request for one in found]
        for one in result.evictions:
            until = next((end for end in ends if end > one.request), None)
            if until is not None:  # what the end of the session cut short is not judged
                result.unpaid += not paid(one, until, self._api)
        result.closest = min((two - one for one, two in zip(self._replies, self._replies[1:], strict=False)), default=1 << 30)
        result.input, result.cached, result.written, result.output = usage.input, usage.cached, usage.written, usage.output
        refusals = [text for text in self._server.refusals if "not available for this request" not in text]
        result.errors += [f"refused: {text}" for text in refusals]


def _next(talk: Sequence[Any], index: int) -> int:
    """The index of the first request of the conversation from `index` on."""
    return next((one.index for one in talk if one.index >= index), -1)


def report(result: Result) -> None:
    kinds = Counter(probe.kind for probe in result.probes)
    seen = Counter(probe.kind for probe in result.probes if probe.seen)
    print(f"{result.api}: {result.turns} turns, {result.requests} requests, {result.seconds:.0f} s of processor time")
    tokens = f"{result.input:,} input tokens; {result.written:,} written, {result.output:,} out"
    print(f"  cache-hit share {result.share:.4f} of {tokens}")
    shares = ", ".join(f"{1 - one.after / one.before:.0%}" for one in result.compactions)
    print(f"  compactions: {len(result.compactions)}, at least {result.closest} replies apart; freed {shares}")
    for one in result.evictions:
        print(f"  eviction before request {one.request}: {one.freed:,} tokens freed, {one.again:,} sent again")
    print(f"  evictions that did not pay: {result.unpaid}; unexplained changes of the prefix: {len(result.unexplained)}")
    for one in result.unexplained[:5]:
        print(f"    request {one.request}: {one.where}")
    each = ", ".join(f"{kind} {seen[kind]}/{count}" for kind, count in kinds.items())
    alone = sum(probe.found for probe in result.probes)
    print(f"  probes: {result.seen} of {len(result.probes)} in the next request ({each}); {alone} found by one search;")
    print(f"    {result.reached} one or the other; of all that held, {result.shown} of {result.holding} in the next request")
    for probe in result.probes:
        if not probe.seen:
            print(f"    {'searched for' if probe.found else 'LOST'}: {probe.kind}: {probe.needle}   [{probe.query}]")
    for error in result.errors[:10]:
        print(f"  error: {error[:300]}")


def measure(api: str, options: argparse.Namespace) -> Result:
    """One session in a repository and a store of its own."""
    with tempfile.TemporaryDirectory(prefix="lcode-bench-") as base:
        folder, home = Path(base) / "shop", Path(base) / "home"
        folder.mkdir()
        os.environ |= {"HOME": str(home), "LCODE_HOME": str(home / "lcode"), "LCODE_WORKER": "0", "NO_PROXY": "127.0.0.1"}
        subprocess.run(["git", "init", "-q", str(folder)], check=True)
        return asyncio.run(Driver(api, options, folder).run())


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="python -m benchmarks.long_sessions", description=__doc__)
    made.add_argument("--api", choices=("openai", "anthropic", "both"), default="both")
    made.add_argument("--turns", type=int, default=400)
    made.add_argument("--window", type=int, default=88_000, help="tokens of the model's window")
    made.add_argument("--summariser", choices=("mediocre", "failing", "none"), default="mediocre")
    made.add_argument("--seed", type=int, default=1)
    made.add_argument(
        "--resume", type=int, default=-1, metavar="TURN", help="close the session before this turn and take it up"
    )
    made.add_argument("--debug", action="store_true", help="print what is decided on the window")
    made.add_argument("--json", type=Path, metavar="FILE", help="write the figures here too")
    return made


def main() -> int:
    options = parser().parse_args()
    results = [measure(api, options) for api in (MODELS if options.api == "both" else [options.api])]
    for result in results:
        report(result)
        print(f"  {'holds' if result.holds() else 'DOES NOT HOLD'}")
    if options.json:
        options.json.write_text(json.dumps([asdict(one) | {"share": one.share} for one in results], indent=1))
    return 0 if all(result.holds() for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
