"""What a model says and what a user types is redacted before it is cut, flattened or kept, so that no part of a secret is."""

from __future__ import annotations

import base64
import hashlib
import os
import subprocess
from pathlib import Path

import pytest

from lcode.agent.note import commits_since, make_note
from lcode.git.command import Git
from lcode.llm.protocol import Reply, Text, Thinking, ToolCall
from tests.agent.harness import Harness, reply, run

TOKEN = "ghp_A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8"
BODY = base64.b64encode(b"".join(hashlib.sha256(bytes([number])).digest() for number in range(9))).decode()
KEY_LINES = [BODY[at : at + 64] for at in range(0, len(BODY), 64)]
KEY = "\n".join(["-----BEGIN PRIVATE KEY-----", *KEY_LINES, "-----END PRIVATE KEY-----"])


def kept() -> bytes:
    """Every byte under the home of lcode."""
    return b"".join(file.read_bytes() for file in sorted(Path(os.environ["LCODE_HOME"]).rglob("*")) if file.is_file())


def assert_none_kept(*parts: str) -> None:
    data = kept()
    assert b"[redacted:" in data
    for part in parts:
        assert part.encode() not in data


@pytest.mark.parametrize("length", range(20, 62, 3))
def test_a_title_is_redacted_before_it_is_cut(repo: Path, length: int) -> None:
    async def work() -> None:
        harness = Harness.open(repo)
        harness.script([reply("ok")])
        session = await harness.runtime.new_session()
        await harness.ask(session, f"{'word ' * 20}"[:length] + f"\n{TOKEN}\nand more of it")
        assert len(session.title) <= 60
        assert session.title.count("[") == session.title.count("]")
        assert session.memory.recall.session(session.id).title == session.title
        await harness.runtime.close()

    run(work())
    assert_none_kept("ghp_", "A1b2C3")


def test_a_call_is_redacted_before_its_line_is_made(repo: Path) -> None:
    async def work() -> None:
        harness = Harness.open(repo)
        harness.script(
            [
                reply("", ("write_file", {"path": "key.pem", "content": KEY})),
                reply("", ("shell", {"command": "true " + "x" * (300 - len("shell true ") - 12) + f" {TOKEN}"})),
                reply("", ("no_such_tool", {"id": TOKEN, TOKEN: {"signature": TOKEN}})),
                reply("", ("core_memory_append", {"label": TOKEN, "content": KEY})),
                reply(f"done with {TOKEN}"),
            ]
        )
        session = await harness.runtime.new_session()
        await harness.ask(session, f"keep this key:\n{KEY}")
        lines = [row.text for row in session.rows if row.text.startswith("→ ")]
        assert [line.split()[1] for line in lines] == ["write_file", "shell", "no_such_tool", "core_memory_append"]
        assert all(line.count("[") == line.count("]") for line in lines)
        assert [row.text for row in session.rows] == [row.text for row in session.memory.recall.context(session.id)]
        await harness.runtime.close()

    run(work())
    assert_none_kept("ghp_", "A1b2C3", *KEY_LINES)


def test_thinking_with_a_secret_is_not_sent_back_signed_live_or_resumed(repo: Path) -> None:
    leaky = Thinking(f"the token is {TOKEN}", "signature-1", origin="anthropic:m")
    call = ToolCall("call_1", "list_dir", {})

    async def work() -> None:
        harness = Harness.open(repo)
        script = harness.script([Reply((leaky, Text("I look."), call), "tool_calls"), reply("ok")], api="anthropic")
        session = await harness.runtime.new_session(model="anthropic/m")
        await harness.ask(session, "look")
        live = script.requests[-1].messages[1].parts[0]
        assert isinstance(live, Thinking) and not live.signature and "ghp_" not in live.text
        await harness.runtime.close()
        again = Harness.open(repo)
        resumed = again.script([reply("ok")], api="anthropic")
        await again.ask(await again.runtime.resume_session(session.id), "and?")
        assert resumed.requests[0].messages[: len(script.requests[-1].messages)] == script.requests[-1].messages
        await again.runtime.close()

    run(work())
    assert_none_kept("ghp_")


def test_the_note_redacts_the_subjects_of_commits_before_it_cuts_them(repo: Path) -> None:
    head = Git(repo).run("rev-parse", "HEAD").strip()
    subject = "x" * 55 + f" {TOKEN}"
    subprocess.run(["git", "commit", "-q", "--allow-empty", "-m", subject], cwd=repo, check=True)

    async def work() -> str:
        harness = Harness.open(repo)
        harness.script([reply("ok")])
        session = await harness.runtime.new_session()
        await harness.ask(session, "commit it")
        recall = session.memory.recall
        note = make_note(recall, recall.session(session.id), commits_since(Git(repo), head))
        await harness.runtime.close()
        return note

    note = run(work())
    assert "commits: " in note and "ghp_" not in note and "[redac" not in note.replace("[redacted:github]", "")
