"""Histories of other agents come in whole, in each version of their formats, without what their programs put into them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lcode.memory import importing_claude, importing_codex
from lcode.memory.importing import Damages, Import, ImportedMessage, Summary
from lcode.memory.importing_claude import Claude
from lcode.memory.importing_codex import Codex
from lcode.memory.importing_text import pieces
from lcode.store.database import fetch_all
from tests.memory.conftest import Tiers

HISTORIES = Path(__file__).parent.parent / "fixtures/histories"
SHOP = ["/work/shop"]
Line = tuple[str, str]


@pytest.fixture
def histories(tmp_path: Path) -> Path:
    """The fixtures, written in the order of their names."""
    copy = Path(shutil.copytree(HISTORIES, tmp_path / "histories"))
    for at, path in enumerate(sorted(copy.rglob("*.jsonl"), key=lambda path: path.name)):
        os.utime(path, (at, at))
    return copy


def claude(histories: Path, damages: Damages) -> Iterator[ImportedMessage]:
    yield from Claude(SHOP).read(importing_claude.sources(histories / "claude-code", SHOP), damages)


def codex(histories: Path, damages: Damages) -> Iterator[ImportedMessage]:
    folders = importing_codex.folders({"CODEX_HOME": str(histories / "codex")}, Path("/"))
    found = [file for folder in folders for file in importing_codex.sources(folder, SHOP)]
    yield from Codex(SHOP, importing_codex.titles(folders[0])).read(found, damages)


def take(tiers: Tiers, origin: str, messages: Iterator[ImportedMessage]) -> Summary:
    return Import(tiers.memory, tiers.redactor, origin).take(messages)


def of_session(tiers: Tiers, title: str) -> list[tuple[Any, ...]]:
    """(role, first line, tool, outcome, files) of the messages of the session with this title."""
    sql = (
        "SELECT messages.role, messages.kind, text, tool, outcome, paths FROM messages JOIN message_details USING (seq)"
        " JOIN sessions ON sessions.id = messages.session_id WHERE title = ? ORDER BY messages.seq"
    )
    rows = tiers.memory.read(lambda connection: fetch_all(connection, sql, (title,)))
    return [(row[1], row[2].split("\n")[0], *row[3:]) for row in rows]


def sessions(tiers: Tiers) -> list[tuple[Any, ...]]:
    sql = "SELECT title, branch, worktree, model FROM sessions ORDER BY title"
    return tiers.memory.read(lambda connection: fetch_all(connection, sql))


def test_a_session_of_claude_code_comes_in_whole(tiers: Tiers, histories: Path) -> None:
    take(tiers, "claude-code", claude(histories, Damages()))
    refused = "The user doesn't want to proceed with this tool use. The tool use was rejected (eg. if it was a file edit,"
    found = of_session(tiers, "Upload retries and the certificate")
    assert [(kind, line[: len(refused)], *more) for kind, line, *more in found] == [
        ("user", "/model opus", "", "", ""),
        ("tool", "Set model to opus", "command", "ok", ""),
        ("user", "Why does the nightly upload fail?", "", "", ""),
        ("assistant", "I'll look at the uploader.", "", "", ""),
        ("tool", "     1\tRETRIES = 3", "Read", "ok", "shop/upload.py"),
        ("assistant", "→ Bash pytest -k upload Run the upload tests", "", "", ""),
        ("tool", "ssl.SSLCertVerificationError: certificate has expired", "Bash", "error", ""),
        ("assistant", "→ Bash certbot renew --force", "", "", ""),
        ("tool", refused, "Bash", "refused", ""),
        ("assistant", "The certificate of the upload host has expired; renew it on the host.", "", "", ""),
    ]


def test_a_session_of_a_later_claude_code_comes_in_whole(tiers: Tiers, histories: Path) -> None:
    take(tiers, "claude-code", claude(histories, Damages()))
    assert of_session(tiers, "Labels in A6") == [
        ("user", "Labels must be printed in A6.", "", "", ""),
        ("assistant", "I set the page size to A6.", "", "", ""),
        ("assistant", "→ Edit /work/shop/shop/labels.py A4 A6", "", "", ""),
        ("tool", "The file /work/shop/shop/labels.py has been updated.", "Edit", "ok", "shop/labels.py"),
        ("user", "and keep A4 for invoices", "", "", ""),
        ("user", "! git status --short", "", "", ""),
        ("tool", "M shop/labels.py", "command", "ok", ""),
        ("summary", "This session is being continued from a previous conversation that ran out of context. Labels are A6,"
         " invoices A4.", "", "", ""),
        ("user", "/cost", "", "", ""),
    ]  # fmt: skip
    assert of_session(tiers, "work of a sub-agent") == [
        ("notice", "Find every place that prints in A4.", "", "", ""),  # not the user's words
        ("assistant", "Only invoices.py prints in A4.", "", "", ""),
    ]


def test_sessions_of_claude_code_have_their_title_branch_place_and_model(tiers: Tiers, histories: Path) -> None:
    found = take(tiers, "claude-code", claude(histories, Damages()))
    assert sessions(tiers) == [
        ("Is it renewed now?", "main", "/work/shop", "claude-opus-4-20250514"),
        ("Labels in A6", "feature/labels", "/work/shop", "claude-opus-4-6"),
        ("Upload retries and the certificate", "main", "/work/shop", "claude-opus-4-20250514"),
        ("work of a sub-agent", "feature/labels", "/work/shop", "claude-haiku-4-5"),
    ]
    assert (found.sessions, found.repeated) == (4, 2)  # what a resumed session repeats is there once
    assert (found.first, found.last) == ("2025-07-02T08:00:01.000Z", "2026-03-01T09:03:00.000Z")


@pytest.mark.parametrize(("origin", "read"), [("claude-code", claude), ("codex", codex)])
def test_damaged_lines_are_named_and_a_repeated_import_adds_nothing(
    tiers: Tiers, histories: Path, origin: str, read: Any
) -> None:
    damages = Damages()
    first = take(tiers, origin, read(histories, damages))
    assert [(damage.line, damage.why) for damage in damages.named] == [
        (18, "a line of type user without a message" if origin == "claude-code" else "a message without content"),
        (19, "not JSON: invalid control character at"),
    ]
    again = take(tiers, origin, read(histories, Damages()))
    assert (again.messages, again.sessions, again.known) == (0, 0, first.messages)


def test_a_session_that_went_on_adds_what_is_new(tiers: Tiers, histories: Path) -> None:
    take(tiers, "codex", codex(histories, Damages()))
    path = next(histories.rglob("rollout-*000000000003.jsonl"))
    with path.open("a") as file:
        file.write(
            '{"timestamp":"2026-03-09T11:01:00Z","type":"response_item","payload":{"type":"message","role":"assistant",'
            '"content":[{"type":"output_text","text":"Grams will do."}]}}\n'
        )
    assert take(tiers, "codex", codex(histories, Damages())).messages == 1


def test_sessions_of_codex_come_in_whole_in_each_form(tiers: Tiers, histories: Path) -> None:
    found = take(tiers, "codex", codex(histories, Damages()))
    assert of_session(tiers, "Which carrier ships to Iceland?") == [
        ("user", "Which carrier ships to Iceland?", "", "", ""),
        ("assistant", "→ shell rg Iceland 10000", "", "", ""),
        ("tool", "shop/carrier.py:12: ICELAND = NorthPost", "shell", "ok", ""),
        ("assistant", "NorthPost does.", "", "", ""),
    ]
    assert of_session(tiers, "Grams, not pounds") == [
        ("user", "Weights must be in grams, never in pounds.", "", "", ""),
        ("assistant", "→ exec_command pytest -q tests/test_weights.py /work/shop", "", "", ""),
        ("tool", "Chunk ID: 1", "exec_command", "error", ""),
        (
            "assistant",
            "→ apply_patch *** Begin Patch *** Update File: shop/weights.py -POUNDS +GRAMS *** End Patch",
            "",
            "",
            "",
        ),
        ("tool", "Success. Updated the following files:", "apply_patch", "ok", "shop/weights.py"),
        ("assistant", "→ shell git commit -am Weigh in grams", "", "", ""),
        ("tool", "[fix/weights 1234567] Weigh in grams", "shell", "ok", ""),
        ("assistant", "All weights are in grams now.", "", "", ""),
        ("summary", "Weights were moved to grams.", "", "", ""),
        ("tool", "<command>", "command", "ok", ""),
    ]
    assert of_session(tiers, "Review") == [  # where events alone tell, and another agent asked
        ("notice", "Review the diff.", "", "", ""),
        ("assistant", "It looks right.", "", "", ""),
    ]
    assert of_session(tiers, "Or should we use kilograms?") == [("user", "Or should we use kilograms?", "", "", "")]
    assert found.repeated == 1  # what the fork began with
    assert ("Grams, not pounds", "fix/weights", "/work/shop", "gpt-5.4-codex") in sessions(tiers)


def test_only_sessions_of_the_repository_are_taken(histories: Path) -> None:
    everything = importing_claude.sources(histories / "claude-code", ())
    assert len(everything) == len(importing_claude.sources(histories / "claude-code", SHOP)) + 1
    rollouts = histories / "codex/sessions"
    assert len(importing_codex.sources(rollouts, ())) == len(importing_codex.sources(rollouts, SHOP)) + 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("hello <system-reminder>x</system-reminder>", [("user", "hello")]),
        ("what does <system-reminder> mean?", [("user", "what does <system-reminder> mean?")]),
        ("<command-name>review</command-name><command-args>the diff</command-args>", [("user", "/review the diff")]),
        ("<bash-input>ls</bash-input>", [("user", "! ls")]),
        ("<bash-stdout>a\nb</bash-stdout><bash-stderr></bash-stderr>", [("tool", "a\nb")]),
        ("<user-memory-input>use tabs</user-memory-input>", [("user", "use tabs")]),
        ("<task-notification>done</task-notification>", []),
        ("[Request interrupted by user]", []),
        ("This session is being continued from a previous conversation. x", [("summary", None)]),
        ("if a < b and c > d: swap", [("user", "if a < b and c > d: swap")]),
    ],
)
def test_what_the_program_put_into_a_message_is_no_speech(text: str, said: list[tuple[str, str | None]]) -> None:
    assert [(role, words) for role, words in pieces(text)] == [(role, words or text) for role, words in said]


@pytest.mark.parametrize("reader", [Claude(), Codex()])
def test_whatever_stands_in_a_file_nothing_breaks(reader: Claude | Codex) -> None:
    damages = Damages()
    list(reader.read([HISTORIES / "odd.jsonl"], damages))
    assert damages.count >= 4
