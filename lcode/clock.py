"""The one clock: UTC instants, stamps for the store, and the user's zone. Tests set it; nothing else reads the time."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime, tzinfo

_source: Callable[[], datetime] | None = None


def now() -> datetime:
    """The present instant in UTC. `LCODE_CLOCK` (an ISO instant) pins it, for replays and tests of whole processes."""
    if _source is not None:
        return _source()
    pinned = os.environ.get("LCODE_CLOCK")
    return parse(pinned) if pinned else datetime.now(UTC)


def set_source(source: Callable[[], datetime] | None) -> None:
    """Replace the clock (tests); None restores the real one."""
    global _source  # noqa: PLW0603
    _source = source


def stamp(at: datetime | None = None) -> str:
    """`at` (default: now) as the store keeps it: `2026-11-20T09:30:00.123Z`, which sorts as text."""
    moment = (at or now()).astimezone(UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def parse(text: str) -> datetime:
    """A stamp (or any ISO instant) back to a UTC datetime. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def to_local(at: datetime) -> datetime:
    """`at` in the user's zone, by the zone's rules for that day."""
    return at.astimezone()


def from_wall(wall: datetime) -> datetime:
    """The UTC instant at which the user's clock shows `wall` (without a zone), by the zone's rules for that day."""
    return wall.astimezone(UTC)


def day_first() -> bool:
    """Whether the user writes 5/8/2026 for the 5th of August: by the language that the environment names."""
    named = next((os.environ[name] for name in ("LC_ALL", "LC_TIME", "LANG") if os.environ.get(name)), "C")
    return named.partition(".")[0] not in ("C", "POSIX", "en_US", "en_PH")


def local_zone() -> tzinfo:
    """The user's zone, from `TZ` or the system, as it is now."""
    zone = datetime.now().astimezone().tzinfo
    return zone if zone is not None else UTC


def monotonic() -> float:
    """Seconds for measuring durations; unrelated to the wall clock."""
    return time.monotonic()
