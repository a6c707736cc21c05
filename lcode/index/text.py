"""Text from files of a repository that nobody vouched for: read in bounds, cleaned, and always quoted."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from lcode.redact import cut, of_process

LINE = 160  # characters of a line that the survey says
_TAG = re.compile(r"<(?=[/!?\w])")
_QUOTES = str.maketrans({"«": "‹", "»": "›"})


def read_head(root: Path, path: str, limit: int = 65_536, *, raw: bool = False) -> str:
    """The first `limit` bytes of a regular file inside `root`; '' for anything else: missing, a pipe, a link that leaves.
    Secrets are gone and each line is where it was, so that the text may be cut and cleaned; `raw`: they are still there."""
    try:
        target = (root / path).resolve(strict=True)
        target.relative_to(root)
        if not stat.S_ISREG(target.stat().st_mode):
            return ""
        descriptor = os.open(target, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            content = file.read(limit)
    except (OSError, ValueError, RuntimeError):
        return ""
    if b"\0" in content:
        return ""
    text = (content if raw else of_process().blank(content)).decode("utf-8", errors="replace")
    return text.removeprefix("\ufeff").replace("\r\n", "\n")


def read_whole(root: Path, path: str, limit: int = 262_144) -> str:
    """The whole text of a file of at most `limit` bytes; '' if it is larger: half a manifest says nothing."""
    text = read_head(root, path, limit + 1)
    return text if len(text.encode("utf-8", "replace")) <= limit else ""


def clean(text: object, width: int = LINE) -> str:
    """`text` as part of one line: no control characters, no markup that could close a frame."""
    whole = of_process().redact(str(text)[: 4 * width + 1_000])  # part of a secret is not known for one
    bare = "".join(letter if letter.isprintable() else " " for letter in whole)
    line = " ".join(_TAG.sub("‹", bare.translate(_QUOTES)).split())
    return line if len(line) <= width else f"{cut(line, width - 1).rstrip()}…"


def quote(text: object, width: int = 110) -> str:
    """What a file says, as a quotation."""
    return f"«{clean(text, width)}»"


def label(text: object, width: int = 60) -> str:
    """A name or path from a file: as it is where it is one word, else quoted, so that no sentence passes for ours."""
    line = clean(text, width)
    return line if line and " " not in line else f"«{line}»"


def constraint(text: object) -> str:
    """A version constraint such as `>=3.11,<4`; anything that is none is quoted."""
    line = " ".join(str(text)[:200].split())  # as it is: what follows can close no frame
    plain = len(line) <= 40 and re.fullmatch(r"[\d\s.,<>=!~^*|&x+-]+", line)
    return line if plain else f"«{clean(text, 40)}»"


def listing(items: list[str], width: int = 120) -> str:
    """Items with commas, as many as fit, then how many more there are."""
    shown: list[str] = []
    for item in items:
        if sum(len(other) + 2 for other in shown) + len(item) > width:
            break
        shown.append(item)
    rest = len(items) - len(shown)
    return ", ".join(shown) + (f" and {rest} more" if rest and shown else "")


def plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def fit(lines: list[str], limit: int, width: int = LINE) -> str:
    """Lines of at most `width` characters, as many as fit into `limit` characters."""
    kept: list[str] = []
    room = limit
    for line in lines:
        short = line if len(line) <= width else f"{line[: width - 2].rstrip()}…"
        short += "»" if short.count("«") > short.count("»") else ""
        if len(short) + 1 <= room:
            kept.append(short)
            room -= len(short) + 1
    return "\n".join(kept)
