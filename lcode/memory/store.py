"""What one process has open of the store: the user's database, one agent's, and the tiers over them.

Opening makes what is missing (folders, schema, the agent's identity row); an ephemeral store reads what is there and
writes nothing: new messages go to a private database in memory that ends with the process.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from contextlib import closing, suppress
from functools import partial
from pathlib import Path

import apsw

from lcode.errors import StoreDamaged, StoreError
from lcode.git.repository import Place
from lcode.memory import block_lines
from lcode.memory.agents import AgentRow, Agents, Choose, Resolution
from lcode.memory.archival import Archival
from lcode.memory.blocks import Blocks, Limits
from lcode.memory.meaning import Meaning
from lcode.memory.recall import Recall
from lcode.memory.session_memory import CodeNames, SessionMemory
from lcode.path_text import path_text
from lcode.redact import Redactor
from lcode.store import migrations
from lcode.store.check import MEND
from lcode.store.database import Database, fetch_all
from lcode.store.paths import AgentPaths, StorePaths, home, refuse_closed


class Store:
    """The store of `environ`'s user. `close` when done."""

    def __init__(self, environ: Mapping[str, str], *, ephemeral: bool = False) -> None:
        self.paths = StorePaths(home(environ))
        self.ephemeral = ephemeral
        self.redactor = Redactor(environ)
        self._databases: list[Database] = []
        refuse_closed(self.paths.home)
        _refuse_lost_registry(self.paths)
        exists = self.paths.user_db.exists()
        path = None if ephemeral and not exists else self.paths.user_db
        self.user = self._keep(
            Database(path, migrations.USER, lock=self._lock(self.paths.locks / "user.lock"), read_only=ephemeral and exists)
        )
        self.agents = Agents(self.user, None if ephemeral else self._intend)

    def _lock(self, path: Path) -> Path | None:
        return None if self.ephemeral else path

    def _keep(self, database: Database) -> Database:
        self._databases.append(database)
        return database

    def _intend(self, agent: AgentRow) -> None:
        """Write the agent's own row before the registry's. Where that is not possible it is made up for when it is opened."""
        paths = self.agent_paths(agent)
        if not agent.initialised or not paths.memory_db.exists():
            return
        database = Database(paths.memory_db, migrations.MEMORY, lock=paths.locks / "memory.lock")
        with suppress(StoreError), closing(database):
            _write_identity(database, agent)

    def resolve(self, place: Place, choose: Choose | None = None) -> Resolution:
        """Whose agent `place` is (see Agents.resolve); an ephemeral look makes nothing and changes nothing."""
        if not self.ephemeral:
            return self.agents.resolve(place, choose)
        if agent := self.agents.known(place) or self.agents.moved(place):
            return Resolution(agent)
        name = place.root.name or str(place.root)
        return Resolution(AgentRow("", name, "git" if place.common_dir else "folder", (), (), False, ""), fresh=True)

    def agent_paths(self, agent: AgentRow) -> AgentPaths:
        return self.paths.agent(agent.id)

    def open(self, agent: AgentRow) -> Database:
        """The agent's own database, with its identity in it. Raises StoreDamaged where a known store is gone."""
        paths = self.agent_paths(agent)
        refuse_closed(paths.folder)
        if self.ephemeral:
            known = bool(agent.id) and paths.memory_db.exists()
            database = self._keep(Database(paths.memory_db if known else None, migrations.MEMORY, read_only=known))
            _check_identity(database, agent) if known and agent.initialised else None
            return database
        if agent.initialised and (not paths.memory_db.exists() or not paths.memory_db.stat().st_size):
            raise StoreDamaged(f"the memory of {agent.name} is gone: {paths.memory_db} is missing or empty", MEND)
        database = self._keep(Database(paths.memory_db, migrations.MEMORY, lock=paths.locks / "memory.lock"))
        if not agent.initialised:
            _write_identity(database, agent)
            self.agents.mark_initialised(agent.id)
        elif not _check_identity(database, agent):
            _write_identity(database, agent)
        return database

    def memory(
        self,
        database: Database,
        place: Place,
        limits: Limits | None = None,
        *,
        ephemeral_log: Database | None = None,
        code: CodeNames | None = None,
        meaning: Meaning | None = None,
    ) -> SessionMemory:
        """The three tiers over an agent's database, as the worktree and branch of `place` see them. `code` is what the
        code index knows, `meaning` the vectors by which searches go beside words."""
        worktree = path_text(place.root)
        written = partial(block_lines.note, database, place.root)
        blocks = Blocks(
            database, self.user, self.redactor, worktree=worktree, branch=place.branch, limits=limits, written=written
        )
        log = ephemeral_log or database
        recall = Recall(log, database, self.redactor, meaning)
        archival = Archival(database, self.redactor, meaning)
        return SessionMemory(
            *(database, self.user, blocks, recall, archival),
            worktree=worktree,
            commit=place.head,
            ephemeral=self.ephemeral,
            code=code,
        )

    def scratch(self) -> Database:
        """A private database in memory with the tables of an agent's."""
        return self._keep(Database(None, migrations.MEMORY))

    def delete_agent(self, agent: AgentRow) -> None:
        """Remove an agent and everything it remembers."""
        self.agents.delete(agent.id)
        shutil.rmtree(self.agent_paths(agent).folder, ignore_errors=True)

    def close(self) -> None:
        for database in reversed(self._databases):
            database.close()


def _refuse_lost_registry(paths: StorePaths) -> None:
    """Raise StoreDamaged where agents have memory and nothing says whose it is: a new registry would hide all of it."""
    there = paths.user_db.exists() and paths.user_db.stat().st_size
    if not there and next(paths.home.glob("agents/*/memory.db"), None) is not None:
        raise StoreDamaged(f"the registry of agents is gone: {paths.user_db} is missing or empty", MEND)


def _check_identity(database: Database, agent: AgentRow) -> bool:
    """Whether the agent's own row says what the registry says. Raises StoreDamaged where it is another's, or nobody's."""
    rows = database.read(lambda connection: fetch_all(connection, "SELECT agent_id, name, kind, roots, paths FROM identity"))
    if agent.id not in [row[0] for row in rows]:
        whose = f"belongs to {rows[0][1]} ({rows[0][0]})" if rows else "does not say whose memory it is"
        raise StoreDamaged(f"{database.path} {whose}; it should be the memory of {agent.name}", MEND)
    return _identity_row(agent)[:5] in [tuple(row) for row in rows]


def _identity_row(agent: AgentRow) -> tuple[str, ...]:
    return (agent.id, agent.name, agent.kind, json.dumps(agent.roots), json.dumps(agent.paths), agent.created_at)


def _write_identity(database: Database, agent: AgentRow) -> None:
    """The agent's own row, from which the registry can be made again."""

    def work(connection: apsw.Connection) -> None:
        connection.execute(
            "INSERT INTO identity VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET name = excluded.name,"
            " kind = excluded.kind, roots = excluded.roots, paths = excluded.paths",
            _identity_row(agent),
        )

    database.write(work)
