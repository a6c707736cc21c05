"""Many processes edit one block at once: each edit lands or is refused with the text as it is; none is overwritten.

`python -m benchmarks.store_blocks`: 8 processes make 200 edits each (append, replace, insert, rethink) of one block, each
from what it saw last, as sessions do. Afterwards the history is read: every version must be what its operation makes of the
version before it, a rewrite must be based on that very version, and everything that was acknowledged must be there once.
Then they fill four blocks (one of them shared by all repositories) against one token budget, which must hold.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.store_bench import Memory, await_word, begin, by, finish, look, report, spawn, verdict
from lcode.errors import MemoryEditError
from lcode.memory.blocks import Limits
from lcode.memory.model import BlockVersion
from lcode.memory.operations import EditRefused, Operation, replay
from lcode.tokens import approximate_tokens

LABEL = "shared"
LIMIT = 3_000
BUDGET = Limits(block=2_000, tokens=900)
FILLED = ("conventions", "human", "persona", "architecture")  # `human` lies in the user's database


# -- one worker -------------------------------------------------------------------------------------------------------


def worker(home: Path, number: int, edits: int) -> None:
    """Edits from what was seen last; what is reported of each: id, kind, whether it landed, the value it was shown."""
    memory = Memory(home)
    chance = random.Random(number)
    seen = memory.blocks.get(LABEL)
    done: list[dict[str, Any]] = []
    await_word()
    for at in range(edits):
        operation = _choose(chance, seen.value, seen.version, f"p{number}e{at}")
        provenance = by(f"session-{number}")
        entry: dict[str, Any] = {"id": provenance.operation_id, "kind": operation.kind, "saw": seen.value}
        try:
            seen = getattr(memory.blocks, operation.kind)(LABEL, *_positional(operation, provenance))
            entry |= {"landed": True, "shown": seen.value}
        except EditRefused as refused:
            seen = refused.shown or memory.blocks.get(LABEL)
            entry |= {"landed": False, "shown": seen.value, "told": seen.value in refused.hint}
        except MemoryEditError as full:  # the limit
            seen = memory.blocks.get(LABEL)
            entry |= {"landed": False, "full": full.message}
        done.append(entry)
    memory.close()
    report(done)


def _choose(chance: random.Random, value: str, version: int, mark: str) -> Operation:
    """An edit that a session which saw `value` might make."""
    lines = value.split("\n") if value else []
    kind = chance.choice(("append", "replace", "insert", "rethink")) if lines else "append"
    if len(value) > LIMIT * 0.95 and chance.random() < 0.3:
        kind = "rethink"
    if kind == "append":
        return Operation("append", {"content": f"{mark} appended a line about the build"})
    if kind == "insert":
        return Operation("insert", {"text": f"{mark} inserted this", "line": chance.randint(0, len(lines))})
    if kind == "replace":
        return Operation("replace", {"old": chance.choice(lines), "new": f"{mark} replaced this"})
    kept = lines[len(lines) // 2 :] if len(value) > LIMIT // 2 else lines
    return Operation("rethink", {"value": "\n".join([*kept, f"{mark} thought it over"]), "base_version": version})


def _positional(operation: Operation, provenance: Any) -> tuple[Any, ...]:
    given = operation.arguments
    if operation.kind == "rethink":
        return given["value"], provenance, given["base_version"]
    return *given.values(), provenance


def filler(home: Path, number: int, edits: int) -> None:
    """Lines for four blocks until the budget is full; how many landed."""
    memory = Memory(home, BUDGET)
    await_word()
    landed = 0
    for at in range(edits):
        try:
            memory.blocks.append(FILLED[(at + number) % 4], f"p{number}e{at}: " + "x" * (at % 7), by(f"session-{number}"))
            landed += 1
        except MemoryEditError:
            pass
    memory.close()
    report(landed)


# -- what the history says --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Verdict:
    """What was found. `overwritten`: versions that are not what their operation makes of the version before."""

    made: int
    landed: int
    refused: int
    full: int
    overwritten: list[str]
    faults: list[str]
    kinds: Counter[str]
    seconds: float

    @property
    def holds(self) -> bool:
        return not self.overwritten and not self.faults and self.made == self.landed + self.refused + self.full


def run(home: Path, processes: int, edits: int) -> Verdict:
    memory = Memory(home)
    memory.blocks.create(LABEL, "edited by many", "the first line", LIMIT, by())
    memory.close()
    workers = [spawn("store_blocks", "worker", home, number, edits) for number in range(processes)]
    begin(workers)
    start = time.monotonic()
    entries = [entry for done in finish(workers) for entry in done]
    seconds = time.monotonic() - start
    memory = Memory(home)
    versions, value = memory.blocks.versions(LABEL), memory.blocks.get(LABEL).value
    memory.close()
    landed = [entry for entry in entries if entry["landed"]]
    full = sum("full" in entry for entry in entries)
    faults = [*look(home).faults, *_check_entries(entries, versions)]
    if replay(versions) != value:
        faults.append("the history does not replay to the value")
    return Verdict(
        len(entries), len(landed), len(entries) - len(landed) - full, full, overwritten(versions, entries), faults,
        Counter(entry["kind"] for entry in landed), seconds,
    )  # fmt: skip


def _check_entries(entries: list[dict[str, Any]], versions: list[BlockVersion]) -> list[str]:
    """Each edit that was acknowledged is there once, with the value that its session was shown; a refused one is not."""
    by_id = {version.operation_id: version for version in versions}
    values = {version.value for version in versions}
    faults = ["versions with the same operation"] if len(by_id) != len(versions) else []
    faults += ["a version over its limit"] * any(len(version.value) > LIMIT for version in versions)
    for entry in entries:
        version = by_id.get(entry["id"])
        if entry["landed"] != (version is not None):
            faults.append(f"{entry['id']}: {'acknowledged and lost' if entry['landed'] else 'refused and there'}")
        elif version is not None and version.value != entry["shown"]:
            faults.append(f"{entry['id']}: another value was shown than stored")
        elif version is None and "full" not in entry and (entry["shown"] not in values or not entry["told"]):
            faults.append(f"{entry['id']}: refused without the text as it was")
    return faults


def overwritten(versions: list[BlockVersion], entries: list[dict[str, Any]]) -> list[str]:
    """The versions that lost something of the one before that their session had not seen or said to replace."""
    saw = {entry["id"]: entry["saw"] for entry in entries}
    found = []
    for before, version in pairwise(versions):
        expected = Operation(version.operation, version.arguments).apply(before.value)
        blind = version.operation == "rethink" and (
            version.arguments["base_version"] != before.version or saw.get(version.operation_id) != before.value
        )
        if blind or version.value != expected or version.version != before.version + 1:
            found.append(f"version {version.version} ({version.operation})")
    return found


def fill(home: Path, processes: int, edits: int) -> tuple[int, int, list[str]]:
    """How many lines landed, how many tokens all blocks take in the end (they only grew), and faults."""
    workers = [spawn("store_blocks", "filler", home, number, edits) for number in range(processes)]
    begin(workers)
    landed = sum(finish(workers))
    memory = Memory(home, BUDGET)
    tokens = sum(approximate_tokens(block.value) for block in memory.blocks.list())
    memory.close()
    return landed, tokens, look(home).faults


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.store_blocks", description=__doc__)
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--edits", type=int, default=200, help="edits of each process")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lcode-bench-") as folder:
        found = run(Path(folder) / "edits", options.processes, options.edits)
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(found.kinds.items()))
        print(
            f"{found.made:,} edits of one block in {found.seconds:.1f} s: {found.landed} landed ({kinds}), {found.refused}"
            f" refused with the current text, {found.full} over the limit; {len(found.overwritten)} silent overwrites,"
            f" history {'replays' if not found.faults else found.faults[:3]}: {verdict(holds=found.holds)}"
        )
        landed, tokens, faults = fill(Path(folder) / "budget", options.processes, options.edits)
        good = tokens <= BUDGET.tokens and not faults
        print(f"four blocks, one budget: {landed} lines landed, {tokens} of {BUDGET.tokens} tokens: {verdict(holds=good)}")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["worker", home, number, edits]:
            worker(Path(home), int(number), int(edits))
        case ["filler", home, number, edits]:
            filler(Path(home), int(number), int(edits))
        case _:
            main()
