"""Merging agents at the level of their databases: numbers that change, and a full text that still fits."""

from __future__ import annotations

from pathlib import Path

import pytest

from lcode.errors import StoreDamaged, UserError
from lcode.memory.compactions import Compaction
from lcode.memory.merge import merge_agents
from lcode.memory.model import Actor, Provenance, Source
from lcode.memory.recall import Recall
from lcode.redact import Redactor
from lcode.store import migrations
from lcode.store.database import Database
from lcode.store.health import count_rows, inspect


def open_recall(path: Path) -> tuple[Database, Recall]:
    database = Database(path, migrations.MEMORY)
    return database, Recall(database, database, Redactor({}))


def add_session(recall: Recall, *texts: str) -> str:
    session = recall.create_session(branch="main", worktree="/x", head="", model="offline")
    for text in texts:
        by = Provenance(Actor.USER, Source.SAID, session)
        recall.add_message("user", "user", [{"type": "text", "text": text}], text, by)
    return session


def test_the_cut_of_a_compacted_session_still_stands_before_the_same_message(tmp_path: Path) -> None:
    source, from_recall = open_recall(tmp_path / "a" / "memory.db")
    session = add_session(from_recall, "one", "two", "three", "four")
    from_recall.update_session(session, context_from=from_recall.messages(session)[1].seq, memory_seen='{"human": 3}')
    target, into_recall = open_recall(tmp_path / "b" / "memory.db")
    add_session(into_recall, "mine", "mine too", "and mine")
    assert merge_agents(tmp_path / "a" / "memory.db", target, "a") == {"sessions": 1, "messages": 4, "passages": 0}
    assert [row.text for row in into_recall.context(session)] == ["three", "four"]
    assert into_recall.session_value(session, "memory_seen") == "{}"
    assert into_recall.prompt(session) is None
    assert into_recall.search("three")[0].message.text == "three"
    source.close()
    target.close()
    health = inspect(tmp_path / "b" / "memory.db", migrations.MEMORY)
    assert (health.problem, health.unindexed) == ("", ())
    assert count_rows(tmp_path / "b" / "memory.db")["messages"] == 7


def test_the_compactions_of_a_session_come_along_and_can_be_taken_back(tmp_path: Path) -> None:
    source, from_recall = open_recall(tmp_path / "a" / "memory.db")
    session = add_session(from_recall, "one", "two", "three")
    cut = from_recall.messages(session)[1]
    by = Provenance(Actor.AGENT, Source.INFERRED, session)
    summary = from_recall.add_message("user", "summary", [{"type": "text", "text": "sum"}], "sum", by)
    made = Compaction("compaction-1", session, summary.id, cut.id, 2, 100, 40, 5, "user", "model", "2026-01-01T00:00:00.000Z")
    from_recall.add_compaction(made)
    target, into_recall = open_recall(tmp_path / "b" / "memory.db")
    add_session(into_recall, "mine", "mine too", "and mine")
    merge_agents(tmp_path / "a" / "memory.db", target, "a")
    assert [row.text for row in into_recall.context(session)] == ["sum", "three"]
    into_recall.undo_compaction(made.id)
    assert [row.text for row in into_recall.context(session)] == ["one", "two", "three"]
    source.close()
    target.close()


def test_a_source_that_is_missing_or_damaged_changes_nothing(tmp_path: Path) -> None:
    target, recall = open_recall(tmp_path / "b" / "memory.db")
    add_session(recall, "mine")
    with pytest.raises(UserError):
        merge_agents(tmp_path / "none.db", target, "a")
    (tmp_path / "bad.db").write_bytes(b"nonsense" * 1_000)
    with pytest.raises(StoreDamaged):
        merge_agents(tmp_path / "bad.db", target, "a")
    assert recall.count() == 1
    target.close()
