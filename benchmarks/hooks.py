"""Hooks and digests under a history that is rewritten all the time, with two terminals open.

A script of commits, amends, rebases, merges, cherry-picks, squashes, checkouts, worktrees and deleted branches runs twice with
the same dates: in a repository with lcode's hooks and two sessions in it, and in a twin without, so that the commits are the
same to the byte. Told is whether each commit was digested once and no more, what is retired, what the hooks cost, whether
the other hooks ran as in the twin, and whether git said or did anything else than there.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from lcode.git import hooks, refs
from lcode.git.repository import find
from lcode.memory.digests import Digest, Digests
from lcode.memory.store import Store
from lcode.redact import of_process
from lcode.store import migrations
from lcode.store.database import Database
from lcode.store.locks import NamedLock
from lcode.store.paths import AgentPaths
from lcode.worker import nudge, status

CHECKOUT = Path(__file__).resolve().parent.parent
_START = 1_770_000_000
_FOREIGN = {
    "post-commit": '#!/bin/sh\nset -eu\necho "commit $*" >>"$FOREIGN_LOG"\nexec true\n',
    "post-checkout": "#!/usr/bin/env python3\nimport os, sys\n"
    'open(os.environ["FOREIGN_LOG"], "a").write("checkout %s\\n" % sys.argv[1:])\n',
    "post-rewrite": '#!/bin/sh\necho "rewrite $* $(cat)" >>"$FOREIGN_LOG"\nexit 3\n',
}  # fmt: skip


@dataclass
class Repository:
    """A repository in which a script runs. `seen` are all commits that were HEAD or on a branch after any step."""

    root: Path
    log: Path
    seconds: int = _START
    seen: set[str] = field(default_factory=set)
    said: list[tuple[int, str]] = field(default_factory=list)

    def environ(self) -> dict[str, str]:
        date = f"{self.seconds} +0000"
        kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        return {
            **kept, "GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date,
            "GIT_AUTHOR_NAME": "Bench", "GIT_COMMITTER_NAME": "Bench",
            "GIT_AUTHOR_EMAIL": "b@localhost", "GIT_COMMITTER_EMAIL": "b@localhost", "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1", "GIT_EDITOR": "true", "GIT_SEQUENCE_EDITOR": "true", "FOREIGN_LOG": str(self.log),
        }  # fmt: skip

    def git(self, *words: str, at: Path | None = None, **environ: str) -> str:
        """Run git; what it said is kept."""
        self.seconds += 7
        done = subprocess.run(
            ["git", *words], cwd=at or self.root, env={**self.environ(), **environ}, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        self.said.append((done.returncode, (done.stdout + done.stderr).replace(str(self.root.parent), "")))
        return done.stdout.strip()

    def commit(self, message: str, name: str, *options: str, at: Path | None = None) -> None:
        file = (at or self.root) / f"{name}.py"
        before = file.read_text() if file.exists() else ""
        file.write_text(f"{before}def {name}_{self.seconds}(value):\n    return value + {self.seconds}\n\n\n")
        self.git("add", "-A", at=at)
        self.git("commit", "-q", "-m", message, *options, at=at)
        self.look()

    def look(self) -> None:
        found = subprocess.run(
            ["git", "log", "--all", "--format=%H"], cwd=self.root, capture_output=True, text=True, check=True
        )
        self.seen.update(found.stdout.split())


def make(root: Path) -> Repository:
    root.mkdir(parents=True)
    repository = Repository(root, root.with_suffix(".log"))
    repository.git("init", "-q", "-b", "main")
    for name, text in _FOREIGN.items():
        (root / ".git/hooks" / name).write_text(text)
        (root / ".git/hooks" / name).chmod(0o755)
    repository.commit("Begin", "base")
    return repository


# -- the script ---------------------------------------------------------------------------------------------------------


class Script:
    """One step after the other, the same for the same seed, until `commits` ordinary commits were made."""

    def __init__(self, at: Repository, seed: int, commits: int) -> None:
        self.at = at
        self.random = random.Random(seed)
        self.left = commits
        self.number = 0
        self.kinds: Counter[str] = Counter()

    def run(self) -> None:
        steps = (
            *(self.commits,) * 5, *(self.amend,) * 4, *(self.rebase,) * 2, *(self.merge,) * 2, self.squash_merge,
            self.soft_squash, self.cherry_pick, self.delete, self.fixup, self.worktree, self.detached, self.reset,
        )  # fmt: skip
        while self.left > 0:
            step = self.random.choice(steps)
            self.kinds[step.__name__] += 1
            step()
            self.at.look()

    def _commit(self, name: str = "", at: Path | None = None) -> None:
        self.left -= 1
        self.number += 1
        self.at.commit(
            f"Change number {self.number}\n\nBecause of {self.number}.", name or f"m{self.random.randrange(9)}", at=at
        )

    def _branch(self, commits: int) -> str:
        self.number += 1
        name = f"topic/{self.number}"
        self.at.git("checkout", "-q", "-b", name)
        for _ in range(commits):
            self._commit(f"t{self.number}")
        return name

    def commits(self) -> None:
        for _ in range(self.random.randint(1, 3)):
            self._commit()

    def amend(self) -> None:
        self.left -= 1
        self.at.git("commit", "-q", "--amend", "-m", f"Amended {self.at.seconds}")

    def rebase(self) -> None:
        name = self._branch(self.random.randint(1, 3))
        self.at.git("checkout", "-q", "main")
        self._commit("onmain")
        self.at.git("rebase", "-q", "main", name)
        self.at.look()
        self.at.git("checkout", "-q", "main")
        self.at.git("merge", "-q", "--ff-only", name)
        self.at.git("branch", "-q", "-d", name)

    def merge(self) -> None:
        name = self._branch(2)
        self.at.git("checkout", "-q", "main")
        self._commit("onmain")
        self.at.git("merge", "-q", "--no-edit", name)

    def squash_merge(self) -> None:
        name = self._branch(3)
        self.at.git("checkout", "-q", "main")
        self._commit("onmain")
        self.at.git("merge", "-q", "--squash", name)
        self.at.git("commit", "-q", "--no-edit")
        self.at.look()
        self.at.git("branch", "-q", "-D", name)

    def soft_squash(self) -> None:
        before = self.at.git("rev-parse", "HEAD")
        for _ in range(3):
            self._commit()
        self.at.git("reset", "-q", "--soft", before)
        self.at.git("commit", "-q", "-m", f"Squashed {self.at.seconds}")

    def cherry_pick(self) -> None:
        name = self._branch(1)
        self.at.git("checkout", "-q", "main")
        self._commit("onmain")
        self.at.git("cherry-pick", name)

    def delete(self) -> None:
        name = self._branch(2)
        self.at.git("checkout", "-q", "main")
        self.at.git("branch", "-q", "-D", name)

    def fixup(self) -> None:
        self._commit("fixed")
        target = self.at.git("log", "-1", "--format=%s")
        self._commit("between")
        self.at.commit(f"fixup! {target}", "fixed")
        self.at.git("rebase", "-q", "-i", "--autosquash", "HEAD~3")

    def worktree(self) -> None:
        self.number += 1
        tree = self.at.root.parent / f"{self.at.root.name}-tree{self.number}"
        self.at.git("worktree", "add", "-q", "-b", f"tree{self.number}", str(tree))
        self._commit(f"w{self.number}", at=tree)
        self.at.git("commit", "-q", "--amend", "-m", "Amended in a worktree", at=tree)
        self.at.look()
        self.at.git("worktree", "remove", "--force", str(tree))

    def detached(self) -> None:
        self.at.git("checkout", "-q", "--detach")
        self._commit("loose")
        self.at.git("checkout", "-q", "main")

    def reset(self) -> None:
        self._commit()
        self.at.git("reset", "-q", "--hard", "HEAD~1")


# -- the sessions -------------------------------------------------------------------------------------------------------


@contextmanager
def terminals(root: Path, count: int) -> Iterator[None]:
    """Sessions in pseudo-terminals, each of which wants a worker."""
    import pexpect

    environ = {
        **os.environ,
        "PYTHONPATH": str(CHECKOUT),
        "LCODE_WORKER": "1",
        "LCODE_MODEL": "offline",
        "TERM": "xterm-256color",
    }
    opened = [
        pexpect.spawn(sys.executable, ["-m", "lcode"], cwd=str(root), env=environ, dimensions=(30, 100)) for _ in range(count)
    ]
    stop = threading.Event()

    def drain() -> None:
        while not stop.wait(0.05):
            for one in opened:
                try:
                    one.read_nonblocking(100_000, timeout=0)
                except pexpect.exceptions.ExceptionPexpect:
                    continue

    reader = threading.Thread(target=drain, daemon=True)
    reader.start()
    try:
        yield
    finally:
        stop.set()
        reader.join()
        for one in opened:
            one.close(force=True)


def until(condition: Callable[[], bool], limit: float = 300.0) -> float:
    began, pause = time.monotonic(), threading.Event()
    while not condition():
        if time.monotonic() - began > limit:
            raise TimeoutError
        pause.wait(0.02)
    return time.monotonic() - began


class Subject:
    """The agent of a repository."""

    def __init__(self, root: Path) -> None:
        with closing(Store(os.environ)) as store:
            row = store.resolve(find(root)).agent
            store.open(row)
            self.paths: AgentPaths = store.agent_paths(row)
        self.root = root

    def install(self) -> None:
        spool = nudge.folder(self.paths)
        spool.mkdir(mode=0o700, exist_ok=True)
        assert hooks.install(find(self.root), spool).complete(spool)

    def kept(self) -> tuple[list[Digest], list[str]]:
        """What is known of each commit, and the commit of each passage of one."""
        database = Database(self.paths.memory_db, migrations.MEMORY, lock=self.paths.locks / "memory.lock")
        with closing(database):
            sql = "SELECT commit_id FROM passages WHERE kind = 'commit'"
            rows = database.read(lambda connection: list(connection.execute(sql)))
            return Digests(database, of_process()).all(), [row[0] for row in rows]

    def end(self) -> None:
        """End the worker, which would go on for a while."""
        owner = NamedLock(status.lock_file(self.paths)).owner()
        if owner is not None:
            os.kill(owner.pid, signal.SIGTERM)
        until(lambda: NamedLock(status.lock_file(self.paths)).owner() is None)

    def settled(self) -> bool:
        told = status.read(self.paths)
        if told is None or told.state != status.IDLE or list(nudge.folder(self.paths).glob("*.nudge")):
            return False
        database = Database(self.paths.memory_db, migrations.MEMORY, lock=self.paths.locks / "memory.lock")
        with closing(database):
            place = find(self.root)
            state = Digests(database, of_process()).state(f"refs {place.common_dir}")
        return state.get("signature") == refs.read(place).signature()


# -- what is measured ---------------------------------------------------------------------------------------------------


def history(base: Path, seed: int, commits: int) -> dict[str, object]:
    """The script with hooks and two sessions, against its twin."""
    subject_at, twin = make(base / "work"), make(base / "twin")
    subject = Subject(subject_at.root)
    subject.install()
    with terminals(subject_at.root, 2):
        until(subject.settled)  # the first look is bounded, and is not what is measured
        began = time.monotonic()
        script = Script(subject_at, seed, commits)
        script.run()
        ran = time.monotonic() - began
        caught_up = until(subject.settled)
    subject.end()
    Script(twin, seed, commits).run()
    digests, passages = subject.kept()
    reached = set(subject_at.git("rev-list", "HEAD", "--branches", "--tags", "--remotes").split())
    known = Counter(digest.commit for digest in digests)
    retired = {digest.commit for digest in digests if digest.retired_at}
    lost = {commit for commit in known if commit not in reached}
    said = [(a, b) for a, b in zip(subject_at.said, twin.said, strict=False) if _plain(a) != _plain(b)]
    return {
        "steps": dict(script.kinds),
        "git_commands": len(twin.said),
        "commits_seen": len(subject_at.seen),
        "not_digested": len(subject_at.seen - known.keys()),
        "digested_twice": sum(count > 1 for count in known.values()) + sum(count > 1 for count in Counter(passages).values()),
        "digests_without_passage": len(known.keys() - set(passages)),
        "retired": len(retired),
        "retired_but_reached": len(retired & reached),
        "gone_but_not_retired": len(lost - retired),
        "replacement_known": sum(bool(digest.replaced_by) for digest in digests if digest.retired_at),
        "same_commits_as_twin": subject_at.seen == twin.seen,
        "git_differs_from_twin": len(said),
        "foreign_hooks_ran": len(twin.log.read_text().splitlines()),
        "foreign_hooks_as_in_twin": subject_at.log.read_text() == twin.log.read_text(),
        "script_seconds": ran,
        "caught_up_seconds": caught_up,
    }


def _plain(said: tuple[int, str]) -> tuple[int, str]:
    return said[0], re.sub(r"/(work|twin)\b", "", said[1])


def cost(base: Path, pairs: int) -> dict[str, object]:
    """Milliseconds that the hooks add to a commit and to an amend, which has two of them: pairs with and without."""
    at = make(base / "cost")
    subject = Subject(at.root)
    subject.install()
    for name in _FOREIGN:
        text = (at.root / ".git/hooks" / name).read_bytes()
        if b"exec true" in text or b"exit 3" in text:
            (at.root / ".git/hooks" / name).write_bytes(b"#!/bin/sh\n" + hooks.line(name).encode() + b"\n")
    told: dict[str, object] = {}
    for label, words in (("commit", ()), ("amend", ("--amend",))):
        walls: list[float] = []
        processor: list[float] = []
        for number in range(pairs):
            costs = {}
            for off in (True, False) if number % 2 else (False, True):
                settings = ("-c", f"core.hooksPath={os.devnull}") if off else ()
                used, began = _used(), time.perf_counter()
                at.git(*settings, "commit", "-q", "--allow-empty", *words, "-m", f"Pair {number}")
                costs[off] = (time.perf_counter() - began, _used() - used)
            walls.append(1_000 * (costs[False][0] - costs[True][0]))
            processor.append(1_000 * (costs[False][1] - costs[True][1]))
        told[f"{label}_added_ms_median"] = statistics.median(walls)
        told[f"{label}_added_ms_p95"] = statistics.quantiles(walls, n=20)[-1]
        told[f"{label}_added_processor_ms_median"] = statistics.median(processor)
    return told


def _used() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return children.ru_utime + children.ru_stime


def faults(base: Path, commits: int) -> dict[str, object]:
    """Commits that failed, or said anything, where telling is not possible."""
    at = make(base / "faults")
    subject = Subject(at.root)
    subject.install()
    (at.root / ".git/hooks/post-rewrite").unlink()
    other = make(base / "other")
    spool, folder = nudge.folder(subject.paths), subject.paths.folder
    told: dict[str, object] = {}

    def attempt(label: str, **environ: str) -> None:
        at.said.clear()
        for number in range(commits):
            at.git("commit", "-q", "--allow-empty", "-m", f"{label} {number}", **environ)
            at.git("commit", "-q", "--allow-empty", "--amend", "-m", f"{label} {number} again", **environ)
        told[f"failed_{label}"] = sum(said != (0, "") for said in at.said)

    import apsw

    locked = apsw.Connection(str(subject.paths.memory_db))
    locked.execute("BEGIN EXCLUSIVE")
    lock = NamedLock(subject.paths.locks / "memory.lock")
    lock.acquire("benchmark")
    attempt("store_locked")
    locked.execute("ROLLBACK")
    locked.close()
    lock.release()
    other_git = {"GIT_DIR": str(other.root / ".git"), "GIT_WORK_TREE": str(other.root)}
    attempt("hostile_git_dir", **other_git)
    attempt("hostile_path", PATH=f".:{os.environ['PATH']}", IFS="/.", CDPATH="/", LC_ALL="tr_TR.UTF-8", ENV="/nowhere")
    held = list(spool.iterdir())
    for file in held:
        file.unlink()
    spool.rmdir()
    spool.symlink_to("/proc")  # where not even root may make a file
    attempt("store_read_only")
    spool.unlink()
    folder.rename(folder.with_name("gone"))
    attempt("store_gone")
    (at.root / ".git" / hooks.SCRIPT).unlink()
    attempt("script_gone")
    return told


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.hooks", description=__doc__)
    parser.add_argument("--commits", type=int, default=200)
    parser.add_argument("--pairs", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=("history", "cost", "faults"), default=None)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lcode-bench-") as folder:
        base = Path(folder).resolve()
        for name in [name for name in os.environ if name.startswith(("LCODE_", "GIT_"))]:
            del os.environ[name]
        os.environ |= {"HOME": str(base), "LCODE_HOME": str(base / "memory"), "GIT_CONFIG_GLOBAL": os.devnull}
        parts = {
            "history": lambda: history(base, options.seed, options.commits),
            "cost": lambda: cost(base, options.pairs),
            "faults": lambda: faults(base, max(2, options.commits // 20)),
        }
        told: dict[str, object] = {"load": os.getloadavg()[0]}
        for name, part in parts.items():
            if options.only in (None, name):
                told |= part()
    print(json.dumps(told, indent=2))


if __name__ == "__main__":
    main()
