"""Two engines for one search: ripgrep where it is installed, else our own walk with `re`; both give the same `Found`.

Ripgrep gets no configuration and only the ignore rules that `walk` knows. A pattern that it cannot read (look-around,
back-references) goes to the own engine. A file with a NUL in its first 8 KB is binary and left out, and so is one that
may hold secrets: whether they match is not told either.
"""

from __future__ import annotations

import asyncio
import re
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lcode import clock
from lcode.tools import files
from lcode.tools.base import ToolError
from lcode.tools.walk import glob_test, is_ignored, is_repository, top, walk

_SECONDS = 30.0
_COUNTED = 5_000  # matching lines after which counting ends
_BYTES = 8_000_000  # of ripgrep's output
_RECORD = re.compile(rb"(\d+)(?::(\d+):|-)([^\n]*)\n?")
_STOPPED = b"WARNING: stopped searching binary file"

_RIPGREP = (
    *(
        "--no-config",
        "--no-messages",
        "--no-ignore-global",
        "--no-ignore-dot",
        "--no-ignore-exclude",
        "--hidden",
        "--glob=!.git",
    ),
    *("--color=never", "--no-heading", "--with-filename", "--null", "--line-number", "--column", "--crlf", "--sort=path"),
)


@dataclass(frozen=True)
class Query:
    """What is searched: `target` is a folder, or a file that is searched whatever .gitignore says."""

    pattern: str
    target: Path
    root: Path
    glob: str | None = None
    ignore_case: bool = False
    around: int = 0
    mode: str = "lines"

    def wants(self) -> Callable[[str], bool]:
        """The test of relative paths; a glob without `/` speaks of names at any depth."""
        if not self.glob:
            return lambda path: True
        glob = self.glob.removeprefix("./").removeprefix("/")
        return glob_test(glob if "/" in self.glob else f"**/{glob}")


@dataclass(frozen=True)
class Hit:
    """A line; `column` is where in it the match starts, -1 for a line of context."""

    number: int
    text: str
    column: int


@dataclass
class FileHits:
    """`count` is the number of matching lines; `lines` is empty where only they or the file were asked for."""

    path: Path
    count: int = 0
    lines: list[Hit] = field(default_factory=list)


@dataclass
class Found:
    """In path order. `problem` says why there may be more: it is empty when everything was searched."""

    files: list[FileHits] = field(default_factory=list)
    problem: str = ""


async def run(query: Query, environment: Mapping[str, str]) -> Found:
    """Search. Raises ToolError for a pattern that cannot be read."""
    from shutil import which

    if "\n" in query.pattern or "\0" in query.pattern:
        raise ToolError("The search goes line by line: `pattern` cannot hold a newline or NUL.")
    query.wants()  # a bad glob is told before anything runs
    program = which("rg", path=environment.get("PATH"))
    found = await _ripgrep(query, program, environment) if program else None
    return found if found is not None else await _own(query)


async def _ripgrep(query: Query, program: str, environment: Mapping[str, str]) -> Found | None:
    """None where ripgrep cannot read the pattern, or would not know the same ignore rules."""
    from lcode.tools import process

    scope = _scope(query)
    if scope is None:
        return None
    mode = {"files": ["--files-with-matches"], "count": ["--count"]}.get(query.mode, [f"--context={query.around}"])
    case = ["--ignore-case"] if query.ignore_case else ["--case-sensitive"]
    command = [program, *_RIPGREP, *scope, *mode, *case, f"--regexp={query.pattern}", "--", str(query.target)]
    try:
        finished = await process.run(
            command,
            cwd=query.target if files.is_folder(query.target) else query.target.parent,
            environment=environment,
            timeout=_SECONDS,
            capture=process.Capture(_BYTES, 0),
            stop_when_full=True,
        )
    except (OSError, ValueError):
        return None
    if finished.code == 2 and b"\0" not in finished.output and finished.output.strip():
        return None  # an error message: the other engine reads the pattern, or explains
    problem = (
        f"stopped after {_SECONDS:.0f} s" if finished.timed_out else "stopped: too much was found" if finished.full else ""
    )
    searched = _filter(query)
    return _bounded((hits for hits in _PARSERS[query.mode](finished.output) if searched(hits.path)), problem)


def _scope(query: Query) -> list[str] | None:
    """Ripgrep's flags for the ignore rules that `walk` keeps to; None where there are none."""
    if not files.is_folder(query.target):
        return ["--text", "--no-ignore"]
    outermost = top(query.target, query.root)
    by_name = []
    if query.glob and "/" not in query.glob and query.glob[:1] not in ("!", "\\") and ":" not in query.glob:
        by_name = [f"--type-add=wanted:{query.glob}", "--type=wanted"]
    in_git = is_repository(outermost)
    if query.target != outermost:
        if is_ignored(query.target, query.root):
            return ["--no-ignore-parent", "--no-require-git", *by_name]
        if not in_git:
            return None
    return by_name if in_git else ["--no-ignore-parent", "--no-require-git", *by_name]


def _filter(query: Query) -> Callable[[Path], bool]:
    """Which files of the tree are searched: text that the glob names and that holds no secrets. A sensitive file or
    folder that is named itself was asked about: it is searched."""
    from lcode.sensitive import is_sensitive

    wants = query.wants()
    home = Path("~").expanduser()
    named = is_sensitive(query.target, home)

    def searched(path: Path) -> bool:
        if path == query.target:
            return True
        if not wants(path.relative_to(query.target).as_posix()) or (not named and is_sensitive(path, home)):
            return False
        return not _is_binary(path)

    return searched


def _is_binary(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return files.is_binary(file.read(8_192))
    except OSError:
        return True


def _bounded(found: Iterable[FileHits], problem: str) -> Found:
    """Files until enough lines were counted."""
    result = Found(problem=problem)
    total = 0
    for hits in found:
        result.files.append(hits)
        total += len(hits.lines) and hits.count
        if total >= _COUNTED:
            result.problem = problem or f"stopped after {_COUNTED:,} matches"
            break
    return result


def _parse_lines(output: bytes) -> Iterator[FileHits]:
    """`path NUL number : column : text`, context lines `path NUL number - text`, `--` between blocks."""
    current: FileHits | None = None
    last = b""
    for name, number, column, text in _records(output):
        if current is None or name != last:
            if current is not None:
                yield current
            current, last = FileHits(_path(name)), name
        line = text.removesuffix(b"\r")
        at = len(_decoded(line[: int(column) - 1])) if column else -1
        current.lines.append(Hit(int(number), _decoded(line), at))
        current.count += bool(column)
    if current is not None:
        yield current


def _records(output: bytes) -> Iterator[tuple[bytes, bytes, bytes, bytes]]:
    at = 0
    while (end := output.find(b"\0", at)) >= 0:
        name = output[at:end]
        while name.startswith(b"--\n") or name.startswith(b"--\r\n"):
            name = name[name.index(b"\n") + 1 :]
        if _STOPPED in name:
            name = name[name.rindex(b"\n") + 1 :]
        match = _RECORD.match(output, end + 1)
        if match is None:
            return
        yield name, match[1], match[2] or b"", match[3]
        at = match.end()


def _parse_files(output: bytes) -> Iterator[FileHits]:
    for name in output.split(b"\0")[:-1]:
        yield FileHits(_path(name), 1)


def _parse_counts(output: bytes) -> Iterator[FileHits]:
    for match in re.finditer(rb"([^\0]+)\0(\d+)\r?\n", output):
        yield FileHits(_path(match[1]), int(match[2]))


_PARSERS: Mapping[str, Callable[[bytes], Iterator[FileHits]]] = {
    "lines": _parse_lines,
    "files": _parse_files,
    "count": _parse_counts,
}


def _path(name: bytes) -> Path:
    import os

    return Path(os.fsdecode(name))


def _decoded(line: bytes) -> str:
    """A line as text: UTF-8, else Latin-1."""
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        return line.decode("latin-1")


async def _own(query: Query) -> Found:
    """Our walk, in a thread that ends soon after the caller is gone."""
    regex = _compiled(query)
    stop = threading.Event()
    try:
        return await asyncio.to_thread(_searched, query, regex, stop)
    finally:
        stop.set()


def _compiled(query: Query) -> re.Pattern[str]:
    import warnings

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return re.compile(query.pattern, re.IGNORECASE if query.ignore_case else 0)
    except (re.error, OverflowError, RecursionError) as error:
        raise ToolError(
            f"{query.pattern!r} is not a valid regular expression: {error}. "
            f"To find this very text, escape it: {re.escape(query.pattern)}"
        ) from None


def _searched(query: Query, regex: re.Pattern[str], stop: threading.Event) -> Found:
    deadline = clock.monotonic() + _SECONDS
    late = False

    def over() -> bool:
        nonlocal late
        late = late or clock.monotonic() > deadline
        return late or stop.is_set()

    def found() -> Iterator[FileHits]:
        for path in _candidates(query):
            if over():
                return
            hits = _in_file(query, regex, path, over)
            if hits.count:
                yield hits

    result = _bounded(found(), "")
    if late:
        result.problem = f"stopped after {_SECONDS:.0f} s"
    return result


def _candidates(query: Query) -> Iterator[Path]:
    if not files.is_folder(query.target):
        yield query.target
        return
    searched = _filter(query)
    yield from (entry.path for entry in walk(query.target, query.root) if entry.is_file and searched(entry.path))


def _in_file(query: Query, regex: re.Pattern[str], path: Path, over: Callable[[], bool]) -> FileHits:
    hits = FileHits(path)
    before: deque[Hit] = deque(maxlen=query.around)
    after = 0
    try:
        for number, line in enumerate(_lines(path), 1):
            if number % 2_000 == 0 and over():
                break
            match = regex.search(line)
            if match is None:
                if after:
                    hits.lines.append(Hit(number, line, -1))
                    after -= 1
                else:
                    before.append(Hit(number, line, -1))
                continue
            hits.count += 1
            if query.mode == "files":
                break
            if query.mode == "lines":
                hits.lines += [*before, Hit(number, line, match.start())]
                before.clear()
                after = query.around
    except OSError:
        pass
    return hits


def _lines(path: Path) -> Iterator[str]:
    with path.open("rb") as file:
        if file.read(2) in (b"\xff\xfe", b"\xfe\xff"):
            file.seek(0)
            text = file.read().decode("utf-16", "replace")
            yield from (line.removesuffix("\r") for line in text.removesuffix("\n").split("\n"))
            return
        file.seek(3 if file.seek(0) == 0 and file.read(3) == b"\xef\xbb\xbf" else 0)
        for line in file:
            yield _decoded(line.removesuffix(b"\n").removesuffix(b"\r"))
