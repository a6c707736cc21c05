"""Whether a tree is so small that whoever asks can wait for its index: told by a look that itself ends soon."""

from __future__ import annotations

from pathlib import Path

from lcode.index.files import WHOLE, Listing, kind_of_path

FILES = 3_000
BYTES = 8_000_000  # of text that is searched whole: a few seconds of work


def is_small(root: Path) -> bool:
    """Whether the files below `root` are few, and short together."""
    listing, total = Listing(root), 0
    if listing.total > FILES:
        return False
    for number, (path, status) in enumerate(listing):
        if kind_of_path(path) in WHOLE:
            total += status.st_size
        if number >= FILES or total > BYTES:
            return False
    return True
