"""Stores as each released schema wrote them, packed, and the recipe that makes the one of the newest schema.

    python -m tests.store.stores

writes `schema<N>/` for the schema of this checkout: run it when a schema is final, and never again for that schema.
"""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lcode.events import Usage
from lcode.memory.archival import Archival
from lcode.memory.blocks import Blocks
from lcode.memory.model import Actor, PendingCall, Provenance, Source, Trust
from lcode.memory.recall import Recall
from lcode.redact import Redactor
from lcode.store import migrations
from lcode.store.database import Database

HERE = Path(__file__).parent
AGENT = "agent-0123456789abcdef0123456789abcdef"


@dataclass(frozen=True)
class Tiers:
    """The parts of memory over the two databases of a store. `close` when done."""

    memory: Database
    user: Database
    blocks: Blocks
    recall: Recall
    archival: Archival

    @classmethod
    def over(
        cls, folder: Path, memory: migrations.Schema = migrations.MEMORY, user: migrations.Schema = migrations.USER
    ) -> Tiers:
        databases = (
            Database(folder / "memory.db", memory, lock=folder / "memory.lock"),
            Database(folder / "user.db", user, lock=folder / "user.lock"),
        )
        redactor = Redactor({})
        blocks = Blocks(*databases, redactor)
        return cls(*databases, blocks, Recall(databases[0], databases[0], redactor), Archival(databases[0], redactor))

    def close(self) -> None:
        self.memory.close()
        self.user.close()


def versions() -> list[int]:
    """The schemas of which there are stores."""
    return sorted(int(folder.name.removeprefix("schema")) for folder in HERE.glob("schema*"))


def unpack(number: int, folder: Path) -> dict[str, Any]:
    """The store of schema `number` as files in `folder`; what it must hold."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for packed in (HERE / f"schema{number}").glob("*.db.gz"):
        target = folder / packed.name.removesuffix(".gz")
        target.write_bytes(gzip.decompress(packed.read_bytes()))
        target.chmod(0o600)
    expected: dict[str, Any] = json.loads((HERE / f"schema{number}" / "expected.json").read_text())
    return expected


def fill(tiers: Tiers) -> dict[str, Any]:
    """A little of everything, the way the program writes it; what must be found later."""
    tiers.memory.write(
        lambda connection: connection.execute(
            "INSERT INTO identity (agent_id, name, kind, roots, paths, created_at)"
            " VALUES (?, 'fixture', 'git', '[]', '[\"/work/fixture\"]', '2026-11-20T12:00:00.000Z')",
            (AGENT,),
        )
    )
    tiers.user.write(
        lambda connection: connection.execute(
            "INSERT INTO agents (id, name, kind, created_at) VALUES (?, 'fixture', 'git', '2026-11-20T12:00:00.000Z')", (AGENT,)
        )
    )
    session = tiers.recall.create_session(branch="main", worktree="/work/fixture", head="", model="openai/gpt-4.1")
    run = tiers.recall.start_run(session)
    by = Provenance(Actor.USER, Source.SAID, session, "", "", "/work/fixture", Trust.TRUSTED)
    said = "How often does the queue retry a job?"
    tiers.recall.add_message("user", "user", [{"type": "text", "text": said}], said, by, run_id=run)
    tiers.recall.save_prompt(session, api="openai", system="You are lcode.", tools=[], reason="new")
    tiers.recall.add_step(
        "step-1", run, 1, model="gpt-4.1", usage=Usage(input=10, output=5), latency=0.5, stop_reason="tool_calls"
    )
    call = PendingCall("op-call", "step-1", "call_1", 0, "read_file", {"path": "queue.py"}, "read", "asked")
    tiers.recall.add_calls([call], session)
    tiers.recall.finish_call("op-call", "ok", "exit code 0")
    answer = "Three times, with a growing delay: see RetryPolicy.delay in queue.py."
    agent = Provenance(Actor.AGENT, Source.INFERRED, session, "step-1", "", "/work/fixture", Trust.TRUSTED)
    tiers.recall.add_message("assistant", "assistant", [{"type": "text", "text": answer}], answer, agent, run_id=run)
    tiers.recall.end_run(run, "end_turn")
    passage = "The maximum delay of a retry is five minutes."
    tiers.archival.insert(passage, _next(agent), tags=["queue", "limits"], citations=["queue.py:42"])
    for label, lines in {"architecture": ("A task queue.", "Workers take leases."), "human": ("Likes short answers.",)}.items():
        for line in lines:
            tiers.blocks.append(label, line, _next(agent))
    values = {label: tiers.blocks.get(label).value for label in ("architecture", "human")}
    return {"session": session, "messages": [said, answer], "passages": [passage], "blocks": values}


def _next(by: Provenance) -> Provenance:
    """The same by another operation."""
    return Provenance(by.actor, by.source, by.session_id, by.step_id, by.commit, by.worktree, by.trust)


def make(target: Path) -> None:
    """Write the store of the newest schema into `target`."""
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        tiers = Tiers.over(Path(name))
        expected = fill(tiers)
        tiers.close()
        target.mkdir(exist_ok=True)
        for file in ("memory.db", "user.db"):
            (target / f"{file}.gz").write_bytes(gzip.compress((Path(name) / file).read_bytes(), mtime=0))
        (target / "expected.json").write_text(json.dumps(expected, indent=2) + "\n")
