"""Whose words a line of core memory is: its user's and the agent's own, or directions from files, tool results, commits.

Text from there is data. What it says of the code may be noted; that somebody is to do something is only taken from the user.
Before the agent's line becomes part of every prompt, it is compared with the directions that this session has read. The
comparison is by telling words, so that another wording of the same direction is found too; it errs on the side of asking the
user, and what it finds is kept in archival memory as a quotation.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass
from functools import cache

from lcode.memory.directions import LONGEST, Strength, binds, directions, plain
from lcode.memory.model import Source

MOST = 3_000  # directions of a session that are remembered, the newest
_SCANNED = 400_000  # characters of a text
_WAITING = 2_000_000  # characters of texts that are kept until somebody asks
_OF_LINE, _OF_DIRECTION = 0.6, 0.7  # shares of telling words from which on two say the same
_OF_PASSAGE = 0.5  # of the telling words of a passage, from which on it is a quotation
_OF_USER = 0.7  # the same, of what the user said
_COMMON = 2  # telling words that they share, at the least
_CLAUSES = re.compile(r"(?<=[.!?;])\s+|;|\n|[()]")
_TOKENS = re.compile(r"[A-Za-z0-9][\w./:@%+=~-]*\w|\w")
_OUTSIDE = re.compile(r"://|^[\w.+-]+@[\w-]+\.|^(?:\d{1,3}\.){3}\d|^www\.|\.(?:sh|ps1|bat|exe)$", re.IGNORECASE)
_REACHING_WORDS = "run execute curl wget sh bash eval install download fetch send post upload pipe forward source"
_IDLE_WORDS = """
    a an and any are as at be been before but by can do does don for from had has have how i if in into is it its just let may
    me my not of on or our out s shall should so such t than that the their them then there these they this to up us was we were
    what when where which who will with would you your also always never must all each every after please make sure ensure needs
    need remember note important rule rules prior via done convention conventions first used ought keep mind
"""
_IDLE = frozenset(_IDLE_WORDS.split())
# A plain statement made of these only says how the project is built, whoever else says so.
_TOOLS = """
    make pytest tox nox npm npx pnpm yarn bun cargo go gradle gradlew mvn maven rake bundle rspec jest vitest mocha ruff mypy
    black flake8 pylint isort eslint prettier tsc clippy rustfmt gofmt poetry uv pip pdm hatch just task cmake ctest bazel
    python python3 node deno ruby dotnet phpunit composer unittest pre-commit
"""
_BUILDING = f"""
    {_TOOLS} test tests unit suite lint build format type types typecheck check run runs command commands script scripts manager
    package dependenc dependency project repo repository code style linter formatter whole all fast slow integration coverage
    install fmt -m makefile package.json pyproject.toml tox.ini noxfile.py cargo.toml go.mod readme.md contributing.md readme
    contributing setup.py setup.cfg
"""


@dataclass(frozen=True)
class Direction:
    """A sentence that tells somebody to do something. `where` is the file, tool or commit it was read in."""

    text: str
    where: str
    words: frozenset[str]
    source: Source = Source.TOOL
    strength: Strength = Strength.ADDRESSED


class Origins:
    """What one session has read and heard. What was read is looked at when somebody asks."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[str, str, Source]] = deque()
        self._size = 0
        self._read: deque[Direction] = deque(maxlen=MOST)
        self._known: set[tuple[str, ...]] = set()
        self._heard: list[frozenset[str]] = []

    def read(self, text: str, where: str, source: Source = Source.TOOL) -> None:
        """Untrusted text came into the session."""
        part = text[:_SCANNED]
        self._waiting.append((part, where, source))
        self._size += len(part)
        if self._size > _WAITING:
            self._look()

    def _look(self) -> None:
        while self._waiting:
            text, where, source = self._waiting.popleft()
            for sentence, strength in directions(text):
                words = telling_words(sentence)
                key = tuple(sorted(words))
                if len(words) >= _COMMON and key not in self._known:
                    self._known.add(key)
                    self._read.append(Direction(sentence, where, words, source, strength))
        self._size = 0

    def heard(self, text: str) -> None:
        """The user said this."""
        self._heard += [words for clause in _CLAUSES.split(text[:_SCANNED]) if (words := telling_words(clause))]
        self._heard.append(telling_words(text[:LONGEST]))

    def source_of(self, line: str) -> Direction | None:
        """The direction that a part of `line` repeats and that the user did not give; None where there is none."""
        self._look()
        line = plain(line)
        parts = dict.fromkeys([line, *_CLAUSES.split(line)]) if self._read else ()
        return next((found for clause in parts if (found := self._repeated(clause, line))), None)

    def quoted_in(self, text: str) -> Direction | None:
        """The direction that `text` repeats where most of it repeats what was read: a passage of one's own that touches upon a
        direction is no quotation."""
        self._look()
        said, whole, first = 0, 0, None
        for line in plain(text).split("\n") if self._read else ():
            for clause in _CLAUSES.split(line):
                words = len(telling_words(clause))
                found = self._repeated(clause, line)
                said, whole, first = said + (words if found else 0), whole + words, first or found
        return first if first is not None and said >= _OF_PASSAGE * whole else None

    def _repeated(self, clause: str, line: str) -> Direction | None:
        words = telling_words(clause)
        if len(words) < _COMMON or self._from_user(words):
            return None
        excused = _excused(line, words)
        repeated = (one for one in reversed(self._read) if one.strength > excused and _same(words, one.words))
        return next(repeated, None)

    def _from_user(self, words: frozenset[str]) -> bool:
        return any(len(words & said) >= max(_COMMON, _OF_USER * len(words)) for said in self._heard)


def _excused(line: str, words: frozenset[str]) -> int:
    """Up to which strength directions may say the same as a line that only describes: what binds is often true as well."""
    if binds(line):
        return -1
    return Strength.ABSOLUTE if words <= _building() and words & _tools() else Strength.BINDING


def _same(words: frozenset[str], direction: frozenset[str]) -> bool:
    """Whether a line of these telling words repeats a direction of those."""
    both = words & direction
    shared = len(both) if not both <= _building() - _tools() else 0  # that tests are run, everybody says
    if shared >= _OF_LINE * len(words) and (shared > _COMMON or shared == len(words)):
        return True
    if shared > _COMMON and shared >= _OF_DIRECTION * len(direction):
        return True
    return shared >= _COMMON and any(map(_OUTSIDE.search, both)) and bool(both & _reaching())


def telling_words(text: str) -> frozenset[str]:
    """The words of a text that say what it is about, inflection aside."""
    tokens = (word.lower().strip("./:-~=") for word in _TOKENS.findall(text))
    found = [part for word in tokens for part in (word, *_address(word))]
    return frozenset(_stem(word) for word in found if word and word not in _IDLE)


def _address(word: str) -> list[str]:
    """The host and the file of an address: words that name them apart say the same."""
    host, *path = word.partition("://")[2].split("/") if "://" in word else word.split("/")
    if "." not in host or ("://" not in word and not path):
        return []
    return [part for part in (host, *path[-1:]) if "." in part]


def _stem(word: str) -> str:
    """Enough to take `runs`, `running` and `run` for one word; paths, addresses and flags stay as they are."""
    if not word.isalpha() or len(word) < 4:
        return word
    word = f"{word.removesuffix('ies')}y" if word.endswith("ies") else word
    for ending in ("ing", "ed", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            word = word.removesuffix(ending)
            break
    return word[:-1] if len(word) > 3 and word[-1] == word[-2] else word.removesuffix("e")


@cache
def _reaching() -> frozenset[str]:
    return frozenset(map(_stem, _REACHING_WORDS.split()))


@cache
def _tools() -> frozenset[str]:
    return frozenset(map(_stem, _TOOLS.split()))


@cache
def _building() -> frozenset[str]:
    return frozenset(map(_stem, _BUILDING.split()))
