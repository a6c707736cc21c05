"""Client-made ids: every write carries one, so that it can be checked and is not repeated."""

from __future__ import annotations

import os


def new_id(kind: str) -> str:
    """A fresh id such as `message-3f2a…`: the kind and 128 random bits in hex."""
    return f"{kind}-{os.urandom(16).hex()}"
