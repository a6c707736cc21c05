"""The repository's shape within a budget of tokens: folders with what they hold, central files, their names, who uses whom.

The same index and budget give the same bytes. What does not fit is left out from the least central up, and said to be. Words
from files are quoted: they are data.
"""

from __future__ import annotations

import os
import re
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import apsw

from lcode.index import purposes
from lcode.index.entry_points import entry_points
from lcode.index.manifests import read_manifests
from lcode.index.shape import Shape, Symbol, read_outline, read_shape, read_symbols
from lcode.index.text import label, listing, plural, quote, read_head
from lcode.tokens import approximate_tokens

LEAST, MOST = 100, 50_000  # tokens
_CENTRAL = 400  # files that are looked at closely
_LINE = 15  # tokens that a file takes at the least
_WORDS = 70  # characters of what a file says of itself
_READ = 1_000_000  # bytes of a file
_DEFINES = re.compile(
    r"\b(?:def|class|func|fn|fun|function|struct|enum|union|trait|interface|type|typedef|const|var|let|impl|module|object|macro)\b"
)
_PEERS = 4  # files that are named as used by one
_SYMBOLS = (6, 12, 24, 60, 200)  # names of a file, from narrow to wide


@dataclass
class RepositoryMap:
    """What is drawn: made by `read_map`, and by then independent of the database. `note` says what the index lacks."""

    root: Path
    path: str
    shape: Shape
    ranked: list[str]
    symbols: dict[str, list[Symbol]]
    entries: list[str]
    note: str = ""
    _said: dict[str, str] = field(default_factory=dict)
    _texts: dict[str, list[str]] = field(default_factory=dict)
    _drawn: dict[tuple[str, int], str] = field(default_factory=dict)

    def text(self, budget: int) -> str:
        """As many folders, files and names as fit into `budget` tokens."""
        budget = max(LEAST, min(budget, MOST))
        return self._fitted(lambda count, names: "\n".join(self._lines(count, names)), budget)

    def data(self, budget: int) -> dict[str, Any]:
        """The same as values for JSON."""
        import json

        def made(count: int, names: int) -> str:
            return json.dumps(self._values(count, names))

        found: dict[str, Any] = json.loads(self._fitted(made, max(LEAST, min(budget, MOST))))
        return found

    def chart(self, budget: int) -> str:
        """The same as a Mermaid flow chart."""
        from lcode.index.mermaid import chart

        return chart(self.shape, self.path, max(LEAST, min(budget, MOST)))

    def _fitted(self, made: Callable[[int, int], str], budget: int) -> str:
        """The longest of what `made` gives for a number of files, and then for a number of names, that fits."""
        low, high = 0, len(self.ranked)
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if approximate_tokens(made(middle, _SYMBOLS[0])) <= budget else (low, middle - 1)
        best = made(low, _SYMBOLS[0])
        for names in _SYMBOLS[1:] if low == len(self.ranked) else ():
            wider = made(low, names)
            if approximate_tokens(wider) > budget:
                break
            best = wider
        return best

    # -- as text ----------------------------------------------------------------------------------------------------

    def _lines(self, count: int, names: int) -> list[str]:
        shown = self.ranked[:count]
        by_folder: dict[str, list[str]] = {}
        for path in shown:
            by_folder.setdefault(_folder(path), []).append(path)
        folders = sorted({*by_folder, *self._top_folders})
        lines = [self._head, *([self.note] if self.note else [])]
        if self.entries:
            lines.append(f"Entry points: {listing(self.entries)}")
        for folder in folders:
            lines.append(self._once(self._folder_line, folder, 0))
            lines += [self._once(self._file_line, path, names) for path in sorted(by_folder.get(folder, ()))]
        left = len(self._sources) - len(shown) if self.path not in self.shape.files else 0
        return [*lines, *([f"[{left:,} less central source files are not shown]"] if left > 0 else [])]

    def _once(self, draw: Callable[[str, int], str], path: str, names: int) -> str:
        """A line of the map, drawn when it is first needed."""
        key = (f"{draw.__name__} {path}", names)
        if key not in self._drawn:
            self._drawn[key] = draw(path, names)
        return self._drawn[key]

    @cached_property
    def _head(self) -> str:
        shape = self.shape
        languages: Counter[str] = Counter()
        for path in self._sources:
            languages[shape.files[path].language] += shape.files[path].lines
        total = sum(languages.values())
        shares = [f"{name or 'text'} {round(100 * lines / total)} %" for name, lines in languages.most_common(5) if total]
        kinds = Counter(shape.files[path].kind for path in shape.inner)
        counts = ", ".join(f"{number:,} {kind}" for kind, number in kinds.most_common(4))
        folder = self.path and self.path not in shape.files
        name = label(f"{self.path}/" if folder else self.path or self.root.name or str(self.root))
        return (
            f"{name}: {plural(len(shape.inner), 'file')} ({counts}), {total:,} lines of source: {', '.join(shares) or 'none'}"
        )

    @cached_property
    def _sources(self) -> list[str]:
        files = self.shape.files
        return [path for path in self.shape.inner if files[path].kind == "source" and files[path].language != "text"]

    @cached_property
    def _top_folders(self) -> list[str]:
        """The folders right below what is asked for that hold most."""
        depth = self.path.rstrip("/").count("/") + 1 if self.path else 0
        counts: Counter[str] = Counter()
        for path in self.shape.inner:
            parts = path.split("/")
            if len(parts) > depth + 1:
                counts["/".join(parts[: depth + 1])] += 1
        return [folder for folder, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:12]]

    def _folder_line(self, folder: str, _: int) -> str:
        below = f"{folder}/" if folder else ""
        inside = [path for path in self.shape.inner if path.startswith(below)] if folder else self.shape.inner
        if not folder:
            inside = [path for path in inside if "/" not in path]
        what = self._folder_words(folder, inside)
        links = self._folder_links(below) if folder else ""
        return f"{label(below) if below else './'} ({plural(len(inside), 'file')}){f': {what}' if what else ''}{links}"

    def _folder_words(self, folder: str, inside: list[str]) -> str:
        if not folder:
            return ""
        if folder not in self._said:
            direct = [path for path in inside if _folder(path) == folder]
            self._said[folder] = purposes.folder_words(self.root, folder, direct)
        said = self._said[folder]
        return quote(said, _WORDS) if said else purposes.KNOWN.get(folder.rpartition("/")[2].lower(), "")

    def _folder_links(self, below: str) -> str:
        """The other folders that this one uses most."""
        used: dict[str, float] = defaultdict(float)
        for source, targets in self.shape.uses.items():
            if source.startswith(below) and self.shape.files[source].kind == "source":
                for target, weight in targets.items():
                    if not target.startswith(below):
                        used[_folder(target) or "."] += weight
        names = sorted(used, key=lambda name: (-used[name], name))[:_PEERS]
        return f"; uses {', '.join(label(name + '/') for name in names)}" if names else ""

    def _file_line(self, path: str, names: int) -> str:
        shape, name = self.shape, path.rpartition("/")[2]
        users, uses = shape.used_by.get(path, {}), shape.uses.get(path, {})
        by = f", used by {len(users)}" if users else ""
        parts = [f"  {label(name)} ({plural(shape.files[path].lines, 'line')}{by})"]
        if said := self._file_words(path):
            parts.append(f" {said}")
        shown = [_shown(symbol) for symbol in self._placed(path, names)]
        more = len(self.symbols.get(path, ())) - len(shown)
        if shown:
            parts.append(f": {', '.join(shown)}{f' and {more} more' if more > 0 else ''}")
        peers = sorted(uses, key=lambda other: (-uses[other], other))[:_PEERS]
        if peers:
            parts.append(f"; uses {', '.join(label(_short(peer, path)) for peer in peers)}")
        return "".join(parts)

    def _placed(self, path: str, names: int) -> list[Symbol]:
        """The first definitions of a file, each at the line where its name stands now."""
        if path not in self._texts:
            self._texts[path] = read_head(self.root, path, _READ, raw=True).split("\n")
        return [symbol._replace(line=_line_of(symbol, self._texts[path])) for symbol in self.symbols.get(path, ())[:names]]

    def _file_words(self, path: str) -> str:
        if path not in self._said:
            self._said[path] = purposes.first_words(self.root, path)
        return quote(self._said[path], _WORDS) if self._said[path] else ""

    def _count(self, folder: str, _: int) -> str:
        return str(sum(path.startswith(f"{folder}/") for path in self.shape.inner))

    # -- as values --------------------------------------------------------------------------------------------------

    def _values(self, count: int, names: int) -> dict[str, Any]:
        shape = self.shape
        folders = sorted({*map(_folder, self.ranked[:count]), *self._top_folders} - {""})
        return {
            "path": self.path,
            "note": self.note,
            "files": len(shape.inner),
            "entry_points": self.entries,
            "folders": [{"path": folder, "files": int(self._once(self._count, folder, 0))} for folder in folders],
            "central": [
                {
                    "path": path,
                    "language": shape.files[path].language,
                    "lines": shape.files[path].lines,
                    "used_by": len(shape.used_by.get(path, ())),
                    "uses": sorted(shape.uses.get(path, ()), key=lambda other: (-shape.uses[path][other], other))[:_PEERS],
                    "symbols": [symbol._asdict() for symbol in self._placed(path, names)],
                }
                for path in self.ranked[:count]
            ],
        }


def read_map(
    connection: apsw.Connection, root: Path, checkout: str, path: str = "", *, budget: int = MOST, note: str = ""
) -> RepositoryMap | None:
    """The map of what lies below `path` in the checkout of that root, with enough in it for `budget` tokens; None where the
    index holds nothing of it."""
    shape = read_shape(connection, checkout, path)
    if shape is None or not shape.inner:
        return None
    ranked = shape.central()[: max(20, min(_CENTRAL, budget // _LINE))]
    symbols = read_symbols(connection, shape, ranked)
    if path in shape.files:  # one file, of whatever kind: all that it holds
        ranked, symbols = [path], {path: read_outline(connection, shape.files[path])}
    return RepositoryMap(root, path, shape, ranked, symbols, _entries(root, shape), note)


def without_index(root: Path, path: str, budget: int) -> str:
    """What a look at the files tells where there is no index."""
    from lcode.index.survey import survey

    lines = survey(root / path if path else root).architecture.split("\n")
    kept: list[str] = []
    for line in lines:
        if approximate_tokens("\n".join([*kept, line])) > max(LEAST, budget):
            break
        kept.append(line)
    return "\n".join(kept)


def no_files(path: str) -> str:
    """What there is to say where a map would be empty."""
    return f"there is no file to map at or below {path}" if path else "there are no files to map"


def _entries(root: Path, shape: Shape) -> list[str]:
    """Where programs start: what manifests name, and files whose names say so."""
    try:
        named = read_manifests(root, frozenset(os.listdir(root))).entry_points  # noqa: PTH208 - names only
    except OSError:
        named = []
    return entry_points(root, (path for path in shape.inner if shape.files[path].kind == "source"), named)


def _line_of(symbol: Symbol, lines: list[str]) -> int:
    """Where in its chunk a name is defined, as far as words tell."""
    name = re.compile(rf"(?<!\w){re.escape(symbol.name.rpartition('.')[2])}(?!\w)")
    standing = [
        at for at in range(symbol.line, min(max(symbol.end, symbol.line), len(lines)) + 1) if name.search(lines[at - 1])
    ]
    return next((at for at in standing if _DEFINES.search(lines[at - 1])), standing[0] if standing else symbol.line)


_KINDS = {"function": "", "class": "class ", "method": ""}


def _shown(symbol: Symbol) -> str:
    mark = "()" if symbol.kind in ("function", "method") else ""
    return f"{_KINDS.get(symbol.kind, f'{symbol.kind} ')}{label(symbol.name)}{mark}:{symbol.line}"


def _short(path: str, beside: str) -> str:
    """A path as it is named beside another: without the folder that both stand in."""
    folder = _folder(beside)
    return path.removeprefix(f"{folder}/") if folder and _folder(path) == folder else path


@cache
def _folder(path: str) -> str:
    return path.rpartition("/")[0]
