"""`/fork`, and what `/resume` says of a session that is open elsewhere."""

from __future__ import annotations

import asyncio
import io
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from lcode.errors import SessionBusy
from lcode.memory.model import SessionRow
from lcode.ui.plain_shell import run_plain_shell
from tests.ui.fakes import FakeRuntime, FakeSession

BUSY = "session eeee5555 is open in another terminal: process 12 on /dev/pts/3 since 2026-11-20 10:30, on branch main"


@dataclass
class Forking(FakeRuntime):
    forked: list[tuple[str | None, Any, Any]] = field(default_factory=list)

    async def fork_session(self, session_id: str | None = None, *, model: str | None = None, mode: Any = None) -> FakeSession:
        self.forked.append((session_id, model, mode))
        self.opened.append(FakeSession(id="session-ffff6666", title="parser (fork)"))
        return self.opened[-1]

    async def resume_session(self, session_id: str | None = None, *, model: str | None = None, mode: Any = None) -> FakeSession:
        if session_id == "eeee5555":
            raise SessionBusy(BUSY, "add --fork", session_id="session-eeee5555")
        return await super().resume_session(session_id, model=model, mode=mode)

    async def sessions(self, limit: int = 20) -> list[SessionRow]:
        mine, other = await super().sessions(limit)
        return [mine, replace(other, live=True, pid=12, terminal="/dev/pts/3", activity="running shell: make test")]


def serve(tmp_path: Path, *lines: str) -> tuple[str, Forking, FakeSession]:
    runtime, session, out = Forking(tmp_path), FakeSession(), io.StringIO()
    assert asyncio.run(run_plain_shell(runtime, session, source=io.StringIO("\n".join([*lines, ""])), out=out)) == 0
    return out.getvalue(), runtime, session


def test_fork_goes_on_in_a_copy_of_the_present_session(tmp_path: Path) -> None:
    text, runtime, session = serve(tmp_path, "/fork", "hello")
    assert runtime.forked == [(session.id, session.model, "ask")]
    assert session.closed and session.asked == []
    assert runtime.opened[0].asked == ["hello"]
    assert "new: session ffff6666" in text and "parser (fork)" in text


def test_fork_takes_another_session_with_its_own_model(tmp_path: Path) -> None:
    text, runtime, _ = serve(tmp_path, "/fork eeee5555")
    assert runtime.forked == [("eeee5555", None, "ask")]
    assert "continued: session ffff6666" in text


def test_resume_of_a_live_session_says_who_holds_it_and_offers_a_fork(tmp_path: Path) -> None:
    text, runtime, session = serve(tmp_path, "/resume eeee5555", "still here")
    assert f"lcode: {BUSY}\nhint: /fork eeee5555 goes on with a copy of it; /sessions lists the others\n" in text
    assert session.asked == ["still here"]
    assert runtime.opened == []


def test_sessions_says_who_holds_the_others_and_what_they_do(tmp_path: Path) -> None:
    text, _, _ = serve(tmp_path, "/sessions")
    assert "parser (open: process 12 on /dev/pts/3, running shell: make test)" in text
    assert "untitled (this one)" in text
