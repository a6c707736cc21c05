"""How far the estimate of tokens is from what the service reports: `python -m benchmarks.token_estimate CHECKOUT…`.

Sessions look around in each checkout (reads, searches, listings, the log, diffs, answers made of its documents) through
both APIs, against the tests' server, which counts by a real vocabulary that the estimate was not fitted to. The calibration
learns from the first half of each model's sessions; the figures are of the second half. Errors are of the sums of a
session's input, and of each request. "Carried on" is what a running session goes by: what was reported of the request
before, and the estimate of the rest.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from lcode.agent.meter import Meter
from lcode.agent.runtime import Runtime
from lcode.config import load
from lcode.llm.protocol import Reply
from lcode.memory.model_calls import STEP, ModelCall, model_calls
from lcode.tokens import calibrate
from tests.support.provider_server import ProviderServer, Script, Turn, call, turn

MODELS = ("openai/gpt-5.2", "anthropic/claude-sonnet-5")
WANTED = 0.05
_TEXTS = (".md", ".rst", ".txt")


@dataclass
class Talk:
    """One session: (plain estimate, carried on, reported) of each request."""

    name: str
    model: str
    requests: list[tuple[int, int, int]] = field(default_factory=list)

    def error(self, factor: float) -> float:
        """Of the session's sum, with the plain estimate times `factor`."""
        reported = sum(one[2] for one in self.requests)
        return factor * sum(one[0] for one in self.requests) / reported - 1


@dataclass
class Figures:
    sessions: int
    requests: int
    factor: float
    plain_mean: float
    plain_max: float
    mean: float
    max: float
    request_mean: float
    request_max: float
    carried_mean: float
    carried_max: float


def _files(checkout: Path) -> list[str]:
    from lcode.git.command import Git

    names = Git(checkout).run("ls-files", "-z").split("\0")[:-1]
    return [name for name in names if 400 < (checkout / name).stat().st_size < 120_000 and (checkout / name).is_file()]


def _script(checkout: Path, seed: int, steps: int) -> list[Turn]:
    chance, files = random.Random(seed), _files(checkout)
    documents = [name for name in files if name.endswith(_TEXTS)]
    turns: list[Turn] = []
    for _ in range(steps):
        said = _words(checkout, chance, documents)
        path = chance.choice(files)
        kind = chance.choices(("read", "grep", "list", "log", "diff"), (6, 3, 1, 1, 1))[0]
        if kind == "read":
            turns.append(turn(said, call("read_file", path=path)))
        elif kind == "grep":
            turns.append(
                turn(said, call("grep", pattern=chance.choice(("import", "return", "error", "test", "self|this|fn "))))
            )
        elif kind == "list":
            turns.append(turn(said, call("list_dir", path=str(Path(path).parent))))
        elif kind == "log":
            turns.append(turn(said, call("shell", command=f"git log -n {chance.randint(5, 30)} --stat --no-color")))
        else:
            turns.append(turn(said, call("shell", command=f"git show HEAD~{chance.randint(0, 9)} --no-color | head -c 9000")))
    return [*turns, turn(_words(checkout, chance, documents))]


def _words(checkout: Path, chance: random.Random, documents: Sequence[str]) -> str:
    text = (checkout / chance.choice(documents)).read_text("utf-8", "replace") if documents else "Looking further."
    at = chance.randrange(max(1, len(text) - 600))
    return text[at : at + chance.randint(40, 600)].strip() or "Looking further."


async def _talk(checkout: Path, model: str, seed: int, steps: int) -> Talk:
    talk = Talk(checkout.name, model)
    expected: list[int] = []
    original = Meter.call

    def noting(meter: Meter, reply: Reply, call_id: str, run_id: str, purpose: str = STEP) -> ModelCall:
        expected.append(meter.expected)
        return original(meter, reply, call_id, run_id, purpose)

    with tempfile.TemporaryDirectory() as home, ProviderServer(Script(_script(checkout, seed, steps))) as server:
        environ = {**os.environ, **server.environ(), "LCODE_HOME": home}
        settings = load(None, environ, {"model": model, "permission_mode": "yolo", "worker": False, "max_steps": steps + 2})
        runtime = Runtime.open(settings, checkout, environ=environ)
        Meter.call = noting  # type: ignore[method-assign]
        try:
            session = await runtime.new_session()
            await session.run("Look around, then tell me how it is built.", lambda event: None)
            calls = [one for one in model_calls(session.memory.recall, session_id=session.id) if one.purpose == STEP]
        finally:
            Meter.call = original  # type: ignore[method-assign]
            await runtime.close()
    talk.requests = [(one.estimated, about, one.usage.input) for one, about in zip(calls, expected, strict=True)]
    return talk


def figures(talks: Sequence[Talk]) -> Figures:
    """Learnt from the first half of each model's sessions, of the second half."""
    errors: list[float] = []
    plain: list[float] = []
    each: list[float] = []
    carried: list[float] = []
    factors: list[float] = []
    for model in sorted({talk.model for talk in talks}):
        own = [talk for talk in talks if talk.model == model]
        half = (len(own) + 1) // 2
        learnt = calibrate([(one[0], one[2]) for talk in reversed(own[:half]) for one in reversed(talk.requests)]).factor
        factors.append(learnt)
        for talk in own[half:]:
            errors.append(abs(talk.error(learnt)))
            plain.append(abs(talk.error(1.0)))
            each += [abs(learnt * one[0] / one[2] - 1) for one in talk.requests]
            carried += [abs(one[1] / one[2] - 1) for one in talk.requests[1:]]
    return Figures(
        len(errors), len(each), statistics.mean(factors), statistics.mean(plain), max(plain), statistics.mean(errors),
        max(errors), statistics.mean(each), max(each), statistics.mean(carried), max(carried),
    )  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("checkouts", nargs="+", type=Path, metavar="CHECKOUT")
    parser.add_argument("--sessions", type=int, default=2, help="for each checkout and API")
    parser.add_argument("--steps", type=int, default=24)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    talks = [
        asyncio.run(_talk(checkout.resolve(), model, 1_000 * number + seed, given.steps))
        for seed in range(given.sessions)
        for number, checkout in enumerate(given.checkouts)
        for model in MODELS
    ]
    found = figures(talks)
    if given.json:
        print(json.dumps(asdict(found) | {"talks": [asdict(talk) for talk in talks]}))
    else:
        print(f"{found.sessions} sessions, {found.requests} requests; factor {found.factor:.3f}; errors, mean and largest:")
        print(f"  session, calibrated    {found.mean:6.1%} {found.max:6.1%}")
        print(f"  session, plain         {found.plain_mean:6.1%} {found.plain_max:6.1%}")
        print(f"  request, calibrated    {found.request_mean:6.1%} {found.request_max:6.1%}")
        print(f"  request, carried on    {found.carried_mean:6.1%} {found.carried_max:6.1%}")
    return 0 if found.max <= WANTED else 1


if __name__ == "__main__":
    sys.exit(main())
