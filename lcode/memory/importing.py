"""What other programs kept of conversations, brought into recall: each message once, with its own time and id.

A reader of one form (`importing_jsonl` and its like) gives messages as they stand in files; what is done with them stands here.
Ids are made of what the source calls a message, so that a repeated import adds what is new and nothing else, and what was
forgotten since does not come back. Whatever is imported is unverified: its words are data of those who spoke them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lcode.memory.terms import title_of

if TYPE_CHECKING:
    import apsw

    from lcode.redact import Redactor
    from lcode.store.database import Database

NAMED = 20  # damaged lines that are named; all are counted
_AT_ONCE = 64  # messages of one transaction
_COMMANDS = ("/", "! ")  # that are given to a program, and say little of what a session is about
_TITLED = 2_000  # characters of a message that a title is made of


@dataclass(eq=False)
class ImportedSession:
    """A conversation as its program calls it. `title` may become known after its first messages."""

    key: str
    title: str = ""
    branch: str = ""
    worktree: str = ""
    model: str = ""


@dataclass(frozen=True)
class ImportedMessage:
    """A message as it stands in a file. `key` names it apart from all others of its program, for ever; `id` is what the
    program itself calls it, `written` its time as it stands there. `role` is user, assistant, tool, system or summary.
    `content` is that of a reply with calls, from which its text follows."""

    session: ImportedSession
    key: str
    id: str
    time: str
    written: str
    role: str
    text: str
    name: str = ""
    content: tuple[dict[str, Any], ...] = ()
    call_id: str = ""
    tool: str = ""
    outcome: str = ""
    paths: tuple[str, ...] = ()


@dataclass(frozen=True)
class Damage:
    """A line that could not be read, and why."""

    file: str
    line: int
    why: str


@dataclass
class Damages:
    """All of them counted, the first ones named."""

    count: int = 0
    named: list[Damage] = field(default_factory=list)

    def add(self, file: str, line: int, why: str) -> None:
        self.count += 1
        if len(self.named) < NAMED:
            self.named.append(Damage(file, line, why))


@dataclass
class Summary:
    """What an import came to. `known` messages were there already, `repeated` ones stand twice in the files."""

    sessions: int = 0  # that were new
    messages: int = 0  # that were new
    known: int = 0
    repeated: int = 0
    first: str = ""  # the times of all that were read
    last: str = ""

    def saw(self, time: str) -> None:
        self.first = min(self.first or time, time)
        self.last = max(self.last, time)


def digest(text: str) -> str:
    """128 bits of a text, in hex: what ids of imports are made of."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


class Import:
    """Takes the messages of one program, called `origin`, into the recall of `database`; with `dry_run` it only counts them.
    What it came to so far is `summary`."""

    def __init__(self, database: Database, redactor: Redactor, origin: str, *, dry_run: bool = False) -> None:
        self._database = database
        self._redactor = redactor
        self._origin = origin
        self._dry_run = dry_run
        self._seen: set[int] = set()
        self._sessions: dict[str, _Titled] = {}
        self.summary = Summary()

    def take(self, messages: Iterable[ImportedMessage], tell: Callable[[int], None] = lambda _: None) -> Summary:
        """All of them; `tell` hears from time to time how many were read. Raises StoreError."""
        batch: list[ImportedMessage] = []
        for number, message in enumerate(messages, 1):
            mark = int(digest(message.key)[:16], 16)
            if mark in self._seen:
                self.summary.repeated += 1
                continue
            self._seen.add(mark)
            self.summary.saw(message.time)
            batch.append(message)
            if len(batch) == _AT_ONCE:
                self._keep(batch)
                batch = []
                tell(number)
        self._keep(batch)
        if not self._dry_run:  # some titles came later than the messages
            self._database.write(lambda connection: self._title(connection, self._sessions.values()))
        return self.summary

    def _keep(self, batch: list[ImportedMessage]) -> None:
        from lcode.memory import imported_rows as rows

        ids = [rows.message_id(self._origin, message) for message in batch]
        firsts = {message.session.key: message for message in reversed(batch) if message.session.key not in self._sessions}
        named = {key: rows.session_id(self._origin, first.session) for key, first in firsts.items()}
        there = self._database.read(lambda connection: rows.known(connection, "messages", ids))
        open_ = self._database.read(lambda connection: rows.known(connection, "sessions", list(named.values())))
        fresh = [message for message, id_ in zip(batch, ids, strict=True) if id_ not in there]
        opened = {message.session.key for message in fresh} & firsts.keys()
        for key in opened:
            self._sessions[key] = _Titled(named[key], firsts[key].session)
            self.summary.sessions += named[key] not in open_
        for message in batch:
            if message.role == "user" and message.session.key in self._sessions:
                self._sessions[message.session.key].heard(message.text)
        added = len(fresh) if self._dry_run else self._write(fresh, [firsts[key] for key in opened])
        self.summary.messages += added
        self.summary.known += len(batch) - added

    def _write(self, messages: list[ImportedMessage], firsts: list[ImportedMessage]) -> int:
        from lcode.memory import imported_rows as rows

        redact = self._redactor.redact
        sessions = [
            (rows.session_row(self._origin, first.session, first, redact), redact(first.session.key)) for first in firsts
        ]
        made = [rows.message_row(self._origin, message, redact) for message in messages]

        def work(connection: apsw.Connection) -> int:
            added = rows.add(connection, self._origin, sessions, made)
            self._title(connection, [self._sessions[first.session.key] for first in firsts])
            return added

        return self._database.write(work)

    def _title(self, connection: apsw.Connection, sessions: Iterable[_Titled]) -> None:
        """Title sessions as their program does, else by the first words of the user, as far as those are known by now."""
        from lcode.memory import imported_rows as rows

        for one in sessions:
            title = title_of(one.session.title or one.words, self._redactor.redact)
            if title != one.given:
                rows.set_title(connection, one.id, title, before=one.given)
                one.given = title


@dataclass
class _Titled:
    """A session that messages were added to. `words` are the first of the user that are no command; `given` is its title."""

    id: str
    session: ImportedSession
    words: str = ""
    given: str = ""

    def heard(self, text: str) -> None:
        if not self.words or self.words.startswith(_COMMANDS):
            self.words = text[:_TITLED]
