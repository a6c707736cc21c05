"""Server-sent events from chunks of bytes, however the bytes were cut.

Only the parsing: lines end with CRLF, LF or CR, a byte order mark at the start is skipped, comments are dropped, the
lines of `data` are joined, and an event that was not closed by an empty line never happened.
"""

from __future__ import annotations

from dataclasses import dataclass

_BOM = b"\xef\xbb\xbf"
MAX_EVENT = 16 * 1024 * 1024


class EventStreamError(ValueError):
    """The bytes are no stream of events: invalid UTF-8, or an event beyond the cap."""


@dataclass(frozen=True)
class ServerEvent:
    """`name` is the `event` field ('' where there was none)."""

    name: str
    data: str


class EventParser:
    """Feed it chunks; it gives back the events that are complete."""

    def __init__(self, max_event: int = MAX_EVENT) -> None:
        self._max = max_event
        self._line: list[bytes] = []  # the line that has not ended yet, in pieces: joined once
        self._size = 0  # bytes of the event under way
        self._after_cr = False
        self._at_start = True
        self._name = ""
        self._data: list[str] = []

    def feed(self, chunk: bytes) -> list[ServerEvent]:
        """The events that `chunk` completes. Raises EventStreamError."""
        if self._after_cr and chunk:  # the LF of a CRLF that was cut
            self._after_cr = False
            chunk = chunk.removeprefix(b"\n")
        if not chunk:
            return []
        events: list[ServerEvent] = []
        for line in chunk.splitlines(keepends=True):
            self._line.append(line)
            self._size += len(line)
            if self._size > self._max:
                raise EventStreamError(f"an event is larger than {self._max} bytes")
            if line.endswith((b"\n", b"\r")):
                self._end_line(events)
        self._after_cr = chunk.endswith(b"\r")
        return events

    def _end_line(self, events: list[ServerEvent]) -> None:
        whole = b"".join(self._line)
        raw = whole.rstrip(b"\r\n")
        self._line.clear()
        if self._at_start:
            self._at_start = False
            raw = raw.removeprefix(_BOM)
        if not raw:
            if self._data:
                events.append(ServerEvent(self._name, "\n".join(self._data)))
            self._name, self._data, self._size = "", [], 0
            return
        try:
            line = raw.decode("utf-8")
        except UnicodeDecodeError:
            raise EventStreamError("the stream holds invalid UTF-8") from None
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "data":
            self._data.append(value)
        elif field == "event":
            self._name = value
        elif not field:  # a comment, sent to keep the connection alive: it must not count against the cap for ever
            self._size -= len(whole)
