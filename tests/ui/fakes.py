"""A scripted runtime and session that emit real events: what the user types chooses the script."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lcode.agent.window import Accounting, Part
from lcode.errors import UserError
from lcode.events import (
    Answer,
    ApprovalRequested,
    Compacted,
    CompactionStarted,
    Decision,
    Emit,
    Notice,
    ReplyFinished,
    RunFinished,
    RunStarted,
    StepStarted,
    StopReason,
    StreamRestarted,
    TextDelta,
    ToolFinished,
    ToolStarted,
    Usage,
)
from lcode.memory.compactions import Compaction
from lcode.memory.model import Actor, Block, MessageRow, Outcome, Recalled, RecallHit, Scope, SessionRow, Source, Trust
from lcode.memory.model_calls import ModelCall

SECTIONS, FUNCTIONS = 20, 160
DIFF = """--- a/src/app.py
+++ b/src/app.py
@@ -10,4 +10,5 @@ def main():
 def main():
-    print("hello")
+    name = "world"
+    print(f"hello {name}")
     return 0
"""


def long_answer() -> str:
    """520 lines: 20 headings, 160 functions in fences, lists and prose."""
    parts: list[str] = []
    for section in range(SECTIONS):
        parts.append(f"## Heading {section:02d}\n")
        parts.append(f"Prose of section {section:02d}, which says a little about what follows in `code` and **why**.\n")
        parts.append("\n".join(f"- point {section:02d}.{item} of the list" for item in range(4)) + "\n")
        code: list[str] = []
        for function in range(FUNCTIONS // SECTIONS):
            number = section * (FUNCTIONS // SECTIONS) + function
            code += [f"def function_{number:03d}(value: int) -> str:", f'    return "result {number:03d}"']
        parts.append("```python\n" + "\n".join(code) + "\n```\n")
    return "\n".join(parts)


def block(label: str, value: str) -> Block:
    return Block(
        id=f"block-{label}", label=label, description=f"what is known of {label}", value=value, limit=5000, read_only=False,
        version=3, scope=Scope.REPO, scope_key="", updated_at="2026-11-20T09:30:00.000Z", actor=Actor.AGENT,
        source=Source.INFERRED, trust=Trust.TRUSTED,
    )  # fmt: skip


def message(seq: int, kind: str, text: str) -> MessageRow:
    role = "assistant" if kind == "assistant" else "user"
    return MessageRow(seq, f"message-{seq}", "session-1", "run-1", "step-1", role, kind, [], text, "2026-11-20T09:30:00.000Z")


def session_row(session_id: str, title: str) -> SessionRow:
    return SessionRow(
        id=session_id, title=title, created_at="2026-11-19T08:00:00.000Z", updated_at="2026-11-19T08:30:00.000Z", ended_at="",
        archived=False, branch="main", worktree="/r", model="offline/offline", messages=12, note="",
    )  # fmt: skip


@dataclass(frozen=True)
class FakeAgent:
    id: str = "agent-1"
    name: str = "acorn"


@dataclass
class FakeSession:
    id: str = "session-aaaa1111bbbb2222"
    title: str = ""
    model: str = "openai/gpt-test"
    mode: Any = "ask"
    context_tokens: int = 12_000
    context_window: int = 100_000
    calls: list[ModelCall] = field(default_factory=list)
    past: list[MessageRow] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    closed: bool = False
    running: bool = False
    release: asyncio.Event = field(default_factory=asyncio.Event)
    _stop: asyncio.Event = field(default_factory=asyncio.Event)
    _question: asyncio.Future[Answer] | None = None

    async def run(self, text: str, emit: Emit) -> RunFinished:
        self.asked.append(text)
        self._stop.clear()
        self.release.clear()
        self.running = True
        emit(RunStarted("run-1", self.id, text))
        emit(StepStarted("step-1", 1))
        script = SCRIPTS.get(text.split(maxsplit=1)[0], _echo)
        finished = await script(self, text, emit)
        self.running = False
        emit(finished)
        return finished

    async def compact(self, keep: str, emit: Emit) -> bool:
        emit(CompactionStarted(12, 90_000))
        self._stop.clear()
        if keep == "wait":
            await self._stop.wait()
        emit(Compacted(12, 90_000, 30_000, 2.5))
        return True

    async def uncompact(self, emit: Emit) -> None:
        raise UserError("there is no compaction to take back in this session", "`/status` counts them")

    async def accounting(self) -> Accounting:
        parts = (
            Part("instructions", "", 3_000),
            Part("tools", "", 2_000),
            Part("block", "human", 500),
            Part("messages", "", 4_500),
        )
        return Accounting(self.model, self.context_window, 16_000, 10_000, True, 3, parts)

    async def model_calls(self) -> list[ModelCall]:
        return self.calls

    async def compactions(self) -> list[Compaction]:
        return []

    def interrupt(self) -> None:
        self._stop.set()
        if self._question is not None:
            self._question.cancel()

    async def set_model(self, name: str) -> None:
        if "/" not in name:
            raise UserError(f"no provider in {name!r}", "models are named provider/model")
        self.model = name

    def set_mode(self, mode: Any) -> None:
        self.mode = mode

    async def transcript(self, limit: int = 50) -> list[MessageRow]:
        return self.past[-limit:]

    async def close(self) -> None:
        self.closed = True

    async def ask(self, emit: Emit, name: str, kind: str, title: str, detail: str, grant: str) -> Answer:
        self._question = asyncio.get_running_loop().create_future()
        emit(ApprovalRequested("call-1", name, title, kind, detail, grant, self._question))
        try:
            answer = await self._question
        finally:
            self._question = None
        self.answers.append(answer)
        return answer

    async def until_released(self) -> bool:
        """Wait for the release (true) or an interrupt (false)."""
        waits = [asyncio.create_task(event.wait()) for event in (self.release, self._stop)]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        return not self._stop.is_set()


@dataclass
class FakeBackground:
    news: str = ""
    paths: list[str] = field(default_factory=list)

    def line(self) -> str:
        return self.news

    def report(self) -> list[tuple[str, str]]:
        return [("index", "complete"), ("worker", self.news or "idle")]

    def definitions(self, beginning: str) -> list[tuple[str, str]]:
        return []

    def files(self) -> list[str]:
        return self.paths


@dataclass
class FakeRuntime:
    root: Path
    agent: FakeAgent = FakeAgent()
    branch: str = "main"
    notices: list[Notice] = field(default_factory=list)
    opened: list[FakeSession] = field(default_factory=list)
    bugs: list[BaseException] = field(default_factory=list)
    background: FakeBackground = field(default_factory=FakeBackground)

    def log_bug(self, error: BaseException) -> str:
        self.bugs.append(error)
        return "the log"

    def prompted(self) -> None:
        pass

    async def new_session(self, *, model: str | None = None, mode: Any = None) -> FakeSession:
        self.opened.append(FakeSession(id="session-cccc3333", model=model or "openai/gpt-test"))
        return self.opened[-1]

    async def resume_session(self, session_id: str | None = None, *, model: str | None = None, mode: Any = None) -> FakeSession:
        if session_id not in {None, "dddd4444"}:
            raise UserError(f"no session {session_id}", "/sessions lists them")
        past = [message(1, "user", "fix the parser"), message(2, "assistant", "The **parser** is fixed.")]
        self.opened.append(FakeSession(id="session-dddd4444", title="parser", past=past))
        return self.opened[-1]

    async def sessions(self, limit: int = 20) -> list[SessionRow]:
        return [session_row("session-aaaa1111bbbb2222", ""), session_row("session-dddd4444", "parser")][:limit]

    async def recall(self, query: str) -> Recalled:
        if query != "parser":
            return Recalled()
        outcome = Outcome(edited=("parser.py",))
        hit = RecallHit(
            message(1, "user", "fix the \x1b[31mparser"), "The parser", "main", 0.4, confidence="weak", outcome=outcome
        )
        return Recalled([hit], best=0.4, confidence="weak")

    async def blocks(self) -> list[Block]:
        return [block("architecture", "One package, src/app.py starts it."), block("human", "Likes short answers.")]


Script = Callable[[FakeSession, str, Emit], Awaitable[RunFinished]]


def done(text: str = "", reason: StopReason = StopReason.END_TURN, **more: Any) -> RunFinished:
    return RunFinished("run-1", reason, text, Usage(input=100, output=20), 1, **more)


async def _say(text: str, emit: Emit) -> RunFinished:
    emit(TextDelta(text))
    emit(ReplyFinished(text, 0))
    return done(text)


async def _echo(session: FakeSession, text: str, emit: Emit) -> RunFinished:
    return await _say(f"You said: {text}", emit)


async def _stream(session: FakeSession, text: str, emit: Emit) -> RunFinished:
    """The long answer in pieces of 40 characters, with pauses so that it takes some dozens of frames."""
    answer = long_answer()
    for start in range(0, len(answer), 40):
        emit(TextDelta(answer[start : start + 40]))
        await asyncio.sleep(0.004)
    emit(ReplyFinished(answer, 0))
    return done(answer)


async def _edit(session: FakeSession, text: str, emit: Emit) -> RunFinished:
    emit(ReplyFinished("I will change the greeting.", 1))
    answer = await session.ask(emit, "edit_file", "diff", "edit_file src/app.py", DIFF, "edit_file in src/")
    if answer.decision is Decision.NO:
        emit(ToolFinished("call-1", "edit_file", True, "refused by the user", "The user said no."))
        return await _say(f"Refused. {answer.word}", emit)
    emit(ToolStarted("call-1", "edit_file", {"path": "src/app.py"}, "edit_file src/app.py"))
    emit(ToolFinished("call-1", "edit_file", False, "1 edit", "done", diff=DIFF))
    return await _say(f"Edited, {answer.decision}.", emit)


async def _command(session: FakeSession, text: str, emit: Emit) -> RunFinished:
    command = "\n".join(f"echo line {number}" for number in range(40)) if "long" in text else "pytest -q"
    answer = await session.ask(emit, "shell", "command", "shell", command, "shell pytest *")
    emit(ToolStarted("call-1", "shell", {"command": command}, "shell pytest -q"))
    output = "\n".join(["collected 9 items", *(f"test {number} passed" for number in range(8)), "9 passed in 0.1s"])
    emit(ToolFinished("call-1", "shell", False, "exit 0", output))
    return await _say(f"Ran, {answer.decision}.", emit)


async def _wait(session: FakeSession, text: str, emit: Emit) -> RunFinished:
    """Half an answer and a tool that runs until the release or an interrupt."""
    emit(TextDelta("First paragraph is whole.\n\nSecond paragraph is ha"))
    emit(ToolStarted("call-9", "shell", {}, "shell make all"))
    if await session.until_released():
        emit(ToolFinished("call-9", "shell", False, "exit 0", "built"))
        return await _say("Released.", emit)
    return done("First paragraph is whole.", StopReason.CANCELLED)


async def _asking(session: FakeSession, text: str, emit: Emit) -> RunFinished:
    try:
        await session.ask(emit, "shell", "command", "shell rm build", "rm build", "shell rm *")
    except asyncio.CancelledError:
        return done("", StopReason.CANCELLED)
    return await _say("Asked.", emit)


async def _tools(session: FakeSession, text: str, emit: Emit) -> RunFinished:
    emit(TextDelta("Looking."))
    emit(ReplyFinished("Looking.", 2))
    emit(ToolStarted("call-1", "read_file", {}, "read_file src/app.py"))
    emit(ToolStarted("call-2", "grep", {}, "grep parse in src"))
    emit(ToolFinished("call-1", "read_file", False, "120 lines", "..."))
    emit(ToolFinished("call-2", "grep", True, "", "no such folder: src\nsecond line"))
    emit(StepStarted("step-2", 2))
    emit(StreamRestarted("connection reset", 1, 2.0))
    emit(Notice("the disk is nearly full", "warning"))
    return await _say("Found in `src/app.py`:\n\n1. one\n2. two", emit)


async def _fail(session: FakeSession, text: str, emit: Emit) -> RunFinished:
    return done("", StopReason.LLM_API_ERROR, error="401 from the service", hint="set OPENAI_API_KEY")


async def _boom(session: FakeSession, text: str, emit: Emit) -> RunFinished:
    raise RuntimeError("a fault in a script")


async def _hostile(session: FakeSession, text: str, emit: Emit) -> RunFinished:
    emit(ToolStarted("call-1", "shell", {}, "shell \x1b[2J\x1b]0;owned\x07 cat"))
    emit(ToolFinished("call-1", "shell", False, "exit 0", "\x1b[?1049h\x1b[31mred\x1b[0m"))
    return await _say("Safe \x1b[2J\x1b[5;10r&#27;[31m text\n\n```\n\x1b[?1049hcode\n```\n", emit)


SCRIPTS: dict[str, Script] = {
    "stream": _stream, "edit": _edit, "command": _command, "wait": _wait, "asking": _asking, "tools": _tools,
    "fail": _fail, "boom": _boom, "hostile": _hostile,
}  # fmt: skip


def release_on_signal(session: FakeSession) -> None:
    """SIGUSR1 lets a waiting script go on."""
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, session.release.set)
