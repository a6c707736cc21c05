"""Conversations of other programs in the neutral form: whole, each message once, with its time; what is damaged is named."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lcode.memory.forget_rows import Wish, apply
from lcode.memory.importing import Damages, Import, ImportedMessage, Summary
from lcode.memory.importing_jsonl import LONGEST, messages
from lcode.memory.scrub import Scrub
from lcode.store.database import fetch_all
from tests.memory.conftest import Tiers

STANDUP = {"session": "standup", "time": "2026-03-08T09:30:00+01:00"}


def line(**values: Any) -> dict[str, Any]:
    return {**STANDUP, "text": "The certificate expired.", **values}


def data(*rows: Any) -> bytes:
    return b"".join(row if isinstance(row, bytes) else json.dumps(row).encode() + b"\n" for row in rows)


def read(*rows: Any) -> tuple[list[ImportedMessage], list[tuple[int, str]]]:
    """The messages, and the numbers of the damaged lines with why."""
    damages = Damages()
    found = list(messages(io.BytesIO(data(*rows)), "talk.jsonl", damages))
    assert all(damage.file == "talk.jsonl" for damage in damages.named)
    return found, [(damage.line, damage.why) for damage in damages.named]


def take(tiers: Tiers, *rows: Any, dry_run: bool = False) -> Summary:
    found = messages(io.BytesIO(data(*rows)), "talk.jsonl", Damages())
    return Import(tiers.memory, tiers.redactor, "jsonl", dry_run=dry_run).take(found)


def stored(tiers: Tiers, columns: str, table: str = "messages") -> list[tuple[Any, ...]]:
    return tiers.memory.read(lambda connection: fetch_all(connection, f"SELECT {columns} FROM {table} ORDER BY rowid"))


def test_a_message_comes_in_with_its_time_speaker_and_id(tiers: Tiers) -> None:
    rows = [line(id=17, name="Ada"), line(id="18", role="assistant", text="I renewed it.", time=1772959860)]
    found = take(tiers, *rows)
    assert (found.messages, found.sessions, found.known) == (2, 1, 0)
    assert (found.first, found.last) == ("2026-03-08T08:30:00.000Z", "2026-03-08T08:51:00.000Z")
    assert stored(tiers, "role, kind, text, created_at, actor, source, trust") == [
        ("user", "user", "The certificate expired.", "2026-03-08T08:30:00.000Z", "user", "said", "unverified"),
        ("assistant", "assistant", "I renewed it.", "2026-03-08T08:51:00.000Z", "agent", "inferred", "unverified"),
    ]
    assert stored(tiers, "name, origin, source_id", "message_details") == [("Ada", "jsonl", "17"), ("", "jsonl", "18")]
    content = json.loads(stored(tiers, "content")[0][0])
    assert content[0]["time"] == "2026-03-08T09:30:00+01:00"  # the zone is kept
    assert stored(tiers, "title, created_at, updated_at, ended_at", "sessions") == [
        ("The certificate expired.", "2026-03-08T08:30:00.000Z", "2026-03-08T08:51:00.000Z", "2026-03-08T08:51:00.000Z")
    ]
    assert tiers.recall.search("certificate")[0].message.created_at == "2026-03-08T08:30:00.000Z"


def test_a_repeated_import_adds_what_is_new_and_nothing_else(tiers: Tiers) -> None:
    rows = [line(id=number, text=f"message {number}") for number in range(150)]
    assert take(tiers, *rows).messages == 150
    again = take(tiers, *rows, line(id=150, text="one more"), line(session="other", id=1, text="elsewhere"))
    assert (again.messages, again.known, again.sessions) == (2, 150, 1)
    assert len(stored(tiers, "id")) == 152


def test_messages_without_an_id_are_known_again_by_what_they_say_and_when(tiers: Tiers) -> None:
    rows = [line(text="yes"), line(text="yes"), line(text="yes", time="2026-03-08T09:30:01+01:00")]
    assert take(tiers, *rows).messages == 3  # twice in one second is twice
    assert take(tiers, *rows, line(text="no")).messages == 1


def test_a_dry_run_counts_and_keeps_nothing(tiers: Tiers) -> None:
    take(tiers, line(id=1))
    found = take(tiers, line(id=1), line(id=2), line(session="b", id=1), dry_run=True)
    assert (found.messages, found.sessions, found.known) == (2, 1, 1)
    assert len(stored(tiers, "id")) == 1


def test_a_session_is_titled_by_its_first_words_that_are_no_command_even_where_the_import_was_cut_off(tiers: Tiers) -> None:
    rows = [line(id=at, text=text) for at, text in enumerate(["/model opus", "Why is the upload slow?", "And now?"])]

    def cut_off() -> Iterator[ImportedMessage]:
        yield from messages(io.BytesIO(data(*rows, *[line(id=at) for at in range(3, 80)])), "talk.jsonl", Damages())
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Import(tiers.memory, tiers.redactor, "jsonl").take(cut_off())
    assert stored(tiers, "title", "sessions") == [("Why is the upload slow?",)]
    tiers.recall.update_session(stored(tiers, "id", "sessions")[0][0], title="mine")
    take(tiers, *rows, line(id=99, title="theirs"))
    assert stored(tiers, "title", "sessions") == [("mine",)]


def test_secrets_are_replaced_before_anything_is_kept(tiers: Tiers) -> None:
    take(tiers, line(text="the token is correct-horse-battery", name="correct-horse-battery", title="correct-horse-battery"))
    everything = str([stored(tiers, "*", table) for table in ("messages", "message_details", "sessions")])
    assert "correct-horse" not in everything and "[redacted:" in everything


def test_what_was_forgotten_does_not_come_back(tiers: Tiers) -> None:
    about = {"session": "Kestrel standup", "name": "Kestrel", "tool": "kestrel-Kestrel", "paths": ["Kestrel.md"]}
    rows = [line(id="Kestrel 1", text="Project Kestrel is late", **about), line(id=2, text="fine", **about)]
    take(tiers, *rows)
    tiers.memory.write(lambda connection: apply(connection, Wish(Scrub(["Kestrel"])), edit=True))
    assert take(tiers, *rows).known == 2
    tables = ("messages", "message_details", "sessions", "session_origins")
    assert "Kestrel" not in str([stored(tiers, "*", table) for table in tables])


def test_a_session_that_is_forgotten_stays_forgotten(tiers: Tiers) -> None:
    take(tiers, line(id=1))
    session = stored(tiers, "id", "sessions")[0][0]
    wish = Wish(Scrub(), sessions=frozenset([session]))
    tiers.memory.write(lambda connection: apply(connection, wish, edit=True))
    assert (found := take(tiers, line(id=1), line(id=2, text="more"))).known == 1 and found.messages == 1
    everything = str([stored(tiers, "*", table) for table in ("messages", "sessions", "session_origins")])
    assert "certificate" not in everything and "standup" not in everything


def test_of_a_giant_output_of_a_tool_head_and_tail_are_kept(tiers: Tiers) -> None:
    text = "begin\n" + "x" * 200_000 + "\nend"
    take(tiers, line(role="tool", tool="pytest", outcome="error", paths=["a.py"], text=text))
    part = json.loads(stored(tiers, "content")[0][0])[0]
    assert part["type"] == "tool_result" and part["is_error"] is True and len(part["text"]) < 51_000
    assert part["text"].startswith("begin") and part["text"].endswith("end")
    assert stored(tiers, "tool, outcome, paths", "message_details") == [("pytest", "error", "a.py")]


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (b"{not json\n", "not JSON"),
        (b'"a text"\n', "not an object"),
        (b"\xff\xfe{}\n", "not UTF-8"),
        (b"[" * 100_000 + b"\n", "nested too deeply"),
        (b'{"text": "' + b"x" * LONGEST + b'"}\n', "longer than 16 MB"),
        ({"time": "2026-03-08", "role": "user"}, "no text"),
        ({"time": "2026-03-08", "text": ["a"]}, "the text is none"),
        ({"time": "2026-03-08", "text": " \n"}, "the text is empty"),
        ({"text": "hello"}, "no time"),
        ({"text": "hello", "time": "yesterday"}, "the time 'yesterday' is not ISO 8601"),
        ({"text": "hello", "time": 1e300}, "the time 1e+300 is none"),
        ({"text": "hello", "time": True}, "the time 'True' is not ISO 8601"),
        (
            {"text": "hello", "time": "2026-03-08", "role": "referee"},
            "the role 'referee' is not",
        ),
        ({"text": "hello", "time": "2026-03-08", "name": {"first": "Ada"}}, "the name is neither a text nor a number"),
    ],
)
def test_a_damaged_line_is_named_and_costs_itself_alone(row: Any, why: str) -> None:
    found, damaged = read(line(text="before"), row, b"\n", line(text="after"))
    assert [message.text for message in found] == ["before", "after"]
    assert [(number, text[: len(why)]) for number, text in damaged] == [(2, why)]


def test_an_id_that_two_messages_have_is_damage() -> None:
    found, damaged = read(line(id=1, text="one"), line(id=1, text="one"), line(id=1, text="two"))
    assert [message.text for message in found] == ["one", "one"]
    assert damaged == [(3, "the id '1' is that of line 1")]


def test_many_damaged_lines_are_counted_and_some_are_named() -> None:
    damages = Damages()
    assert not list(messages(io.BytesIO(b"x\n" * 1_000), "f", damages))
    assert damages.count == 1_000 and len(damages.named) == 20


def test_a_file_without_sessions_is_one() -> None:
    found, _ = read({"text": "a", "time": "2026-03-08T10:00Z"}, {"text": "b", "time": "2026-03-08T10:01Z"})
    assert {message.session.key for message in found} == {"talk"}


@given(st.lists(st.one_of(st.binary(max_size=60).map(lambda data: data.replace(b"\n", b"") + b"\n"), st.just(b"{}\n"))))
def test_whatever_stands_in_a_file_every_line_is_a_message_or_damage(rows: list[bytes]) -> None:
    damages = Damages()
    file = data(*rows, line(text="last"))
    found = list(messages(io.BytesIO(file), "f", damages))
    blank = sum(not row.removeprefix(b"\xef\xbb\xbf").strip() for row in file.splitlines(keepends=False) or [])
    assert found[-1].text == "last"
    assert len(found) + damages.count <= file.count(b"\n") and len(found) + damages.count >= file.count(b"\n") - blank
