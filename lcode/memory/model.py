"""The records of memory: blocks, messages, sessions, passages, and the provenance that each of them carries."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from lcode.ids import new_id
from lcode.memory.citation import Citation

if TYPE_CHECKING:
    from lcode.memory.when import When


class Scope(StrEnum):
    """Who shares a block: every session of the repository, every repository of the user, or one worktree and branch."""

    REPO = "repo"
    USER = "user"
    WORKTREE = "worktree"


class Actor(StrEnum):
    USER = "user"
    AGENT = "agent"
    SLEEP_TIME = "sleep-time"
    GIT = "git"
    PROGRAM = "program"


class Source(StrEnum):
    """Where the content came from. FILE, TOOL, COMMIT and WEB are data: never obeyed, marked unverified."""

    SAID = "said"
    INFERRED = "inferred"
    FILE = "file"
    TOOL = "tool"
    COMMIT = "commit"
    WEB = "web"

    @property
    def is_data(self) -> bool:
        return self not in (Source.SAID, Source.INFERRED)


class Trust(StrEnum):
    TRUSTED = "trusted"
    UNVERIFIED = "unverified"


@dataclass(frozen=True)
class Provenance:
    """Who wrote, from what, where. `operation_id` is made by the client: the same operation lands once."""

    actor: Actor
    source: Source
    session_id: str = ""
    step_id: str = ""
    commit: str = ""
    worktree: str = ""
    trust: Trust = Trust.TRUSTED
    operation_id: str = field(default_factory=lambda: new_id("op"))

    @property
    def is_automatic(self) -> bool:
        """Whether neither the user nor a model that answers them decided on it."""
        return self.actor in (Actor.SLEEP_TIME, Actor.GIT, Actor.PROGRAM)


@dataclass(frozen=True)
class Block:
    """A core memory block as it is now. `limit` in characters; `version` counts its edits from 1 (0: a default never
    written; negative: deleted). `unverified` are the lines that came from files or tools and that nobody vouched for."""

    id: str
    label: str
    description: str
    value: str
    limit: int
    read_only: bool
    version: int
    scope: Scope
    scope_key: str
    updated_at: str
    actor: Actor
    source: Source
    trust: Trust
    session_id: str = ""
    unverified: tuple[str, ...] = ()


@dataclass(frozen=True)
class BlockVersion:
    """One edit of a block: the operation with its arguments, and the whole value after it."""

    block_id: str
    label: str
    version: int
    value: str
    operation: str
    operation_id: str
    created_at: str
    actor: Actor
    source: Source
    trust: Trust
    session_id: str
    arguments: dict[str, Any] = field(default_factory=dict)
    description: str = ""
    limit: int = 0
    commit: str = ""
    worktree: str = ""


@dataclass(frozen=True)
class MessageRow:
    """A stored message. `content` is the neutral JSON form that is sent again verbatim; `text` is what people and search see.

    `kind`: user, assistant, tool, lookup (what a search of memory returned), notice (appended by the program), summary. Of
    one that was imported `name` is who spoke it and `source_id` what its source calls it (see `recall_moments.attributed`).
    """

    seq: int
    id: str
    session_id: str
    run_id: str
    step_id: str
    role: str
    kind: str
    content: list[dict[str, Any]]
    text: str
    created_at: str
    name: str = ""
    source_id: str = ""

    @property
    def words(self) -> str:
        """What the user said themselves: without what they piped in."""
        return next((str(part["typed"]) for part in self.content if part.get("typed")), self.text)


@dataclass(frozen=True)
class PendingCall:
    """A tool call that was stored and has no result yet."""

    operation_id: str
    step_id: str
    call_id: str
    number: int
    name: str
    arguments: dict[str, Any]
    effect: str
    state: str


@dataclass(frozen=True)
class SessionRow:
    """A session. `live` is whether a process holds it now: then `owner` says who, `pid`, `terminal` and `since` say it apart,
    `branch` is where that process works, and `activity` says what it does. `origin` is the program it was imported from."""

    id: str
    title: str
    created_at: str
    updated_at: str
    ended_at: str
    archived: bool
    branch: str
    worktree: str
    model: str
    messages: int
    note: str
    live: bool = False
    owner: str = ""
    forked_from: str = ""
    pid: int = 0
    terminal: str = ""
    since: str = ""
    activity: str = ""
    origin: str = ""


def short_passage(passage_id: str) -> str:
    """The beginning of a passage's id, by which it is named."""
    return passage_id.removeprefix("passage-")[:8]


@dataclass(frozen=True)
class Passage:
    """One archival text. `citations` are `path`, `path:line` or `path#symbol`; `cited` the same as records, with the digest of
    the cited text at a commit; `depends_on` the ids of passages that it builds on.

    It is true from `valid_from` to `valid_to` ('': no end is known), where `superseded_by` may have taken its place. `subject`
    is the single-valued thing that it is about, such as the test command ('' for none); `commit` where it was said."""

    id: str
    text: str
    kind: str
    tags: tuple[str, ...]
    citations: tuple[str, ...]
    created_at: str
    actor: Actor
    source: Source
    trust: Trust
    session_id: str
    score: float = 0.0
    valid_from: str = ""
    valid_to: str = ""
    superseded_by: str = ""
    subject: str = ""
    depends_on: tuple[str, ...] = ()
    confidence: float = 1.0
    commit: str = ""
    cited: tuple[Citation, ...] = ()

    @property
    def short(self) -> str:
        """The beginning of its id, by which people and the model name it."""
        return short_passage(self.id)

    @property
    def origin(self) -> str:
        """Where it comes from, in words."""
        if self.actor in (Actor.SLEEP_TIME, Actor.GIT):
            return self.actor.value
        by = "the user" if self.actor is Actor.USER else f"the {self.actor.value}"
        read = {Source.FILE: "a file", Source.TOOL: "a tool's output", Source.COMMIT: "a commit", Source.WEB: "the web"}
        if self.source in read:
            return f"read by {by} in {read[self.source]}"
        return f"{'said' if self.source is Source.SAID else 'inferred'} by {by}"


@dataclass(frozen=True)
class Outcome:
    """What came of a message, as far as it is known: how the run that it belongs to ended ('' where it ended well), which files
    that run edited, which checks (tests, builds, linters) passed or failed at their last run, and what it committed."""

    ended: str = ""
    edited: tuple[str, ...] = ()
    passed: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    commits: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.told)

    @property
    def told(self) -> list[str]:
        """In words, one kind each: `edited a.py, b.py`."""
        lists = (("edited", self.edited), ("passed", self.passed), ("failed", self.failed), ("committed", self.commits))
        ended = [f"the run {self.ended}"] if self.ended else []
        return [*ended, *(f"{name} {', '.join(values)}" for name, values in lists if values)]


@dataclass(frozen=True)
class Repeat:
    """Where the same was said again."""

    message_id: str
    session_id: str
    created_at: str


@dataclass(frozen=True)
class RecallHit:
    """A moment: a message that was found, with what was said around it in the same session (in order, itself not among them)
    and what came of it.

    `name` is who spoke it where its source said so, `source_id` what its source calls it, `origin` the program it was imported
    from. Of a tool's result `tool` is which one, `ended` how it ended (ok, error, …), `paths` the files that its call named.
    `repeats` are later and earlier messages with the same text.
    """

    message: MessageRow
    session_title: str
    branch: str
    score: float
    before: tuple[MessageRow, ...] = ()
    after: tuple[MessageRow, ...] = ()
    confidence: str = ""
    name: str = ""
    source_id: str = ""
    origin: str = ""
    outcome: Outcome = Outcome()
    repeats: tuple[Repeat, ...] = ()
    tool: str = ""
    ended: str = ""
    paths: tuple[str, ...] = ()


class Recalled(list[RecallHit]):
    """The hits of one search of recall, best first, and how far they can be trusted.

    `best` is the best score, from 0 to 1: how likely the answer is among the first ten; `confidence` the same in a word: good,
    fair, weak or none. `dates` are the times that the question named. `unembedded` messages are found by their words alone
    until the worker has embedded them.
    """

    def __init__(
        self,
        hits: Iterable[RecallHit] = (),
        *,
        best: float = 0.0,
        confidence: str = "none",
        dates: Sequence[When] = (),
        unembedded: int = 0,
    ) -> None:
        super().__init__(hits)
        self.best = best
        self.confidence = confidence
        self.dates = tuple(dates)
        self.unembedded = unembedded

    @property
    def is_of_another_time(self) -> bool:
        """Whether a time was asked for of which nothing was found."""
        asked = [date for date in self.dates if date.sure]
        return bool(asked) and not any(date.holds(hit.message.created_at) for date in asked for hit in self)
