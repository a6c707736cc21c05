"""The turn: calls continue it, everything is stored before it matters, nothing runs forever."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from lcode.errors import ProviderError
from lcode.events import (
    Answer,
    ApprovalRequested,
    Decision,
    MemoryChanged,
    ReplyFinished,
    StopReason,
    ToolFinished,
    ToolStarted,
)
from lcode.llm.protocol import Reply, Request, Text, TextPiece, ToolCall, ToolResult
from lcode.llm.replay import ScriptedProvider
from tests.agent.harness import Harness, reply, run


def results(request: Request) -> list[ToolResult]:
    return [part for message in request.messages for part in message.parts if isinstance(part, ToolResult)]


def test_calls_continue_the_run_and_words_end_it(repo: Path) -> None:
    async def work() -> None:
        harness = Harness.open(repo)
        script = harness.script(
            [
                reply("Looking.", ("grep", {"pattern": "def retry"}), ("list_dir", {})),
                reply("", ("shell", {"command": "echo one; exit 3"})),
                reply("It is done."),
            ]
        )
        session = await harness.runtime.new_session()
        finished = await harness.ask(session, "do it")
        assert (finished.stop_reason, finished.text, finished.steps) == (StopReason.END_TURN, "It is done.", 3)
        assert [part.name for part in results(script.requests[-1])] == ["grep", "list_dir", "shell"]
        assert "one" in results(script.requests[-1])[2].text
        assert [row.kind for row in await session.transcript()] == [
            "user",
            "assistant",
            "tool",
            "tool",
            "assistant",
            "tool",
            "assistant",
        ]
        assert session.title == "do it"
        await harness.runtime.close()

    run(work())


def test_results_are_in_the_order_of_the_calls_whatever_ends_first(repo: Path) -> None:
    async def work() -> None:
        harness = Harness.open(repo)
        script = harness.script(
            [
                reply("", ("list_dir", {"depth": 3}), ("read_file", {"path": "README.md"}), ("glob", {"pattern": "*.toml"})),
                reply("done"),
            ]
        )
        session = await harness.runtime.new_session()
        await harness.ask(session, "look")
        assert [part.name for part in results(script.requests[-1])] == ["list_dir", "read_file", "glob"]
        await harness.runtime.close()

    run(work())


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (ToolCall("c1", "serach", {}), "There is no tool 'serach'"),
        (ToolCall("c1", "read_fil", {"path": "x"}), "Did you mean read_file?"),
        (ToolCall("c1", "read_file", None, '{"path": "x', "the arguments were cut off"), "Nothing was run"),
        (ToolCall("c1", "read_file", {"file": "x"}), "unknown parameter 'file'"),
        (ToolCall("c1", "read_file", {}), "missing parameter 'path'"),
        (ToolCall("c1", "read_file", {"path": "no/such/file"}), "no/such/file"),
    ],
)
def test_a_faulty_call_is_answered_and_the_run_goes_on(repo: Path, call: ToolCall, told: str) -> None:
    async def work() -> None:
        harness = Harness.open(repo)
        script = harness.script([Reply((call,), "tool_calls"), reply("sorry")])
        session = await harness.runtime.new_session()
        finished = await harness.ask(session, "x")
        (answer,) = results(script.requests[-1])
        assert told in answer.text
        assert answer.is_error
        assert finished.text == "sorry"
        await harness.runtime.close()

    run(work())


def test_the_third_identical_call_is_not_run(repo: Path) -> None:
    async def work() -> None:
        harness = Harness.open(repo)
        same = ("shell", {"command": "echo x >> count"})
        script = harness.script([reply("", same), reply("", same), reply("", same), reply("enough")])
        session = await harness.runtime.new_session()
        await harness.ask(session, "x")
        assert (repo / "count").read_text() == "x\nx\n"
        assert "3. identical call" in results(script.requests[-1])[-1].text
        await harness.runtime.close()

    run(work())


def test_looking_again_after_a_change_is_not_repetition(repo: Path) -> None:
    async def work() -> None:
        harness = Harness.open(repo)
        look = ("shell", {"command": "cat count 2>/dev/null; true"})
        change = [("shell", {"command": f"echo {number} >> count"}) for number in range(4)]
        script = harness.script([*[reply("", look, step) for step in change], reply("done")])
        session = await harness.runtime.new_session()
        await harness.ask(session, "x")
        assert not any("identical" in part.text for part in results(script.requests[-1]))
        await harness.runtime.close()

    run(work())


def test_nothing_but_faulty_calls_ends_the_run(repo: Path) -> None:
    async def work() -> None:
        harness = Harness.open(repo)
        harness.script([reply("", (f"nope{number}", {})) for number in range(20)])
        session = await harness.runtime.new_session()
        finished = await harness.ask(session, "x")
        assert finished.stop_reason is StopReason.INVALID_TOOL_CALL
        assert finished.steps == 4
        assert finished.error
        await harness.runtime.close()

    run(work())


def test_empty_replies_are_pointed_out_and_bounded(repo: Path) -> None:
    async def work() -> None:
        harness = Harness.open(repo)
        script = harness.script([reply(), reply("here I am")])
        session = await harness.runtime.new_session()
        assert (await harness.ask(session, "x")).text == "here I am"
        assert "empty" in str(script.requests[1].messages[-1])
        harness.script([reply(), reply(), reply(), reply()])
        other = await harness.runtime.new_session()
        assert (await harness.ask(other, "x")).stop_reason is StopReason.INVALID_LLM_RESPONSE
        await harness.runtime.close()

    run(work())


def test_a_run_has_at_most_as_many_steps_as_the_settings_say(repo: Path) -> None:
    async def work() -> None:
        harness = Harness.open(repo, max_steps=3)
        harness.script([reply("", ("shell", {"command": f"echo {number}"})) for number in range(9)])
        session = await harness.runtime.new_session()
        finished = await harness.ask(session, "x")
        assert (finished.stop_reason, finished.steps) == (StopReason.MAX_STEPS, 3)
        assert "3 steps" in finished.error
        await harness.runtime.close()

    run(work())


def test_headless_calls_without_permission_are_refused_and_counted(repo: Path) -> None:
    async def work() -> None:
        harness = Harness.open(repo, permission_mode="ask")
        script = harness.script(
            [reply("", ("shell", {"command": "touch x"}), ("read_file", {"path": "README.md"})), reply("no")]
        )
        session = await harness.runtime.new_session()
        finished = await harness.ask(session, "x")
        assert finished.refused == 1
        assert not (repo / "x").exists()
        refused, read = results(script.requests[-1])
        assert "nobody is there to give it" in refused.text
        assert not read.is_error
        await harness.runtime.close()

    run(work())


def test_answers_once_session_and_no_with_a_word(repo: Path) -> None:
    answers = [Answer(Decision.ONCE), Answer(Decision.NO, "use make instead"), Answer(Decision.SESSION)]

    async def work() -> None:
        harness = Harness.open(repo, permission_mode="ask")
        harness.runtime.interactive = True
        command = ("shell", {"command": "echo hi >> log"})
        write = ("write_file", {"path": "new.txt", "content": "x\n"})
        script = harness.script(
            [
                reply("", command),
                reply("", command),
                reply("", write),
                reply("", ("write_file", {"path": "b", "content": "y"})),
                reply("done"),
            ]
        )
        asked: list[ApprovalRequested] = []

        def face(event: object) -> None:
            if isinstance(event, ApprovalRequested):
                asked.append(event)
                event.answer.set_result(answers[len(asked) - 1])

        session = await harness.runtime.new_session()
        finished = await session.run("x", face)
        assert [question.kind for question in asked] == ["command", "command", "diff"]
        assert (repo / "log").read_text() == "hi\n"
        assert "use make instead" in results(script.requests[-1])[1].text
        assert (repo / "b").exists()
        assert finished.refused == 0
        await harness.runtime.close()

    run(work())


WRITE = ("write_file", {"path": "sub/a", "content": "x\n"})


def test_all_edits_of_the_session_are_those_in_the_repository(repo: Path, tmp_path: Path) -> None:
    async def work() -> None:
        harness = Harness.open(repo, permission_mode="ask")
        harness.runtime.interactive = True
        elsewhere = ("write_file", {"path": str(tmp_path / "bashrc"), "content": "x\n"})
        harness.script([reply("", WRITE), reply("", elsewhere), reply("", ("shell", {"command": "edits"})), reply("done")])
        asked: list[ApprovalRequested] = []

        def face(event: object) -> None:
            if isinstance(event, ApprovalRequested):
                asked.append(event)
                event.answer.set_result(Answer(Decision.SESSION if len(asked) == 1 else Decision.NO))

        session = await harness.runtime.new_session()
        await session.run("x", face)
        assert [question.name for question in asked] == ["write_file", "write_file", "shell"]
        assert (repo / "sub" / "a").exists()
        assert not (tmp_path / "bashrc").exists()
        await harness.runtime.close()

    run(work())


@pytest.mark.parametrize("call", [WRITE, ("shell", {"command": "touch a", "cwd": "sub"})])
def test_an_answer_is_for_the_place_that_was_asked_about(repo: Path, tmp_path: Path, call: tuple[str, dict[str, str]]) -> None:
    async def work() -> None:
        harness = Harness.open(repo, permission_mode="ask")
        harness.runtime.interactive = True
        script = harness.script([reply("", call), reply("done")])
        for folder in (repo / "sub", tmp_path / "outside"):
            folder.mkdir()

        def face(event: object) -> None:
            if isinstance(event, ApprovalRequested):
                (repo / "sub").rename(repo / "was")
                (repo / "sub").symlink_to(tmp_path / "outside")
                event.answer.set_result(Answer(Decision.SESSION))

        session = await harness.runtime.new_session()
        await session.run("x", face)
        (answer,) = results(script.requests[-1])
        assert answer.is_error
        assert "leads elsewhere than when this call was permitted" in answer.text
        assert list((tmp_path / "outside").iterdir()) == []
        await harness.runtime.close()

    run(work())


def test_a_memory_edit_returns_the_new_value_and_is_told(repo: Path) -> None:
    async def work() -> None:
        harness = Harness.open(repo)
        script = harness.script(
            [reply("", ("core_memory_append", {"label": "human", "content": "Prefers pytest."})), reply("noted")]
        )
        session = await harness.runtime.new_session()
        await harness.ask(session, "remember that I prefer pytest")
        assert "Prefers pytest." in results(script.requests[-1])[0].text
        assert [event.label for event in harness.of(MemoryChanged)] == ["human"]
        assert script.requests[0].system == script.requests[1].system
        await harness.runtime.close()
        again = Harness.open(repo)
        later = again.script([reply("hello")])
        await again.ask(await again.runtime.new_session(), "hi")
        assert "Prefers pytest." in later.requests[0].system
        await again.runtime.close()

    run(work())


class Stuck:
    """Streams some words, then nothing."""

    name = "scripted/stuck"
    api = "openai"

    def __init__(self) -> None:
        self.started = asyncio.Event()

    async def stream(self, request: Request):
        yield TextPiece("I was about to ")
        self.started.set()
        await asyncio.Event().wait()

    async def close(self) -> None:
        pass


def test_an_interrupt_keeps_what_was_said(repo: Path) -> None:
    async def work() -> None:
        harness = Harness.open(repo)
        stuck = Stuck()
        harness.runtime._provider = lambda model: stuck  # type: ignore[method-assign,assignment]
        session = await harness.runtime.new_session()
        running = asyncio.ensure_future(harness.ask(session, "go on"))
        await stuck.started.wait()
        session.interrupt()
        finished = await running
        assert (finished.stop_reason, finished.text) == (StopReason.CANCELLED, "I was about to")
        assert "stopped by the user" in (await session.transcript())[-1].text
        script = ScriptedProvider([reply("back")])
        session.provider = script
        assert (await harness.ask(session, "now?")).text == "back"
        assert [message.role for message in script.requests[0].messages] == ["user", "assistant", "user"]
        await harness.runtime.close()

    run(work())


def test_an_interrupt_in_a_tool_keeps_what_was_done(repo: Path) -> None:
    async def work() -> None:
        harness = Harness.open(repo)
        started = asyncio.Event()
        harness.script(
            [reply("", ("write_file", {"path": "kept", "content": "x"}), ("shell", {"command": "echo $$ > pid; sleep 60"}))]
        )
        session = await harness.runtime.new_session()

        def face(event: object) -> None:
            harness.events.append(event)  # type: ignore[arg-type]
            if isinstance(event, ToolStarted) and event.name == "shell":
                started.set()

        running = asyncio.ensure_future(session.run("go", face))
        await started.wait()
        session.interrupt()
        finished = await running
        assert finished.stop_reason is StopReason.CANCELLED
        assert (repo / "kept").exists()
        assert [event.is_error for event in harness.of(ToolFinished)] == [False, True]
        script = ScriptedProvider([reply("back")])
        session.provider = script
        await harness.ask(session, "and?")
        kept, cut = results(script.requests[0])
        assert not kept.is_error
        assert "interrupted by the user" in cut.text
        await harness.runtime.close()

    run(work())


def test_a_model_that_fails_ends_the_run_with_its_words_and_the_session_goes_on(repo: Path) -> None:
    async def work() -> None:
        harness = Harness.open(repo)
        harness.script([ProviderError("the key is not valid", "set OPENAI_API_KEY", status=401), reply("fine")])
        session = await harness.runtime.new_session()
        finished = await harness.ask(session, "x")
        assert (finished.stop_reason, finished.error, finished.hint) == (
            StopReason.LLM_API_ERROR,
            "the key is not valid",
            "set OPENAI_API_KEY",
        )
        assert (await harness.ask(session, "again")).text == "fine"
        await harness.runtime.close()

    run(work())


def test_secrets_reach_neither_the_model_nor_the_store(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEPLOY_TOKEN", "correct-horse-battery-staple")
    (repo / "notes.txt").write_text("token: correct-horse-battery-staple\n")

    async def work() -> None:
        harness = Harness.open(repo)
        script = harness.script([reply("", ("read_file", {"path": "notes.txt"})), reply("ok")])
        session = await harness.runtime.new_session()
        await harness.ask(session, "my token is correct-horse-battery-staple")
        assert "correct-horse" not in str(script.requests)
        await harness.runtime.close()

    run(work())
    for file in Path(__import__("os").environ["LCODE_HOME"]).rglob("*"):
        if file.is_file():
            assert b"correct-horse" not in file.read_bytes(), file


def test_replies_are_told_once_they_are_stored(repo: Path) -> None:
    async def work() -> None:
        harness = Harness.open(repo)
        harness.script([Reply((Text("words"),), "stop")])
        session = await harness.runtime.new_session()
        seen: list[int] = []

        def face(event: object) -> None:
            if isinstance(event, ReplyFinished):
                seen.append(len(session.memory.recall.messages(session.id)))

        await session.run("x", face)
        assert seen == [2]
        await harness.runtime.close()

    run(work())
