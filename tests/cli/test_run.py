"""`lcode -p`: one answer from the offline model, over real stores; and the session for pipes."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from lcode.errors import EXIT_TEMPORARY
from tests.cli.conftest import CHECKOUT, Lcode, process


class SilentModel:
    """A server that takes requests and says nothing. `asked` is set by the first."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self._server = socket.create_server(("127.0.0.1", 0))
        self._connections: list[socket.socket] = []
        self.url = f"http://127.0.0.1:{self._server.getsockname()[1]}/v1"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._server.accept()
                self._connections.append(connection)
                connection.recv(65_536)
                self.asked.set()

    def close(self) -> None:
        for open_socket in (self._server, *self._connections):
            open_socket.close()


@pytest.fixture
def silent_model() -> Iterator[SilentModel]:
    server = SilentModel()
    yield server
    server.close()


def script(file: Path, *replies: dict[str, Any]) -> str:
    """The name of a model that gives these replies."""
    file.write_text("".join(json.dumps({"request": {}, "reply": reply}) + "\n" for reply in replies))
    return f"replay:{file}"


def says(text: str, finish: str = "stop") -> dict[str, Any]:
    return {"parts": [{"type": "text", "text": text}], "finish": finish}


def calls(name: str, **arguments: Any) -> dict[str, Any]:
    return {"parts": [{"type": "tool_call", "id": "call_1", "name": name, "arguments": arguments}], "finish": "tool_calls"}


def test_an_answer_is_printed_and_kept(lcode: Lcode, repository: Path) -> None:
    done = lcode("-p", "where is the port parsed?")
    assert done.code == 0
    assert "app.py" in done.out
    rows = lcode("sessions", "--json").json()
    assert [row["title"] for row in rows] == ["where is the port parsed?"]
    assert not rows[0]["live"]


def test_the_words_may_stand_behind_the_options(lcode: Lcode, repository: Path) -> None:
    for arguments in (
        ["-p", "--model", "offline", "where is parse_port", "--output-format", "json"],
        ["--output-format", "json", "--print", "where is parse_port", "--model", "offline"],
        ["--print=where is parse_port", "--output-format=json"],
        ["-p", "where is", "parse_port", "--output-format", "json"],
    ):
        data = lcode(*arguments).json()
        assert "app.py" in data["result"], arguments
    assert {row["title"] for row in lcode("sessions", "--json").json()} == {"where is parse_port"}


@pytest.mark.parametrize(
    "arguments", [["-p", "- where is parse_port"], ["--print=- where is parse_port"], ["-p", "--", "- where is parse_port"]]
)
def test_a_message_may_begin_with_a_dash(lcode: Lcode, repository: Path, arguments: list[str]) -> None:
    assert lcode(*arguments).code == 0
    assert lcode("sessions", "--json").json()[0]["title"] == "- where is parse_port"


def first_message(lcode: Lcode) -> str:
    session = lcode("sessions", "--json").json()[0]["id"]
    messages = lcode("sessions", "show", session, "--json").json()["messages"]
    return str(next(row["text"] for row in messages if row["kind"] == "user"))


def test_piped_input_follows_the_text_after_a_blank_line(lcode: Lcode, repository: Path) -> None:
    assert lcode("-p", "explain this", stdin="line 1\r\nline 2\n").code == 0
    assert first_message(lcode) == "explain this\n\nline 1\nline 2"


@pytest.mark.parametrize("arguments", [["-p"], ["-p", "-"]])
def test_piped_input_alone_is_a_message(lcode: Lcode, repository: Path, arguments: list[str]) -> None:
    assert lcode(*arguments, stdin="where is parse_port\n").code == 0
    assert first_message(lcode) == "where is parse_port"


def test_too_much_input_is_refused_before_anything_is_made(lcode: Lcode, repository: Path) -> None:
    done = lcode("-p", "explain", stdin="x" * 2_000_001)
    assert done.code == 2
    assert "put it into a file" in done.err


def test_json_is_one_line_with_stable_keys(lcode: Lcode, repository: Path) -> None:
    done = lcode("-p", "where is the port parsed?", "--output-format", "json")
    assert done.code == 0
    assert done.out.count("\n") == 1
    data = json.loads(done.out)
    assert {"session_id", "agent_id", "model", "result", "stop_reason", "usage", "steps", "refused", "duration_ms"} <= set(data)
    assert (data["model"], data["stop_reason"]) == ("offline", "end_turn")


def test_each_answer_is_a_new_session_unless_one_is_continued(lcode: Lcode, repository: Path) -> None:
    first = lcode("-p", "where is parse_port", "--output-format", "json").json()["session_id"]
    second = lcode("-p", "what is in app.py", "--output-format", "json").json()["session_id"]
    assert first != second
    assert lcode("-c", "-p", "and where", "--output-format", "json").json()["session_id"] == second
    assert lcode("-r", first[8:16], "-p", "again", "--output-format", "json").json()["session_id"] == first
    assert lcode("-p", "again", "--output-format", "json", "-r").json()["session_id"] == first
    assert lcode("--resume", "what is in app.py", "-p", "by title", "--output-format", "json").json()["session_id"] == second


def test_nothing_to_continue_is_an_error_with_a_hint(lcode: Lcode, repository: Path) -> None:
    for arguments in (["-c", "-p", "x"], ["-r", "abcdef", "-p", "x"]):
        done = lcode(*arguments)
        assert done.code == 1
        assert "hint: " in done.err


def test_an_ephemeral_answer_reads_memory_and_writes_nothing(lcode: Lcode, repository: Path) -> None:
    lcode("-p", "remember that the port is 8080")
    before = lcode("recall", "--json").json()
    done = lcode("--ephemeral", "-p", "what is the port?")
    assert done.code == 0
    assert "8080" in done.out
    assert lcode("recall", "--json").json() == before


def test_an_ephemeral_answer_in_an_unknown_place_makes_no_store(lcode: Lcode, repository: Path, home: Path) -> None:
    assert lcode("--ephemeral", "-p", "where is parse_port").code == 0
    assert not list(home.rglob("*.db"))


def test_the_memory_of_another_agent_is_there_by_its_name(lcode: Lcode, repository: Path, tmp_path: Path) -> None:
    lcode("-p", "remember that the port is 8080")
    other = tmp_path / "other"
    other.mkdir()
    assert "8080" in lcode("-C", str(other), "--agent", "shop", "-p", "what is the port?").out


def test_an_unknown_model_or_a_missing_key_is_an_error_with_a_hint(lcode: Lcode, repository: Path) -> None:
    for model in ("nonsense/x", "openai/gpt-5.2", "gpt"):
        done = lcode("-p", "hi", "--model", model)
        assert done.code == 1
        assert "hint: " in done.err


# -- what a recorded model does -------------------------------------------------------------------------------------


@pytest.fixture
def recorded(tmp_path: Path, lcode: Lcode, repository: Path) -> Path:
    """A recording made by --record: one answer of the offline model."""
    file = tmp_path / "replies.jsonl"
    assert lcode("-p", "where is the port parsed?", "--record", str(file)).code == 0
    return file


def test_a_recording_plays_the_same_answer(lcode: Lcode, recorded: Path) -> None:
    assert recorded.stat().st_size
    done = lcode("-p", "where is the port parsed?", "--model", f"replay:{recorded}")
    assert done.code == 0
    assert "app.py" in done.out


def test_a_refused_permission_ends_with_3_and_says_how_to_grant_it(lcode: Lcode, repository: Path, tmp_path: Path) -> None:
    model = script(tmp_path / "m", calls("write_file", path="new.txt", content="x"), says("I could not write it."))
    done = lcode("-p", "write it", "--model", model)
    assert done.code == 3
    assert done.out == "I could not write it.\n"
    assert "--permission-mode accept-edits" in done.err
    assert not (repository / "new.txt").exists()


def test_a_refused_call_is_not_told_of_as_failed_afterwards(lcode: Lcode, repository: Path, tmp_path: Path) -> None:
    asked = calls("write_file", path="new.txt", content="x"), calls("read_file", path="none.txt"), says("I could not.")
    session = lcode("-p", "write it", "--model", script(tmp_path / "m", *asked), "--output-format", "json")
    assert session.code == 3
    name = json.loads(session.out)["session_id"]
    shown, exported = lcode("sessions", "show", name).out, lcode("sessions", "export", name).out
    assert "    write_file refused:" in shown and "    read_file failed:" in shown
    assert "**write_file refused:**" in exported and "**read_file failed:**" in exported
    assert "write_file failed" not in shown + exported


def test_a_granted_permission_lets_it_work(lcode: Lcode, repository: Path, tmp_path: Path) -> None:
    model = script(tmp_path / "m", calls("write_file", path="new.txt", content="x\n"), says("done"))
    done = lcode("-p", "write it", "--model", model, "--permission-mode", "accept-edits")
    assert done == (0, "done\n", done.err)
    assert (repository / "new.txt").read_text() == "x\n"


def test_the_limit_of_steps_ends_with_3(lcode: Lcode, repository: Path, tmp_path: Path) -> None:
    model = script(tmp_path / "m", calls("read_file", path="app.py"), says("never said"))
    done = lcode("-p", "read", "--model", model, "--max-turns", "1")
    assert done.code == 3
    assert "never said" not in done.out


def test_an_answer_cut_by_the_output_limit_ends_with_3(lcode: Lcode, repository: Path, tmp_path: Path) -> None:
    assert lcode("-p", "go on", "--model", script(tmp_path / "m", says("half of", "length"))).code == 3


def test_a_model_that_fails_for_good_ends_with_1(lcode: Lcode, repository: Path, tmp_path: Path) -> None:
    done = lcode("-p", "hi", "--model", script(tmp_path / "m"))
    assert done.code == 1
    assert done.err.startswith("lcode: ")


# -- processes ------------------------------------------------------------------------------------------------------


def test_a_process_answers_and_a_second_one_remembers(repository: Path) -> None:
    assert process("-p", "remember that deploys happen on Tuesdays").returncode == 0
    done = process("-p", "when do deploys happen?")
    assert done.returncode == 0
    assert "Tuesdays" in done.stdout


def test_a_folder_without_git_has_an_agent_too(lcode: Lcode, tmp_path: Path) -> None:
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "a.txt").write_text("parse_port lives here\n")
    assert "a.txt" in lcode("-C", str(folder), "-p", "where is parse_port").out
    assert [row["kind"] for row in lcode("agents", "--json").json()] == ["folder"]


def test_lines_from_a_pipe_are_answered_one_by_one(repository: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "lcode"], input="where is parse_port\n/exit\n", env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "app.py" in done.stdout
    assert "\x1b" not in done.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_while_the_model_answers_ends_with_130_and_keeps_the_message(
    repository: Path, lcode: Lcode, number: signal.Signals, silent_model: SilentModel
) -> None:
    model = {"OPENAI_API_KEY": "k" * 20, "OPENAI_BASE_URL": silent_model.url, "LCODE_MODEL": "openai/x"}
    child = subprocess.Popen(
        [sys.executable, "-m", "lcode", "-p", "are you there?"],
        env={**os.environ, "PYTHONPATH": str(CHECKOUT), **model},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert silent_model.asked.wait(20)
    child.send_signal(number)
    out, err = child.communicate(timeout=20)
    assert child.returncode == 130, err
    assert out == ""
    assert first_message(lcode) == "are you there?"


def test_a_model_that_cannot_be_reached_ends_with_75(lcode: Lcode, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "k" * 20)
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("LCODE_RETRIES", "0")
    done = lcode("-p", "hi", "--model", "openai/x")
    assert done.code == EXIT_TEMPORARY
    assert done.err.startswith("lcode: ")
    assert "k" * 20 not in done.err
