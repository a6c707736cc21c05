"""The registry: which agent belongs to which repository or folder, in the user's database.

An agent is found by a path it is known under; an unknown repository by its root commits. A moved repository is rebound
when its old place is gone; a fork or a copy is a question for the user, and headless it gets an agent of its own. Another
repository in the place of a known one is unknown: beside the path stands by what its git folder is told from a later one,
and only where that changed are the root commits compared.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import apsw

from lcode import clock
from lcode.errors import UserError
from lcode.git.repository import Place, root_commits
from lcode.ids import new_id
from lcode.path_text import path_text, text_path
from lcode.sanitize import encodable
from lcode.store.database import Database, Row, fetch_all, fetch_one, scalar


@dataclass(frozen=True)
class AgentRow:
    """An agent as the registry knows it. `kind`: git or folder. `initialised`: its own store was made."""

    id: str
    name: str
    kind: str
    roots: tuple[str, ...]
    paths: tuple[str, ...]
    initialised: bool
    created_at: str


@dataclass(frozen=True)
class Resolution:
    """Whose agent a place is. `told` is what the user should hear about how it was found."""

    agent: AgentRow
    fresh: bool = False
    told: str = ""


Choose = Callable[[Path, Sequence[AgentRow]], AgentRow | None]

_SELECT = (
    "SELECT id, name, kind, roots, (SELECT json_group_array(path) FROM (SELECT path FROM agent_paths WHERE agent_id = agents.id"
    " ORDER BY first_seen, path)), initialised, created_at FROM agents"
)

_PATH = "INTO agent_paths (path, agent_id, kind, first_seen, fingerprint) VALUES (?, ?, ?, ?, ?)"


class Agents:
    """All agents of this user. `intend` is told of each row that is about to change, as it will be: an agent's own store holds
    it too, and is written first, so that a registry that is lost can be made again."""

    def __init__(self, user: Database, intend: Callable[[AgentRow], None] | None = None) -> None:
        self._user = user
        self._intend = intend

    # -- looking up -------------------------------------------------------------------------------------------------

    def list(self) -> list[AgentRow]:
        rows = self._user.read(lambda connection: fetch_all(connection, f"{_SELECT} WHERE deleted_at = '' ORDER BY created_at"))
        return [_agent(row) for row in rows]

    def find(self, name: str) -> AgentRow:
        """The agent with this id, unique beginning of an id, or name. Raises UserError."""
        agents = self.list()
        exact = [agent for agent in agents if name in (agent.id, agent.name)]
        start = name.removeprefix("agent-")
        found = exact or [agent for agent in agents if start and agent.id.removeprefix("agent-").startswith(start)]
        if len(found) == 1:
            return found[0]
        fault = f"there is no agent '{name}'" if not found else f"'{name}' fits several agents"
        raise UserError(fault, "`lcode agents` lists them; give the id")

    def known(self, place: Place) -> AgentRow | None:
        """The agent that is known under the place's path: the git common folder, the folder, or a folder above it. None where
        another repository is there now."""
        agent, fingerprint = self._at(place)
        return None if agent and self._is_another(agent, place, fingerprint) else agent

    def moved(self, place: Place) -> AgentRow | None:
        """The agent whose repository came to this unknown place: it has that history, and all its own places are gone."""
        if not place.common_dir or not any(agent.roots for agent in self.list()):
            return None
        return _moved(self._twins(root_commits(place)))

    def _twins(self, roots: Sequence[str]) -> Sequence[AgentRow]:
        return [agent for agent in self.list() if set(roots) & set(agent.roots)]

    def _at(self, place: Place) -> tuple[AgentRow | None, str]:
        """Who is known under the place's path, and the fingerprint of the git folder that was there."""
        paths = [path_text(place.common_dir)] if place.common_dir else []
        paths.append(path_text(place.root))
        if not place.common_dir:
            above = [parent for parent in place.root.parents if parent not in (Path.home(), Path(parent.anchor))]
            paths += [path_text(parent) for parent in above]

        def work(connection: apsw.Connection) -> tuple[AgentRow | None, str]:
            for at, path in enumerate(paths):
                kind = " AND kind = 'folder'" if at and not place.common_dir else ""
                sql = f"{_SELECT} WHERE deleted_at = '' AND id = (SELECT agent_id FROM agent_paths WHERE path = ?{kind})"
                if row := fetch_one(connection, sql, (path,)):
                    return _agent(row), str(scalar(connection, "SELECT fingerprint FROM agent_paths WHERE path = ?", (path,)))
            return None, ""

        return self._user.read(work)

    def _is_another(self, agent: AgentRow, place: Place, fingerprint: str) -> bool:
        """Whether the repository is another than the one whose git folder had `fingerprint`. Runs git where that changed."""
        if not fingerprint or not agent.roots or _fingerprint(place) in ("", fingerprint):
            return False
        if not place.head:  # made anew, and empty yet
            return True
        roots = root_commits(place)
        return bool(roots) and not set(roots) & set(agent.roots)

    def resolve(self, place: Place, choose: Choose | None = None) -> Resolution:
        """Whose agent `place` is; made on the spot where there is none. `choose` asks the user about a copy or fork:
        an agent to share, or None for one of its own."""
        agent, fingerprint = self._at(place)
        if agent is None:
            return self._unknown(place, choose)
        if not self._is_another(agent, place, fingerprint):
            return Resolution(self._stays(agent, place, fingerprint))
        self._leave(agent.id, place)
        found = self._unknown(place, choose)
        gone = (
            f"another repository is here now than the one that {agent.name} knew: {agent.name}'s memory is kept and stays apart"
            f" (`lcode agents share {agent.id.removeprefix('agent-')[:8]}` would bring it here)"
        )
        return replace(found, told="; ".join(filter(None, (gone, found.told))))

    def _unknown(self, place: Place, choose: Choose | None) -> Resolution:
        roots = root_commits(place) if place.common_dir else ()
        twins = self._twins(roots)
        if moved := _moved(twins):
            self.bind(moved.id, place)
            return Resolution(self.find(moved.id), told=f"{moved.name} moved here from {moved.paths[0]}: its memory came along")
        if twins and choose is not None and (chosen := choose(place.root, twins)):
            self.bind(chosen.id, place)
            return Resolution(self.find(chosen.id))
        told = ""
        if twins:
            names = ", ".join(f"{twin.name} ({twin.paths[0] if twin.paths else twin.id})" for twin in twins)
            told = (
                f"this repository shares its history with {names}; it got an agent of its own (`lcode agents` can change that)"
            )
        return Resolution(self._create(place, roots), fresh=True, told=told)

    # -- changing ---------------------------------------------------------------------------------------------------

    def _change(self, work: Callable[[apsw.Connection], object]) -> None:
        """Apply `work` to the registry, after its outcome was told."""
        if self._intend is not None:
            for row in self._outcome(work):
                self._intend(row)
        self._user.write(work)

    def _outcome(self, work: Callable[[apsw.Connection], object]) -> Sequence[AgentRow]:
        """The rows that `work` would change, as they would be."""

        def attempt(connection: apsw.Connection) -> None:
            before = fetch_all(connection, _SELECT)
            work(connection)
            raise _Outcome([_agent(row) for row in fetch_all(connection, _SELECT) if row not in before])

        try:
            self._user.write(attempt)
        except _Outcome as outcome:  # nothing was written
            return outcome.rows
        raise AssertionError

    def _create(self, place: Place, roots: Sequence[str]) -> AgentRow:
        agent_id = new_id("agent")
        path, kind = _key(place)
        now, fingerprint = clock.stamp(), _fingerprint(place)

        def work(connection: apsw.Connection) -> str:
            taken = fetch_one(connection, "SELECT agent_id FROM agent_paths WHERE path = ?", (path,))
            if taken:  # another terminal was first
                return str(taken[0])
            connection.execute(
                "INSERT INTO agents (id, name, kind, roots, created_at) VALUES (?, ?, ?, ?, ?)",
                (agent_id, encodable(place.root.name or str(place.root)), kind, json.dumps(list(roots)), now),
            )
            connection.execute(f"INSERT {_PATH}", (path, agent_id, kind, now, fingerprint))
            return agent_id

        return self.find(self._user.write(work))

    def bind(self, agent_id: str, place: Place) -> None:
        """Let the agent be known under the place's path, whoever was before. It has the roots of all its repositories."""
        path, kind = _key(place)
        roots = root_commits(place) if place.common_dir else ()
        added = (path, agent_id, kind, clock.stamp(), _fingerprint(place))

        def work(connection: apsw.Connection) -> None:
            before = json.loads(scalar(connection, "SELECT roots FROM agents WHERE id = ?", (agent_id,)) or "[]")
            both = json.dumps(sorted({*before, *roots}))
            connection.execute(f"INSERT OR REPLACE {_PATH}", added)
            connection.execute("UPDATE agents SET kind = ?, roots = ? WHERE id = ?", (kind, both, agent_id))

        self._change(work)

    def _stays(self, agent: AgentRow, place: Place, fingerprint: str) -> AgentRow:
        """Take in what changed at a known place: a folder became a repository, or the git folder was made anew."""
        now = _fingerprint(place)
        if place.common_dir and path_text(place.common_dir) not in agent.paths:
            self.bind(agent.id, place)
            return self.find(agent.id)
        if now != fingerprint and (not fingerprint or not agent.roots or set(root_commits(place)) & set(agent.roots)):
            bindings = (now, _key(place)[0], agent.id)
            sql = "UPDATE agent_paths SET fingerprint = ? WHERE path = ? AND agent_id = ?"
            self._user.write(lambda connection: connection.execute(sql, bindings))
        return agent

    def _leave(self, agent_id: str, place: Place) -> None:
        """Let the agent be known here no more; somebody else's entry, made meanwhile, stays."""
        bindings = (agent_id, _key(place)[0], path_text(place.root))
        sql = "DELETE FROM agent_paths WHERE agent_id = ? AND path IN (?, ?)"
        self._change(lambda connection: connection.execute(sql, bindings))

    def split(self, place: Place) -> AgentRow:
        """Give the place an agent of its own; the one it shared stays as it is elsewhere."""
        path, _ = _key(place)
        self._change(lambda connection: connection.execute("DELETE FROM agent_paths WHERE path = ?", (path,)))
        return self._create(place, root_commits(place) if place.common_dir else ())

    def forget_path(self, path: str) -> None:
        self._change(lambda connection: connection.execute("DELETE FROM agent_paths WHERE path = ?", (path,)))

    def rename(self, agent_id: str, name: str) -> None:
        name = encodable(name)
        self._change(lambda connection: connection.execute("UPDATE agents SET name = ? WHERE id = ?", (name, agent_id)))

    def learn_roots(self, agent_id: str, roots: Sequence[str]) -> None:
        """A repository that had no commit when its agent was made has some now."""
        self._change(
            lambda connection: connection.execute(
                "UPDATE agents SET roots = ? WHERE id = ?", (json.dumps(list(roots)), agent_id)
            )
        )

    def mark_initialised(self, agent_id: str) -> None:
        self._user.write(lambda connection: connection.execute("UPDATE agents SET initialised = 1 WHERE id = ?", (agent_id,)))

    def delete(self, agent_id: str) -> None:
        """Take the agent out of the registry. Its folder is the caller's to remove."""

        def work(connection: apsw.Connection) -> None:
            connection.execute("UPDATE agents SET deleted_at = ? WHERE id = ?", (clock.stamp(), agent_id))
            connection.execute("DELETE FROM agent_paths WHERE agent_id = ?", (agent_id,))

        self._user.write(work)


class _Outcome(Exception):
    """Carries what a change would have made out of its transaction, which is rolled back."""

    def __init__(self, rows: Sequence[AgentRow]) -> None:
        super().__init__()
        self.rows = rows


def _key(place: Place) -> tuple[str, str]:
    return (path_text(place.common_dir), "git") if place.common_dir else (path_text(place.root), "folder")


def _moved(twins: Sequence[AgentRow]) -> AgentRow | None:
    """The one of them all whose places are gone. An agent that has no place did not move from anywhere."""
    gone = [agent for agent in twins if agent.paths and not any(text_path(path).exists() for path in agent.paths)]
    return gone[0] if len(gone) == 1 else None


def _fingerprint(place: Place) -> str:
    """By what a git folder is told from a later one at the same path, without running git: its inode, and when git filled
    it from its templates. '' where there is none."""
    folder = place.common_dir
    if folder is None:
        return ""
    for name in ("description", "info/exclude", "config"):
        with suppress(OSError):
            return f"{folder.stat().st_ino} {(folder / name).stat().st_mtime_ns}"
    return ""


def _agent(row: Row) -> AgentRow:
    return AgentRow(row[0], row[1], row[2], tuple(json.loads(row[3])), tuple(json.loads(row[4])), bool(row[5]), row[6])
