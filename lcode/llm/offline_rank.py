"""Which of grep's hits answer a question: definitions first, terms close together, source before tests and documents."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from lcode.llm.offline_words import Term, parts, stem, stems

_HIT = re.compile(r"^(?P<path>[^:\n]+):(?P<line>\d+):(?P<text>.*)$")
_MODIFIERS = (
    r"(?:(?:export|default|pub(?:\([^)]*\))?|async|static|private|public|protected|abstract|final|override|readonly|unsafe|extern)"
    r"\s+)*"
)
_DEFINITION = re.compile(
    rf"^\s*{_MODIFIERS}(?:def|class|function\*?|fn|type|interface|enum|struct|trait|record|module|protocol|object)\s+(?P<name>[\w$]+)"
    r"|^func\s+(?:\([^)]*\)\s*)?(?P<go>\w+)"
    rf"|^(?:export\s+)?(?:const|let|var|static)\s+(?P<const>[\w$]+)"
    r"|^(?P<constant>[A-Z][A-Z0-9_]{2,})\s*(?::[^=]+)?="
    rf"|^\s+{_MODIFIERS}#?(?P<method>(?!if\b|for\b|while\b|switch\b|catch\b|return\b|function\b)[A-Za-z_$][\w$]*)\([^;]*\)(?::[^;{{]+)?\s*\{{$"
    r"|^\s*CREATE\s+(?:\w+\s+)?(?:TABLE|INDEX|VIEW|TRIGGER)\s+(?:IF NOT EXISTS\s+)?(?P<table>\w+)"
)
_TYPE = re.compile(r"\b(?:class|type|interface|enum|struct|trait|record|protocol)\s+\w")
_COMMANDS = re.compile(
    r"(?:^|/)(?:Makefile|justfile|package\.json|README\S*|AGENTS\.md|CLAUDE\.md|CONTRIBUTING\S*|tox\.ini|noxfile\.py)$",
    re.IGNORECASE,
)
_IMPORT = re.compile(
    r"^\s*(?:import\b|from\s+\S+\s+import\b|use\s|#include|require\b|export\s*(?:\{|\*|type\s*\{)|\"[\w./-]+\",?$|__all__)"
)
_COMMENT = re.compile(r"^\s*(?://|#(?!include|define|\[)|/?\*|--|\"\"\"|''')")
_HANDLING = re.compile(r"\b(?:except|catch|rescue|recover|on_\w+|on[A-Z]\w+)\b")
_CONDITION = re.compile(r"^\s*(?:\}\s*)?(?:else\s+)?(?:if|elif|case|when|switch|match)\b")
_TEST = re.compile(
    r"(?:^|/)(?:tests?|spec|specs|__tests__|testdata)/|(?:^|/)test_[^/]*$|[._-](?:test|spec)\.[^/]+$|_test\.\w+$"
)
_ASIDE = re.compile(r"(?:^|/)(?:examples?|demos?|samples?|fixtures?|benchmarks?|vendor|third_party|node_modules|dist)/")
_PROGRAM = (
    r"(?:\S*/)?(?:make|npm|npx|pnpm|yarn|bun|pytest|python3?|tox|nox|cargo|go|just|task|mvn|gradlew?"
    r"|bundle|rake|composer|uv|hatch)"
)
_COMMAND = re.compile(rf"(?:^\s*|[`$>:]\s*|\"\s*){_PROGRAM}\s+\S|^[\w-]*:(?!=)|^\s+\"[\w:-]+\": \"")
_CHANGES = re.compile(r"(?:^|/)(?:CHANGELOG|CHANGES|HISTORY|NEWS|RELEASES?)\b[^/]*$", re.IGNORECASE)
_DOCS = frozenset({".md", ".rst", ".txt", ".adoc", ".html", ".org"})
_DATA = frozenset({".toml", ".json", ".yaml", ".yml", ".ini", ".cfg", ".lock", ".xml", ".csv", ".svg", ".jsonl"})
WINDOW = 6  # lines that stand together


@dataclass(frozen=True)
class Wanted:
    """What a question asks for beside its terms."""

    terms: Sequence[Term]
    handling: bool = False
    tests: bool = False
    docs: bool = False
    commands: bool = False
    names: Sequence[str] = ()  # whose definition is the answer


@dataclass
class Place:
    """A line that may answer. `covered` is the share of the question's weight found on it, near it or in its path."""

    path: str
    line: int
    text: str
    score: float = 0.0
    covered: float = 0.0
    source: bool = True
    found: frozenset[str] = field(default_factory=frozenset)


def parse_hits(outputs: Iterable[str]) -> dict[str, dict[int, str]]:
    """Lines of `path:line:text` as path → line → text."""
    files: dict[str, dict[int, str]] = defaultdict(dict)
    for output in outputs:
        for row in output.splitlines():
            if match := _HIT.match(row):
                files[match["path"]][int(match["line"])] = match["text"]
    return dict(files)


def definition(text: str) -> str:
    """The name that a line defines, or ''."""
    match = _DEFINITION.match(text)
    return next((name for name in match.groups() if name), "") if match else ""


def is_comment(text: str) -> bool:
    return bool(_COMMENT.match(text))


def rank(files: dict[str, dict[int, str]], wanted: Wanted) -> list[Place]:
    """The places, best first, one for each neighbourhood."""
    tokens = {path: {line: stems(text) for line, text in rows.items()} for path, rows in files.items()}
    weights = _weights(tokens, wanted.terms)
    places: list[Place] = []
    for path, rows in files.items():
        places += _file_places(path, rows, tokens[path], weights, wanted)
    places.sort(key=lambda place: (-place.score, place.path, place.line))
    exact = _defining(places, wanted.names)
    if exact:
        return _spread([*exact, *(place for place in places if place not in exact)])
    return _spread(places if wanted.handling else _definition_first(places, wanted.terms))


def _defining(places: list[Place], names: Sequence[str]) -> list[Place]:
    """The definitions of exactly these names, best first: they answer whatever else stands near the other words."""
    exact = [place for place in places if definition(place.text) in names]
    exact.sort(key=lambda place: (not place.source, place.text[:1].isspace(), -place.score))  # a method has the name of many
    for place in exact[:1]:
        place.score, place.covered = max(place.score, places[0].score), 1.0
    return exact


def _weights(tokens: dict[str, dict[int, frozenset[str]]], terms: Sequence[Term]) -> dict[Term, float]:
    """Rare terms say more: the weight falls with the share of files that hold them."""
    weights = {}
    for term in terms:
        holding = sum(any(term.matches(found) for found in rows.values()) for rows in tokens.values())
        if holding:
            weights[term] = term.weight * math.log(1.5 + len(tokens) / holding)
    missing = sum(weights.values()) / (len(weights) or 1) / 2
    return {term: weights.get(term, missing) for term in terms}


def _file_places(
    path: str, rows: dict[int, str], tokens: dict[int, frozenset[str]], weights: dict[Term, float], wanted: Wanted
) -> list[Place]:
    where = {term: [line for line, found in tokens.items() if term.matches(found)] for term in weights}
    in_path = stems(path)
    factor = _file_factor(path, wanted)
    total = sum(weight for term, weight in weights.items() if term.weight == 1.0) or 1.0
    path_terms = {term.stem for term in weights if term.matches(in_path)}
    own = {term.stem for term in weights if term.weight == 1.0}
    places = []
    for line, text in rows.items():
        name = definition(text)
        score = covered = 0.0
        for term, weight in weights.items():
            share = _nearness(term, line, where[term], name, in_path)
            score += weight * share
            covered += weight if share >= 0.4 and term.weight == 1.0 else 0.0
        found = frozenset(term.stem for term in weights if line in where[term])
        if found:
            whole = 1.4 if len(own) > 1 and own <= found | path_terms else 1.0  # the line holds all words of the question
            header = 0.6 if line <= 2 and is_comment(text) else 1.0  # it speaks of the whole file
            factors = factor * whole * header * _line_factor(text, name, wanted)
            places.append(Place(path, line, text, score * factors, covered / total, factor >= 0.6, found))
    return places


def _nearness(term: Term, line: int, lines: list[int], name: str, in_path: frozenset[str]) -> float:
    """How close a term stands to a line: in the defined name, on it, near it, in the path, elsewhere in the file."""
    bonus = 0.25 if term.matches(in_path) else 0.0
    if line in lines:
        named = parts(name)
        share = sum(term.matches([stem(part)]) for part in named) / len(named) if named else 0.0
        return 1.0 + (0.4 + 0.4 * share if share else 0.0) + bonus
    distance = min((abs(other - line) for other in lines), default=WINDOW * 100)
    if distance <= WINDOW:
        return 0.75 - 0.05 * distance + bonus
    return 0.4 if bonus else (0.1 if lines else 0.0)


def _file_factor(path: str, wanted: Wanted) -> float:
    suffix = PurePosixPath(path).suffix.lower()
    if wanted.commands:
        return 2.0 / (1 + path.count("/")) if _COMMANDS.search(path) else 0.2
    if _CHANGES.search(path):
        return 0.15
    if suffix in _DOCS:
        return 1.3 if wanted.docs else 0.35
    if _TEST.search(path):
        return 1.5 if wanted.tests else 0.15
    if suffix in _DATA or "/." in f"/{path}":
        return 0.4
    return 0.4 if _ASIDE.search(path) else 1.0


def _line_factor(text: str, name: str, wanted: Wanted) -> float:
    if _IMPORT.match(text):
        return 0.3
    factor = (1.15 if _TYPE.search(text) else 1.3) if name else 1.0
    if wanted.handling and not name and (_HANDLING.search(text) or _CONDITION.match(text)):
        factor *= 2.2
    if wanted.commands and _COMMAND.search(text):
        factor *= 2.0
    return factor * (0.9 if is_comment(text) else 1.0)


def _definition_first(places: list[Place], terms: Sequence[Term]) -> list[Place]:
    """Where the best line only calls what the question names, the definition of that comes before it."""
    if not places or definition(places[0].text):
        return places
    called = set(re.findall(r"(\w+)\(", places[0].text))
    for place in places[1:40]:
        name = definition(place.text)
        near = place.score >= 0.3 * places[0].score and place.covered >= 0.7 * places[0].covered
        if near and name in called and any(term.matches(stems(name)) for term in terms):
            place.score = places[0].score
            return [place, *(other for other in places if other is not place)]
    return places


def _spread(places: list[Place]) -> list[Place]:
    """Drop what stands in the neighbourhood of a better place."""
    kept: list[Place] = []
    for place in places:
        if all(place.path != other.path or abs(place.line - other.line) > WINDOW for other in kept):
            kept.append(place)
        if len(kept) >= 24:
            break
    return kept
