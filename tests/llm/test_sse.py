from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lcode.llm.sse import EventParser, EventStreamError, ServerEvent

STREAM = (
    '\ufeff: welcome\r\n\r\nevent: start\r\ndata: {"a":"é😀"}\r\n\r\n'
    "data: one\ndata:two\ndata\n\nid: 7\nretry: 10\nunknown\n\n"
    "event: lonely\n\ndata: x\r\rdata: y\n\n: ping\n\ndata: [DONE]\n\ndata: never closed\n"
).encode()
EVENTS = [
    ServerEvent("start", '{"a":"é😀"}'),
    ServerEvent("", "one\ntwo\n"),
    ServerEvent("", "x"),
    ServerEvent("", "y"),
    ServerEvent("", "[DONE]"),
]


def parsed(chunks: list[bytes]) -> list[ServerEvent]:
    parser = EventParser()
    return [event for chunk in chunks for event in parser.feed(chunk)]


def test_a_stream_in_one_piece_gives_its_events() -> None:
    assert parsed([STREAM]) == EVENTS


def test_a_stream_byte_by_byte_gives_the_same_events() -> None:
    assert parsed([STREAM[at : at + 1] for at in range(len(STREAM))]) == EVENTS


@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_any_chunking_gives_the_same_events(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(STREAM)]
    assert parsed([STREAM[start:end] for start, end in pairwise(edges)]) == EVENTS


@given(
    st.lists(
        st.sampled_from([b"data: a", b"data:", b"event: e", b": c", b"", b"x", b"\n", b"\r", b"\r\n", b"\n\n"]), max_size=30
    ),
    st.data(),
)
def test_any_chunking_of_any_lines_gives_the_same_events(pieces: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(pieces)
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=6))
    edges = [0, *sorted(cuts), len(stream)]
    assert parsed([stream[start:end] for start, end in pairwise(edges)]) == parsed([stream])


def test_an_event_beyond_the_cap_is_refused_even_when_its_line_never_ends() -> None:
    parser = EventParser(max_event=100)
    with pytest.raises(EventStreamError, match="larger"):
        for _ in range(20):
            parser.feed(b"data: 123456")


def test_comments_may_go_on_for_ever() -> None:
    parser = EventParser(max_event=100)
    for _ in range(1000):
        assert parser.feed(b": keep-alive\n") == []


def test_invalid_utf8_is_refused() -> None:
    with pytest.raises(EventStreamError, match="UTF-8"):
        EventParser().feed(b"data: \xff\xfe\n\n")
