"""How well passages are found: by words alone, and by words and meaning.

    python -m benchmarks.passages DEVMEMBENCH

DEVMEMBENCH is the folder of that set's `sessions.json` and `questions.json`. Each message becomes a passage, and a question is
answered by passages of the sessions that its labels name. Figures are of sessions, in the order of their first passage.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.recall_loaders import devmembench
from benchmarks.recall_sets import Conversation
from benchmarks.text_vectors import embed
from lcode.index.embedding import StaticEmbedder
from lcode.index.open import open_index
from lcode.memory.archival import Archival
from lcode.memory.meaning import Meaning
from lcode.memory.model import Actor, Provenance, Source
from lcode.redact import Redactor
from lcode.store import migrations
from lcode.store.database import Database
from lcode.store.paths import AgentPaths

LIMIT = 30


def sessions_found(archival: Archival, question: str, of: dict[str, str]) -> list[str]:
    """The sessions of the passages that are found, each once."""
    return list(dict.fromkeys(of[passage.id] for passage in archival.search(question, limit=LIMIT)))


def figures(archival: Archival, talk: Conversation, of: dict[str, str]) -> Sequence[float]:
    """Share of questions whose first session is right, share of the right ones among the first three, MRR."""
    first, three, reciprocal, count = 0, 0.0, 0.0, 0
    for question in talk.questions:
        if not question.sessions:
            continue
        found, right = sessions_found(archival, question.text, of), set(question.sessions)
        first += bool(found) and found[0] in right
        three += len(right & set(found[:3])) / len(right)
        reciprocal += next((1 / (at + 1) for at, session in enumerate(found) if session in right), 0.0)
        count += 1
    return first / count, three / count, reciprocal / count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    (talk,) = devmembench(parser.parse_args().folder)
    with TemporaryDirectory() as folder:
        paths = AgentPaths(Path(folder) / "agents" / "measured")
        with (
            closing(Database(paths.memory_db, migrations.MEMORY, lock=paths.locks / "memory.lock")) as memory,
            closing(open_index(paths)) as index,
        ):
            embedder = StaticEmbedder()
            words = Archival(memory, Redactor({}))
            both = Archival(memory, Redactor({}), Meaning(lambda: index, lambda: embedder))
            of = {
                words.insert(turn.text, Provenance(Actor.USER, Source.SAID), kind="note").id: session.id
                for session in talk.sessions
                for turn in session.turns
            }
            embed(paths, index)
            for name, archival in (("words", words), ("words and meaning", both)):
                first, three, reciprocal = figures(archival, talk, of)
                print(f"{name:18} @1 {first:.3f}   share@3 {three:.3f}   MRR {reciprocal:.3f}")


if __name__ == "__main__":
    main()
