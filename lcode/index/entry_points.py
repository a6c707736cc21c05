"""Where programs start: what manifests name, and files whose name and text say so."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from lcode.index.text import label, read_head

_READ = 262_144  # bytes of a file that are looked at
_NAMED = re.compile(
    r"(?:^|/)(?:__main__\.py|main\.(?:py|go|rs|c|cc|cpp|java|kt|swift|ts|js)|manage\.py|wsgi\.py|asgi\.py|server\.(?:py|js|ts|c)"
    r"|app\.(?:py|js|ts)|cli\.(?:py|js|ts|rs)|index\.(?:js|ts)|src/bin/[^/]+\.rs|cmd/[^/]+/[^/]+\.go|Program\.cs)$"
)
_ASIDE = re.compile(
    r"(?:^|/)(?:\.[^/]+|[^/]*tests?|tests?[-_][^/]+|testing|spec|docs?|examples?|samples?|demos?|bench(?:es|marks?)?|fixtures?|vendor|third_party|deps"
    r"|node_modules|templates?|testdata|fuzz|scripts|tools)(?:/|$)",
    re.IGNORECASE,
)
_STARTS = {
    "py": re.compile(r"^if __name__ == ['\"]__main__['\"]", re.MULTILINE),
    "go": re.compile(r"^package main\b(?:.|\n)*^func main\(\)", re.MULTILINE),
    "rs": re.compile(r"^\s*(?:pub )?(?:async )?fn main\(", re.MULTILINE),
    "c": re.compile(r"^(?:static )?(?:int|void)\s+main\s*\(", re.MULTILINE),
    "java": re.compile(r"\bpublic static void main\s*\("),
    "kt": re.compile(r"^fun main\(", re.MULTILINE),
    "swift": re.compile(r"@main\b"),
    "cs": re.compile(
        r"\bstatic (?:async )?(?:void|int|Task(?:<int>)?) Main\s*\(|\bWebApplication\.CreateBuilder", re.MULTILINE
    ),
    "js": re.compile(r"\A#!|\.listen\(", re.MULTILINE),
}
_LIKE = {"cc": "c", "cpp": "c", "ts": "js"}


def entry_points(root: Path, paths: Iterable[str], named: Iterable[str], most: int = 8) -> list[str]:
    """What manifests name, then the files of `paths` at which a program starts, the highest first."""
    likely = [path for path in paths if _NAMED.search(path) and not _ASIDE.search(path.rpartition("/")[0])]
    likely.sort(key=lambda path: (path.count("/"), path))
    found = [path for path in likely[:60] if _starts(root, path)]
    return list(dict.fromkeys([*list(named)[:12], *map(label, found[:most])]))


def _starts(root: Path, path: str) -> bool:
    name = path.rpartition("/")[2]
    if name in ("__main__.py", "manage.py", "wsgi.py", "asgi.py"):
        return True
    suffix = name.rpartition(".")[2]
    pattern = _STARTS.get(_LIKE.get(suffix, suffix))
    return pattern is not None and pattern.search(read_head(root, path, _READ, raw=True)) is not None
