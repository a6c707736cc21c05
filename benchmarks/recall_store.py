"""A store as the program makes it, filled with a dialogue by the program's own import and embedded by the worker's own job.

The clock is set to when a question is asked, and the zone is UTC, in which the sets are dated.
"""

from __future__ import annotations

import io
import json
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.recall_loaders import messages_of
from benchmarks.recall_sets import Conversation, Question
from lcode import clock
from lcode.git.repository import Place
from lcode.index.embedding import StaticEmbedder
from lcode.index.open import IndexDatabase, open_index
from lcode.memory.importing import Damages, Import
from lcode.memory.importing_jsonl import messages
from lcode.memory.meaning import Meaning
from lcode.memory.model import Recalled
from lcode.memory.recall import Recall
from lcode.redact import Redactor
from lcode.store import migrations
from lcode.store.database import Database
from lcode.store.paths import AgentPaths
from lcode.worker.jobs import Turn
from lcode.worker.table import Models
from lcode.worker.texts import Texts


class Filled:
    """A dialogue in a store of its own."""

    def __init__(self, conversation: Conversation, folder: Path, *, vectors: bool = True) -> None:
        self.paths = AgentPaths(folder)
        self.memory = Database(self.paths.memory_db, migrations.MEMORY, lock=self.paths.locks / "memory.lock")
        self.index: IndexDatabase = open_index(self.paths)
        self.lexical = Recall(self.memory, self.memory, Redactor({}))
        self.recall = Recall(self.memory, self.memory, Redactor({}), Meaning(lambda: self.index, StaticEmbedder))
        self._import(conversation)
        if vectors:
            self._embed()

    def _import(self, conversation: Conversation) -> None:
        lines = "".join(json.dumps(message) + "\n" for message in messages_of(conversation))
        damages = Damages()
        Import(self.memory, Redactor({}), "jsonl").take(messages(io.BytesIO(lines.encode()), conversation.id, damages))
        if damages.count:
            raise ValueError(f"{damages.count} messages could not be imported: {damages.named[0]}")

    def _embed(self) -> None:
        """All vectors, by the worker's job."""
        job = Texts(self.paths, self.index, Models().now)
        turn = Turn(lambda _done, _total: None, lambda: False, lambda _waiting: None)
        while job.run(Place(self.paths.folder), turn):
            pass

    def search(self, question: Question, limit: int, *, vectors: bool = True) -> Recalled:
        """What the program answers at the time of the question."""
        with at(question.asked):
            return (self.recall if vectors else self.lexical).search(question.text, limit=limit, context=0)

    def close(self) -> None:
        self.index.close()
        self.memory.close()


@contextmanager
def in_utc() -> Iterator[None]:
    """The user's zone is UTC."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = "UTC"
    time.tzset()
    try:
        yield
    finally:
        os.environ.pop("TZ")
        os.environ |= {} if before is None else {"TZ": before}
        time.tzset()


@contextmanager
def at(moment: datetime) -> Iterator[None]:
    """The clock stands at `moment`."""
    clock.set_source(lambda: moment)
    try:
        yield
    finally:
        clock.set_source(None)


@contextmanager
def filled(conversation: Conversation, *, vectors: bool = True) -> Iterator[Filled]:
    """A dialogue in a store that is gone afterwards."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="lcode-recall-")))
        store = Filled(conversation, folder, vectors=vectors)
        stack.callback(store.close)
        yield store
