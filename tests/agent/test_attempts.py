"""What was tried is kept by itself: what failed and then passed, was undone, or was corrected by the user; nothing else is."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from lcode.agent.attempts import is_correction
from lcode.memory.model import Actor, Passage, Source, Trust
from tests.agent.harness import Harness, reply, run

BAD, GOOD = "return 2\n", "return 1\n"
CHECK = "python check.py"


@pytest.fixture
def harness(repo: Path, monkeypatch: pytest.MonkeyPatch) -> Harness:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")  # an edit within the second, of the same size, would not be seen
    (repo / "one.py").write_text(f"def one():\n    {BAD}")
    (repo / "check.py").write_text(
        "import one, sys\nif one.one() != 1:\n    print('AssertionError: one() is not 1')\n    sys.exit(1)\n"
    )
    return Harness.open(repo)


def shell(command: str) -> tuple[str, dict[str, Any]]:
    return "shell", {"command": command}


def edit(old: str, new: str, path: str = "one.py") -> tuple[str, dict[str, Any]]:
    return "edit_file", {"path": path, "edits": [{"old": old, "new": new}]}


READ = ("read_file", {"path": "one.py"})


def session(harness: Harness, *runs: tuple[str, list[Any]]) -> list[Passage]:
    """Have the runs, each with the user's message and the model's steps; the attempts that are kept then."""
    harness.script([answer for _, steps in runs for answer in (*steps, reply("So it is."))])

    async def talk() -> None:
        opened = await harness.runtime.new_session()
        for said, _ in runs:
            await harness.ask(opened, said)
        await opened.close()

    run(talk())
    return sorted(harness.runtime.memory().archival.search("", kind="attempt"), key=lambda one: one.created_at)


def test_what_failed_and_passed_after_edits_is_kept(harness: Harness) -> None:
    steps = [
        reply("", shell(CHECK)),
        reply("", READ),
        reply("", edit("return 2", "return 3")),
        reply("", shell(CHECK)),
        reply("It has to be one.", edit("return 3", "return 1")),
        reply("", shell(CHECK)),
    ]
    (found,) = session(harness, ("Mend one().\nIt is off.", steps))
    assert found.text.splitlines()[:4] == [
        "Goal: Mend one().",
        "Approach: changed one.py (one); the agent said «It has to be one.»",
        "Outcome: failed 2 times, then passed",
        "Evidence: `python check.py` failed with «AssertionError: one() is not 1»",
    ]
    assert (found.kind, found.actor, found.source, found.trust) == ("attempt", Actor.PROGRAM, Source.TOOL, Trust.UNVERIFIED)
    assert found.citations == ("one.py",)
    assert [one.id for one in harness.runtime.memory().archival.search("one is not 1", kind="attempt")] == [found.id]


@pytest.mark.parametrize(
    "steps",
    [
        [shell(CHECK), shell(CHECK)],  # nothing passed
        [shell(CHECK), READ, edit("return 2", "return 1"), shell("python -c 'pass'")],  # another command passed
        [shell("grep nothing one.py"), READ, edit("return 2", "return 1"), shell("grep return one.py")],  # no check
        [shell("no-such-program"), READ, edit("return 2", "return 1"), shell("true")],
        [READ, edit("return 2", "return 1"), shell(CHECK)],  # it never failed
        [shell(f"{CHECK} | cat"), READ, edit("return 2", "return 1"), shell(f"{CHECK} | cat")],
    ],
)
def test_what_shows_nothing_is_not_kept(harness: Harness, steps: list[Any]) -> None:
    assert session(harness, ("Mend it.", [reply("", step) for step in steps])) == []


def test_a_failure_of_one_run_may_pass_in_a_later_one_and_is_kept_once(harness: Harness) -> None:
    found = session(
        harness,
        ("Does it work?", [reply("", shell(CHECK))]),
        ("Then mend it.", [reply("", READ), reply("", edit("return 2", "return 1")), reply("", shell(CHECK))]),
        ("Once more, please.", [reply("", shell(CHECK))]),
    )
    assert [one.text.splitlines()[0] for one in found] == ["Goal: Does it work?"]


@pytest.mark.parametrize(
    "undo", [shell("git checkout -- one.py"), shell("git restore ."), shell("git reset --hard"), edit("return 7", "return 2")]
)
def test_an_approach_that_was_undone_is_kept(harness: Harness, repo: Path, undo: Any) -> None:
    subprocess.run(["git", "add", "-A"], cwd=repo, check=True)
    subprocess.run(["git", "commit", "-qm", "x"], cwd=repo, check=True)
    steps = [reply("", READ), reply("", edit("return 2", "return 7")), reply("Seven breaks the callers.", undo)]
    (found,) = session(harness, ("Try seven.", steps))
    assert found.text.startswith("Goal: Try seven.\nApproach: changed one.py (one)\nOutcome: abandoned: undone ")
    assert "«Seven breaks the callers.»" in found.text


def test_what_was_committed_is_not_taken_for_undone(harness: Harness) -> None:
    steps = [READ, edit("return 2", "return 7"), shell("git add -A && git commit -qm seven"), shell("git restore .")]
    assert session(harness, ("Try seven.", [reply("", step) for step in steps])) == []


def test_a_correction_by_the_user_is_kept_with_what_was_done(harness: Harness) -> None:
    found = session(
        harness,
        ("Make one() return seven.", [reply("", READ), reply("", edit("return 2", "return 7"))]),
        ("No, that's wrong: it must be a constant SEVEN.", []),
        ("Thanks.", []),
    )
    (one,) = found
    assert one.text.splitlines()[:4] == [
        "Goal: Make one() return seven.",
        "Approach: changed one.py (one); said «So it is.»",
        "Outcome: the user corrected it",
        "Evidence: the user said «No, that's wrong: it must be a constant SEVEN.»",
    ]
    assert (one.source, one.trust) == (Source.SAID, Trust.TRUSTED)


def test_words_alone_are_no_attempt(harness: Harness) -> None:
    assert session(harness, ("What is one()?", []), ("No, I meant two().", [])) == []


@pytest.mark.parametrize(
    "words",
    ["no, use a list", "No.", "That's wrong", "that is not what I asked", "don't touch the tests", "Undo that", "stop",
     "actually, use sqlite instead", "Instead, keep the name", "I meant the other file", "you broke the build", "wait, not so",
     "it still fails", "revert it please", "Not like that", "please don't add comments", "you should not have renamed it",
     "no that breaks it", "Stop changing the tests", "wait, that is the wrong file", "undo the last edit"],
)  # fmt: skip
def test_a_correction(words: str) -> None:
    assert is_correction(words)


@pytest.mark.parametrize(
    "words",
    ["no problem, go on", "No, thanks", "no worries", "now add a test", "Thanks, that works", "don't forget to add a test",
     "Actually, can you also add docs?", "notice the second case", "Nothing else", "add an undo button", "what does it do?",
     "know any better way?", "Great. No more for now", "stopwatch.py has a bug", "Noted. Next: parse()", "waiting is fine", "",
     "no tests needed here", "no idea, you choose", "nope, all good", "stop the server and restart it", "Undo the stash",
     "instead of X use Y in the parser too", "Wait, what does f do?", "rather nice work", "This is not about tests",
     "that's not bad", "Stop at step 3 and report", "undo history is next", "Stop here"],
)  # fmt: skip
def test_no_correction(words: str) -> None:
    assert not is_correction(words)
