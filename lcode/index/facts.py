"""What manifests and task files tell of a project, before it is put into words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lcode.index.text import label


@dataclass(frozen=True)
class Command:
    """`purpose`: test, lint, format, types, build, run. `source` is the file that says so, `runs` what stands behind it."""

    purpose: str
    command: str
    source: str
    runs: str = ""
    inferred: bool = False


@dataclass
class Facts:
    """`summary`, `dependencies` and `commands` are as files hold them; the others are ready to be said."""

    projects: list[str] = field(default_factory=list)
    version_file: str = ""
    summary: tuple[str, str] = ("", "")  # file, text
    requires: list[str] = field(default_factory=list)
    dependencies: list[str] = field(default_factory=list)
    entry_points: list[str] = field(default_factory=list)
    commands: list[Command] = field(default_factory=list)
    tools: list[str] = field(default_factory=list)
    style: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)

    def project(self, name: object, version: object, source: str, summary: object = "") -> None:
        if isinstance(name, str) and name:
            number = f" {label(version, 30)}" if isinstance(version, str | int | float) and version else ""
            self.projects.append(f"{label(name)}{number} ({source})")
        if isinstance(summary, str) and summary and not self.summary[1]:
            self.summary = (source, summary)


def table(value: Any, *keys: str) -> Mapping[str, Any]:
    """The table at `keys` of a parsed manifest; empty where it is none."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def texts(value: Any) -> list[str]:
    """The texts of a parsed list; nothing where it is none."""
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


_NAMES = {
    "test": "test tests check unit",
    "lint": "lint vet clippy",
    "format": "format fmt",
    "types": "typecheck types type-check mypy",
    "build": "build compile all",
    "run": "run start dev serve",
}
PURPOSES = {name: purpose for purpose, names in _NAMES.items() for name in names.split()}
