"""From a path as somebody gives it, in whatever folder, to one as the index writes it: from the root, with `/`."""

from __future__ import annotations

from pathlib import Path

from lcode.index.filters import PATTERN


def below(root: Path, here: Path, path: str) -> str | None:
    """`path`, which may be a pattern, as seen from the folder `here`; where there is no such thing, as seen from `root`. '' for
    the root itself, None where it leads out of it."""
    parts = path.split("/")
    at = next((at for at, part in enumerate(parts) if any(mark in part for mark in PATTERN)), len(parts))
    try:
        if (here / path).exists():  # a name that only looks like a pattern
            at = len(parts)
        fixed, pattern = "/".join(parts[:at]) or "/" * path.startswith("/"), "/".join(parts[at:])
        base, given = root.resolve(), (here / fixed).resolve()
        if not given.exists():
            given = elsewhere if (elsewhere := (base / fixed).resolve()).exists() else given
    except (OSError, RuntimeError, ValueError):  # links in a circle, a name that can be none
        return None
    if not given.is_relative_to(base):
        return None
    found = "" if given == base else given.relative_to(base).as_posix()
    return "/".join(part for part in (found, pattern) if part)
