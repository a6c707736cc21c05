"""Full text follows the rows, what was said and what tools printed apart: at a migration, a fork, a merge, a restore."""

from __future__ import annotations

from pathlib import Path

import apsw

from lcode.memory.bring_back import bring_back
from lcode.memory.fork import copy_session
from lcode.memory.merge import merge_agents
from lcode.memory.model import Actor, Provenance, Source
from lcode.store import check, full_text, migrations
from lcode.store.connect import connect
from lcode.store.database import fetch_all
from tests.memory.conftest import Tiers

DETAILS = "SELECT text, tool, outcome, paths FROM message_details JOIN messages USING (seq)"


def fill(tiers: Tiers) -> str:
    session = tiers.recall.create_session(branch="main", worktree="/repo", head="", model="offline")
    for kind, text in (
        ("user", "read it"),
        ("assistant", "→ read_file"),
        ("tool", "a zanzibar"),
        ("lookup", "found"),
        ("notice", "n"),
    ):
        role = {"lookup": "tool", "notice": "user"}.get(kind, kind)
        by = Provenance(Actor.PROGRAM, Source.TOOL, session)
        more = {"tool": "read_file", "outcome": "ok", "paths": ["src/queue.py"]} if kind == "tool" else {}
        tiers.recall.add_message(role, kind, [{"type": "text", "text": text}], text, by, **more)  # type: ignore[arg-type]
    return session


def indexed(connection: apsw.Connection) -> dict[str, int]:
    return {
        index: int(fetch_all(connection, f"SELECT count(*) FROM {index}_docsize")[0][0])
        for _, index in full_text.indexes(connection)
    }


def sound(connection: apsw.Connection) -> bool:
    return not [problem for problem in check.examine_connection(connection, migrations.MEMORY) if problem.kind == "text"]


def test_what_was_said_and_what_tools_printed_are_indexed_apart_and_lookups_not_at_all(tiers: Tiers) -> None:
    fill(tiers)
    assert tiers.memory.read(indexed) == {"passages_fts": 0, "messages_fts": 3, "tool_messages_fts": 1}
    assert tiers.memory.read(lambda connection: fetch_all(connection, DETAILS)) == [
        ("a zanzibar", "read_file", "ok", "src/queue.py")
    ]
    assert tiers.memory.write(sound)
    assert [hit.message.text for hit in tiers.recall.search("queue.py", limit=1, context=0)] == ["a zanzibar"]


def test_an_entry_that_is_missing_is_seen_and_made_anew(tiers: Tiers) -> None:
    fill(tiers)
    tiers.memory.write(lambda connection: full_text.remove(connection, "messages", "kind = ?", ("tool",)))
    assert not tiers.memory.write(sound)
    tiers.memory.write(full_text.rebuild)
    assert tiers.memory.write(sound)


def test_an_older_store_gets_the_tools_of_its_results(tmp_path: Path) -> None:
    connection = connect(tmp_path / "memory.db")
    migrations.apply(connection, migrations.Schema("memory", migrations.MEMORY.migrations[:2]))
    assert full_text.of(connection, "messages") == [("messages", "messages_fts")]
    who = "'program', 'tool', 'unverified', 's', 'step', '', ''"
    columns = "actor, source, trust, session_id, step_id, commit_id, worktree"
    connection.execute(
        f"""
        INSERT INTO sessions (id, created_at, updated_at) VALUES ('s', '', '');
        INSERT INTO runs (id, session_id, started_at) VALUES ('r', 's', '');
        INSERT INTO steps VALUES ('step', 'r', 1, 'm', '', 0, 0, 0, 0, 0, 0, '');
        INSERT INTO tool_calls (operation_id, step_id, session_id, call_id, number, name, arguments, effect, state, outcome)
        VALUES ('o', 'step', 's', 'c', 0, 'read_file', '{{"path": "src/queue.py"}}', 'read', 'finished', 'ok'),
        ('p', 'step', 's', 'd', 1, 'shell', 'no JSON', 'execute', 'finished', 'error');
        INSERT INTO messages (id, role, kind, content, text, terms, call_id, created_at, {columns})
        VALUES ('m', 'tool', 'tool', '[]', 'a zanzibar', '', 'c', '', {who}),
        ('n', 'tool', 'tool', '[]', 'b', '', 'd', '', {who});
        INSERT INTO messages_fts (messages_fts) VALUES ('rebuild');
        """
    )
    migrations.apply(connection, migrations.MEMORY)
    assert fetch_all(connection, DETAILS) == [("a zanzibar", "read_file", "ok", "src/queue.py"), ("b", "shell", "error", "")]
    assert indexed(connection) == {"passages_fts": 0, "messages_fts": 0, "tool_messages_fts": 2}
    found = "SELECT rowid FROM tool_messages_fts WHERE tool_messages_fts MATCH 'queue'"
    assert fetch_all(connection, found) == [(1,)]
    connection.close()


def test_a_fork_a_merge_and_a_restore_take_along_what_messages_are_of(tiers: Tiers, tmp_path: Path) -> None:
    session = fill(tiers)
    row = tiers.recall.session(session)
    tiers.memory.write(lambda connection: copy_session(connection, row, "session-fork", head=""))
    assert tiers.memory.read(lambda connection: len(fetch_all(connection, DETAILS))) == 2
    assert tiers.memory.write(sound)
    other = Tiers(tmp_path / "other")
    fill(other)
    assert tiers.memory.path is not None
    merge_agents(tiers.memory.path, other.memory, "a")
    assert other.memory.read(lambda connection: len(fetch_all(connection, DETAILS))) == 3
    assert other.memory.write(sound)
    other.close()
    restored = connect(None)
    migrations.apply(restored, migrations.MEMORY)
    view = connect(tiers.memory.path, read_only=True)
    brought = bring_back(restored, [view])
    view.close()
    assert brought["message_details"] == 2
    assert sorted(fetch_all(restored, DETAILS)) == sorted(tiers.memory.read(lambda connection: fetch_all(connection, DETAILS)))
    assert sound(restored)
    restored.close()
