"""A repository, the job that digests its commits, and what it kept. Real git; dates move on with each call."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from lcode.git.repository import find
from lcode.memory.digests import Digest, Digests
from lcode.memory.store import Store
from lcode.redact import of_process
from lcode.store import migrations
from lcode.store.database import Database
from lcode.store.paths import AgentPaths
from lcode.worker.digest import Commits
from lcode.worker.jobs import Turn


def turn(stopped: Callable[[], bool] = lambda: False, commits: tuple[str, ...] = ()) -> Turn:
    return Turn(lambda done, total: None, stopped, lambda count: None, commits)


@dataclass
class Repository:
    """The repository at `root`, with git's clock."""

    root: Path
    seconds: int = field(default=1_770_000_000)

    def git(self, *words: str, **environ: str) -> str:
        self.seconds += 60
        date = f"{self.seconds} +0000"
        done = subprocess.run(
            ["git", "-c", "init.defaultBranch=main", "-c", "protocol.file.allow=always", *words],
            cwd=self.root, check=False, capture_output=True, text=True, encoding="utf-8", errors="surrogateescape",
            env={**os.environ, "GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date, "GIT_EDITOR": "true", **environ},
        )  # fmt: skip
        assert done.returncode == 0, (words, done.stderr)
        return done.stdout.strip()

    def commit(self, message: str, **files: str) -> str:
        """A commit with these files; `__` in a name stands for a slash, the last `_` for a dot."""
        for name, text in files.items():
            path = self.root / ".".join(name.replace("__", "/").rsplit("_", 1))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.head()

    def head(self, name: str = "HEAD") -> str:
        return self.git("rev-parse", name)


def make(root: Path, *options: str) -> Repository:
    root.mkdir(parents=True, exist_ok=True)
    repository = Repository(root)
    repository.git("init", "-q", *options)
    return repository


@dataclass
class Kept:
    """What the agent of a repository keeps of its commits."""

    root: Path
    paths: AgentPaths

    @classmethod
    def of(cls, root: Path) -> Kept:
        with closing(Store(os.environ)) as store:
            row = store.resolve(find(root)).agent
            store.open(row)
            return cls(root, store.agent_paths(row))

    def look(self, told: Turn | None = None, root: Path | None = None) -> bool:
        """A pass over the commits, as the worker makes it."""
        job = Commits(self.paths)
        try:
            return job.run(find(root or self.root), told or turn())
        finally:
            job.close()

    @contextmanager
    def database(self) -> Iterator[Database]:
        with closing(Database(self.paths.memory_db, migrations.MEMORY, lock=self.paths.locks / "memory.lock")) as database:
            yield database

    def all(self) -> dict[str, Digest]:
        with self.database() as database:
            return {digest.commit: digest for digest in Digests(database, of_process()).all()}

    def live(self) -> set[str]:
        return {digest.commit for digest in self.all().values() if not digest.retired_at}

    def text(self, commit: str) -> str:
        sql = "SELECT text FROM passages JOIN commit_digests ON passages.id = passage_id WHERE commit_digests.commit_id = ?"
        with self.database() as database:
            (row,) = database.read(lambda connection: list(connection.execute(sql, (commit,))))
            return str(row[0])

    def passages(self) -> list[tuple[str, str, str]]:
        """Commit, end and successor of every passage of a commit."""
        sql = "SELECT commit_id, valid_to, superseded_by FROM passages WHERE kind = 'commit' ORDER BY seq"
        with self.database() as database:
            return database.read(lambda connection: list(connection.execute(sql)))
