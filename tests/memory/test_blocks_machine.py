"""Blocks of several sessions against a model of a few lines: whatever is done in whatever order, both agree.

Three sessions, each with its own connections: two on one branch, one on another. The model knows nothing of SQL, threads
or versions in a table; it says for each operation what the value becomes, or that it is refused.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule

from lcode.errors import MemoryEditError
from lcode.memory.block_rows import DEFAULTS
from lcode.memory.blocks import Blocks, Limits
from lcode.memory.model import Actor, Provenance, Scope, Source
from lcode.memory.operations import replay
from lcode.redact import Redactor
from lcode.store import migrations
from lcode.store.database import Database
from lcode.tokens import approximate_tokens as tokens

BASE = sum(tokens(default.value) + tokens(default.description) for default in DEFAULTS)  # what is there from the start
LIMITS = Limits(block=100, tokens=BASE + 45)
WORDS = "what it is for"
SECRET = "correct-horse-battery"
BRANCHES = ("main", "main", "feature")
DESCRIPTIONS = {default.label: default.description for default in DEFAULTS}
SCOPES = {"conventions": Scope.REPO, "human": Scope.USER, "current_work": Scope.WORKTREE, "persona": Scope.REPO}

LABELS = st.sampled_from(("conventions", "human", "current_work", "persona", "extra", "law"))
TEXTS = st.one_of(
    st.text("ab\n ", max_size=6), st.sampled_from((SECRET, f"x {SECRET} y", "word " * 5, "a\x00b", "ab" * 45, "é€ß" * 12))
)
WHO = st.sampled_from(Actor)
SESSIONS = st.integers(0, len(BRANCHES) - 1)


class Refused(Exception):
    """The model's word for MemoryEditError."""


@dataclass
class Held:
    """A block of the model: what it is now."""

    value: str = ""
    version: int = 0
    read_only: bool = False
    description: str = WORDS
    alive: bool = True


Key = tuple[Scope, str, str]  # scope, branch where it has one, label


@dataclass
class Model:
    """Core memory as a dictionary."""

    blocks: dict[Key, Held] = field(default_factory=dict)
    done: set[str] = field(default_factory=set)

    def key(self, session: int, label: str, scope: Scope) -> Key:
        return scope, BRANCHES[session] if scope is Scope.WORKTREE else "", label

    def visible(self, session: int) -> dict[str, tuple[Key, Held]]:
        """What a session sees: the narrowest scope of each label; defaults until they are deleted."""
        found: dict[str, tuple[Key, Held]] = {}
        for default in DEFAULTS:
            key = self.key(session, default.label, default.scope)
            written = [
                other for other in self.blocks if other == key or (other[2] == default.label and self._sees(session, other))
            ]
            if not written:
                found[default.label] = (key, Held(default.value, description=default.description))
        for scope in (Scope.USER, Scope.REPO, Scope.WORKTREE):
            for key, held in self.blocks.items():
                if key[0] is scope and self._sees(session, key) and held.alive:
                    found[key[2]] = (key, held)
        return found

    def _sees(self, session: int, key: Key) -> bool:
        return key[1] in ("", BRANCHES[session])

    def edit(self, session: int, label: str, who: Actor, change) -> None:
        seen = self.visible(session)
        if label not in seen:
            raise Refused
        key, held = seen[label]
        if held.read_only and who is not Actor.USER:
            raise Refused
        value = redact(change(held))
        if value == held.value:
            raise Refused
        self._limits(session, key, held, value)
        self.blocks[key] = Held(value, held.version + 1, held.read_only, held.description)

    def create(self, session: int, label: str, value: str, scope: Scope, read_only: bool) -> None:
        if label in self.visible(session):
            raise Refused
        key = self.key(session, label, scope)
        value = redact(value.replace("\0", ""))
        fresh = Held(value, self.blocks.get(key, Held()).version + 1, read_only, DESCRIPTIONS.get(label, WORDS))
        self._limits(session, key, fresh, value, new=True)
        self.blocks[key] = fresh

    def delete(self, session: int, label: str, who: Actor) -> None:
        seen = self.visible(session)
        if label not in seen or (seen[label][1].read_only and who is not Actor.USER):
            raise Refused
        key, held = seen[label]
        self.blocks[key] = Held("", held.version + 1, held.read_only, held.description, alive=False)

    def _limits(self, session: int, key: Key, held: Held, value: str, *, new: bool = False) -> None:
        before = "" if new else held.value
        if len(value) > LIMITS.block and len(value) > len(before):
            raise Refused
        others = [other for at, other in self.visible(session).values() if at != key and at[2] != key[2]]
        total = sum(tokens(other.value) + tokens(other.description) for other in others) + tokens(held.description)
        if total + tokens(value) > LIMITS.tokens and (new or tokens(value) > tokens(before)):
            raise Refused


def redact(text: str) -> str:
    return Redactor({"SECRET_TOKEN": SECRET}).redact(text)


def appended(content: str):
    def change(held: Held) -> str:
        if content.strip() and content.strip() in [line.strip() for line in held.value.splitlines()]:
            raise Refused
        return f"{held.value}\n{content}" if held.value else content

    return change


def replaced(old: str, new: str):
    def change(held: Held) -> str:
        places = [at for at in range(len(held.value)) if held.value.startswith(old, at)] if old else []
        if len(places) != 1:
            raise Refused
        return held.value[: places[0]] + new + held.value[places[0] + len(old) :]

    return change


def inserted(text: str, line: int):
    def change(held: Held) -> str:
        lines = held.value.split("\n") if held.value else []
        if line > len(lines):
            raise Refused
        lines.insert(len(lines) if line == -1 else line, text)
        return "\n".join(lines)

    return change


def rethought(value: str, base: int | None):
    def change(held: Held) -> str:
        if base is not None and base != held.version:
            raise Refused
        return value

    return change


class BlocksMachine(RuleBasedStateMachine):
    """Each rule does the same to the store and to the model; `done` are operations that may come a second time."""

    done = Bundle("done")

    @initialize()
    def open(self) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="lcode-test-"))
        self.databases: list[Database] = []
        self.sessions = [self._session(branch) for branch in BRANCHES]
        self.model = Model()
        self.seen: list[dict[str, int]] = [{} for _ in BRANCHES]

    def _session(self, branch: str) -> Blocks:
        memory = Database(self.home / "memory.db", migrations.MEMORY, lock=self.home / "memory.lock")
        user = Database(self.home / "user.db", migrations.USER, lock=self.home / "user.lock")
        self.databases += [memory, user]
        return Blocks(memory, user, Redactor({"SECRET_TOKEN": SECRET}), worktree="/repo", branch=branch, limits=LIMITS)

    def both(self, model, real) -> bool:
        """Whether it landed, for both."""
        try:
            model()
        except Refused:
            with pytest.raises(MemoryEditError):
                real()
            return False
        real()
        return True

    def edit(self, session: int, label: str, who: Actor, change, method: str, *arguments):
        provenance = Provenance(who, Source.SAID, f"session-{session}")
        blocks = self.sessions[session]

        def real() -> None:
            given = (*arguments[:-1], provenance, arguments[-1]) if method == "rethink" else (*arguments, provenance)
            block = getattr(blocks, method)(label, *given)
            self.seen[session][label] = block.version
            assert block.value == blocks.get(label).value

        landed = self.both(lambda: self.model.edit(session, label, who, change), real)
        return (label, method, arguments, provenance) if landed else multiple()

    @rule(target=done, session=SESSIONS, label=LABELS, who=WHO, content=TEXTS)
    def append(self, session, label, who, content):
        return self.edit(session, label, who, appended(content.replace("\0", "")), "append", content)

    @rule(target=done, session=SESSIONS, label=LABELS, who=WHO, old=st.text("ab\n", max_size=2), new=TEXTS)
    def replace(self, session, label, who, old, new):
        return self.edit(session, label, who, replaced(old, new.replace("\0", "")), "replace", old, new)

    @rule(target=done, session=SESSIONS, label=LABELS, who=WHO, text=TEXTS, line=st.integers(-1, 3))
    def insert(self, session, label, who, text, line):
        return self.edit(session, label, who, inserted(text.replace("\0", ""), line), "insert", text, line)

    @rule(target=done, session=SESSIONS, label=LABELS, who=WHO, value=TEXTS, based=st.booleans())
    def rethink(self, session, label, who, value, based):
        """Based on what the session saw last, or on nothing: the user's own edit."""
        base = self.seen[session].get(label, 0) if based else None
        return self.edit(session, label, who, rethought(value.replace("\0", ""), base), "rethink", value, base)

    @rule(session=SESSIONS, label=LABELS)
    def look(self, session, label):
        self.seen[session] = {block.label: block.version for block in self.sessions[session].list()}

    @rule(target=done, session=SESSIONS, label=LABELS, value=TEXTS, scope=st.sampled_from(Scope), read_only=st.booleans())
    def create(self, session, label, value, scope, read_only):
        scope = SCOPES.get(label, scope)
        provenance = Provenance(Actor.AGENT, Source.SAID, f"session-{session}")
        arguments = (WORDS, value, None)
        landed = self.both(
            lambda: self.model.create(session, label, value, scope, read_only),
            lambda: self.sessions[session].create(label, *arguments, provenance, scope, read_only=read_only),
        )
        return (label, "create", arguments, provenance) if landed else multiple()

    @rule(target=done, session=SESSIONS, label=LABELS, who=WHO)
    def delete(self, session, label, who):
        provenance = Provenance(who, Source.SAID, f"session-{session}")
        landed = self.both(
            lambda: self.model.delete(session, label, who), lambda: self.sessions[session].delete(label, provenance)
        )
        return (label, "delete", (), provenance) if landed else multiple()

    @rule(session=SESSIONS, operation=consumes(done))
    def once_more(self, session, operation):
        """The same operation id again, from any session: acknowledged, and nothing changes."""
        label, method, arguments, provenance = operation
        landed = self.sessions[session].landed(provenance.operation_id)
        assert landed is not None and (landed.label, landed.operation) == (label, method)
        given = (*arguments[:-1], provenance, arguments[-1]) if method == "rethink" else (*arguments, provenance)
        getattr(self.sessions[session], method)(label, *given)

    @invariant()
    def every_session_sees_what_the_model_says(self) -> None:
        if not hasattr(self, "model"):
            return
        for session, blocks in enumerate(self.sessions):
            real = {block.label: (block.value, block.version, block.read_only, block.scope) for block in blocks.list()}
            expected = {
                label: (held.value, held.version, held.read_only, key[0])
                for label, (key, held) in self.model.visible(session).items()
            }
            assert real == expected
            assert all(len(value) <= LIMITS.block or label == "persona" for label, (value, *_) in real.items())

    @invariant()
    def histories_replay_to_the_value(self) -> None:
        if not hasattr(self, "model"):
            return
        for blocks in self.sessions:
            for block in blocks.list():
                versions = blocks.versions(block.label) if block.id else []
                assert [version.version for version in versions] == list(range(1, block.version + 1))
                assert replay(versions) == block.value or not versions
                assert not [version for version in versions if SECRET in str(version)]

    def teardown(self) -> None:
        for database in getattr(self, "databases", []):
            database.close()
        shutil.rmtree(getattr(self, "home", ""), ignore_errors=True)


class TestBlocks(BlocksMachine.TestCase):
    settings = settings(max_examples=25, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.slow
@pytest.mark.timeout(1200)
class TestBlocksLong(BlocksMachine.TestCase):
    settings = settings(max_examples=400, stateful_step_count=60, deadline=None, suppress_health_check=list(HealthCheck))
