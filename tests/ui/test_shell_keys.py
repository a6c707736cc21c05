"""What the keys do: the shell over a pipe, without a terminal."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from prompt_toolkit.data_structures import Size
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.output import DummyOutput

from lcode.events import Decision
from lcode.ui.shell.app import Shell
from tests.ui.fakes import FakeBackground, FakeRuntime, FakeSession

TIMEOUT = 10.0


class Recorder(DummyOutput):
    """Keeps what is committed."""

    def __init__(self) -> None:
        self.text = ""

    def write_raw(self, data: str) -> None:
        self.text += data

    def get_size(self) -> Size:
        return Size(rows=24, columns=80)


class Driver:
    """A running shell: `type` sends keys, `until` waits for a state."""

    def __init__(self, shell: Shell, session: FakeSession, keys: PipeInput, out: Recorder) -> None:
        self.shell = shell
        self.session = session
        self.out = out
        self._keys = keys
        self._changed = asyncio.Event()
        shell.screen.app.after_render += lambda _: self._changed.set()

    def type(self, text: str) -> None:
        self._keys.send_text(text)

    async def until(self, state: Callable[[], bool]) -> None:
        async with asyncio.timeout(TIMEOUT):
            while not state():
                self._changed.clear()
                await self._changed.wait()

    async def idle(self) -> None:
        await self.until(lambda: not self.shell.running and not self.shell.queue)


def drive(test: Callable[[Driver], Awaitable[None]], tmp_path: Path, first_prompt: str | None = None) -> int:
    """Run `test` against a shell; the shell's exit code."""

    async def main() -> int:
        async with running(tmp_path, first_prompt) as (driver, work):
            await test(driver)
            if not work.done():
                driver.shell.exit()
            async with asyncio.timeout(TIMEOUT):
                return await work

    return asyncio.run(main())


@asynccontextmanager
async def running(tmp_path: Path, first_prompt: str | None) -> AsyncIterator[tuple[Driver, asyncio.Task[int]]]:
    session, out = FakeSession(), Recorder()
    with create_pipe_input() as keys:
        shell = Shell(FakeRuntime(tmp_path), session, environ={}, history=tmp_path / "history", terminal=(keys, out))
        driver = Driver(shell, session, keys, out)
        work = asyncio.create_task(shell.run(first_prompt))
        await driver.until(lambda: shell.screen.app.is_running)
        yield driver, work


def test_enter_sends_and_alt_enter_and_ctrl_j_begin_a_line(tmp_path: Path) -> None:
    async def test(shell: Driver) -> None:
        shell.type("one\x1b\rtwo\nthree\r")
        await shell.until(lambda: bool(shell.session.asked))
        assert shell.session.asked == ["one\ntwo\nthree"]
        assert shell.shell.input.text == ""

    assert drive(test, tmp_path) == 0


def test_an_idle_terminal_shows_what_the_worker_begins_and_is_drawn_for_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[FakeBackground] = []
    looked = asyncio.Event()

    def line(background: FakeBackground) -> str:
        looks.append(background)
        looked.set()
        return background.news

    monkeypatch.setattr("lcode.ui.shell.status._LATER", 0.01)
    monkeypatch.setattr(FakeBackground, "line", line)

    async def test(shell: Driver) -> None:
        async def idle(count: int) -> int:
            """How often it was drawn until somebody had looked so many times."""
            async with asyncio.timeout(TIMEOUT):
                while len(looks) < count:
                    looked.clear()
                    await looked.wait()
            return shell.shell.screen.app.render_counter

        assert await idle(20) == await idle(60)
        looks[0].news = "indexing 5 of 90 files"
        await shell.until(lambda: "indexing 5 of 90" in "".join(text for _, text in shell.shell._panes.rows.status[0]))

    drive(test, tmp_path)


def test_the_status_says_where_one_is_and_how_index_and_worker_stand(tmp_path: Path) -> None:
    async def test(shell: Driver) -> None:
        shell.type("/status\r")
        await shell.until(lambda: "worker" in shell.out.text and shell.out.text.count("\n") > 6)
        text = re.sub(r"\x1b\[[0-9;]*m|\r\n +", "", shell.out.text)  # a long folder is wrapped
        here = f"{tmp_path.name} · main"
        for words in ("session  aaaa1111", "openai/gpt-test · ask", here, "index    complete", "worker   idle"):
            assert words in text

    drive(test, tmp_path)


def test_pasted_lines_are_not_sent(tmp_path: Path) -> None:
    async def test(shell: Driver) -> None:
        shell.type("\x1b[200~first\r\nsecond\r\n\x1b[201~")
        await shell.until(lambda: "second" in shell.shell.input.text)
        assert shell.session.asked == []
        assert shell.shell.input.text == "first\nsecond\n"

    drive(test, tmp_path)


def test_a_first_prompt_is_asked_at_once(tmp_path: Path) -> None:
    async def test(shell: Driver) -> None:
        await shell.until(lambda: "You said: from the start" in shell.out.text)

    drive(test, tmp_path, "from the start")


def test_up_takes_the_newest_queued_message_back(tmp_path: Path) -> None:
    async def test(shell: Driver) -> None:
        shell.type("wait\r")
        await shell.until(lambda: shell.shell.running)
        shell.type("second\rthird\r")
        await shell.until(lambda: len(shell.shell.queue) == 2)
        shell.type("\x1b[A")
        await shell.until(lambda: shell.shell.input.text == "third")
        assert list(shell.shell.queue) == ["second"]

    drive(test, tmp_path)


def test_an_interrupt_gives_the_queue_back_instead_of_sending_it(tmp_path: Path) -> None:
    async def test(shell: Driver) -> None:
        shell.type("wait\r")
        await shell.until(lambda: shell.shell.running)
        shell.type("second\rdraft")
        await shell.until(lambda: shell.shell.input.text == "draft")
        shell.type("\x1b")
        await shell.idle()
        await shell.until(lambda: shell.shell.input.text == "second\ndraft")
        assert shell.session.asked == ["wait"]

    drive(test, tmp_path)


def test_ctrl_c_stops_the_run_and_keeps_the_draft(tmp_path: Path) -> None:
    async def test(shell: Driver) -> None:
        shell.type("wait\r")
        await shell.until(lambda: shell.shell.running)
        shell.type("draft\x03")
        await shell.idle()
        assert shell.shell.input.text == "draft"
        assert "interrupted" in shell.out.text

    drive(test, tmp_path)


def test_ctrl_c_clears_text_then_hints_then_leaves(tmp_path: Path) -> None:
    async def test(shell: Driver) -> None:
        shell.type("draft")
        await shell.until(lambda: shell.shell.input.text == "draft")
        shell.type("\x03")
        await shell.until(lambda: shell.shell.input.text == "")
        assert shell.shell.hint == ""
        shell.type("\x03")
        await shell.until(lambda: bool(shell.shell.hint))
        assert shell.shell.screen.app.is_running
        shell.type("\x03")
        await shell.until(lambda: shell.session.closed or not shell.shell.screen.app.is_running)

    assert drive(test, tmp_path) == 0


def test_typing_takes_the_hint_to_leave_away(tmp_path: Path) -> None:
    async def test(shell: Driver) -> None:
        shell.type("\x03")
        await shell.until(lambda: bool(shell.shell.hint))
        shell.type("x")
        await shell.until(lambda: shell.shell.input.text == "x" and not shell.shell.hint)

    drive(test, tmp_path)


def test_ctrl_d_leaves_only_from_an_empty_input(tmp_path: Path) -> None:
    async def test(shell: Driver) -> None:
        shell.type("ab\x01\x04")
        await shell.until(lambda: shell.shell.input.text == "b")
        shell.type("\x04\x04")
        await shell.until(lambda: not shell.shell.screen.app.is_running)

    drive(test, tmp_path)


def test_the_draft_survives_a_question(tmp_path: Path) -> None:
    async def test(shell: Driver) -> None:
        shell.type("asking\r")
        await shell.until(lambda: shell.shell.panel is not None)
        shell.shell.input.insert_text("half a thou")
        shell.type("\x1b[200~ght\x1b[201~1")
        await shell.idle()
        assert shell.session.answers[0].decision is Decision.ONCE
        assert shell.shell.input.text == "half a thought"
        shell.type("!")
        await shell.until(lambda: shell.shell.input.text == "half a thought!")

    drive(test, tmp_path)


def test_a_key_meant_for_the_draft_is_no_answer(tmp_path: Path) -> None:
    """Who is typing when a question appears does not approve it with the next letter."""

    async def test(shell: Driver) -> None:
        shell.type("wait\r")
        await shell.until(lambda: shell.shell.running)
        shell.type("version ")
        await shell.until(lambda: shell.shell.input.text == "version ")
        question = asyncio.ensure_future(shell.session.ask(shell.shell.emit, "shell", "command", "shell rm", "rm", "shell rm"))
        await shell.until(lambda: shell.shell.panel is not None)
        shell.type("1")
        await shell.until(lambda: shell.shell.input.text == "version 1")
        assert not question.done()
        shell.shell.panel._armed_at = 0.0
        shell.type("3")
        assert (await question).decision is Decision.NO

    drive(test, tmp_path)


def test_escape_in_the_word_of_a_refusal_goes_back_to_the_choices(tmp_path: Path) -> None:
    async def test(shell: Driver) -> None:
        shell.type("asking\r")
        await shell.until(lambda: shell.shell.panel is not None)
        shell.type("4because")
        await shell.until(lambda: shell.shell.panel is not None and shell.shell.panel.asking_word)
        shell.type("\x1b")
        await shell.until(lambda: shell.shell.panel is not None and not shell.shell.panel.asking_word)
        shell.type("1")
        await shell.idle()
        assert [answer.decision for answer in shell.session.answers] == [Decision.ONCE]

    drive(test, tmp_path)


def test_ctrl_r_finds_what_was_typed_before(tmp_path: Path) -> None:
    async def test(shell: Driver) -> None:
        shell.type("find the needle\rother\r")
        await shell.until(lambda: len(shell.session.asked) == 2)
        await shell.idle()
        shell.type("\x12need\r")
        await shell.until(lambda: shell.shell.input.text == "find the needle")

    drive(test, tmp_path)


def test_commands_work_in_the_session(tmp_path: Path) -> None:
    async def test(shell: Driver) -> None:
        for typed, shown in [
            ("/help", "/sessions"),
            ("/memory human", "Likes short answers."),
            ("/recall parser", "fix the parser"),
            ("/model openai/other", "openai/other"),
            ("/model nonsense", "models are named provider/model"),
            ("/modle", "did you mean /mode"),
        ]:
            shell.shell.input.text = ""
            shell.type(f"{typed}\r")
            await shell.until(lambda shown=shown: shown in shell.out.text)
        assert shell.session.model == "openai/other"

    drive(test, tmp_path)


def test_resume_and_new_change_the_session_and_close_the_one_before(tmp_path: Path) -> None:
    async def test(shell: Driver) -> None:
        first = shell.shell.session
        shell.type("/resume dddd4444\r")
        await shell.until(lambda: "is fixed." in shell.out.text)
        assert shell.session.closed
        assert shell.shell.session is not first
        shell.type("/new\r")
        await shell.until(lambda: shell.shell.session.id == "session-cccc3333")
        shell.type("hello\r")
        await shell.until(lambda: "You said: hello" in shell.out.text)

    drive(test, tmp_path)


def test_commands_that_change_the_session_wait_for_the_run(tmp_path: Path) -> None:
    async def test(shell: Driver) -> None:
        shell.type("wait\r")
        await shell.until(lambda: shell.shell.running)
        shell.type("/new\r")
        await shell.until(lambda: "has to wait" in shell.out.text)
        shell.shell.input.text = ""
        shell.type("/memory human\r")
        await shell.until(lambda: "Likes short answers." in shell.out.text)
        assert shell.shell.running

    drive(test, tmp_path)


def test_a_fault_in_a_command_costs_one_line(tmp_path: Path) -> None:
    async def test(shell: Driver) -> None:
        async def broken() -> list[object]:
            raise RuntimeError("no blocks today")

        shell.shell.runtime.blocks = broken  # type: ignore[method-assign,assignment]
        shell.type("/memory\r")
        await shell.until(lambda: "no blocks today" in shell.out.text)
        shell.type("hello\r")
        await shell.until(lambda: "You said: hello" in shell.out.text)

    drive(test, tmp_path)


def test_no_timer_runs_while_the_shell_is_idle_or_asks(tmp_path: Path) -> None:
    def timers() -> list[asyncio.TimerHandle]:
        loop = asyncio.get_running_loop()
        return [handle for handle in loop._scheduled if not handle.cancelled() and handle.when() > loop.time() + 0.2]  # type: ignore[attr-defined]

    async def test(shell: Driver) -> None:
        shell.type("tools\r")
        await shell.until(lambda: bool(shell.session.asked))
        await shell.idle()
        own = 1  # the timeout of the test itself
        async with asyncio.timeout(TIMEOUT):
            while len(timers()) > own:
                await asyncio.sleep(0)
        shell.type("asking\r")
        await shell.until(lambda: shell.shell.panel is not None)
        assert not shell.shell._spinner.turning

    drive(test, tmp_path)


def test_the_history_is_private_and_redacted(tmp_path: Path) -> None:
    from lcode.ui.shell.history import open_history

    path = tmp_path / "folder" / "history"
    open_history(path, lambda text: text.replace("hunter2", "[secret]")).append_string("login hunter2")
    assert path.stat().st_mode & 0o777 == 0o600
    assert "hunter2" not in path.read_text()
    assert list(open_history(path, str).load_history_strings()) == ["login [secret]"]


def test_a_history_that_cannot_be_written_any_more_goes_on_in_memory(tmp_path: Path) -> None:
    from lcode.ui.shell.history import open_history

    path = tmp_path / "history"
    history = open_history(path, str)
    history.append_string("one")
    path.unlink()
    path.mkdir()
    history.append_string("two")
    assert history.get_strings()[-1] == "two"
