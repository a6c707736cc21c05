"""`kill -9` of whole `lcode -p` sessions, at random moments and at the n-th write or sync; what each lost.

    python -m benchmarks.crash_kills [--random 1000] [--traced 200] [--workers 2]

After each kill every acknowledged thing must be in the store, the integrity check good, rows and full text equal, no lock
held and no process left; what comes next takes up the same session, or opens a new one, at once. Every fourth kill is
followed by a whole run, whose first request is timed, and by another one after that clean one.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from tests.e2e.victims import STRACE, Ended, Victims

BATCH = 25
APIS = ("openai", "anthropic")


@dataclass
class Tally:
    """What was seen. `stages` counts the kills by what the session had acknowledged until then."""

    kills: int = 0
    ended: int = 0
    acknowledged: int = 0
    stages: Counter[str] = field(default_factory=Counter)
    after_kill: list[float] = field(default_factory=list)
    after_clean: list[float] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def note(self, ended: Ended) -> None:
        killed = ended.code == -9
        self.kills += killed
        self.ended += not killed
        if killed:
            self.stages[f"{len(ended.facts)} acknowledged"] += 1

    def add(self, other: Tally) -> None:
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)


def batch(seed: int, goal: int, traced: bool) -> Tally:
    """`goal` kills on one store that begins empty."""
    tally = Tally()
    with tempfile.TemporaryDirectory() as folder:
        victims = Victims(Path(folder), APIS[seed % 2], seed)
        rng = victims.rng
        typical = 0.5
        try:
            if traced or seed % 5:  # the others die while the store is made
                victims.run()
                typical = _seconds(victims)
            while tally.kills < goal and len(tally.faults) < 20:
                known = any(fact.where == "message" for fact in victims.facts)
                proceed = known and rng.random() < 0.5
                if traced:
                    name, most = rng.choice([("pwrite64", 480), ("pwrite64", 480), ("fdatasync", 32), ("ftruncate", 2)])
                    ended = victims.run(proceed=proceed, inject=f"{name}:signal=SIGKILL:when={rng.randint(1, most)}")
                else:
                    long = rng.random() < 0.15
                    early, late = (0.8, 1.5) if long else (0.0, 0.6) if rng.random() < 0.15 else (0.55, 1.0)
                    delay = rng.uniform(early, late) * typical
                    ended = victims.run(proceed=proceed, delay=delay, long=long)
                tally.note(ended)
                if tally.kills % 4 == 1 and ended.code == -9 and any(fact.where == "message" for fact in victims.facts):
                    typical = _successors(victims, tally)
                tally.faults += victims.check()
            tally.acknowledged = len(victims.facts)
        finally:
            victims.close()
    return tally


def _successors(victims: Victims, tally: Tally) -> float:
    """The start after a kill, and the one after it, timed to their first request; how long a whole run takes."""
    started = time.monotonic()
    for times in (tally.after_kill, tally.after_clean):
        ended = victims.run(proceed=True)
        if ended.first_request is not None:
            times.append(ended.first_request * 1000)
    return (time.monotonic() - started) / 2


def _seconds(victims: Victims) -> float:
    started = time.monotonic()
    victims.run()
    return time.monotonic() - started


def many(total: int, workers: int, seed: int, *, traced: bool) -> Tally:
    sizes = [BATCH] * (total // BATCH) + ([total % BATCH] if total % BATCH else [])
    whole = Tally()
    with ThreadPoolExecutor(workers) as pool:
        for tally in pool.map(lambda item: batch(seed + item[0], item[1], traced), enumerate(sizes)):
            whole.add(tally)
    return whole


def report(what: str, tally: Tally, seconds: float) -> None:
    print(f"{what}: {tally.kills} kills in {seconds:.0f} s ({tally.ended} runs ended before theirs)")
    for stage, count in sorted(tally.stages.items(), key=lambda item: int(item[0].split()[0])):
        print(f"  {count:5}  killed with {stage}")
    print(f"  {tally.acknowledged} acknowledged things looked for after each kill of their store")
    if tally.after_kill and tally.after_clean:
        dirty, clean = statistics.median(tally.after_kill), statistics.median(tally.after_clean)
        print(
            f"  start to first request, median of {len(tally.after_kill)}: {dirty:.0f} ms after a kill,"
            f" {clean:.0f} ms after a clean end: {dirty - clean:+.0f} ms"
        )
    print(f"  {len(tally.faults)} faults", *tally.faults[:20], sep="\n    ")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.crash_kills", description=__doc__)
    parser.add_argument("--random", type=int, default=1000)
    parser.add_argument("--traced", type=int, default=200, help="kills at the n-th system call (needs strace)")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    bad = 0
    for what, total, traced in (("random moments", options.random, False), ("at a write or sync", options.traced, True)):
        if not total or (traced and STRACE is None):
            continue
        started = time.monotonic()
        tally = many(total, options.workers, options.seed, traced=traced)
        report(what, tally, time.monotonic() - started)
        bad += len(tally.faults)
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
