"""How fast repositories are indexed, and what it takes.

    python -m benchmarks.index_speed PATH... [--processes N] [--files N]

For each repository: thousands of lines a second until all of it is found by its words, and with vectors (wall clock, and the
processor's time of this process and its helpers); memory; bytes of index a chunk; how long transactions held their lock; the
check that finds nothing changed; one changed file indexed again (`--files` of them), with vectors. `--processes 1` keeps all
in one process. Run it on a quiet machine; figures of the processor's time bear some company.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from lcode.index import analysing, scan
from lcode.index.build import CodeIndex
from lcode.index.open import IndexDatabase, open_index
from lcode.store.paths import AgentPaths


def processor() -> float:
    """Seconds of the processor's time that this process and its helpers that ended have used."""
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def timed(work: Callable[[], Any]) -> tuple[float, float, Any]:
    wall, used = time.perf_counter(), processor()
    result = work()
    return time.perf_counter() - wall, processor() - used, result


def number(database: IndexDatabase, sql: str) -> int:
    return database.read(lambda connection: int(str(connection.execute(sql).fetchall()[0][0] or 0)))


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def held(database: IndexDatabase) -> list[float]:
    """Milliseconds of each transaction from here on."""
    times: list[float] = []
    write = database.write

    def measured(work: Callable[..., Any]) -> Any:
        started = time.perf_counter()
        try:
            return write(work)
        finally:
            times.append(1000 * (time.perf_counter() - started))

    database.write = measured  # type: ignore[method-assign]
    return times


def single(index: CodeIndex, root: Path, count: int) -> list[float]:
    """Milliseconds to index one changed file again, of `count` files spread over the source files of the repository."""
    found = sorted(path for path, _ in scan.Listing(root) if scan.read(f"{root}/", path, 0).kind == "source")  # type: ignore[union-attr]
    times = []
    for path in found[:: max(1, len(found) // count)][:count]:
        file = root / path
        before, status = file.read_bytes(), file.stat()
        file.write_bytes(before + b"\n")
        times.append(1000 * timed(lambda path=path: index.update(paths=[path]))[0])  # type: ignore[misc]
        file.write_bytes(before)
        index.update(paths=[path])
        os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    return times


def measure(root: Path, files: int) -> dict[str, Any]:
    home = Path(tempfile.mkdtemp(prefix="index-speed-"))
    try:
        with closing(open_index(AgentPaths(home))) as database:
            index = CodeIndex(database, root)
            transactions = held(database)
            words = timed(lambda: index.update(vectors=False))
            vectors = timed(index.update)
            lines = number(database, "SELECT sum(lines) FROM contents") / 1000
            status = index.status()
            checks = [1000 * timed(index.no_change)[0] for _ in range(7)]
            memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            changed = single(index, root, files)
        problem = words[2].problem or vectors[2].problem
        return {
            "repository": root.name,
            **({"problem": problem} if problem else {}),
            "files": status.files,
            "kinds": status.kinds,
            "kloc": round(lines, 1),
            "chunks": status.chunks,
            "kloc_s": round(lines / words[0], 1),
            "kloc_s_processor": round(lines / words[1], 1),
            "kloc_s_vectors": round(lines / (words[0] + vectors[0]), 1),
            "kloc_s_vectors_processor": round(lines / (words[1] + vectors[1]), 1),
            "memory_mb": round(memory),
            "bytes_a_chunk": round(status.bytes / max(status.chunks, 1)),
            "transaction_ms": {
                "p50": round(statistics.median(transactions), 1),
                "p95": round(percentile(transactions, 0.95), 1),
                "max": round(max(transactions), 1),
            },
            "no_change_ms": round(statistics.median(checks), 1),
            "one_file_ms": {"p50": round(statistics.median(changed), 1), "p95": round(percentile(changed, 0.95), 1)}
            if changed
            else {},
        }
    finally:
        shutil.rmtree(home)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="+", type=Path)
    parser.add_argument("--processes", type=int, default=0, help="at most so many helpers (1: none)")
    parser.add_argument("--files", type=int, default=40, help="files that are changed one by one")
    options = parser.parse_args()
    if options.processes:
        analysing.processors = lambda: options.processes
    for path in options.paths:
        print(json.dumps(measure(path.resolve(), options.files)), flush=True)


if __name__ == "__main__":
    main()
