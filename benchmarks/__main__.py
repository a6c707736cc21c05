"""Measures lcode and prints medians beside their budgets and a floor measured in the same run.

A ratio to the floor can be read on a busy machine, where a time cannot: runs of lcode and of the floor take turns.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shlex
import statistics
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path

from benchmarks.measure import MEGABYTE, Bench, Cost, bench

SHORT, LONG = 1, 20  # tool turns of the two headless runs


@dataclass(frozen=True)
class Row:
    """One line of the table. `floor` is the same figure of the floor program, where there is one."""

    metric: str
    unit: str
    median: float
    worst: float
    budget: float | None = None
    floor: float | None = None

    @property
    def ratio(self) -> float | None:
        return self.median / self.floor if self.floor else None


def alternate(rounds: int, *programs: Callable[[], Cost]) -> list[list[Cost]]:
    """Run the programs in turn, `rounds` times, after one uncounted round that warms files and store."""
    costs: list[list[Cost]] = [[] for _ in programs]
    for number in range(rounds + 1):
        for program, kept in zip(programs, costs, strict=True):
            cost = program()
            if number:
                kept.append(cost)
    return costs


def row(metric: str, unit: str, values: list[float], budget: float | None = None, floor: list[float] | None = None) -> Row:
    return Row(metric, unit, statistics.median(values), max(values), budget, statistics.median(floor) if floor else None)


def milliseconds(costs: list[Cost]) -> list[float]:
    return [cost.cpu * 1000 for cost in costs]


def startup(at: Bench, rounds: int) -> list[Row]:
    version, help_text, bare = alternate(rounds, lambda: at.lcode("--version"), lambda: at.lcode("--help"), at.bare_python)
    floor = milliseconds(bare)
    return [
        row("--version, CPU", "ms", milliseconds(version), 40, floor),
        row("--help, CPU", "ms", milliseconds(help_text), 100, floor),
    ]


def turn(at: Bench, rounds: int) -> list[Row]:
    short, short_floor = alternate(rounds, lambda: at.lcode_turns(SHORT), lambda: at.baseline_turns(SHORT))
    long, long_floor = alternate(max(3, rounds // 3), lambda: at.lcode_turns(LONG), lambda: at.baseline_turns(LONG))
    sizes = [request["bytes"] / 1000 for request in long[-1].requests]
    return [
        row(f"run of {SHORT} tool turn, CPU", "ms", milliseconds(short), 410, milliseconds(short_floor)),
        row("each further tool turn, CPU", "ms", [slope(short, long)], 36, [slope(short_floor, long_floor)]),
        row("peak memory", "MB", rss(short + long), 75, rss(short_floor + long_floor)),
        row("start to first request, wall", "ms", to_first(short), 310, to_first(short_floor)),
        row("response to next request, wall, median", "ms", gaps(long), 45, gaps(long_floor)),
        row("response to next request, wall, 95th percentile", "ms", [p95(gaps(long))], None, [p95(gaps(long_floor))]),
        row("last response to exit, wall", "ms", to_exit(short), 85, to_exit(short_floor)),
        row("first request", "kB", sizes[:1]),
        row("growth of a request per turn", "kB", [after - before for before, after in pairwise(sizes)]),
    ]


def slope(short: list[Cost], long: list[Cost]) -> float:
    return (statistics.median(milliseconds(long)) - statistics.median(milliseconds(short))) / (LONG - SHORT)


def rss(costs: list[Cost]) -> list[float]:
    return [cost.rss / MEGABYTE for cost in costs]


def to_first(costs: list[Cost]) -> list[float]:
    return [(cost.requests[0]["arrived"] - cost.started) * 1000 for cost in costs]


def gaps(costs: list[Cost]) -> list[float]:
    return [(after["arrived"] - before["ended"]) * 1000 for cost in costs for before, after in pairwise(cost.requests)]


def to_exit(costs: list[Cost]) -> list[float]:
    return [(cost.ended - cost.requests[-1]["ended"]) * 1000 for cost in costs]


def p95(values: list[float]) -> float:
    return statistics.quantiles(values, n=20)[-1]


def table(rows: list[Row]) -> str:
    lines = [("", "median", "worst", "budget", "", "floor", "ratio")]
    for r in rows:
        verdict = "" if r.budget is None else "within" if r.median <= r.budget else "OVER"
        budget = "" if r.budget is None else f"{r.budget:g} {r.unit}"
        floor = "" if r.floor is None else f"{r.floor:.1f}"
        ratio = "" if r.ratio is None else f"{r.ratio:.1f}"
        lines.append((r.metric, f"{r.median:.1f} {r.unit}", f"{r.worst:.1f}", budget, verdict, floor, ratio))
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    padded = [
        [cell.ljust(w) if not at else cell.rjust(w) for at, (cell, w) in enumerate(zip(line, widths, strict=True))]
        for line in lines
    ]
    return "\n".join("  ".join(line).rstrip() for line in padded)


def machine() -> dict[str, str]:
    load = ", ".join(f"{value:.2f}" for value in os.getloadavg())
    return {"python": platform.python_version(), "system": platform.platform(), "cpus": str(os.cpu_count()), "load": load}


_OTHERS = (
    "Programs of their own: python -m benchmarks.imports, store_writers, store_sessions, store_blocks, store_throughput,"
    " store_soak, crash_kills, crash_power, crash_faults. See docs/benchmarks.md."
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__, epilog=_OTHERS)
    parser.add_argument("what", nargs="?", choices=("startup", "turn", "all"), default="all")
    parser.add_argument("--rounds", type=int, default=11, help="runs of each program (default: 11)")
    parser.add_argument(
        "--command", default="", help="measure this program instead of the checkout's, such as ~/.local/bin/lcode"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    before = machine()
    rows: list[Row] = []
    with bench([str(Path(word).expanduser()) for word in shlex.split(options.command)]) as at:
        rows += startup(at, options.rounds) if options.what in ("startup", "all") else []
        rows += turn(at, options.rounds) if options.what in ("turn", "all") else []
    if options.json:
        json.dump({"machine": before, "rows": [asdict(r) | {"ratio": r.ratio} for r in rows]}, sys.stdout, indent=2)
        print()
        return
    print(", ".join(f"{name} {value}" for name, value in before.items()))
    print(table(rows))
    print(
        "\nfloor: `python -I -c pass` for the starts, a loop of the standard library that makes the same requests for the runs"
    )


if __name__ == "__main__":
    main()
