"""`lcode recall`: moments with ids that can be opened, dates in words, filters, many questions in one process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import CHECKOUT, Lcode, Result, git


def hits(lcode: Lcode, *arguments: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = lcode("recall", *arguments, "--json").json()["hits"]
    return found


def lines(done: Result) -> list[dict[str, Any]]:
    assert done.code == 0, done.err
    return [json.loads(line) for line in done.out.splitlines()]


def at(monkeypatch: pytest.MonkeyPatch, stamp: str) -> None:
    monkeypatch.setenv("LCODE_CLOCK", stamp)


def test_what_was_said_is_found_in_any_inflection_and_can_be_opened(lcode: Lcode, repository: Path) -> None:
    lcode("-p", "we are deploying on Tuesdays")
    (hit,) = hits(lcode, "deploy", "tuesday", "--role", "user")
    assert (hit["text"], hit["title"]) == ("we are deploying on Tuesdays", "we are deploying on Tuesdays")
    assert (hit["role"], hit["branch"], hit["id"]) == ("user", "main", hit["message"])
    shown = lcode("recall", "deploy").out
    assert "we are deploying on Tuesdays" in shown
    command = next(line for line in shown.splitlines() if line.startswith("more: lcode "))
    opened = lcode(*command.removeprefix("more: lcode ").split())
    assert "> you" in opened.out and "we are deploying on Tuesdays" in opened.out


@pytest.mark.parametrize("count", [0, 1, 2])
def test_context_says_how_many_neighbours_are_shown(lcode: Lcode, repository: Path, count: int) -> None:
    for text in ("first zebra", "second", "third"):
        lcode(*(["-c"] if text != "first zebra" else []), "-p", text)
    hit = hits(lcode, "zebra", "--role", "user", "--context", str(count))[0]
    assert hit["before"] == []
    assert len(hit["after"]) == count
    around = lcode("sessions", "show", hit["session"], "--at", hit["id"], "--context", str(count), "--json").json()
    assert len(around["messages"]) == count + 1


def test_days_are_inclusive_and_a_wrong_one_is_an_error(
    lcode: Lcode, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at(monkeypatch, "2026-03-05T12:00:00+00:00")
    lcode("-p", "we chose zebra stripes")
    monkeypatch.delenv("LCODE_CLOCK")

    def found(*dates: str) -> int:
        return len(hits(lcode, "zebra", *dates, "--role", "user"))

    assert found("--from", "2026-03-05", "--to", "2026-03-05") == 1
    assert found("--to", "2026-03-04") == 0
    assert found("--from", "2026-03-06") == 0
    assert found("--from", "March 2026", "--to", "March 2026") == 1
    done = lcode("recall", "zebra", "--from", "tomorrow")
    assert done.code == 1
    assert "YYYY-MM-DD" in done.err
    done = lcode("recall", "zebra", "--from", "2026-03-06", "--to", "2026-03-05")
    assert done.code == 2
    assert "later than --to" in done.err


def test_a_date_in_the_question_is_understood(lcode: Lcode, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for day, text in (("2026-03-05", "the zebra is striped"), ("2026-03-12", "the zebra is fast")):
        at(monkeypatch, f"{day}T12:00:00+00:00")
        lcode("-p", text)
    at(monkeypatch, "2026-03-18T12:00:00+00:00")
    found = lcode("recall", "what was the zebra last week", "--role", "user", "--json").json()
    assert found["hits"][0]["text"] == "the zebra is fast"
    assert found["dates"] == [
        {"words": "last week", "from": "2026-03-09T00:00:00.000Z", "until": "2026-03-16T00:00:00.000Z", "asked": True}
    ]
    shown = lcode("recall", "zebra in January")
    assert "in January: from 2026-01-01 00:00 until 2026-02-01 00:00" in shown.err
    assert "the zebra is striped" in shown.out


def test_filters_are_told_apart(lcode: Lcode, repository: Path) -> None:
    lcode("-p", "zebra on main")
    git(repository, "switch", "-q", "-c", "feature")
    lcode("-p", "zebra on feature")
    assert [hit["text"] for hit in hits(lcode, "zebra", "--role", "user", "--branch", "feature")] == ["zebra on feature"]
    (hit,) = hits(lcode, "zebra", "--role", "user", "--branch", "main")
    only = hits(lcode, "zebra", "--role", "user", "--session", hit["session"][8:16])
    assert [one["text"] for one in only] == ["zebra on main"]
    assert hits(lcode, "zebra", "--tool", "shell") == []
    assert hits(lcode, "zebra", "--name", "Ada") == []
    done = lcode("recall", "zebra", "--session", "ffffffff")
    assert (done.code, done.err.count("\n")) == (1, 2)


def test_the_same_said_again_is_one_moment(lcode: Lcode, repository: Path) -> None:
    for _ in range(3):
        lcode("-p", "run the zebra checks")
    (hit,) = hits(lcode, "zebra checks", "--role", "user")
    assert len(hit["repeats"]) == 2
    assert "the same was said 2 more times on 20" in lcode("recall", "zebra checks", "--role", "user").out
    assert len(hits(lcode, "zebra checks", "--role", "user", "--context", "0")) == 3


def test_nothing_found_is_said(lcode: Lcode, repository: Path) -> None:
    assert lcode("recall", "qwertzuiop") == (0, "nothing found in the sessions\n", "")
    lcode("-p", "a horse")
    found = lcode("recall", "qwertzuiop", "--json").json()
    assert (found["hits"], found["best"], found["confidence"]) == ([], 0.0, "none")


def test_each_line_of_input_gets_a_line_of_ranked_hits(lcode: Lcode, repository: Path) -> None:
    for text in ("the zebra is striped", "the horse is brown"):
        lcode("-p", text)
    done = lines(lcode("recall", "--stdin", "--role", "user", "--limit", "1", stdin="zebra\r\nhorse\nqwertzuiop"))
    assert [one["query"] for one in done] == ["zebra", "horse", "qwertzuiop"]
    assert [[hit["text"] for hit in one["hits"]] for one in done] == [["the zebra is striped"], ["the horse is brown"], []]
    assert all(hit["id"] == hit["message"] and hit["before"] == hit["after"] == [] for one in done for hit in one["hits"])
    assert done[2]["confidence"] == "none"


def test_an_answer_comes_before_the_next_question_is_asked(lcode: Lcode, repository: Path) -> None:
    lcode("-p", "the zebra is striped")
    command = [sys.executable, "-m", "lcode", "recall", "--stdin"]
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    with subprocess.Popen(command, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None and process.stdout is not None
        for question in ("zebra", "stripes"):
            process.stdin.write(f"{question}\n")
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["query"] == question
        process.stdin.close()
        assert process.stdout.read() == ""
    assert process.returncode == 0


def test_lines_that_ask_nothing_are_answered_too(lcode: Lcode, repository: Path) -> None:
    lcode("-p", "the zebra is striped")
    done = lines(lcode("recall", "--stdin", stdin="\n" + "x" * 9_000 + "\n" + "zebra " * 500_000 + '\n"(* NEAR\nzebra\n'))
    long = "the line is longer than 8,000 characters"
    assert [one.get("error", "") for one in done] == ["the line is empty", long, long, "", ""]
    assert len(done[4]["hits"]) > 0
    assert lcode("recall", "--stdin", "zebra").code == 2


def test_text_fits_80_columns(lcode: Lcode, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    git(repository, "switch", "-q", "-c", "a-rather-long-name-of-a-branch-for-zebras")
    lcode("-p", "the zebra " + "is a striped animal that lives in herds " * 20)
    assert max(map(len, lcode("recall", "zebra").out.splitlines())) <= 80


def test_a_message_that_is_not_there_is_one_line(lcode: Lcode, repository: Path) -> None:
    lcode("-p", "zebra")
    (hit,) = hits(lcode, "zebra", "--role", "user")
    done = lcode("sessions", "show", hit["session"], "--at", "ffff")
    assert (done.code, done.err.count("\n")) == (1, 2)
    assert lcode("sessions", "show", hit["session"], "--context", "3").code == 2
