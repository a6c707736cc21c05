"""What can go wrong on the wire, each as a value: put it at a request's index and it happens once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Event


@dataclass(frozen=True)
class Fault:
    """One fault. Positions count bytes of the response's body, chunk framing apart. Made by the functions below."""

    kind: str
    status: int = 0
    at: int = 0
    data: bytes = b""
    pause: float = 0.0
    headers: Mapping[str, str] = field(default_factory=dict)
    code: str = ""
    reached: Event = field(default_factory=Event, compare=False)
    closed: Event = field(default_factory=Event, compare=False)
    release: Event = field(default_factory=Event, compare=False)

    @property
    def before_headers(self) -> bool:
        return self.kind in ("status", "html", "reset_early", "hang_early")


def status(
    code: int, retry_after: float | str | None = None, *, word: str = "", headers: Mapping[str, str] | None = None
) -> Fault:
    """An HTTP error with the service's own body. `word` replaces the error's code (such as insufficient_quota)."""
    extra = dict(headers or {})
    if retry_after is not None:
        extra["retry-after"] = str(retry_after)
    return Fault("status", status=code, headers=extra, code=word)


def html(code: int = 502) -> Fault:
    """A page of some proxy instead of JSON, with an error's status or with 200."""
    return Fault("html", status=code)


def reset(at: int | None = None) -> Fault:
    """The connection is reset: before any header, or after `at` bytes of the body."""
    return Fault("reset_early") if at is None else Fault("reset", at=at)


def truncate(at: int) -> Fault:
    """The body ends after `at` bytes as if it were whole: the HTTP framing is correct."""
    return Fault("truncate", at=at)


def cut(at: int) -> Fault:
    """The connection is closed in order after `at` bytes, without the end that the framing promised."""
    return Fault("cut", at=at)


def cut_chunk(at: int) -> Fault:
    """Like `cut`, inside a chunk: its size line promises all the rest, but only the bytes up to `at` come."""
    return Fault("cut_chunk", at=at)


def garbage(at: int, data: bytes = b"\xff\xfe\x00garbage\xc3\x28\n\n") -> Fault:
    """`data` stands in the stream after `at` bytes; then it goes on."""
    return Fault("garbage", at=at, data=data)


def hang(at: int | None = None) -> Fault:
    """Silence before the headers, or after `at` bytes, until the client closes or `release` is set (then it goes on).
    `reached` is set once it hangs, `closed` when the client has gone."""
    return Fault("hang_early") if at is None else Fault("hang", at=at)


def drip(pause: float = 0.001, size: int = 16) -> Fault:
    """The whole body, `size` bytes at a time with pauses."""
    return Fault("drip", pause=pause, at=size)


def error_event(at: int) -> Fault:
    """The service's own error event inside the stream, at the first event border from `at` on; then it ends."""
    return Fault("error_event", at=at)
