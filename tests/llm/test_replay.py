from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lcode.errors import ConfigError, ProviderError, UserError
from lcode.llm.protocol import Delta, Message, Provider, Reply, Request, Text, TextPiece, Thinking, ThinkingPiece, ToolCall
from lcode.llm.providers import resolve
from lcode.llm.replay import RecordingProvider, ReplayProvider, ScriptedProvider, digest, pieces
from lcode.redact import Redactor
from tests.llm import strategies as some

ONE = Reply((Text("a\nb"), ToolCall("c", "f", {"x": 1})), "tool_calls", model="m")
TWO = Reply((Text("done"),), "stop")


def request(text: str) -> Request:
    return Request("m", "s", (), (Message("user", (Text(text),)),))


def ask(provider: Provider, text: str) -> list[Delta]:
    async def collect() -> list[Delta]:
        return [delta async for delta in provider.stream(request(text))]

    return asyncio.run(collect())


def test_what_was_recorded_is_played_again(tmp_path: Path) -> None:
    path = tmp_path / "session.jsonl"
    script = ScriptedProvider([ONE, ProviderError("no", "hint", status=400, overflow=True), TWO])
    recorder = RecordingProvider(script, path)
    first = ask(recorder, "1")
    with pytest.raises(ProviderError):
        ask(recorder, "2")
    ask(recorder, "3")
    assert path.stat().st_mode & 0o777 == 0o600

    player = resolve(f"replay:{path}", {}, {})
    assert isinstance(player, ReplayProvider)
    assert ask(player, "1") == first
    with pytest.raises(ProviderError) as caught:
        ask(player, "2")
    assert (caught.value.hint, caught.value.status, caught.value.overflow) == ("hint", 400, True)
    assert ask(player, "another")[-1] == TWO
    assert player.mismatches == [3]
    with pytest.raises(ProviderError, match="ended after 3"):
        ask(player, "4")


def test_no_secret_is_recorded_and_what_is_heard_is_as_it_was_said(tmp_path: Path) -> None:
    token, path = "ghp_A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8", tmp_path / "session.jsonl"
    said = Reply(
        (Thinking(token, "signed", origin="anthropic"), Text(token), ToolCall("c", "f", {token: {"id": token}})), "stop"
    )
    script = ScriptedProvider([said, ProviderError(f"wrong key {token}", f"not {token}")])
    recorder = RecordingProvider(script, path, Redactor({}).redact)
    assert ask(recorder, "1")[-1] == said
    with pytest.raises(ProviderError, match="ghp_"):
        ask(recorder, "2")
    assert "ghp_" not in path.read_text()
    player = ReplayProvider(path)
    mark = "[redacted:github]"
    assert ask(player, "1")[-1] == Reply(
        (Thinking(mark, origin="anthropic"), Text(mark), ToolCall("c", "f", {mark: {"id": mark}})), "stop"
    )
    with pytest.raises(ProviderError, match=r"wrong key \[redacted"):
        ask(player, "2")


def test_a_recording_grows_over_processes(tmp_path: Path) -> None:
    path = tmp_path / "session.jsonl"
    ask(RecordingProvider(ScriptedProvider([ONE]), path), "1")
    ask(RecordingProvider(ScriptedProvider([TWO]), path), "2")
    assert len(path.read_text().splitlines()) == 2


def test_a_reply_that_never_became_whole_is_not_recorded(tmp_path: Path) -> None:
    path = tmp_path / "session.jsonl"
    recorder = RecordingProvider(ScriptedProvider([ONE]), path)

    async def leave() -> None:
        stream = recorder.stream(request("1"))
        await anext(stream)
        await stream.aclose()  # type: ignore[attr-defined]

    asyncio.run(leave())
    assert path.read_text() == ""


@pytest.mark.parametrize("content", ["{", "[]", '{"request": 1}', '{"request": {}, "reply": {"parts": []}}', "[" * 9999])
def test_what_is_no_recording_is_refused_with_the_line(content: str, tmp_path: Path) -> None:
    path = tmp_path / "session.jsonl"
    path.write_text("\n" + content)
    with pytest.raises(UserError, match="line 2"):
        ReplayProvider(path)


def test_a_recording_that_cannot_be_opened_is_a_users_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot read"):
        ReplayProvider(tmp_path / "none")
    with pytest.raises(ConfigError, match="cannot record"):
        RecordingProvider(ScriptedProvider([]), tmp_path)


def test_a_script_answers_raises_and_keeps_what_was_asked() -> None:
    script = ScriptedProvider([TWO, ValueError("x"), lambda asked: Reply((Text(asked.model),), "stop")])
    assert ask(script, "1") == [TextPiece("done"), TWO]
    with pytest.raises(ValueError, match="x"):
        ask(script, "2")
    assert ask(script, "3")[0] == TextPiece("m")
    assert [asked.messages[0].parts[0] for asked in script.requests] == [Text("1"), Text("2"), Text("3")]
    with pytest.raises(ProviderError, match="script has ended"):
        ask(script, "4")


@given(some.replies)
def test_the_pieces_of_a_reply_are_its_text(reply: Reply) -> None:
    *streamed, last = pieces(reply)
    assert last == reply
    assert "".join(piece.text for piece in streamed if isinstance(piece, TextPiece)) == reply.text
    assert all(isinstance(piece, TextPiece | ThinkingPiece) for piece in streamed)


@given(st.lists(some.messages, max_size=3))
def test_a_digest_is_stable_over_the_neutral_form(messages: list[Message]) -> None:
    asked = Request("m", "s", (), tuple(messages))
    assert digest(asked) == digest(Request("other", "s", (), tuple(messages)))
    assert digest(asked) != digest(Request("m", "t", (), tuple(messages)))
    json.dumps(digest(asked))
