"""Compactions as recall keeps them: what is in the prompt after each, and after each is undone."""

from __future__ import annotations

from pathlib import Path

import apsw
from hypothesis import given, settings
from hypothesis import strategies as st

from lcode import clock
from lcode.ids import new_id
from lcode.memory.compactions import Compaction, compactions, context_rows, in_force, rows_before
from lcode.memory.model import Actor, MessageRow, Provenance, Source
from lcode.memory.recall import Recall
from lcode.redact import Redactor
from lcode.store import migrations
from lcode.store.database import Database


class Talk:
    """A session in a store of its own."""

    def __init__(self, path: Path) -> None:
        self.database = Database(path, migrations.MEMORY)
        self.recall = Recall(self.database, self.database, Redactor({}))
        self.id = self.recall.create_session(branch="main", worktree="/x", head="", model="offline")
        self.said = 0

    def say(self, count: int = 1, kind: str = "user") -> MessageRow:
        for _ in range(count):
            self.said += 1
            by = Provenance(Actor.USER, Source.SAID, self.id)
            row = self.recall.add_message("user", kind, [{"type": "text", "text": f"m{self.said}"}], f"m{self.said}", by)
        return row

    def compact(self, cut: MessageRow, compaction_id: str = "", at: str = "") -> Compaction:
        at, made_id = at or clock.stamp(), compaction_id or new_id("compaction")

        def work() -> Compaction:
            summary = self.say(kind="summary")
            made = Compaction(made_id, self.id, summary.id, cut.id, 1, 100, 40, 5, "user", "extract", at)
            self.recall.add_compaction(made)
            return made

        return self.recall.atomically(work)

    def context(self) -> list[str]:
        return [row.text for row in self.recall.context(self.id)]

    def undo(self) -> None:
        made = self.recall.ask(in_force, self.id)
        assert made is not None
        self.recall.undo_compaction(made.id)


def test_compactions_undone_in_order_bring_back_what_each_took(tmp_path: Path) -> None:
    talk = Talk(tmp_path / "memory.db")
    talk.say(4)
    first = talk.recall.messages(talk.id)[1]
    before = talk.context()
    talk.compact(first)
    assert talk.context() == ["m5", "m3", "m4"]
    talk.say(2)
    between = talk.context()
    talk.compact(talk.recall.messages(talk.id)[-2])
    assert talk.context() == ["m8", "m7"]
    assert [row.text for row in talk.recall.ask(rows_before, talk.id)] == between
    talk.say()
    talk.undo()
    assert talk.context() == [*between, "m9"]
    talk.undo()
    assert talk.context() == [*before, "m6", "m7", "m9"]
    assert talk.recall.ask(in_force, talk.id) is None
    assert [bool(made.undone_at) for made in talk.recall.ask(compactions, talk.id)] == [True, True]
    talk.database.close()


def test_one_that_is_taken_further_stays_one_and_is_undone_as_one(tmp_path: Path) -> None:
    talk = Talk(tmp_path / "memory.db")
    talk.say(4)
    rows, before = talk.recall.messages(talk.id), talk.context()
    made = talk.compact(rows[0], at="2026-01-01T00:00:00.000Z")
    talk.compact(rows[2], made.id, at=made.created_at)
    assert talk.context() == ["m6", "m4"]
    assert len(talk.recall.ask(compactions, talk.id)) == 1
    talk.undo()
    assert talk.context() == before
    talk.database.close()


def test_the_prompt_is_rendered_anew_by_whoever_goes_on(tmp_path: Path) -> None:
    talk = Talk(tmp_path / "memory.db")
    talk.recall.save_prompt(talk.id, api="openai", system="old", tools=[], reason="new")
    talk.compact(talk.say())
    assert talk.recall.prompt(talk.id) is None
    talk.database.close()


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from(["say", "compact", "undo"]), max_size=14))
def test_whatever_is_compacted_and_undone_nothing_is_lost_and_the_end_is_in_the_prompt(steps: list[str]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        talk = Talk(Path(folder) / "memory.db")
        talk.say(2)
        standing = 0
        for step in steps:
            shown = [row for row in talk.recall.context(talk.id) if row.kind != "summary"]
            if step == "say":
                talk.say()
            elif step == "compact" and len(shown) > 1:
                talk.compact(shown[len(shown) // 2 - 1])
                standing += 1
            elif step == "undo" and standing:
                wanted = [row.id for row in talk.recall.ask(rows_before, talk.id)]
                talk.undo()
                standing -= 1
                assert [row.id for row in talk.recall.context(talk.id)] == wanted
        context = talk.recall.context(talk.id)
        spoken = [row for row in talk.recall.messages(talk.id) if row.kind != "summary"]
        rest = [row for row in context if row.kind != "summary"]
        assert [row.id for row in rest] == [row.id for row in spoken[len(spoken) - len(rest) :]]
        assert sum(row.kind == "summary" for row in context) == min(1, standing)
        assert (len(rest) < len(spoken)) == (standing > 0)
        talk.database.close()


def test_a_store_without_compactions_is_read_as_before(tmp_path: Path) -> None:
    """A summary that came with a fork, or from before compactions were recorded."""
    talk = Talk(tmp_path / "memory.db")
    talk.say(2, kind="user")
    cut = talk.recall.messages(talk.id)[0].seq
    talk.say(kind="summary")
    talk.recall.update_session(talk.id, context_from=cut)
    assert talk.context() == ["m3", "m2"]

    def compacted(connection: apsw.Connection, session: str) -> list[MessageRow]:
        return context_rows(connection, session)

    talk.compact(talk.say())
    assert talk.recall.ask(compacted, talk.id)[0].text == "m5"
    talk.undo()
    assert talk.context() == ["m3", "m2", "m4"]
    talk.database.close()
