"""What one process has open of the store: the user's database, one agent's, and the tiers over them.

Opening makes what is missing (folders, schema, the agent's identity row); an ephemeral store reads what is there and
writes nothing: new messages go to a private database in memory that ends with the process.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import apsw

from lcode.errors import StoreDamaged
from lcode.git.repository import Place
from lcode.memory.agents import AgentRow, Agents, Choose, Resolution
from lcode.memory.archival import Archival
from lcode.memory.blocks import Blocks, Limits
from lcode.memory.recall import Recall
from lcode.memory.session_memory import SessionMemory
from lcode.path_text import path_text
from lcode.redact import Redactor
from lcode.store import migrations
from lcode.store.database import Database
from lcode.store.paths import AgentPaths, StorePaths, home


class Store:
    """The store of `environ`'s user. `close` when done."""

    def __init__(self, environ: Mapping[str, str], *, ephemeral: bool = False) -> None:
        self.paths = StorePaths(home(environ))
        self.ephemeral = ephemeral
        self.redactor = Redactor(environ)
        self._databases: list[Database] = []
        exists = self.paths.user_db.exists()
        path = None if ephemeral and not exists else self.paths.user_db
        self.user = self._keep(
            Database(path, migrations.USER, lock=self._lock(self.paths.locks / "user.lock"), read_only=ephemeral and exists)
        )
        self.agents = Agents(self.user)

    def _lock(self, path: Path) -> Path | None:
        return None if self.ephemeral else path

    def _keep(self, database: Database) -> Database:
        self._databases.append(database)
        return database

    def resolve(self, place: Place, choose: Choose | None = None) -> Resolution:
        """Whose agent `place` is (see Agents.resolve); an ephemeral look at an unknown place makes nothing."""
        if self.ephemeral and not self.agents.known(place):
            name = place.root.name or str(place.root)
            return Resolution(AgentRow("", name, "git" if place.common_dir else "folder", (), (), False, ""), fresh=True)
        return self.agents.resolve(place, choose)

    def agent_paths(self, agent: AgentRow) -> AgentPaths:
        return self.paths.agent(agent.id)

    def open(self, agent: AgentRow) -> Database:
        """The agent's own database, with its identity in it. Raises StoreDamaged where a known store is gone."""
        paths = self.agent_paths(agent)
        if self.ephemeral:
            known = bool(agent.id) and paths.memory_db.exists()
            return self._keep(Database(paths.memory_db if known else None, migrations.MEMORY, read_only=known))
        if agent.initialised and (not paths.memory_db.exists() or not paths.memory_db.stat().st_size):
            raise StoreDamaged(
                f"the memory of {agent.name} is gone: {paths.memory_db} is missing or empty",
                f"put it back from {paths.backups}, or start afresh with `lcode agents delete {agent.id[:14]}`",
            )
        database = self._keep(Database(paths.memory_db, migrations.MEMORY, lock=paths.locks / "memory.lock"))
        if not agent.initialised:
            _write_identity(database, agent)
            self.agents.mark_initialised(agent.id)
        return database

    def memory(
        self, database: Database, place: Place, limits: Limits | None = None, *, ephemeral_log: Database | None = None
    ) -> SessionMemory:
        """The three tiers over an agent's database, as the worktree and branch of `place` see them."""
        worktree = path_text(place.root)
        blocks = Blocks(database, self.user, self.redactor, worktree=worktree, branch=place.branch, limits=limits)
        log = ephemeral_log or database
        recall, archival = Recall(log, database, self.redactor), Archival(database, self.redactor)
        return SessionMemory(
            database, self.user, blocks, recall, archival, worktree=worktree, commit=place.head, ephemeral=self.ephemeral
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


def _write_identity(database: Database, agent: AgentRow) -> None:
    """The agent's own row, from which the registry can be made again."""

    def work(connection: apsw.Connection) -> None:
        connection.execute(
            "INSERT INTO identity VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (agent.id, agent.name, agent.kind, json.dumps(agent.roots), json.dumps(agent.paths), agent.created_at),
        )

    database.write(work)
