"""The main job: a session that works and learns, a later one that knows, and one that is continued."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.program import MODELS, Program, system_text, tool_results
from tests.support import fixture_repos
from tests.support.provider_server import ProviderServer, Recorded, Script, assert_prefix, call, turn, user_text

APIS = ("openai", "anthropic")
TASK = "The wait after the first failure is twice the base. Mend it, and remember that I like short answers."
LESSON = "Backoff.delay counts attempts from 1; the exponent is attempt - 1, else the first wait doubles."
TESTS = f"{shlex.quote(sys.executable)} -m unittest tests.test_backoff"


def work(bug: dict[str, str]) -> list[object]:
    """What the model does in the first session."""
    edit = {"old": bug["bad"], "new": bug["good"]}
    return [
        turn("I look for the wait.", call("grep", pattern=r"self\.factor", path="tasklane")),
        turn(call("read_file", path=bug["path"]), call("read_file", path="tests/test_backoff.py")),
        turn("The exponent is off by one.", call("edit_file", path=bug["path"], edits=[edit])),
        turn(call("shell", command=TESTS)),
        turn(
            call("core_memory_append", label="human", content="Likes short answers."),
            call("archival_memory_insert", content=LESSON, tags=["backoff"], citations=["tasklane/backoff.py#delay"]),
        ),
        "Mended in tasklane/backoff.py; its tests pass.",
    ]


def ask_memory() -> list[object]:
    """What it does in the second."""
    return [
        turn(
            call("conversation_search", query="first failures"),
            call("archival_memory_search", query="exponents of attempts"),
        ),
        "The exponent was off by one.",
    ]


@pytest.mark.parametrize("api", APIS)
def test_what_one_session_did_and_learned_the_next_process_knows(repo: Path, lcode: Program, api: str) -> None:
    bug = fixture_repos.seed_bug("python", repo, commit=True)
    with ProviderServer(Script([*work(bug), *ask_memory(), "Nothing is open."])) as server:
        lcode.environ = server.environ(api)
        options = ("--model", MODELS[api], "--permission-mode", "yolo")

        first = lcode("-p", TASK, *options)
        assert (first.code, first.out) == (0, "Mended in tasklane/backoff.py; its tests pass.\n"), first.err
        assert_mended(repo, bug)
        assert_worked(server.requests[:6], bug)

        second = lcode("-p", "What was wrong with the wait?", *options)
        assert (second.code, second.out) == (0, "The exponent was off by one.\n"), second.err
        assert_knows(server.requests[6:8])

        third = lcode("-p", "-c", "What is open?")
        assert (third.code, third.out) == (0, "Nothing is open.\n"), third.err
        assert_continues(server.requests[6:])
        server.assert_accepted()
        assert len(server.requests) == 9


def assert_mended(repo: Path, bug: dict[str, str]) -> None:
    """The file is as it was before the bug, and the test that failed passes."""
    status = subprocess.run(["git", "diff", "HEAD~1", "--stat"], cwd=repo, capture_output=True, text=True, check=True)
    assert status.stdout == ""
    subprocess.run([sys.executable, "-m", "unittest", bug["test"]], cwd=repo, capture_output=True, check=True)


def assert_worked(requests: list[Recorded], bug: dict[str, str]) -> None:
    assert_prefix(requests)
    assert "Likes short answers." not in system_text(requests[0].body)
    grep, source, tests, edited, ran, remembered, kept = tool_results(requests[-1].body)
    assert f"tasklane/backoff.py:24:            {bug['bad']}" in grep
    assert bug["bad"] in source
    assert "class BackoffTest" in tests
    assert bug["good"] in edited
    assert "OK" in ran and "exit code 0" in ran
    assert "Likes short answers." in remembered
    assert "kept as passage" in kept and "No such file" not in kept


def assert_knows(requests: list[Recorded]) -> None:
    """Core memory is in the prompt, the first message tells where the first session stopped, the searches find it."""
    assert_prefix(requests)
    assert "Likes short answers." in system_text(requests[0].body)
    told = user_text(requests[0].body)
    for words in (
        "where the last sessions stopped:",
        f"asked: {TASK[:60]}",
        "changed: tasklane/backoff.py (delay)",
        "passed: ",
        "unittest tests.test_backoff",
        "ended with: Mended in tasklane/backoff.py",
    ):
        assert words in told, told
    said, learned = tool_results(requests[1].body)
    assert TASK in said
    assert "What was wrong with the wait?" not in said
    assert LESSON in learned
    assert "tasklane/backoff.py#Backoff.delay" in learned


def assert_continues(requests: list[Recorded]) -> None:
    """The third process sends what the second one sent, and goes on from there."""
    assert_prefix(requests)
    assert len({request.body["model"] for request in requests}) == 1
    last = user_text(requests[-1].body)
    assert "What was wrong with the wait?" in last
    assert last.endswith("What is open?")
    assert last.count("where the last sessions stopped:") == 1
    assert LESSON in tool_results(requests[-1].body)[1]
