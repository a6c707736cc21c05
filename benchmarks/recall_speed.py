"""How soon recall search answers in a large history, what it takes to keep a message, and how much memory that needs.

    python -m benchmarks.recall_speed [--messages N] [--questions N] [--seed N] [--no-vectors] [--keep FOLDER]

A history of N messages (see `recall_volume`) is written into the store of an agent by the operations of the program, and
embedded by the worker's own job. Then: questions in one process, without and with vectors, and the peak of its memory; whole
`lcode recall` commands; the cost of one message more beside a bare commit of the same text, at the same durability and in
turns. All times are the processor's, in milliseconds.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path

import apsw

from benchmarks.measure import run
from benchmarks.recall_volume import Made, Volume, content
from lcode import clock
from lcode.git.repository import Place, find
from lcode.index.embedding import StaticEmbedder
from lcode.index.open import open_index
from lcode.memory.indexed_text import searched
from lcode.memory.meaning import Meaning
from lcode.memory.model import Actor, Provenance, Source
from lcode.memory.recall import Recall
from lcode.memory.recall_writes import apply
from lcode.memory.store import Store
from lcode.redact import Redactor
from lcode.store import migrations
from lcode.store.connect import connect
from lcode.store.database import Database, fetch_all
from lcode.store.paths import AgentPaths

_AT_ONCE = 500  # messages of a transaction while the history is made
_COMMANDS = 7
_WRITES = 40
_GIANT = 2_000_000  # characters of what a tool printed


# -- the history ----------------------------------------------------------------------------------------------------


def fill(database: Database, volume: Volume, count: int) -> None:
    messages = volume.messages(count)
    number = 0
    while batch := list(islice(messages, _AT_ONCE)):
        database.write(lambda connection, batch=batch, number=number: _add(connection, batch, number))  # type: ignore[misc]
        number += len(batch)


def _add(connection: apsw.Connection, batch: Sequence[Made], number: int) -> None:
    for at, made in enumerate(batch, number):
        session = f"session-{made.session:032x}"
        if made.role == "user":
            words = {"id": session, "created_at": made.time, "branch": "main", "worktree": "", "head": "", "model": "made"}
            apply(connection, ("add_session", words))
        text, terms = searched(made.text, "", made.tool, made.path)
        row = {
            "id": f"message-{at:032x}", "run_id": "", "role": made.role, "kind": made.kind, "content": content(made.text),
            "text": text, "terms": terms, "call_id": "", "created_at": made.time,
            "actor": "user", "source": "said", "trust": "trusted", "session_id": session, "step_id": "", "commit_id": "",
            "worktree": "", "tool": made.tool, "outcome": "ok" if made.tool else "", "paths": made.path,
        }  # fmt: skip
        apply(connection, ("add_message", row))


def embed(agent: AgentPaths) -> None:
    """All vectors, by the worker's job."""
    from lcode.worker.jobs import Turn
    from lcode.worker.table import Models
    from lcode.worker.texts import Texts

    with closing(open_index(agent)) as index:
        job = Texts(agent, index, Models().now)
        turn = Turn(lambda _done, _total: None, lambda: False, lambda _waiting: None)
        while job.run(Place(agent.folder), turn):
            pass


# -- asking ---------------------------------------------------------------------------------------------------------


def ask(folder: Path, questions: Sequence[str], *, vectors: bool) -> dict[str, float]:
    """The times of all questions in this process, the better of two rounds for each, and the peak of its memory in MB."""
    agent = AgentPaths(folder)
    with closing(Database(agent.memory_db, migrations.MEMORY, read_only=True)) as memory, closing(open_index(agent)) as index:
        recall = Recall(memory, memory, Redactor({}), Meaning(lambda: index, StaticEmbedder) if vectors else None)
        last = memory.read(lambda connection: fetch_all(connection, "SELECT max(created_at) FROM messages"))[0][0]
        clock.set_source(lambda: clock.parse(last))  # so that "last month" is one of the history
        first = _timed(recall, questions[0])
        rounds = [[_timed(recall, question) for question in questions] for _ in range(2)]
    times = sorted(map(min, zip(*rounds, strict=True)))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 * 1024 if sys.platform == "darwin" else 1024)
    return {"first": first, "p50": times[len(times) // 2], "p95": times[int(len(times) * 0.95)], "max": times[-1], "MB": peak}


def _timed(recall: Recall, question: str) -> float:
    started = time.process_time()
    recall.search(question)
    return 1000 * (time.process_time() - started)


def asked_apart(folder: Path, questions: Sequence[str], *, vectors: bool) -> dict[str, float]:
    """The same in a process of its own."""
    given = json.dumps({"folder": str(folder), "questions": list(questions), "vectors": vectors})
    command = [sys.executable, "-m", "benchmarks.recall_speed", "--ask"]
    done = subprocess.run(command, input=given, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def commands(root: Path, environment: Mapping[str, str], questions: Sequence[str]) -> list[float]:
    """Whole commands, the first one apart: it compiles."""
    times = [
        1000 * run([sys.executable, "-m", "lcode", "recall", "--json", question], root, environment).cpu
        for question in questions[: _COMMANDS + 1]
    ]
    return sorted(times[1:])


# -- writing --------------------------------------------------------------------------------------------------------


def writes(folder: Path, volume: Volume) -> Iterator[tuple[str, float, float]]:
    """What is written, what one of it costs, and what a bare commit of the same text costs, in turns."""
    texts = {
        "a user's message": lambda: " ".join(volume.some(40)),
        "an agent's message": lambda: " ".join(volume.some(100)),
        "a tool's output, 20 kB": lambda: _printed(volume, 20_000),
        "the same cut out of 2 MB": lambda: _printed(volume, 20_000),
    }
    agent = AgentPaths(folder)
    with closing(Database(agent.memory_db, migrations.MEMORY, lock=agent.locks / "memory.lock")) as memory:
        recall = Recall(memory, memory, Redactor({}))
        session = recall.create_session(branch="main", worktree="", head="", model="made")
        with closing(connect(folder / "bare.db")) as bare:
            bare.execute("PRAGMA journal_mode=WAL")
            bare.execute("CREATE TABLE texts (id INTEGER PRIMARY KEY, text TEXT)")
            for what, text in texts.items():
                giant = recall.redacted(_printed(volume, _GIANT)) if "MB" in what else ""  # as what is cut is, before
                kind = "tool" if giant or "tool" in what else "user"
                pairs = [_written(recall, bare, session, kind, text(), giant) for _ in range(_WRITES)]
                yield what, statistics.median(pair[0] for pair in pairs), statistics.median(pair[1] for pair in pairs)


def _printed(volume: Volume, size: int) -> str:
    words = volume.some(5_000)
    lines = [" ".join(volume.random.choices(words, k=12)) for _ in range(2_000)]
    made: list[str] = []
    while size > 0:
        made.append(f"{len(made)}: {volume.random.choice(lines)}")
        size -= len(made[-1]) + 1
    return "\n".join(made)


def _written(recall: Recall, bare: apsw.Connection, session: str, kind: str, text: str, whole: str) -> tuple[float, float]:
    tool = kind == "tool"
    by = Provenance(Actor.PROGRAM if tool else Actor.USER, Source.TOOL if tool else Source.SAID, session)
    part = {"type": "tool_result", "call_id": "c", "name": "shell", "text": text} if tool else {"type": "text", "text": text}
    name = "shell" if tool else ""
    ours = _cost(lambda: recall.add_message(kind, kind, [part], text, by, tool=name, outcome="ok" if tool else "", whole=whole))
    return ours, _cost(lambda: bare.execute("INSERT INTO texts (text) VALUES (?)", (text,)))


def _cost(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return 1000 * (time.process_time() - started)


# -- all of it ------------------------------------------------------------------------------------------------------


def measure(base: Path, count: int, number: int, seed: int, *, vectors: bool) -> None:
    volume = Volume(seed)
    environment = {**os.environ, "HOME": str(base), "LCODE_HOME": str(base / "memory"), "PYTHONPATH": _program(base)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    root = base / "work"
    root.mkdir()
    (root / "README.md").write_text("# made\n")
    store = Store(environment)
    place = find(root)
    agent = store.resolve(place).agent
    database = store.open(agent)
    folder = store.agent_paths(agent).folder
    started = time.process_time()
    fill(database, volume, count)
    sql = "SELECT text FROM messages WHERE kind != 'tool' AND seq IN (SELECT value FROM json_each(?))"
    chosen = random.Random(seed).sample(range(1, count + 1), min(count, 4 * number))
    texts = [row[0] for row in database.read(lambda connection: fetch_all(connection, sql, (json.dumps(chosen),)))]
    size = sum(
        row[0] for row in database.read(lambda connection: fetch_all(connection, "SELECT sum(length(text)) FROM messages"))
    )
    store.close()
    print(f"{count:,} messages, {size / 1e6:,.0f} MB of text, made in {time.process_time() - started:,.0f} s; seed {seed}")
    questions = volume.questions(texts, number)
    _row("search, by words alone", asked_apart(folder, questions, vectors=False))
    print(f"  {'lcode recall, without vectors':<34}", _shown(commands(root, environment, questions)))
    if vectors:
        embed(AgentPaths(folder))
        _row("search, with vectors", asked_apart(folder, questions, vectors=True))
        print(f"  {'lcode recall, with vectors':<34}", _shown(commands(root, environment, questions)))
    for what, whole, bare in writes(folder, volume):
        print(f"  {what:<34} {whole:.2f}, a bare commit {bare:.2f}: {whole - bare:.2f} more")


def _program(base: Path) -> str:
    """A copy of the program, compiled there whatever this process was told."""
    shutil.copytree(Path(__file__).resolve().parent.parent / "lcode", base / "program" / "lcode")
    return str(base / "program")


def _row(what: str, found: Mapping[str, float]) -> None:
    print(
        f"  {what:<34} p50 {found['p50']:.1f}, p95 {found['p95']:.1f}, most {found['max']:.1f}, first {found['first']:.1f};"
        f" {found['MB']:.0f} MB",
        flush=True,
    )


def _shown(times: Sequence[float]) -> str:
    return f"median {times[len(times) // 2]:.0f}, most {times[-1]:.0f}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.recall_speed", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--no-vectors", action="store_true")
    parser.add_argument("--keep", type=Path, help="a folder that is made and not removed")
    parser.add_argument("--ask", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.ask:
        told = json.load(sys.stdin)
        print(json.dumps(ask(Path(told["folder"]), told["questions"], vectors=told["vectors"])))
        return
    base = given.keep or Path(tempfile.mkdtemp(prefix="recall-speed-"))
    base.mkdir(parents=True, exist_ok=True)
    try:
        measure(base, given.messages, given.questions, given.seed, vectors=not given.no_vectors)
    finally:
        if not given.keep:
            shutil.rmtree(base, ignore_errors=True)


if __name__ == "__main__":
    main()
