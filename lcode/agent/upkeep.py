"""What a session's process does for the store beside answering: backups that make themselves, notices, the log of faults.

A backup is made after an answer, if one is due, in a process of its own that nobody waits for.

Deciding costs less than a millisecond. The process outlives a headless run; it takes a named lock, so that of many sessions
that find one due, one makes it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from lcode.agent.helper_process import HelperProcess, launch, needed_by
from lcode.errors import StoreError, UserError
from lcode.memory.agents import AgentRow
from lcode.memory.store import Store
from lcode.store.backup import Origin, is_due, made_at, mark_of, noted_damage
from lcode.store.database import Database
from lcode.store.filesystem import is_network, kind
from lcode.store.paths import private_folder

if TYPE_CHECKING:
    from lcode.config import Settings


class Upkeep:
    """Looks after the store of one agent while its sessions run."""

    def __init__(
        self, store: Store, agent: AgentRow, database: Database, environ: Mapping[str, str], root: Path, settings: Settings
    ) -> None:
        self._store = store
        wanted = settings.worker and not store.ephemeral
        also = needed_by(settings, environ)
        self.worker = HelperProcess(store.agent_paths(agent), agent.id, root, environ, enabled=wanted, also=also)
        self._agent_id = agent.id
        self._databases = {Origin.of_agent(store.agent_paths(agent)): database, Origin.of_user(store.paths): store.user}
        self._database = database
        self._wants_debug = settings.debug
        self.show_debug: Callable[[str], None] = lambda text: None  # where nothing but standard error is drawn on
        self._environ = environ

    async def after_answer(self) -> None:
        """Start a backup if one is due."""
        if not self._store.ephemeral:
            with suppress(StoreError, OSError):
                await self._database.run(self._back_up_if_due)

    def notices(self) -> list[str]:
        """What the user of a session should know of the store."""
        name = kind(self._store.paths.home)
        told = [f"memory lies on {name}: sessions there wait longer for each other"] if is_network(name) else []
        if begun := self._store.paths.forgetting_since():
            told.append(f"forgetting was begun on {begun[:10]} and cut off: repeat the same `lcode forget`")
        for origin in self._databases:
            if fault := noted_damage(origin):
                told.append(
                    f"a check in the background found {origin.path.name} damaged: {fault}; `lcode doctor --fix` mends it"
                )
        return told

    def log_bug(self, error: BaseException) -> str:
        """Keep the trace of a fault of ours, unless nothing is to be written; the log's path."""
        if self._store.ephemeral:
            return "(an ephemeral session keeps no log)"
        from lcode.log import log_exception

        with suppress(UserError, OSError):
            return str(log_exception(private_folder(self._store.paths.log), error, self._store.redactor))
        return "(no log could be written)"

    def debug(self, text: str) -> None:
        """A line about a decision, with `--debug`: into the log, unless nothing is to be written, and shown."""
        if not self._wants_debug:
            return
        self.show_debug(text)
        if not self._store.ephemeral:
            from lcode.log import Log

            with suppress(UserError, OSError):
                Log(private_folder(self._store.paths.log), self._store.redactor).write(text)

    def _back_up_if_due(self) -> None:
        if any(self._due(origin, database) for origin, database in self._databases.items()):
            start_backup(self._agent_id, self._environ)

    def _due(self, origin: Origin, database: Database) -> bool:
        mark, created = database.read(lambda connection: (mark_of(connection, origin.schema), made_at(connection)))
        return is_due(origin, mark, created)


def start_backup(agent_id: str, environ: Mapping[str, str]) -> None:
    """Start the process that makes the backups which are due. It shares nothing with this one."""
    import threading

    child = launch(["lcode", "--agent", agent_id, "backup", "create", "--if-due", "--quiet"], environ)
    threading.Thread(target=child.wait, name="lcode backup", daemon=True).start()  # or it would stay as a zombie
