"""The first look at a codebase: fills the blocks about it from its files, without a model; what it writes is unverified."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from lcode.errors import MemoryEditError
from lcode.events import Notice
from lcode.git.command import Git, GitError
from lcode.memory.model import Actor, Source, Trust

if TYPE_CHECKING:
    from lcode.git.repository import Place
    from lcode.memory.session_memory import SessionMemory


def first_look(memory: SessionMemory, place: Place) -> Notice:
    from lcode.index.survey import survey

    names: Sequence[str] | None = None
    if place.common_dir:
        with suppress(GitError):
            names = Git(place.root).run("ls-files", "-z").split("\0")[:-1]
    found = survey(place.root, names)
    for label, value in (("architecture", found.architecture), ("conventions", found.conventions)):
        by = memory.provenance(Actor.PROGRAM, Source.FILE, trust=Trust.UNVERIFIED)
        with suppress(MemoryEditError):  # an empty folder leaves nothing to say; a second terminal was first
            if value:
                memory.blocks.rethink(label, value, by, base_version=0)
    return Notice(f"first time here: looked over {place.root.name} and noted what its files say (unverified)")
