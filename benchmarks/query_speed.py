"""How soon a search of code answers.

    python -m benchmarks.query_speed REPOSITORY... [--limit N]

For each repository (a checkout, which is only read): `lcode index` builds its index in a folder of its own. Then its newest 100
commits' subjects are asked in one process, plainly and with filters; the first question on a new connection; beside a process
that commits fifty times a second; questions out of the ordinary; and `lcode search` from its start to its end. Figures are the
processor's time in milliseconds, p50 / p95, the best of three rounds where nothing is to be cold.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import pairwise
from pathlib import Path

from lcode.index.open import IndexDatabase, open_index
from lcode.index.search import CodeSearch
from lcode.store.paths import AgentPaths

QUESTIONS = 100
_WRITER = """
import sys, time
from pathlib import Path
from lcode.index.open import open_index
from lcode.store.paths import AgentPaths
database = open_index(AgentPaths(Path(sys.argv[1])))
for number in range(10**9):
    database.write(lambda connection: connection.execute("INSERT OR REPLACE INTO meta VALUES ('measured', ?)", (str(number),)))
    print(number, flush=True) if not number else time.sleep(0.02)
"""


def odd_questions(text: str) -> dict[str, str]:
    """Questions that nobody would make up, but paste; `text` is some code."""
    words = text.split()
    frames = [f'  File "/usr/lib/{a}.py", line {n}, in {b}' for n, (a, b) in enumerate(pairwise(words))]
    return {
        "2,000 words of a stack trace": " ".join(" ".join(frames).split(" ")[:2_000]),
        "10 kB of code": text[:10_240],
        "10 kB in one word": "x" * 10_240,
        "a stop word": "the",
        "a letter": "e",
        "an expression": r"return\s+\w+\(",
        "four quoted texts": '"return 0" "if not" "end if" "in the"',
        "paths that are not there": " ".join(f"src/a{number}/b.c:12" for number in range(50)),
        "another script": "größe файл 検索エンジン مرحبا 🙂",
        "signs": "!!! ??? ((( */ \\ % _ \0",
    }


def timed(search: CodeSearch, questions: Sequence[str], limit: int, **filters: str) -> list[float]:
    times = []
    for question in questions:
        started = time.process_time()
        search.search(question, limit=limit, **filters)  # type: ignore[arg-type]
        times.append(1000 * (time.process_time() - started))
    return sorted(times)


def shown(times: Sequence[float]) -> str:
    return f"{times[len(times) // 2]:.1f} / {times[min(len(times) - 1, int(len(times) * 0.95))]:.1f}"


def best(measure: Callable[[], list[float]]) -> list[float]:
    return min((measure() for _ in range(3)), key=sum)


@contextmanager
def writing(home: Path) -> Iterator[None]:
    """Another process that commits all the time."""
    process = subprocess.Popen([sys.executable, "-c", _WRITER, str(home)], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        yield
    finally:
        process.kill()
        process.communicate()


def first_questions(home: Path, root: Path, questions: Sequence[str], limit: int) -> list[float]:
    times = []
    for question in questions:
        with closing(open_index(AgentPaths(home), read_only=True)) as database:
            times += timed(CodeSearch(database, root), [question], limit)
    return sorted(times)


def whole_commands(root: Path, environment: dict[str, str], questions: Sequence[str]) -> list[float]:
    times = []
    for question in [questions[0], *questions]:  # the first one compiles
        before = sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])
        command = [sys.executable, "-m", "lcode", "search", "--scope", "code", question]
        subprocess.run(command, cwd=root, env=environment, check=True, capture_output=True)
        times.append(1000 * (sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2]) - before))
    return sorted(times[1:])


def common(database: IndexDatabase, column: str) -> str:
    """The value that most chunks have: of `path` the folder at the top."""
    sql = f"SELECT {column} FROM files JOIN contents ON contents.id = content_id JOIN chunks USING (content_id)"
    values = database.read(lambda connection: [str(row[0]) for row in connection.execute(sql)])
    return Counter(value.partition("/")[0] if column == "path" else value for value in values).most_common(1)[0][0]


def measure(root: Path, limit: int) -> None:
    home = Path(tempfile.mkdtemp(prefix="query-speed-"))
    here = Path(__file__).resolve().parent.parent
    shutil.copytree(here / "lcode", home / "program" / "lcode")  # compiled there, whatever this process was told
    environment = {**os.environ, "HOME": str(home), "PYTHONPATH": str(home / "program"), "XDG_DATA_HOME": str(home / "data")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    try:
        subprocess.run([sys.executable, "-m", "lcode", "index"], cwd=root, env=environment, check=True, capture_output=True)
        agent = next(home.rglob("index.db")).parent
        log = ["git", "-C", str(root), "log", "--no-merges", "--format=%s", f"-n{QUESTIONS}"]
        questions = subprocess.run(log, check=True, capture_output=True, text=True).stdout.splitlines()
        with closing(open_index(AgentPaths(agent), read_only=True)) as database:
            search = CodeSearch(database, root)
            chunks = database.read(lambda connection: next(iter(connection.execute("SELECT count(*) FROM code")))[0])
            print(f"{root.name}, {chunks:,} chunks, {limit} places asked for; ms of the processor, p50 / p95")
            print(f"  {'questions':<28}", shown(best(lambda: timed(search, questions, limit))))
            for name, column in (("path", "path"), ("language", "language"), ("kind", "chunks.kind")):
                value = common(database, column)
                found = best(lambda name=name, value=value: timed(search, questions, limit, **{name: value}))  # type: ignore[misc]
                print(f"  {f'in {name} {value}':<28}", shown(found))
            with writing(agent):
                print(f"  {'beside one that writes':<28}", shown(timed(search, questions, limit)))
            for name, question in odd_questions("".join(hit.text for hit in search.search("the", limit=200))).items():
                print(f"  {name:<28}", f"{timed(search, [question], limit)[0]:.1f}")
        print(f"  {'first on a new connection':<28}", shown(first_questions(agent, root, questions[:30], limit)))
        print(f"  {'lcode search, all of it':<28}", shown(whole_commands(root, environment, questions[:10])))
    finally:
        shutil.rmtree(home)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("repositories", nargs="+", type=Path)
    parser.add_argument("--limit", type=int, default=10, help="places that are asked for (10)")
    options = parser.parse_args()
    for repository in options.repositories:
        measure(repository.resolve(), options.limit)


if __name__ == "__main__":
    main()
