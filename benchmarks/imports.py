"""Where the time of a headless start goes: the imports of `lcode -p`, the dearest first. `python -m benchmarks.imports`."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from benchmarks.measure import CHECKOUT, HEADLESS, bench


class Import(NamedTuple):
    """One imported module: microseconds of its own, and with what it imports."""

    own: int
    total: int
    module: str


def parse(lines: Iterable[str]) -> Iterator[Import]:
    """The rows of `python -X importtime`."""
    for line in lines:
        own, _, rest = line.removeprefix("import time:").partition("|")
        total, _, module = rest.partition("|")
        if line.startswith("import time:") and own.strip().isdigit():
            yield Import(int(own), int(total), module.strip())


def headless_imports() -> list[Import]:
    with bench() as at:
        for _ in range(2):  # the first run compiles and makes the store
            at.script(1)
            command = [sys.executable, "-X", "importtime", "-m", "lcode", *HEADLESS]
            environment = {**at.environment, "PYTHONPATH": str(CHECKOUT), "LCODE_WORKER": "0"}
            done = subprocess.run(command, cwd=at.workspace, env=environment, capture_output=True, text=True, check=False)
            if done.returncode:
                raise RuntimeError(done.stderr[-2000:])
    return list(parse(done.stderr.splitlines()))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.imports", description=__doc__)
    parser.add_argument("--top", type=int, default=30, help="rows of each table (default: 30)")
    options = parser.parse_args()
    found = headless_imports()
    packages: Counter[str] = Counter()
    for row in found:
        packages[row.module.partition(".")[0]] += row.own
    print(
        f"{len(found)} modules, {sum(row.own for row in found) / 1000:.1f} ms (importtime itself costs some)\n\n  ms  package"
    )
    for package, own in packages.most_common(options.top):
        print(f"{own / 1000:4.1f}  {package}")
    print("\n  ms own  ms total  module")
    for row in sorted(found, reverse=True)[: options.top]:
        print(f"{row.own / 1000:8.1f}  {row.total / 1000:8.1f}  {row.module}")


if __name__ == "__main__":
    main()
