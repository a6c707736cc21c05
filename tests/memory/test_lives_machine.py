"""The lives of facts against a model that replays what was said, in plain Python: any question about any two moments, one of
what was true and one of what was known, has the same answer in both."""

from __future__ import annotations

import shutil
import tempfile
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from benchmarks.as_of import START, Model, Said, stamp
from lcode import clock
from lcode.memory.archival import Archival
from lcode.memory.lives import AsOf
from lcode.memory.model import Actor, Provenance, Source
from lcode.redact import Redactor
from lcode.store import migrations
from lcode.store.check import examine_connection
from lcode.store.connect import connect
from lcode.store.database import Database

MINUTES = st.integers(-5, 25)
WHEN = st.one_of(st.none(), MINUTES)  # none: now
SUBJECTS = st.sampled_from(("", "test command", "linter"))


class LivesMachine(RuleBasedStateMachine):
    """Two processes on one store: each rule is done by one of them."""

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.databases = [Database(self.folder / "memory.db", migrations.MEMORY, lock=self.folder / "lock") for _ in range(2)]
        self.each = [Archival(database, Redactor({})) for database in self.databases]
        self.model = Model()
        self.ids: list[str] = []
        self.last = Provenance(Actor.USER, Source.SAID)
        self.now = 0
        clock.set_source(lambda: START + timedelta(minutes=self.now))

    def teardown(self) -> None:
        clock.set_source(None)
        for database in self.databases:
            database.close()
        shutil.rmtree(self.folder)

    def by(self) -> Provenance:
        self.last = Provenance(Actor.USER, Source.SAID)
        return self.last

    def say(self, kind: str, fact: str, **values: str) -> None:
        self.model.said.append(Said(stamp(self.now), kind, fact, **values))

    def archival(self) -> Archival:
        return self.each[len(self.model.said) % 2]

    @rule(minutes=st.integers(0, 4))
    def time_passes(self, minutes: int) -> None:
        self.now += minutes

    @rule(subject=SUBJECTS, begin=WHEN)
    def insert(self, subject: str, begin: int | None) -> None:
        fact = f"fact {len(self.ids)}"
        given = "" if begin is None else stamp(begin)
        self.ids.append(self.archival().insert(fact, self.by(), subject=subject or "none", valid_from=given).id)
        self.say("insert", fact, subject=subject, begin=given or stamp(self.now))

    @precondition(lambda self: self.ids)
    @rule(data=st.data(), subject=SUBJECTS, begin=WHEN)
    def supersede(self, data: st.DataObject, subject: str, begin: int | None) -> None:
        over = data.draw(st.integers(0, len(self.ids) - 1))
        fact, given = f"fact {len(self.ids)}", "" if begin is None else stamp(begin)
        kept = self.archival().insert(
            fact, self.by(), subject=subject or "none", valid_from=given, supersedes=[self.ids[over][:16]]
        )
        self.ids.append(kept.id)
        self.model.said.append(Said(stamp(self.now), "insert", fact, subject, given or stamp(self.now), over=(f"fact {over}",)))

    @precondition(lambda self: self.ids)
    @rule(data=st.data(), begin=WHEN)
    def say_again(self, data: st.DataObject, begin: int | None) -> None:
        given = "" if begin is None else stamp(begin)
        holds = [life for life in self.model.known().values() if life.lasts(max(stamp(self.now), given))]
        if not holds:
            return
        life = data.draw(st.sampled_from(holds))
        kept = self.archival().insert(life.fact, self.by(), subject="none", valid_from=given)
        assert kept.id == self.ids[life.order]
        self.say("again", life.fact, begin=given or stamp(self.now))

    @precondition(lambda self: self.ids)
    @rule(data=st.data(), end=WHEN)
    def close(self, data: st.DataObject, end: int | None) -> None:
        number = data.draw(st.integers(0, len(self.ids) - 1))
        self.archival().close(self.ids[number], self.by(), at="" if end is None else stamp(end))
        self.say("close", f"fact {number}", end=stamp(self.now if end is None else end))

    @precondition(lambda self: self.ids)
    @rule(data=st.data())
    def reopen(self, data: st.DataObject) -> None:
        number = data.draw(st.integers(0, len(self.ids) - 1))
        self.archival().reopen(self.ids[number], self.by())
        self.say("reopen", f"fact {number}")

    @precondition(lambda self: self.ids)
    @rule(data=st.data(), again=st.sampled_from(("insert", "close", "reopen")))
    def repeat_the_operation(self, data: st.DataObject, again: str) -> None:
        """What has landed does not happen a second time, whatever is asked for under its id."""
        number = data.draw(st.integers(0, len(self.ids) - 1))
        if again == "insert":
            self.archival().insert("something else", self.last, subject="linter")
        elif again == "close":
            self.archival().close(self.ids[number], self.last)
        else:
            self.archival().reopen(self.ids[number], self.last)

    @precondition(lambda self: self.ids)
    @rule(valid=MINUTES, known=st.one_of(st.none(), MINUTES))
    def ask(self, valid: int, known: int | None) -> None:
        at = "" if known is None else stamp(known)
        found = self.archival().search("fact", limit=1_000, as_of=AsOf(stamp(valid), at))
        assert {passage.text for passage in found} == self.model.true(stamp(valid), at or "~")
        then = self.model.known(at or "~")
        assert [(found.valid_from, found.valid_to) for found in found] == [
            (then[found.text].begin, then[found.text].end) for found in found
        ]

    @invariant()
    def what_has_not_ended_is_found(self) -> None:
        if self.ids:
            found = {passage.text for passage in self.archival().search("", limit=1_000)}
            assert found == {life.fact for life in self.model.known().values() if life.lasts(stamp(self.now))}

    @invariant()
    def at_any_moment_a_subject_has_one_fact(self) -> None:
        if not self.ids:
            return
        for minute in range(-5, 26, 6):
            found = self.each[0].search("", limit=1_000, as_of=AsOf(stamp(minute)))
            subjects = [passage.subject for passage in found if passage.subject]
            assert len(subjects) == len(set(subjects))

    @precondition(lambda self: len(self.ids) > 3)
    @rule()
    def the_store_is_whole(self) -> None:
        copy = connect(self.folder / "memory.db", read_only=True)
        assert [problem.text for problem in examine_connection(copy, migrations.MEMORY) if "state" in problem.text] == []
        copy.close()


class TestLives(LivesMachine.TestCase):
    settings = settings(max_examples=40, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.slow
@pytest.mark.timeout(1200)
class TestLivesLong(LivesMachine.TestCase):
    settings = settings(max_examples=1_000, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.slow
def test_ten_thousand_questions_with_commits_have_no_wrong_answer() -> None:
    from benchmarks.as_of import run

    assert run(10_000, 400, seed=7) == 0
