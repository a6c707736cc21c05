"""Damages a store in every way that disks and people know, and counts what was noticed and what came back.

`nice -n 10 python -m benchmarks.damage [--seeds 100] [--first 0] [--keep DIR] [-v]`

A store with sessions, messages, passages, blocks and backups is made once, by the program's own classes; a writer is killed
in it, so that its write-ahead log is full. Each seed damages a copy. Then the program itself is asked, as a process each: a
session's start, `lcode doctor`, `lcode doctor --fix --yes`, and a session again. It counts as

- undetected: neither the start nor the doctor said anything, and what the store holds is not what was written
- harmless: the damage hit bytes that hold nothing; every row is as it was
- a traceback: anything that looks like a bug in the output
- unmended: the doctor still fails after the repair, or a session does not start
- unnamed: a row is lacking after the repair, and the repair did not say that something is
- wrong: a row is there that was never written, or the store is empty
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parent.parent
PAGE = 4096
BUG = ("Traceback", "internal error", "a bug in lcode")

# One run of this program writes into the store at `home` for the repository at `work` and may be killed while it does.
WRITER = """
import os, random, signal, sys
from pathlib import Path
from lcode.git.repository import find
from lcode.memory.model import Actor, Provenance, Source
from lcode.memory.store import Store
from lcode.store.backup import Origin, create

seed, sessions, ending = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
chance = random.Random(seed)
words = Path(sys.argv[4]).read_text().split()
place = find(Path.cwd())
store = Store(os.environ)
agent = store.resolve(place).agent
database = store.open(agent)
memory = store.memory(database, place)

def text(count):
    return " ".join(chance.choice(words) for _ in range(count))

for number in range(sessions):
    memory.session_id = memory.recall.create_session(branch="main", worktree=str(place.root), head="", model="offline")
    by = lambda actor, source: Provenance(actor, source, memory.session_id)
    memory.recall.update_session(memory.session_id, title=f"session {seed}-{number}")
    for _ in range(10):
        said = text(chance.choice((20, 60, 900)))
        memory.recall.add_message("user", "user", [{"type": "text", "text": said}], said, by(Actor.USER, Source.SAID))
        memory.archival.insert(text(30), by(Actor.AGENT, Source.INFERRED), tags=(chance.choice(words),))
    memory.blocks.append("architecture", text(5), by(Actor.AGENT, Source.INFERRED))
    memory.blocks.append("human", text(4), by(Actor.USER, Source.SAID))
if ending == "backup":
    store.close()
    for origin in (Origin.of_user(store.paths), Origin.of_agent(store.agent_paths(agent))):
        create(origin)
elif ending == "kill":
    os.kill(os.getpid(), signal.SIGKILL)
else:
    store.close()
"""

Ask = Callable[..., tuple[int, str]]


@dataclass
class Home:
    """A store and the repository whose agent it holds."""

    home: Path
    work: Path

    @property
    def environ(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ} | {"LCODE_WORKER": "0"}
        folder = str(self.home.parent)
        return kept | {"HOME": folder, "TMPDIR": folder, "LCODE_HOME": str(self.home), "PYTHONPATH": str(CHECKOUT)}

    def write(self, seed: int, sessions: int, ending: str) -> None:
        words = str(CHECKOUT / "docs/architecture.md")
        command = [sys.executable, "-c", WRITER, str(seed), str(sessions), ending, words]
        done = subprocess.run(command, cwd=self.work, env=self.environ, capture_output=True, text=True, check=False)
        wanted = -signal.SIGKILL if ending == "kill" else 0
        if done.returncode != wanted:
            raise RuntimeError(done.stderr)

    def ask(self, *arguments: str) -> tuple[int, str]:
        """Exit code and output of `lcode ARGUMENTS` as a process."""
        done = subprocess.run(
            [sys.executable, "-m", "lcode", *arguments], cwd=self.work, env=self.environ, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr

    @property
    def user_db(self) -> Path:
        return self.home / "user.db"

    @property
    def memory_db(self) -> Path:
        return next(folder / "memory.db" for folder in sorted((self.home / "agents").iterdir()) if (folder / "locks").exists())

    def copy(self, target: Path) -> Home:
        shutil.copytree(self.home, target)  # nobody has it open
        return Home(target, self.work)


def make(folder: Path, *, sessions: int = 6) -> tuple[Home, Home]:
    """A store with backups, newer rows, and the log of a killed writer; and one of somebody else."""
    homes = []
    for name, seed in (("mine", 1), ("theirs", 100)):
        work = folder / name
        work.mkdir(parents=True)
        (work / "app.py").write_text("def parse_port(text):\n    return int(text)\n")
        home = Home(folder / f"{name}-home" / "lcode", work)
        home.write(seed, sessions, "backup")
        home.write(seed + 1, 2, "close")
        home.write(seed + 2, 2, "kill")
        homes.append(home)
    return homes[0], homes[1]


# -- what the store holds ---------------------------------------------------------------------------------------------

Rows = dict[tuple[str, Any], tuple[Any, ...]]


def contents(path: Path) -> Rows:
    """Every row of the tables that hold what somebody wrote, by table and key. Reads a copy: looking changes nothing."""
    from lcode.store.checksum import COLUMNS
    from lcode.store.connect import connect

    rows: Rows = {}
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / path.name
        for end in ("", "-wal"):
            if (source := path.with_name(path.name + end)).exists():
                shutil.copyfile(source, copy.with_name(copy.name + end))
        connection = connect(copy)
        for table, names in COLUMNS.items():
            if connection.execute("SELECT 1 FROM sqlite_schema WHERE name = ?", (table,)).fetchall():
                key = names[:2] if table == "block_versions" else names[:1]
                for row in connection.execute(f"SELECT {', '.join(names)} FROM {table}"):
                    if table != "block_versions":
                        rows[table, row[: len(key)]] = row
                    elif "lost" not in row:  # that marks a lost one's number; how the next one came to be is lost with it
                        rows[table, row[:2]] = (*row[:7], *row[10:])
        connection.close()
    return rows


# -- damage -----------------------------------------------------------------------------------------------------------


def overwrite_pages(path: Path, chance: random.Random, other: Path) -> str:
    data = bytearray(path.read_bytes())
    pages = chance.sample(range(len(data) // PAGE), chance.randint(1, 3))
    for page in pages:
        data[page * PAGE : (page + 1) * PAGE] = chance.randbytes(PAGE) if chance.random() < 0.7 else bytes(PAGE)
    path.write_bytes(data)
    return f"pages {[page + 1 for page in pages]}"


def garble_header(path: Path, chance: random.Random, other: Path) -> str:
    data = bytearray(path.read_bytes())
    count = chance.choice((1, 16, 100))
    at = chance.randrange(0, 100 - count + 1)
    data[at : at + count] = chance.randbytes(count)
    path.write_bytes(data)
    return f"{count} bytes at {at}"


def truncate(path: Path, chance: random.Random, other: Path) -> str:
    size = path.stat().st_size
    kept = chance.choice((chance.randrange(1, size), size // PAGE // 2 * PAGE, size - PAGE))
    with path.open("r+b") as file:
        file.truncate(kept)
    return f"{kept} of {size} bytes left"


def empty(path: Path, chance: random.Random, other: Path) -> str:
    path.write_bytes(b"")
    if chance.random() < 0.5:
        _log(path).unlink(missing_ok=True)
    return "zero bytes"


def remove(path: Path, chance: random.Random, other: Path) -> str:
    for end in ("", "-wal", "-shm"):
        path.with_name(path.name + end).unlink(missing_ok=True)
    return "removed"


def lose_log(path: Path, chance: random.Random, other: Path) -> str:
    _log(path).unlink()
    if chance.random() < 0.5:
        path.with_name(f"{path.name}-shm").unlink(missing_ok=True)
    return "no -wal"


def foreign_log(path: Path, chance: random.Random, other: Path) -> str:
    shutil.copyfile(_log(other), _log(path))
    path.with_name(f"{path.name}-shm").unlink(missing_ok=True)
    return "another store's -wal"


def cut_log(path: Path, chance: random.Random, other: Path) -> str:
    log = _log(path)
    if chance.random() < 0.5:
        with log.open("r+b") as file:
            file.truncate(chance.randrange(0, log.stat().st_size))
        return "a shorter -wal"
    data = bytearray(log.read_bytes())
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    log.write_bytes(data)
    return "a flipped bit in the -wal"


def foreign_file(path: Path, chance: random.Random, other: Path) -> str:
    for end in ("-wal", "-shm"):
        path.with_name(path.name + end).unlink(missing_ok=True)
    shutil.copyfile(other, path)
    return "another store's file"


def older_copy(path: Path, chance: random.Random, other: Path) -> str:
    for end in ("-wal", "-shm"):
        path.with_name(path.name + end).unlink(missing_ok=True)
    shutil.copyfile(sorted((path.parent / "backups").glob(f"{path.stem}-*.db"))[0], path)
    return "an older copy"


def flip_bits(path: Path, chance: random.Random, other: Path) -> str:
    """Bits within texts that somebody wrote."""
    data = bytearray(path.read_bytes())
    hits = []
    for _ in range(chance.randint(1, 3)):
        while True:
            at = chance.randrange(PAGE, len(data))
            if all(32 <= byte < 127 for byte in data[max(0, at - 12) : at + 12]):
                break
        data[at] ^= 1 << chance.randrange(8)
        hits.append(at)
    path.write_bytes(data)
    return f"bits at {hits}"


def _log(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


KINDS: tuple[Callable[[Path, random.Random, Path], str], ...] = (
    overwrite_pages, flip_bits, truncate, lose_log, overwrite_pages, garble_header, foreign_log, empty, flip_bits, cut_log,
    overwrite_pages, foreign_file, older_copy, flip_bits, remove,
)  # fmt: skip


# -- one seed ---------------------------------------------------------------------------------------------------------


@dataclass
class Outcome:
    """What became of one seed; `faults` are the bad words of the module's docstring."""

    seed: int
    kind: str
    what: str
    database: str
    noticed: str = ""
    lost: int = 0
    faults: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)


def try_seed(seed: int, mine: Home, theirs: Home, target: Path, ask: Callable[[Home], Ask] | None = None) -> Outcome:
    """Damage a copy of `mine` at `target`, ask the program, repair, and compare."""
    chance = random.Random(seed)
    damage = KINDS[seed % len(KINDS)]
    home = mine.copy(target)
    lcode = (ask or (lambda of: of.ask))(home)
    user = chance.random() < 0.2 and _log(home.user_db).exists()
    path, other = (home.user_db, theirs.user_db) if user else (home.memory_db, theirs.memory_db)
    truth = contents(path)
    if damage in (flip_bits, overwrite_pages, truncate, garble_header) and chance.random() < 0.5:
        lcode("memory", "show")  # a clean start and end: the log is carried over
    outcome = Outcome(seed, damage.__name__, damage(path, chance, other), path.name)
    start = lcode("-p", "where is parse_port?", "--model", "offline")
    doctor = lcode("doctor", "--json")
    outcome.noticed = " ".join(name for name, (code, _) in (("start", start), ("doctor", doctor)) if code)
    outcome.said += [start[1], doctor[1]]
    fixed = lcode("doctor", "--fix", "--yes", "--json")
    after = lcode("doctor", "--json")
    again = lcode("-p", "and where is it used?", "--model", "offline")
    outcome.said += [fixed[1], after[1], again[1]]
    if any(word in output for output in outcome.said for word in BUG):
        outcome.faults.append("a traceback")
    if fixed[0] or after[0] or again[0]:
        outcome.faults.append("unmended")
    else:
        _compare(outcome, truth, contents(path), fixed[1])
    return outcome


def _compare(outcome: Outcome, truth: Rows, found: Rows, report: str) -> None:
    lost = truth.keys() - found.keys()
    outcome.lost = len(lost)
    changed = [key for key in truth.keys() & found.keys() if truth[key] != found[key] and not _may_change(key[0])]
    if changed or not found.keys() & truth.keys():
        outcome.faults.append("wrong")
    if not outcome.noticed:
        outcome.faults += ["undetected"] if lost or changed else []
        return
    rows = [row for row in json.loads(report) if row["state"] == "fixed"]
    named = any("lacks: " in row["text"] and "lacks: nothing known" not in row["text"] for row in rows)
    if lost and not named:
        outcome.faults.append("unnamed")


def _may_change(table: str) -> bool:
    """Rows whose state goes on, of which a backup holds an earlier one."""
    return table in ("sessions", "runs", "tool_calls", "blocks", "identity", "agents", "agent_paths", "jobs")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.damage", description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="keep the stores here")
    parser.add_argument("-v", "--verbose", action="store_true")
    options = parser.parse_args()
    tally: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    lost = 0
    with tempfile.TemporaryDirectory(prefix="lcode-damage-") as folder:
        base = options.keep or Path(folder)
        mine, theirs = make(base / "template")
        for seed in range(options.first, options.first + options.seeds):
            outcome = try_seed(seed, mine, theirs, base / f"seed-{seed}")
            kinds[outcome.kind] += 1
            lost += outcome.lost
            tally.update(outcome.faults)
            tally["noticed at the start"] += "start" in outcome.noticed
            tally["noticed by the doctor alone"] += outcome.noticed == "doctor"
            tally["harmless"] += not outcome.noticed and not outcome.faults
            if outcome.faults or options.verbose:
                print(f"seed {seed}: {outcome.kind} ({outcome.what}) of {outcome.database}: seen by {outcome.noticed or 0},"
                      f" {outcome.lost} rows lost; {', '.join(outcome.faults) or 'well'}", flush=True)  # fmt: skip
            if outcome.faults:
                print("    " + "\n    ".join("\n".join(outcome.said).splitlines()), flush=True)
            if not options.keep:
                shutil.rmtree(base / f"seed-{seed}")
    print(f"{options.seeds} seeds: " + ", ".join(f"{name} {count}" for name, count in sorted(kinds.items())))
    for name in ("noticed at the start", "noticed by the doctor alone", "harmless"):
        print(f"{name:<32}{tally[name]:>5}")
    for name in ("undetected", "a traceback", "unmended", "unnamed", "wrong"):
        print(f"{name:<32}{tally[name]:>5}   (0 wanted)")
    print(f"rows that did not come back     {lost:>6}")
    return 1 if any(tally[name] for name in ("undetected", "a traceback", "unmended", "unnamed", "wrong")) else 0


if __name__ == "__main__":
    sys.exit(main())
