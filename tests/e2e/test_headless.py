"""`lcode -p` in scripts: what goes in and comes out, how it refuses, stops and is stopped, and what it leaves behind."""

from __future__ import annotations

import json
import os
import shlex
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.e2e.program import MODELS, Program, ended, runs, system_text, tool_results, until
from tests.support import faults
from tests.support.provider_server import ProviderServer, Script, assert_prefix, call, turn, user_text

APIS = ("openai", "anthropic")


def point(program: Program, server: ProviderServer, api: str = "openai") -> tuple[str, ...]:
    """Point the program at the server; the options that choose its model."""
    program.environ = server.environ(api)
    return ("--model", MODELS[api])


# in and out


@pytest.mark.parametrize(
    ("words", "piped", "heard"),
    [
        (["-p", "What is this?"], "ERROR é 42\nat line 7\n", "What is this?\n\nERROR é 42\nat line 7"),
        (["-p"], "What is that?\n", "What is that?"),
        (["-p", "-"], "What is that?\n", "What is that?"),
        (["-p", "What is this?"], "", "What is this?"),
    ],
)
def test_standard_input_is_appended_to_the_message(lcode: Program, words: list[str], piped: str, heard: str) -> None:
    with ProviderServer(Script(["An error."])) as server:
        done = lcode(*words, *point(lcode, server), stdin=piped)
        assert (done.code, done.out, done.err) == (0, "An error.\n", "")
        assert user_text(server.requests[0].body).endswith(f"</context>\n{heard}")
        server.assert_accepted()


def test_nothing_to_answer_is_a_usage_error(lcode: Program) -> None:
    done = lcode("-p", stdin=" \n")
    assert (done.code, done.out) == (2, "")
    assert "nothing to answer" in done.err


@pytest.mark.parametrize("api", APIS)
def test_the_json_form_is_one_object_on_one_line(lcode: Program, api: str) -> None:
    script = Script([turn("I look.", call("list_dir")), "It is a *task* queue: é."])
    with ProviderServer(script) as server:
        done = lcode("-p", "What is this?", *point(lcode, server, api), "--output-format", "json")
        assert (done.code, done.err) == (0, "")
        assert done.out.count("\n") == 1
        result = json.loads(done.out)
        server.assert_accepted()
    assert set(result) == {
        "session_id", "agent_id", "model", "result", "stop_reason", "usage", "cost_usd", "steps", "refused", "error",
        "duration_ms",
    }  # fmt: skip
    assert result["session_id"].startswith("session-") and result["agent_id"].startswith("agent-")
    assert (result["model"], result["result"]) == (MODELS[api], "It is a *task* queue: é.")
    assert (result["stop_reason"], result["steps"], result["refused"], result["error"]) == ("end_turn", 2, 0, "")
    usage = result["usage"]
    assert set(usage) == {"input", "cached", "written", "output", "reasoning", "written_hour"}
    assert usage["input"] > usage["cached"] > 0 and usage["output"] > 0
    assert result["cost_usd"] == json.loads(lcode("cost", "--json").out)["total"]["cost_usd"]
    listed = json.loads(lcode("sessions", "--json").out)
    assert result["session_id"] in json.dumps(listed)


def test_a_failure_is_json_too(lcode: Program) -> None:
    with ProviderServer(Script(["never"])) as server:
        server.faults[0] = faults.status(400)
        done = lcode("-p", "hi", *point(lcode, server), "--output-format", "json")
        result = json.loads(done.out)
        assert (done.code, result["stop_reason"], result["result"]) == (1, "llm_api_error", "")
        assert "HTTP 400" in result["error"]


def test_an_unknown_word_is_a_usage_error_with_a_suggestion(lcode: Program) -> None:
    done = lcode("sesions")
    assert (done.code, done.out) == (2, "")
    assert "there is no command 'sesions'" in done.err
    assert "did you mean `lcode sessions`?" in done.err


def test_without_a_model_a_question_is_answered_from_the_code(lcode: Program, repo: Path) -> None:
    done = lcode("-p", "Where is the retry delay computed?")
    assert done.code == 0, done.err
    lines = (repo / "tasklane" / "backoff.py").read_text().splitlines()
    line = next(number for number, text in enumerate(lines, 1) if text.lstrip().startswith("def delay("))
    assert f"tasklane/backoff.py:{line}" in done.out
    assert "no model" in done.out.lower()


# refused and limited


@pytest.mark.parametrize("api", APIS)
def test_what_nobody_can_allow_is_refused_and_said(lcode: Program, repo: Path, api: str) -> None:
    before = (repo / "README.md").read_bytes()
    first = before.decode().splitlines()[0]
    script = [
        turn(call("read_file", path="README.md")),
        turn(
            call("edit_file", path="README.md", edits=[{"old": first, "new": "# Mine"}]),
            call("shell", command="touch never"),
            call("core_memory_append", label="human", content="Keeps a tight hand."),
        ),
        "I may not change it.",
    ]
    with ProviderServer(Script(script)) as server:
        done = lcode("-p", "Change it.", *point(lcode, server, api))
        assert (done.code, done.out) == (3, "I may not change it.\n")
        assert "2 calls refused" in done.err and "--permission-mode" in done.err
        _, edited, ran, remembered = tool_results(server.requests[-1].body)
        assert "Refused" in edited and "permission" in edited
        assert "Refused" in ran and "permission" in ran
        assert "Keeps a tight hand." in remembered
        server.assert_accepted()
    assert (repo / "README.md").read_bytes() == before
    assert not (repo / "never").exists()


def test_a_file_with_secrets_is_not_read_without_permission(lcode: Program, repo: Path) -> None:
    (repo / ".env").write_text("TOKEN=hunter2-hunter2-hunter2\n")
    with ProviderServer(Script([turn(call("read_file", path=".env")), "I may not."])) as server:
        done = lcode("-p", "Read it.", *point(lcode, server))
        assert done.code == 3
        assert "hunter2" not in server.requests[-1].raw.decode()


def test_plan_mode_changes_nothing(lcode: Program, repo: Path) -> None:
    with ProviderServer(Script([turn(call("write_file", path="new.txt", content="x")), "Here is the plan."])) as server:
        done = lcode("-p", "Plan it.", *point(lcode, server), "--permission-mode", "plan")
        assert (done.code, done.out) == (3, "Here is the plan.\n")
        assert not (repo / "new.txt").exists()


@pytest.mark.parametrize("api", APIS)
def test_the_limit_of_steps_stops_the_run_which_can_be_continued(lcode: Program, api: str) -> None:
    script = [turn(call("list_dir")), turn(call("list_dir", path="tests")), "Now I know."]
    with ProviderServer(Script(script)) as server:
        options = point(lcode, server, api)
        done = lcode("-p", "Look around.", *options, "--max-turns", "2")
        assert (done.code, done.out) == (3, "")
        assert "stopped after 2 steps" in done.err
        assert len(server.requests) == 2
        again = lcode("-p", "-c", "Go on.", *options)
        assert (again.code, again.out) == (0, "Now I know.\n"), again.err
        assert_prefix(server.requests)
        server.assert_accepted()


# stopped by a signal

SIGNALS = [signal.SIGINT, signal.SIGTERM]


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("at", [None, 600])
def test_a_signal_during_a_stream_ends_the_program_and_not_the_session(
    lcode: Program, api: str, number: signal.Signals, at: int | None
) -> None:
    with ProviderServer(Script(["A long answer that is never heard to its end.", "Here I am."])) as server:
        options = point(lcode, server, api)
        server.faults[0] = fault = faults.hang(at)
        process = lcode.start("-p", "Tell me.", *options)
        until(fault.reached.is_set, "the stream hangs")
        process.send_signal(number)
        assert_interrupted(ended(process).code)
        assert fault.closed.wait(20)
        again = lcode("-p", "-c", "Are you there?", *options)
        assert again.code == 0, again.err
        assert "Tell me." in user_text(server.requests[-1].body)
        assert_prefix(server.requests)
        assert not server.refusals


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("number", [*SIGNALS, signal.SIGKILL])
def test_a_signal_during_a_command_ends_it_too(lcode: Program, repo: Path, api: str, number: signal.Signals) -> None:
    note = shlex.quote(str(repo / "pids"))
    command = f"sleep 600 & echo $$ $! > {note}.part; mv {note}.part {note}; wait"
    script = [
        turn("I run it.", call("list_dir"), call("shell", command=command), call("shell", command="touch never")),
        "It was cut off.",
    ]
    with ProviderServer(Script(script)) as server:
        options = (*point(lcode, server, api), "--permission-mode", "yolo")
        process = lcode.start("-p", "Run it.", *options)
        until((repo / "pids").exists, "the command runs")
        pids = [int(word) for word in (repo / "pids").read_text().split()]
        process.send_signal(number)
        end = ended(process)
        if number is signal.SIGKILL:
            assert end.code == -number
        else:
            assert_interrupted(end.code)
        until(lambda: not any(map(runs, pids)), "the command has ended")

        again = lcode("-p", "-c", "What happened?", *options)
        assert (again.code, again.out) == (0, "It was cut off.\n"), again.err
        listed, cut, never = tool_results(server.requests[-1].body)
        assert "tasklane" in listed
        assert "interrupted" in cut and "may have had an effect" in cut
        assert "interrupted" in never or "not run" in never
        assert not (repo / "never").exists()
        assert_prefix(server.requests)
        server.assert_accepted()


def assert_interrupted(code: int) -> None:
    assert code == 130


@pytest.fixture
def deaf(repo: Path) -> Iterator[Path]:
    """The file in which a command leaves its process id; whatever became of that, it ends here."""
    yield repo / "deaf"
    with suppress(FileNotFoundError, ProcessLookupError):
        os.kill(int((repo / "deaf").read_text()), signal.SIGKILL)


def test_a_command_that_is_deaf_is_killed_also_when_the_user_insists(lcode: Program, repo: Path, deaf: Path) -> None:
    command = "trap 'touch asked' TERM; echo $$ > deaf.part; mv deaf.part deaf; while true; do sleep 0.02; done"
    with ProviderServer(Script([turn(call("shell", command=command)), "It was deaf."])) as server:
        options = (*point(lcode, server), "--permission-mode", "yolo")
        process = lcode.start("-p", "Run it.", *options)
        until(deaf.exists, "the command runs")
        process.send_signal(signal.SIGINT)
        until((repo / "asked").exists, "the command was asked to end")
        process.send_signal(signal.SIGINT)
        assert_interrupted(ended(process).code)
        pid = int(deaf.read_text())
        until(lambda: not runs(pid), "the command has ended", 3.0)
        again = lcode("-p", "-c", "What happened?", *options)
        assert (again.code, again.out) == (0, "It was deaf.\n"), again.err
        assert_prefix(server.requests)
        server.assert_accepted()


# nothing left behind


@pytest.mark.parametrize("api", APIS)
def test_an_ephemeral_run_reads_memory_and_leaves_the_store_as_it_was(lcode: Program, api: str) -> None:
    home = Path(os.environ["LCODE_HOME"])
    script = [
        turn(
            call("core_memory_append", label="human", content="Likes tea."), call("archival_memory_insert", content="Kettle.")
        ),
        "Kept.",
        turn(call("archival_memory_search", query="kettles"), call("conversation_search", query="teas")),
        turn(call("core_memory_append", label="human", content="Likes coffee.")),
        "You like tea.",
    ]
    with ProviderServer(Script(script)) as server:
        options = point(lcode, server, api)
        assert lcode("-p", "I like teas.", *options).code == 0
        before = contents(home)
        done = lcode("-p", "What do I like?", *options, "--ephemeral")
        assert (done.code, done.out) == (0, "You like tea.\n"), done.err
        assert "Likes tea." in system_text(server.requests[2].body)
        kettle, teas, refused = tool_results(server.requests[-1].body)
        assert "Kettle." in kettle and "I like teas." in teas and "no tool" in refused
        assert_prefix(server.requests[2:])
        server.assert_accepted()
    assert contents(home) == before
    assert "coffee" not in lcode("memory", "show", "human").out


def contents(home: Path) -> dict[str, bytes]:
    """Every file of the store with its bytes."""
    return {path.relative_to(home).as_posix(): path.read_bytes() for path in sorted(home.rglob("*")) if path.is_file()}


def test_keys_reach_no_command(lcode: Program) -> None:
    with ProviderServer(Script([turn(call("shell", command="env")), "Done."]), api_key="sk-test-91c4a7e2b8d04f6f") as server:
        done = lcode("-p", "Show it.", *point(lcode, server), "--permission-mode", "yolo", "-v")
        assert done.code == 0, done.err
        (shown,) = tool_results(server.requests[-1].body)
        assert "PATH=" in shown
        assert "OPENAI_API_KEY" not in shown and "sk-test-91c4a7e2b8d04f6f" not in shown + done.out + done.err


@pytest.mark.parametrize("api", APIS)
def test_a_limit_of_cost_stops_before_the_call_with_its_own_exit_code(lcode: Program, api: str) -> None:
    with ProviderServer(Script(["never"])) as server:
        done = lcode("-p", "What is this?", *point(lcode, server, api), "--max-cost", "0.001")
        assert not server.requests
    assert done.code == 3
    assert done.err.startswith("lcode: stopped: $0.00 of at most $0.0010 are spent, and the next call could cost $0.0")
    assert "hint: --max-cost or the setting max_cost allows more" in done.err
