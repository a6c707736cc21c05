"""Completion in the input: commands after `/`, files of the repository after `@`."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from lcode import clock
from lcode.sanitize import clean
from lcode.ui.ports import RuntimePort

MAX_FILES = 5_000
MAX_SHOWN = 50
_FRESH = 15.0  # seconds for which a list of files is used again
_SKIPPED = frozenset({"node_modules", "__pycache__", "target", "dist", "build", "venv", "site-packages"})
_FILE_WORD = re.compile(r"(?:^|\s)@([^\s@]*)$")
_NAME = re.compile(r"[^\W\d]\w{2,}")
_COMMAND = re.compile(r"/[\w-]*$")


def wants_completion(document: Document) -> bool:
    """Whether the text before the cursor is something to complete while typing."""
    text = document.text_before_cursor
    return bool(_COMMAND.fullmatch(text) or _FILE_WORD.search(document.current_line_before_cursor))


def files_of(runtime: RuntimePort) -> Sequence[str]:
    """Paths of the repository's files: those of the index, or where there is none what a look finds."""
    return runtime.background.files() or list_files(runtime.root)


def list_files(root: Path, limit: int = MAX_FILES) -> list[str]:
    """Paths of files under `root`, nearest first, hidden and generated folders left out; at most `limit`."""
    found: list[str] = []
    folders = [""]
    while folders and len(found) < limit:
        below: list[str] = []
        for folder in folders:
            files, subfolders = _entries(root, folder)
            found += files
            below += subfolders
            if len(found) >= limit:
                break
        folders = below
    return found[:limit]


def _entries(root: Path, folder: str) -> tuple[list[str], list[str]]:
    files: list[str] = []
    folders: list[str] = []
    try:
        with os.scandir(root / folder) as entries:
            for entry in sorted(entries, key=lambda item: item.name):
                path = f"{folder}/{entry.name}" if folder else entry.name
                if entry.name.startswith(".") or not path.isprintable():
                    continue
                if entry.is_dir(follow_symlinks=False):
                    if entry.name not in _SKIPPED:
                        folders.append(path)
                else:
                    files.append(path)
    except OSError:
        pass  # a folder that cannot be read offers nothing
    return files, folders


class _Paths:
    """Paths in the order in which equals are offered (short ones first), lower-cased once."""

    def __init__(self, paths: Sequence[str]) -> None:
        self.source = paths
        ordered = sorted((path for path in paths if path.isprintable()), key=lambda path: (len(path), path))
        self._rows = [(path.lower(), path) for path in ordered]

    def matches(self, typed: str, limit: int = MAX_SHOWN) -> list[str]:
        """Paths that hold the typed letters together: those whose name or whole begins with them first, then those with them in
        the name, at last in the path. Looks no further than it must: this runs at each key."""
        wanted = typed.lower()
        tiers: tuple[list[str], ...] = ([], [], [])
        for lowered, path in self._rows:
            if wanted in lowered:
                tier = _tier(lowered, wanted)
                tiers[tier].append(path)
                if tier == 0 and len(tiers[0]) >= limit:
                    break
        return [path for tier in tiers for path in tier[:limit]][:limit]

    def apart(self, typed: str) -> Iterator[str]:
        """Paths that hold the letters in order and not together. No letter is tried twice, however long the path is."""
        wanted = typed.lower()
        if len(wanted) < 2:
            return iter(())
        pattern = re.compile("".join(f"[^{re.escape(letter)}]*+{re.escape(letter)}" for letter in wanted))
        return (path for lowered, path in self._rows if pattern.match(lowered) and wanted not in lowered)


def _tier(lowered: str, wanted: str) -> int:
    name = lowered[lowered.rfind("/") + 1 :]
    if name.startswith(wanted) or lowered.startswith(wanted):
        return 0
    return 1 if wanted in name else 2


class ShellCompleter(Completer):
    """`commands` gives names and summaries; `files` the paths, kept for a while; `definitions` files and the names that they
    define with this beginning. Both are called in the completion thread."""

    def __init__(
        self,
        commands: Sequence[tuple[str, str]],
        files: Callable[[], Sequence[str]],
        definitions: Callable[[str], Sequence[tuple[str, str]]] = lambda _: (),
    ) -> None:
        self._commands = commands
        self._files = files
        self._definitions = definitions
        self._kept = _Paths(())
        self._kept_at = -_FRESH

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        text = document.text_before_cursor
        word = _FILE_WORD.search(document.current_line_before_cursor)
        if _COMMAND.fullmatch(text):
            for name, summary in self._commands:
                if name.startswith(text[1:]):
                    yield Completion(f"/{name}", start_position=-len(text), display_meta=summary)
        elif word:
            for path, symbol in islice(self._matches(word[1]), MAX_SHOWN):
                meta = clean(symbol) if symbol else None
                yield Completion(f"@{path}", start_position=-len(word[1]) - 1, display=clean(path), display_meta=meta)

    def _matches(self, typed: str) -> Iterator[tuple[str, str]]:
        """Paths that hold what was typed, then those of files that define such a name, with it; each once."""
        now = clock.monotonic()
        if now - self._kept_at >= _FRESH:
            paths = self._files()
            if paths is not self._kept.source:
                self._kept = _Paths(paths)
            self._kept_at = now
        together = self._kept.matches(typed)
        yield from ((path, "") for path in together)
        defining = dict(self._definitions(typed)) if _NAME.fullmatch(typed) else {}
        yield from ((path, symbol) for path, symbol in defining.items() if path not in together and path.isprintable())
        yield from ((path, "") for path in self._kept.apart(typed) if path not in defining)


def completer_for(commands: Sequence[tuple[str, str]], runtime: RuntimePort) -> ShellCompleter:
    return ShellCompleter(commands, lambda: files_of(runtime), runtime.background.definitions)
