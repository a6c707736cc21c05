"""Paths as text that can be stored and compared: on POSIX a name is any bytes, and text is UTF-8.

A path that is UTF-8 is its own text. Any other becomes a `file:` URI, which no absolute path looks like, so that two
folders never share a text and the path can be had back.
"""

from __future__ import annotations

import os
from pathlib import Path

_URI = "file://"


def path_text(path: Path) -> str:
    """`path`, which is absolute, as text."""
    text = str(path)
    try:
        text.encode()
    except UnicodeEncodeError:
        return path.as_uri()
    return text


def text_path(text: str) -> Path:
    """The path that `path_text` wrote."""
    if not text.startswith(_URI):
        return Path(text)
    from urllib.parse import unquote_to_bytes

    return Path(os.fsdecode(unquote_to_bytes(text.removeprefix(_URI))))
