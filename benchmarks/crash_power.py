"""Losses of power at random operations of a mixed workload: how many, and what each lost.

    python -m benchmarks.crash_power [--points 500] [--seed 1]

At each point the files are made as they might be found afterwards (tests/support/power_loss.py) and opened by the newer
program: each acknowledged row must be there, the integrity check good, full text and rows equal, and a new write must land.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests.store.power_workload import faults, lose_power

STEPS, POINTS_PER_RUN = 80, 50


def one_run(folder: Path, seed: int, count: int, restores: int) -> tuple[Counter[str], int, list[str]]:
    """The operations at which power was lost, the acknowledged rows that were looked for, and what was wrong."""
    (whole,) = lose_power(folder / "counted", seed, STEPS, [])
    points = sorted(random.Random(seed).sample(range(1, whole.number), count))
    operations: Counter[str] = Counter()
    facts, wrong = 0, []
    for snapshot in lose_power(folder / "store", seed, STEPS, points):
        operations[_kind(snapshot.operation)] += 1
        for attempt in range(restores):
            target = folder / f"{snapshot.number}-{attempt}"
            target.mkdir(mode=0o700)
            snapshot.restore(folder / "store", target, snapshot.number * 1000 + attempt)
            facts += len(snapshot.seen)
            found = faults(target, snapshot.seen)
            wrong += [f"seed {seed}, operation {snapshot.number} ({snapshot.operation}), {attempt}: {one}" for one in found]
            shutil.rmtree(target)
    return operations, facts, wrong


def _kind(operation: str) -> str:
    what, _, name = operation.partition(" ")
    file = "log" if name.endswith("-wal") else "journal" if name.endswith("-journal") else "database"
    return f"{what} of a {'copy' if name.startswith(('copy', 'memory-schema')) else file}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.crash_power", description=__doc__)
    parser.add_argument("--points", type=int, default=500)
    parser.add_argument("--restores", type=int, default=1, help="different outcomes that are tried for each point")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    operations: Counter[str] = Counter()
    facts, wrong, left, seed = 0, [], options.points, options.seed
    while left:
        count = min(left, POINTS_PER_RUN)
        with tempfile.TemporaryDirectory() as folder:
            one, looked, bad = one_run(Path(folder), seed, count, options.restores)
        operations += one
        facts, wrong, left, seed = facts + looked, wrong + bad, left - count, seed + 1
    for kind, number in operations.most_common():
        print(f"{number:6}  {kind}")
    print(
        f"{options.points} losses of power, {options.points * options.restores} outcomes, {facts} acknowledged rows looked for"
    )
    print(f"{len(wrong)} faults", *wrong[:20], sep="\n")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
