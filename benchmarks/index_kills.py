"""Kills indexing, time and again, and looks whether a search still answers and the index comes to what a fresh build makes.

    nice -n 10 python -m benchmarks.index_kills PATH [--kills 100] [--every 10] [--seed 1]

A copy of the repository at PATH is indexed by a process that is killed (SIGKILL) at a random moment; files are changed,
removed and moved, branches switched and now and then `index.db` is damaged in between; a search is made after each kill. Every
`--every` kills the index is finished and compared, row by row and word by word, with one that is built from nothing.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

from lcode.index.build import CodeIndex
from lcode.index.open import index_path, open_index
from lcode.store.paths import AgentPaths
from tests.support.index_rows import differences, searchable

CHECKOUT = Path(__file__).resolve().parent.parent
INDEXING = """
import sys
from pathlib import Path
from lcode.index import analysing
from lcode.index.build import CodeIndex
from lcode.index.open import open_index
from lcode.store.paths import AgentPaths
analysing._POOLED = 200_000  # helpers too are left behind
database = open_index(AgentPaths(Path(sys.argv[1])))
print(CodeIndex(database, Path(sys.argv[2])).update().problem)
database.close()
"""


def git(root: Path, *arguments: str) -> None:
    subprocess.run(["git", "-c", "user.name=x", "-c", "user.email=x@y", *arguments], cwd=root, check=True, capture_output=True)


def change(root: Path, chance: random.Random) -> None:
    """What people do to a tree."""
    files = [path for path in root.rglob("*") if path.is_file() and ".git" not in path.parts]
    for path in chance.sample(files, min(8, len(files))):
        what = chance.randrange(4)
        if what == 0:
            path.unlink()
        elif what == 1:
            path.rename(path.with_name(f"moved_{chance.randrange(10**6)}_{path.name}"))
        else:
            path.write_bytes(path.read_bytes() + f"\n# changed {chance.random()}\n".encode())
    if chance.random() < 0.2:
        git(root, "stash", "-u", "-q")
        git(root, "checkout", "-q", chance.choice(["one", "two"]))


def damage(path: Path, chance: random.Random) -> None:
    with path.open("r+b") as file:
        file.seek(chance.randrange(max(1, path.stat().st_size)))
        file.write(chance.randbytes(chance.choice([16, 4096, 40_000])))


def killed(home: Path, root: Path, longest: float, chance: random.Random) -> bool:
    """Whether the process was still at it."""
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    child = subprocess.Popen([sys.executable, "-c", INDEXING, str(home), str(root)], env=environment, stdout=subprocess.DEVNULL)
    time.sleep(chance.uniform(0.15, longest))
    child.send_signal(signal.SIGKILL)
    return child.wait() == -signal.SIGKILL


def compared(paths: AgentPaths, root: Path) -> list[str]:
    """What is wrong with the index once it has settled."""
    with closing(open_index(paths)) as database:
        for _ in range(2):
            report = CodeIndex(database, root).update()
        if not report.complete or not CodeIndex(database, root).no_change():
            return [f"it does not settle: {report}"]
    fresh = AgentPaths(Path(tempfile.mkdtemp(prefix="index-fresh-")))
    try:
        with closing(open_index(fresh)) as database:
            CodeIndex(database, root).update()
        one = searchable(index_path(paths), root)
        faults = [f"{name} {one[name]}" for name in ("fault",) if one[name]]
        return faults + differences(one, searchable(index_path(fresh), root))
    finally:
        shutil.rmtree(fresh.folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--every", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    chance = random.Random(options.seed)
    folder = Path(tempfile.mkdtemp(prefix="index-kills-"))
    root, paths = folder / "repo", AgentPaths(folder / "agent")
    shutil.copytree(options.path, root, symlinks=True)
    git(root, "checkout", "-q", "-B", "one")
    git(root, "checkout", "-q", "-B", "two")
    change(root, random.Random(0))
    git(root, "add", "-A")
    git(root, "commit", "-qm", "two")
    started = time.monotonic()
    subprocess.run([sys.executable, "-c", INDEXING, str(folder / "first"), str(root)], check=True, cwd=CHECKOUT)
    longest = (time.monotonic() - started) * 1.1
    wrong = killed_at_work = damaged = unanswered = 0
    for number in range(1, options.kills + 1):
        if chance.random() < 0.15:  # from nothing, so that whole builds are killed as well
            shutil.rmtree(paths.folder, ignore_errors=True)
        killed_at_work += killed(paths.folder, root, longest, chance)
        if index_path(paths).exists() and index_path(paths).stat().st_size and chance.random() < 0.1:
            damage(index_path(paths), chance)
            damaged += 1
        with closing(open_index(paths, read_only=True)) as session:
            try:
                session.read(lambda connection: connection.execute("SELECT count(*) FROM code").fetchall())
            except Exception as error:  # noqa: BLE001 - counted
                unanswered += 1
                print(f"{number}: a search failed: {error}", flush=True)
        change(root, chance)
        if number % options.every == 0:
            found = compared(paths, root)
            wrong += bool(found)
            print(f"{number} kills: {'; '.join(found) or 'equal to a fresh build'}", flush=True)
    print(
        f"{options.kills} kills, {killed_at_work} of them at work, {damaged} times damaged: {wrong} comparisons differ, "
        f"{unanswered} searches failed"
    )
    shutil.rmtree(folder)
    raise SystemExit(1 if wrong or unanswered else 0)


if __name__ == "__main__":
    main()
