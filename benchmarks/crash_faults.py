"""A full disk, an I/O error and an exhausted quota at every point in turn where a session writes; how each run ended.

    python -m benchmarks.crash_faults [--every 1] [--workers 2]

The points are the writes, truncations, creations, deletions and syncs of SQLite in one `lcode -p`, the first being the
first of the run, in a store that is in use and in one that is made by the run. A fault happens once, or from its point on.
Each run must end with 75 and one line, or with 0 and everything stored; what it acknowledged must be there; and after every
tenth the next run, without a fault, must end with 0.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.victims import UNCLEAR, Victims, told
from tests.support.faulty import KINDS, Ended, Faults, Program

STORES = 60  # runs on one store, before the next begins


@dataclass(frozen=True)
class Series:
    """The points of one kind of run that fail in one way."""

    kind: str
    lasting: bool
    fresh: bool

    def __str__(self) -> str:
        return f"{self.kind} {'from it on' if self.lasting else 'once'}, {'new store' if self.fresh else 'store in use'}"


def session(victims: Victims, program: Program, faults: Faults, *, proceed: bool = False) -> Ended:
    name, before, started = victims.name("faulty"), len(victims.server.requests), time.monotonic()
    ended = program(victims.arguments(name, *(["-c"] if proceed else [])), victims.environ(), faults)
    victims.account(name, ended.code, ended.out, ended.err, before, started)
    return ended


def unclear(ended: Ended) -> list[str]:
    """What is wrong with the words of a run that failed."""
    lines = told(ended.err)
    wrong = [word for word in UNCLEAR if word in ended.err]
    return wrong if len(lines) == 1 and "cannot" in lines[0] else [*wrong, f"not one line: {lines}"]


def run_series(series: Series, every: int) -> tuple[Series, Counter[str], list[str]]:
    """How the runs ended, and what was wrong with them."""
    program, codes, wrong = Program(), Counter[str](), []
    at, points = 1, 1_000_000
    while at <= points and len(wrong) < 20:
        with tempfile.TemporaryDirectory() as folder:
            victims = Victims(Path(folder), "openai", 1)
            victims.codes = (0, 75)
            if not series.fresh:
                session(victims, program, Faults())
            for number in range(STORES):
                if series.fresh:
                    shutil.rmtree(victims.home, ignore_errors=True)
                    victims.facts.clear()
                proceed = number % 2 == 1 and not series.fresh
                ended = session(victims, program, Faults(at, series.kind, series.lasting), proceed=proceed)
                codes[f"exit {ended.code}"] += 1
                where = f"{series}, point {at} ({ended.failed[:1]})"
                wrong += [f"{where}: {one}" for one in (unclear(ended) if ended.code else [])]
                if number % 10 == 9 and session(victims, program, Faults()).code:
                    wrong.append(f"{where}: the next run does not work")
                wrong += [f"{where}: {one}" for one in victims.check()]
                if not ended.failed:
                    points = min(points, ended.points)
                    break
                at += every
            victims.close()
    return series, codes, wrong


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.crash_faults", description=__doc__)
    parser.add_argument("--every", type=int, default=1, help="take every n-th point only")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    combinations = [Series(kind, lasting, fresh) for fresh in (False, True) for kind in KINDS for lasting in (False, True)]
    bad, started, total = 0, time.monotonic(), 0
    with ThreadPoolExecutor(options.workers) as pool:
        for series, codes, wrong in pool.map(lambda one: run_series(one, options.every), combinations):
            ends = ", ".join(f"{count} x {code}" for code, count in sorted(codes.items()))
            print(f"{series}: {sum(codes.values())} runs: {ends}; {len(wrong)} faults", *wrong[:10], sep="\n    ", flush=True)
            bad, total = bad + len(wrong), total + sum(codes.values())
    print(f"{total} runs in {time.monotonic() - started:.0f} s, {bad} faults")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
