"""Whether a call may run, must be asked about, or is refused: the modes, the session's grants, and the paths that always ask.

Knows no tool: a call comes as its effect, its resolved paths and its grant. Nothing from the repository can raise what
is allowed here; only the user's mode and answers do. A grant holds for the effect that it was given for; and what lies
outside the repository it covers only in the folders that it was given for.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from lcode.sensitive import why_sensitive, why_steering
from lcode.store import paths as store_paths


class Mode(StrEnum):
    """What runs without asking: reads; reads and edits; reads alone, with all else refused; everything."""

    ASK = "ask"
    ACCEPT_EDITS = "accept-edits"
    PLAN = "plan"
    YOLO = "yolo"


class Verdict(StrEnum):
    ALLOW = "allow"
    ASK = "ask"
    REFUSE = "refuse"


def _home() -> Path:
    try:
        return Path.home().resolve()
    except (RuntimeError, OSError):  # no HOME and no entry in the user database
        return Path("/nonexistent")


def _store() -> Path:
    try:
        return store_paths.home(os.environ).resolve()
    except (RuntimeError, OSError):
        return Path("/nonexistent")


@dataclass
class Permission:
    """One session's. `grants` are the keys of what the user allowed for it (see `remember`). `store` is lcode's own folder,
    which is private but for `readable`, folders that may be read like the repository (full outputs of tools)."""

    mode: Mode = Mode.ASK
    grants: set[tuple[str, ...]] = field(default_factory=set)
    readable: tuple[Path, ...] = ()
    home: Path = field(default_factory=_home)
    store: Path = field(default_factory=_store)

    def decide(self, effect: str, paths: Sequence[Path], root: Path, grant: str = "") -> tuple[Verdict, str]:
        """The verdict on a call with `effect` (read, memory, write, execute, network) on `paths` (symlinks resolved),
        in the repository at `root`, and the reason: for the user where they are asked, for the model where it is refused."""
        if effect == "memory" or self.mode is Mode.YOLO:
            return Verdict.ALLOW, ""
        if self.mode is Mode.PLAN and effect != "read":
            return Verdict.REFUSE, (
                "plan mode: only reading is allowed, nothing may be changed or run. Describe the change instead; the user"
                " can leave plan mode to have it made."
            )
        if always := self._always_asks(effect, paths, root):
            return Verdict.ASK, always
        if self._key(effect, paths, root, grant) in self.grants:
            return Verdict.ALLOW, ""
        if effect in ("execute", "network"):
            return Verdict.ASK, "runs a command" if effect == "execute" else "uses the network"
        return self._files(effect, paths, root)

    def remember(self, effect: str, paths: Sequence[Path], root: Path, grant: str) -> None:
        """The user allowed for the session what `grant` names, when asked about this call."""
        if key := self._key(effect, paths, root, grant):
            self.grants.add(key)

    def _key(self, effect: str, paths: Sequence[Path], root: Path, grant: str) -> tuple[str, ...]:
        if not grant or (effect == "write" and not paths):  # what would be written to was shown to nobody
            return ()
        return (effect, grant, *sorted({str(path.parent) for path in self._outside(effect, paths, root)}))

    def _outside(self, effect: str, paths: Sequence[Path], root: Path) -> list[Path]:
        free = (root, *self.readable) if effect == "read" else (root,)
        return [path for path in paths if not any(path.is_relative_to(folder) for folder in free)]

    def _files(self, effect: str, paths: Sequence[Path], root: Path) -> tuple[Verdict, str]:
        if outside := self._outside(effect, paths, root):
            return Verdict.ASK, f"{outside[0]} is outside the repository"
        if effect == "read" or (effect == "write" and paths and self.mode is Mode.ACCEPT_EDITS):
            return Verdict.ALLOW, ""
        return Verdict.ASK, "changes files" if effect == "write" else f"unknown effect {effect}"

    def _always_asks(self, effect: str, paths: Sequence[Path], root: Path) -> str:
        """Why the call is asked about each time, whatever was granted for the session; '' where it is not."""
        for path in paths:
            if why := why_sensitive(path, self.home):
                return why
            if path.is_relative_to(self.store) and not (
                effect == "read" and any(path.is_relative_to(folder) for folder in self.readable)
            ):
                return f"{path} is lcode's own store"
            if effect != "read" and (why := why_steering(path, root)):
                return why
        return ""
