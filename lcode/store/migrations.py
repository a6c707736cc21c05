"""The schemas, as forward-only functions in order. The version in the file is how many of them it has seen.

A store newer than the program is refused unharmed; an older one is brought forward under the write lock, after a backup.
To change a schema, add a function at the end of its list; never edit one that was released.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import apsw

from lcode import clock
from lcode.errors import StoreDamaged, StoreNewer, StoreUnwritable
from lcode.store import checksum, commits
from lcode.store.atomic import sync_folder
from lcode.store.connect import connect, copy_database
from lcode.store.paths import create_private_file, private_folder

APPLICATION_ID = 0x6C636F64  # "lcod"
Migration = Callable[[apsw.Connection], None]


@dataclass(frozen=True)
class Schema:
    """The tables of one kind of database."""

    name: str
    migrations: tuple[Migration, ...]


# Every table of memory carries who wrote (actor), from what (source), where (session, step, commit, worktree) and how
# far it may be trusted.
_PROVENANCE = """
    actor TEXT NOT NULL, source TEXT NOT NULL, trust TEXT NOT NULL, session_id TEXT NOT NULL DEFAULT '',
    step_id TEXT NOT NULL DEFAULT '', commit_id TEXT NOT NULL DEFAULT '', worktree TEXT NOT NULL DEFAULT ''"""

_BLOCKS = f"""
CREATE TABLE blocks (
    id TEXT PRIMARY KEY, label TEXT NOT NULL, scope TEXT NOT NULL, scope_key TEXT NOT NULL DEFAULT '',
    description TEXT NOT NULL, value TEXT NOT NULL, char_limit INTEGER NOT NULL, read_only INTEGER NOT NULL DEFAULT 0,
    version INTEGER NOT NULL, unverified TEXT NOT NULL DEFAULT '[]', deleted INTEGER NOT NULL DEFAULT 0,
    created_at TEXT NOT NULL, updated_at TEXT NOT NULL, {_PROVENANCE},
    {checksum.column("blocks")}, UNIQUE (label, scope, scope_key)
) STRICT;
CREATE TABLE block_versions (
    block_id TEXT NOT NULL REFERENCES blocks (id), version INTEGER NOT NULL, label TEXT NOT NULL, value TEXT NOT NULL,
    description TEXT NOT NULL, char_limit INTEGER NOT NULL, deleted INTEGER NOT NULL DEFAULT 0,
    operation TEXT NOT NULL, arguments TEXT NOT NULL DEFAULT '{{}}', operation_id TEXT NOT NULL UNIQUE,
    created_at TEXT NOT NULL, {_PROVENANCE},
    {checksum.column("block_versions")}, PRIMARY KEY (block_id, version)
) STRICT;
"""


def _statements(connection: apsw.Connection, script: str) -> None:
    connection.execute(script)


def _user_1(connection: apsw.Connection) -> None:
    """The registry of agents and the blocks of user scope."""
    _statements(
        connection,
        f"""
        CREATE TABLE agents (
            id TEXT PRIMARY KEY, name TEXT NOT NULL, kind TEXT NOT NULL, roots TEXT NOT NULL DEFAULT '[]',
            initialised INTEGER NOT NULL DEFAULT 0, created_at TEXT NOT NULL, deleted_at TEXT NOT NULL DEFAULT '',
            {checksum.column("agents")}
        ) STRICT;
        CREATE TABLE agent_paths (
            path TEXT PRIMARY KEY, agent_id TEXT NOT NULL REFERENCES agents (id), kind TEXT NOT NULL,
            first_seen TEXT NOT NULL, fingerprint TEXT NOT NULL DEFAULT '',
            {checksum.column("agent_paths")}
        ) STRICT;
        CREATE INDEX agent_paths_by_agent ON agent_paths (agent_id);
        """
        + _BLOCKS
        + commits.SCHEMA,
    )


def _memory_1(connection: apsw.Connection) -> None:
    """Identity, blocks, recall (sessions, runs, steps, messages) and archival passages of one agent."""
    _statements(connection, _BLOCKS + commits.SCHEMA)
    _statements(
        connection,
        f"""
        CREATE TABLE identity (
            agent_id TEXT PRIMARY KEY, name TEXT NOT NULL, kind TEXT NOT NULL, roots TEXT NOT NULL,
            paths TEXT NOT NULL, created_at TEXT NOT NULL,
            {checksum.column("identity")}
        ) STRICT;
        CREATE TABLE sessions (
            id TEXT PRIMARY KEY, title TEXT NOT NULL DEFAULT '', created_at TEXT NOT NULL, updated_at TEXT NOT NULL,
            ended_at TEXT NOT NULL DEFAULT '', archived INTEGER NOT NULL DEFAULT 0, branch TEXT NOT NULL DEFAULT '',
            worktree TEXT NOT NULL DEFAULT '', head TEXT NOT NULL DEFAULT '', model TEXT NOT NULL DEFAULT '',
            note TEXT NOT NULL DEFAULT '', prompt_id TEXT NOT NULL DEFAULT '', context_from INTEGER NOT NULL DEFAULT 0,
            memory_seen TEXT NOT NULL DEFAULT '{{}}', memory_told TEXT NOT NULL DEFAULT '{{}}',
            forked_from TEXT NOT NULL DEFAULT '',
            {checksum.column("sessions")}
        ) STRICT;
        CREATE INDEX sessions_by_update ON sessions (updated_at);
        CREATE TABLE prompts (
            id TEXT PRIMARY KEY, session_id TEXT NOT NULL REFERENCES sessions (id), created_at TEXT NOT NULL,
            api TEXT NOT NULL, system TEXT NOT NULL, tools TEXT NOT NULL, reason TEXT NOT NULL,
            {checksum.column("prompts")}
        ) STRICT;
        CREATE TABLE runs (
            id TEXT PRIMARY KEY, session_id TEXT NOT NULL REFERENCES sessions (id), started_at TEXT NOT NULL,
            ended_at TEXT NOT NULL DEFAULT '', stop_reason TEXT NOT NULL DEFAULT '', error TEXT NOT NULL DEFAULT '',
            {checksum.column("runs")}
        ) STRICT;
        CREATE INDEX runs_by_session ON runs (session_id);
        CREATE TABLE steps (
            id TEXT PRIMARY KEY, run_id TEXT NOT NULL REFERENCES runs (id), number INTEGER NOT NULL, model TEXT NOT NULL,
            created_at TEXT NOT NULL, tokens_input INTEGER NOT NULL, tokens_cached INTEGER NOT NULL,
            tokens_written INTEGER NOT NULL, tokens_output INTEGER NOT NULL, tokens_reasoning INTEGER NOT NULL,
            latency_ms INTEGER NOT NULL, stop_reason TEXT NOT NULL,
            {checksum.column("steps")}
        ) STRICT;
        CREATE INDEX steps_by_run ON steps (run_id);
        CREATE TABLE tool_calls (
            operation_id TEXT PRIMARY KEY, step_id TEXT NOT NULL REFERENCES steps (id), session_id TEXT NOT NULL,
            call_id TEXT NOT NULL, number INTEGER NOT NULL, name TEXT NOT NULL, arguments TEXT NOT NULL, effect TEXT NOT NULL,
            state TEXT NOT NULL, started_at TEXT NOT NULL DEFAULT '', finished_at TEXT NOT NULL DEFAULT '',
            outcome TEXT NOT NULL DEFAULT '', detail TEXT NOT NULL DEFAULT '',
            {checksum.column("tool_calls")}
        ) STRICT;
        CREATE INDEX tool_calls_by_session ON tool_calls (session_id, state);
        """,
    )
    _statements(
        connection,
        f"""
        CREATE TABLE messages (
            seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, run_id TEXT NOT NULL DEFAULT '',
            role TEXT NOT NULL, kind TEXT NOT NULL, content TEXT NOT NULL, text TEXT NOT NULL, terms TEXT NOT NULL,
            call_id TEXT NOT NULL DEFAULT '', created_at TEXT NOT NULL, copy_of TEXT NOT NULL DEFAULT '', {_PROVENANCE},
            {checksum.column("messages")}
        ) STRICT;
        CREATE INDEX messages_by_session ON messages (session_id, seq);
        CREATE INDEX messages_by_original ON messages (copy_of) WHERE copy_of != '';
        CREATE INDEX messages_by_time ON messages (created_at);
        CREATE VIRTUAL TABLE messages_fts USING fts5 (
            text, terms, content = 'messages', content_rowid = 'seq', tokenize = 'porter unicode61'
        );
        CREATE TABLE passages (
            seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, operation_id TEXT NOT NULL UNIQUE,
            text TEXT NOT NULL, terms TEXT NOT NULL, kind TEXT NOT NULL, citations TEXT NOT NULL DEFAULT '[]',
            confidence REAL NOT NULL DEFAULT 1, created_at TEXT NOT NULL, valid_from TEXT NOT NULL DEFAULT '',
            valid_to TEXT NOT NULL DEFAULT '', superseded_by TEXT NOT NULL DEFAULT '', {_PROVENANCE},
            {checksum.column("passages")}
        ) STRICT;
        CREATE INDEX passages_by_time ON passages (created_at);
        CREATE INDEX passages_by_beginning ON passages (substr(text, 1, 60));
        CREATE TABLE passage_tags (
            passage_seq INTEGER NOT NULL REFERENCES passages (seq), tag TEXT NOT NULL, PRIMARY KEY (passage_seq, tag)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX passage_tags_by_tag ON passage_tags (tag);
        CREATE VIRTUAL TABLE passages_fts USING fts5 (
            text, terms, content = 'passages', content_rowid = 'seq', tokenize = 'porter unicode61'
        );
        CREATE TABLE jobs (
            id TEXT PRIMARY KEY, kind TEXT NOT NULL, payload TEXT NOT NULL, state TEXT NOT NULL, created_at TEXT NOT NULL,
            updated_at TEXT NOT NULL,
            {checksum.column("jobs")}
        ) STRICT;
        INSERT INTO messages_fts (messages_fts, rank) VALUES ('secure-delete', 1);
        INSERT INTO passages_fts (passages_fts, rank) VALUES ('secure-delete', 1);
        """,
    )


def _memory_2(connection: apsw.Connection) -> None:
    """The lives of passages, what they build on and cite, and which commits were digested.

    A row of `passage_states` is what was known of a passage from its `recorded_at` until that of the next; `passages` holds
    the newest. The owner of a citation is a passage, or a block of which a line cites.
    """
    _statements(
        connection,
        f"""
        CREATE TABLE passage_states (
            passage_id TEXT NOT NULL REFERENCES passages (id), number INTEGER NOT NULL, recorded_at TEXT NOT NULL,
            valid_from TEXT NOT NULL DEFAULT '', valid_from_commit TEXT NOT NULL DEFAULT '',
            valid_to TEXT NOT NULL DEFAULT '', valid_to_commit TEXT NOT NULL DEFAULT '',
            superseded_by TEXT NOT NULL DEFAULT '', reason TEXT NOT NULL DEFAULT '', operation_id TEXT NOT NULL UNIQUE,
            {_PROVENANCE}, {checksum.column("passage_states")}, PRIMARY KEY (passage_id, number)
        ) STRICT;
        CREATE INDEX passage_states_by_successor ON passage_states (superseded_by) WHERE superseded_by != '';
        CREATE TABLE passage_links (
            passage_id TEXT NOT NULL REFERENCES passages (id), depends_on TEXT NOT NULL,
            {checksum.column("passage_links")}, PRIMARY KEY (passage_id, depends_on)
        ) STRICT;
        CREATE INDEX passage_links_by_base ON passage_links (depends_on);
        CREATE TABLE passage_subjects (
            passage_id TEXT PRIMARY KEY REFERENCES passages (id), subject TEXT NOT NULL,
            {checksum.column("passage_subjects")}
        ) STRICT;
        CREATE INDEX passage_subjects_by_subject ON passage_subjects (subject);
        CREATE TABLE citations (
            owner TEXT NOT NULL, number INTEGER NOT NULL, line TEXT NOT NULL DEFAULT '', path TEXT NOT NULL,
            symbol TEXT NOT NULL DEFAULT '', first INTEGER NOT NULL DEFAULT 0, last INTEGER NOT NULL DEFAULT 0,
            digest TEXT NOT NULL DEFAULT '', commit_id TEXT NOT NULL DEFAULT '', recorded_at TEXT NOT NULL,
            {checksum.column("citations")}, PRIMARY KEY (owner, number)
        ) STRICT;
        CREATE INDEX citations_by_path ON citations (path);
        CREATE TABLE commit_digests (
            commit_id TEXT PRIMARY KEY, passage_id TEXT NOT NULL DEFAULT '', branch TEXT NOT NULL DEFAULT '',
            digested_at TEXT NOT NULL, retired_at TEXT NOT NULL DEFAULT '', replaced_by TEXT NOT NULL DEFAULT '',
            reason TEXT NOT NULL DEFAULT '', {checksum.column("commit_digests")}
        ) STRICT;
        CREATE INDEX commit_digests_by_passage ON commit_digests (passage_id);
        CREATE TABLE git_state (key TEXT PRIMARY KEY, value TEXT NOT NULL, {checksum.column("git_state")}) STRICT;
        """,
    )


def _memory_3(connection: apsw.Connection) -> None:
    """What a message has beside its words: who is named as its speaker, the tool and the files that it is of, and where it
    was imported from. What tools print has full text of its own: in that of what was said it would drown speech.

    Results of searches of memory (`lookup`) are in neither: they would be found in the place of what they repeat.
    """
    _statements(
        connection,
        f"""
        CREATE TABLE message_details (
            seq INTEGER PRIMARY KEY REFERENCES messages (seq), name TEXT NOT NULL DEFAULT '', tool TEXT NOT NULL DEFAULT '',
            outcome TEXT NOT NULL DEFAULT '', paths TEXT NOT NULL DEFAULT '', origin TEXT NOT NULL DEFAULT '',
            source_id TEXT NOT NULL DEFAULT '', {checksum.column("message_details")}
        ) STRICT;
        CREATE INDEX message_details_by_name ON message_details (name) WHERE name != '';
        CREATE INDEX message_details_by_tool ON message_details (tool, outcome) WHERE tool != '';
        CREATE TABLE session_origins (
            session_id TEXT PRIMARY KEY REFERENCES sessions (id), origin TEXT NOT NULL, source_id TEXT NOT NULL DEFAULT '',
            {checksum.column("session_origins")}
        ) STRICT;
        CREATE INDEX messages_spoken ON messages (session_id, seq)
        WHERE kind IN ('user', 'assistant') AND text != '' AND substr(text, 1, 1) != '→';
        CREATE VIEW said_messages AS SELECT seq, text, terms FROM messages WHERE kind NOT IN ('tool', 'lookup');
        CREATE VIEW tool_messages AS SELECT seq, text, terms FROM messages WHERE kind = 'tool';
        INSERT INTO message_details (seq, tool, outcome, paths)
        SELECT messages.seq, tool_calls.name, tool_calls.outcome,
        coalesce(json_extract(iif(json_valid(arguments), arguments, '{{}}'), '$.path'), '')
        FROM messages JOIN tool_calls ON tool_calls.session_id = messages.session_id
        AND tool_calls.step_id = messages.step_id AND tool_calls.call_id = messages.call_id
        WHERE messages.kind = 'tool' AND messages.copy_of = '' ON CONFLICT DO NOTHING;
        UPDATE messages SET terms = ltrim(terms || ' ' || tool || ' ' || paths) FROM message_details
        WHERE message_details.seq = messages.seq;
        DROP TABLE messages_fts;
        """,
    )
    for index, rows in (("messages_fts", "said_messages"), ("tool_messages_fts", "tool_messages")):
        _statements(
            connection,
            f"""
            CREATE VIRTUAL TABLE {index} USING fts5 (
                text, terms, content = '{rows}', content_rowid = 'seq', tokenize = 'porter unicode61'
            );
            INSERT INTO {index} ({index}, rank) VALUES ('secure-delete', 1);
            INSERT INTO {index} ({index}) VALUES ('rebuild');
            CREATE VIRTUAL TABLE {index}_terms USING fts5vocab ({index}, row);
            """,
        )


def _memory_4(connection: apsw.Connection) -> None:
    """What was taken out of the prompts of sessions: by compactions, and message by message (elisions).

    An elision says what stands in a prompt in the place of a message (or of one call's result in it); recall keeps the message.
    """
    _statements(
        connection,
        f"""
        CREATE TABLE compactions (
            id TEXT PRIMARY KEY, session_id TEXT NOT NULL, summary_id TEXT NOT NULL, cut_before TEXT NOT NULL,
            cut_after TEXT NOT NULL, messages INTEGER NOT NULL, tokens_before INTEGER NOT NULL, tokens_after INTEGER NOT NULL,
            duration_ms INTEGER NOT NULL, trigger TEXT NOT NULL, method TEXT NOT NULL, created_at TEXT NOT NULL,
            undone_at TEXT NOT NULL DEFAULT '', {checksum.column("compactions")}
        ) STRICT;
        CREATE INDEX compactions_by_session ON compactions (session_id);
        CREATE TABLE elisions (
            session_id TEXT NOT NULL, message_id TEXT NOT NULL, call_id TEXT NOT NULL DEFAULT '', form TEXT NOT NULL,
            text TEXT NOT NULL, handle TEXT NOT NULL DEFAULT '', reason TEXT NOT NULL DEFAULT '', created_at TEXT NOT NULL,
            {checksum.column("elisions")}, PRIMARY KEY (session_id, message_id, call_id)
        ) STRICT;
        """,
    )


def _memory_5(connection: apsw.Connection) -> None:
    """Every call of a model, of steps and beside them: what it took, what that cost, and by which price (empty: not known).

    Costs are whole picodollars. Steps of before have their tokens here and no cost.
    """
    _statements(
        connection,
        f"""
        CREATE TABLE model_calls (
            id TEXT PRIMARY KEY, session_id TEXT NOT NULL, run_id TEXT NOT NULL DEFAULT '', purpose TEXT NOT NULL,
            model TEXT NOT NULL, answered_by TEXT NOT NULL, created_at TEXT NOT NULL, tokens_input INTEGER NOT NULL,
            tokens_cached INTEGER NOT NULL, tokens_written INTEGER NOT NULL, tokens_written_hour INTEGER NOT NULL,
            tokens_output INTEGER NOT NULL, tokens_reasoning INTEGER NOT NULL, tokens_estimated INTEGER NOT NULL,
            cost INTEGER NOT NULL, price TEXT NOT NULL, {checksum.column("model_calls")}
        ) STRICT;
        CREATE INDEX model_calls_by_session ON model_calls (session_id);
        CREATE INDEX model_calls_by_model ON model_calls (model);
        INSERT INTO model_calls
            SELECT steps.id, session_id, run_id, 'step', steps.model, steps.model, steps.created_at, tokens_input,
                tokens_cached, tokens_written, 0, tokens_output, tokens_reasoning, 0, 0, ''
            FROM steps JOIN runs ON runs.id = steps.run_id ORDER BY steps.rowid;
        """,
    )


USER = Schema("user", (_user_1,))
MEMORY = Schema("memory", (_memory_1, _memory_2, _memory_3, _memory_4, _memory_5))


def _number(connection: apsw.Connection, sql: str) -> int:
    return next(int(row[0]) for row in connection.execute(sql))


def version(connection: apsw.Connection) -> int:
    """How many migrations the file has seen; 0 for a new one."""
    return _number(connection, "PRAGMA user_version")


def current(connection: apsw.Connection, schema: Schema) -> bool:
    return version(connection) == len(schema.migrations)


def check(connection: apsw.Connection, schema: Schema, path: Path | None) -> None:
    """Raise StoreNewer or StoreDamaged for a file that this program must not touch."""
    application = _number(connection, "PRAGMA application_id")
    found = version(connection)
    tables = _number(connection, "SELECT count(*) FROM sqlite_schema")
    if application != APPLICATION_ID and (tables or found):
        raise StoreDamaged(f"{path} is not a memory store of lcode", "set LCODE_HOME to another folder, or move that file away")
    if found > len(schema.migrations):
        raise StoreNewer(
            f"{path} was written by a newer lcode (schema {found}, this one knows {len(schema.migrations)})",
            "upgrade lcode; nothing was changed",
        )


def apply(connection: apsw.Connection, schema: Schema) -> None:
    """Bring the file to the newest schema. Runs inside a transaction: killed at any step, it starts again from the old one."""
    checksum.register(connection)
    for number in range(version(connection), len(schema.migrations)):
        schema.migrations[number](connection)
        connection.execute(f"PRAGMA user_version = {number + 1}")
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")


def backup_before(path: Path, vfs: str | None = None) -> Path:
    """A whole copy of the database beside it, made by SQLite's own backup before its schema changes, while nobody may write.

    It gets its name when it is whole and on the disk; what a killed attempt left, and its elder twin, go.
    """
    folder = private_folder(path.parent / "backups")
    source = connect(path, read_only=True, vfs=vfs)
    try:
        stem = f"{path.stem}-schema{version(source)}-"
        target = folder / f"{stem}{clock.stamp().replace(':', '')}.db"
        part = folder / f"{target.name}.part"
        earlier = [found for found in folder.glob(f"{stem}*") if found.name != target.name]
        _copy(source, part, vfs)
    finally:
        source.close()
    try:
        part.replace(target)
        sync_folder(folder)
        for old in earlier:
            old.unlink(missing_ok=True)
    except OSError as error:
        raise StoreUnwritable(f"cannot keep the backup {target}: {error.strerror or error}", "nothing was changed") from error
    return target


def _copy(source: apsw.Connection, target: Path, vfs: str | None) -> None:
    target.unlink(missing_ok=True)
    create_private_file(target)
    copy = connect(target, vfs=vfs)
    try:
        copy_database(source, copy)
    finally:
        copy.close()
