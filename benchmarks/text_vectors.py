"""What vectors of messages cost: importing, embedding, and asking for the nearest.

    python -m benchmarks.text_vectors [--messages N] [--length CHARACTERS]

Messages of random words are imported into a store of its own, embedded by the worker's own job, and asked for with sentences
like them. Figures are the processor's time; nothing is asked by words. `exact` is how many of the nearest ten, found by going
through all vectors, are among the ten that are found by their signs.
"""

from __future__ import annotations

import argparse
import io
import json
import random
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import mock

import apsw

from lcode.git.repository import Place
from lcode.index import message_vectors
from lcode.index.embedding import StaticEmbedder
from lcode.index.message_vectors import MESSAGES
from lcode.index.open import IndexDatabase, open_index
from lcode.memory.importing import Damages, Import
from lcode.memory.importing_jsonl import messages
from lcode.memory.meaning import Meaning
from lcode.redact import Redactor
from lcode.store import migrations
from lcode.store.database import Database
from lcode.store.paths import AgentPaths
from lcode.worker.jobs import Turn
from lcode.worker.texts import Texts

ASKED = 40


def words(dice: random.Random, vocabulary: list[str], length: int) -> str:
    """A text about a few things: most of its words are of one corner of the vocabulary."""
    at = dice.randrange(len(vocabulary) - 60)
    said: list[str] = []
    while sum(map(len, said)) + len(said) < length:
        said.append(vocabulary[at + dice.randrange(60)] if dice.random() < 0.7 else dice.choice(vocabulary))
    return " ".join(said)


def vocabulary() -> list[str]:
    """Words of the program's own sources."""
    text = " ".join(path.read_text("utf-8") for path in sorted(Path(message_vectors.__file__).parent.parent.rglob("*.py")))
    return sorted({word for word in text.replace("_", " ").split() if word.isalpha() and word.islower() and len(word) > 2})


def talk(count: int, length: int) -> bytes:
    dice, known = random.Random(5), vocabulary()
    rows = (
        {"session": f"s{number // 200}", "time": 1_700_000_000 + 60 * number, "id": number, "text": words(dice, known, length)}
        for number in range(count)
    )
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def spent(work: Callable[[], object]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun


def embed(paths: AgentPaths, index: IndexDatabase) -> None:
    embedder = StaticEmbedder()
    job = Texts(paths, index, lambda: embedder)
    while job.run(Place(paths.folder), Turn(lambda _done, _total: None, lambda: False, lambda _waiting: None)):
        pass


def asked(memory: Database, index: IndexDatabase, limit: int, length: int) -> Iterator[tuple[float, float, int]]:
    """For each question: the seconds for its vector and for the nearest, and how many of the ten nearest are exact."""
    dice, known = random.Random(6), vocabulary()
    embedder = StaticEmbedder()
    meaning = Meaning(lambda: index, lambda: embedder)

    def ask(connection: apsw.Connection) -> tuple[float, float, int]:
        text = words(dice, known, length)
        begun = time.process_time()
        question = meaning.ask(connection, MESSAGES, text)
        made = time.process_time()
        assert question is not None
        found = [seq for seq, _ in question.nearest(limit)]
        done = time.process_time()
        with mock.patch.object(message_vectors, "_LOOKED_AT", 10_000_000):
            exact = {seq for seq, _ in question.nearest(10)}
        return made - begun, done - made, len(exact & set(found[:10]))

    for _ in range(ASKED):
        yield memory.read(ask)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--length", type=int, default=1_000, help="characters of a message")
    given = parser.parse_args()
    with TemporaryDirectory() as folder:
        paths = AgentPaths(Path(folder) / "agents" / "measured")
        data = talk(given.messages, given.length)
        with closing(Database(paths.memory_db, migrations.MEMORY, lock=paths.locks / "memory.lock")) as memory:
            work = Import(memory, Redactor({}), "jsonl")
            seconds = spent(lambda: work.take(messages(io.BytesIO(data), "talk", Damages())))
            print(f"import     {seconds:8.2f} s   {1e3 * seconds / given.messages:.3f} ms a message", flush=True)
            with closing(open_index(paths)) as index:
                seconds = spent(lambda: embed(paths, index))
                size = sum(path.stat().st_size for path in paths.folder.glob("index.db*"))
                print(f"embed      {seconds:8.2f} s   index.db {size / 1e6:.0f} MB", flush=True)
                for limit in (10, 100, 200):
                    rows = sorted(asked(memory, index, limit, 60), key=lambda row: row[1])
                    middle, last = rows[len(rows) // 2], rows[int(len(rows) * 0.95)]
                    exact = sum(row[2] for row in rows) / (10 * len(rows))
                    vector = 1e3 * sorted(row[0] for row in rows)[len(rows) // 2]
                    print(
                        f"nearest {limit:3}   p50 {1e3 * middle[1]:.1f} ms   p95 {1e3 * last[1]:.1f} ms   the question's vector"
                        f" {vector:.1f} ms   exact {exact:.3f}"
                    )


if __name__ == "__main__":
    main()
