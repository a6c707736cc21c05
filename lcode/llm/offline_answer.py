"""The words of an offline answer: places with a few lines of code, what memory says, and what was searched."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from lcode.llm.offline_memory import clip
from lcode.llm.offline_rank import Place, definition, is_comment
from lcode.llm.offline_words import Term, stems

FOOTER = "No model is configured (this was a search): set ANTHROPIC_API_KEY or OPENAI_API_KEY, or use --model ollama/NAME."
CONFIGURE = """\
I cannot change code or run commands: that needs a model, and none is configured. Choose one of these, then ask again:

    export ANTHROPIC_API_KEY=…               # or OPENAI_API_KEY=…
    lcode --model ollama/NAME                # a local model, no key
    lcode config set model PROVIDER/NAME     # for good

Until then I can find code and memories (“where is … handled?”) and keep what you tell me (“remember that …”)."""
SECRETS = (
    "Secrets are not kept: a placeholder took the place of this one before anything was stored. "
    "Put it into the environment (export ANTHROPIC_API_KEY=…) or into a file that git ignores."
)
_SNIPPET = 6
_FENCES = {
    "py": "python",
    "ts": "ts",
    "tsx": "tsx",
    "js": "js",
    "go": "go",
    "rs": "rust",
    "java": "java",
    "rb": "ruby",
    "sh": "sh",
    "c": "c",
}


@dataclass
class Evidence:
    """What the searches brought. `regions` are lines of files that were read, by path and number."""

    places: Sequence[Place] = ()
    regions: dict[str, dict[int, str]] = field(default_factory=dict)
    core: Sequence[str] = ()
    archival: Sequence[str] = ()
    conversations: Sequence[str] = ()
    callers: str = ""
    searched: Sequence[str] = ()


def answer(evidence: Evidence, terms: Sequence[Term]) -> str:
    """The whole answer, without the footer."""
    core = _memory("Core memory says:", evidence.core)
    kept = _memory("Archival memory has:", evidence.archival)
    code = _callers(evidence) if evidence.callers else _places(evidence)
    sections = [core, code, kept]
    best = _most(evidence.archival, terms)
    if best > _in_code(evidence, terms):
        sections = [kept, core, code] if best > _most(evidence.core, terms) else [core, kept, code]
    sections.append(_memory("From earlier sessions:", evidence.conversations))
    text = "\n\n".join(filter(None, sections))
    return text or nothing(evidence, terms)


def _most(lines: Sequence[str], terms: Sequence[Term]) -> int:
    """How many of the question's own terms the best of these lines holds."""
    return max((sum(term.weight == 1.0 and term.matches(stems(line)) for term in terms) for line in lines), default=0)


def _in_code(evidence: Evidence, terms: Sequence[Term]) -> int:
    """The same for the best place in code; a definition is more than its line says."""
    if not evidence.places:
        return 0
    own = [term for term in terms if term.weight == 1.0]
    best = evidence.places[0]
    defines = evidence.callers or (best.covered == 1.0 and definition(best.text))
    return len(own) if defines else sum(term.stem in best.found for term in own)


def nothing(evidence: Evidence, terms: Sequence[Term]) -> str:
    """Nothing was found, and where that was looked for."""
    words = ", ".join(term.word for term in terms if term.weight == 1.0) or "this"
    where = (
        f" I searched {', '.join(evidence.searched)}." if evidence.searched else " No search tool is offered in this session."
    )
    return f"I found nothing about {words}.{where}"


def _memory(title: str, lines: Sequence[str]) -> str:
    return "\n".join([title, *(f"- {line}" for line in lines)]) if lines else ""


def _callers(evidence: Evidence) -> str:
    if not evidence.places:
        return ""
    rows = [f"- {place.path}:{place.line}: `{clip(place.text.strip(), 120)}`" for place in evidence.places[:12]]
    return "\n".join([f"{evidence.callers} is called in:", *rows])


def _places(evidence: Evidence) -> str:
    places = _distinct([settled(place, evidence.regions.get(place.path, {})) for place in evidence.places])
    if not places:
        return ""
    best, others = places[0], places[1:]
    weak = "" if best.covered >= 0.4 else "Only weak matches; the nearest is "
    name = definition(best.text)
    outer = enclosing(best, evidence.regions.get(best.path, {}))
    what = f" (`{name}`)" if name else f" (in `{outer}`)" if outer else ""
    parts = [f"{weak}{best.path}:{best.line}{what}", _snippet(best, evidence.regions.get(best.path, {}))]
    if others:
        rows = [f"- {place.path}:{place.line}: `{clip(place.text.strip(), 110)}`" for place in others]
        parts += ["", "See also:", *rows]
    return "\n".join(parts)


def _distinct(places: Sequence[Place]) -> list[Place]:
    """The best, and up to four more that are not much weaker."""
    seen: set[tuple[str, int]] = set()
    kept: list[Place] = []
    for place in places:
        if (place.path, place.line) not in seen and (not kept or place.score >= 0.3 * kept[0].score):
            seen.add((place.path, place.line))
            kept.append(place)
    return kept[:5]


def settled(place: Place, lines: dict[int, str]) -> Place:
    """A comment or docstring that speaks of the code beside it stands for the definition that it describes."""
    if definition(place.text) or not lines:
        return place
    target = _described(place.line, lines)
    if target is None:
        return place
    return Place(place.path, target, lines[target], place.score, place.covered, place.source, place.found)


def _described(at: int, lines: dict[int, str]) -> int | None:
    """The definition below a comment, or above a docstring's first line; None if the line is neither."""
    text = lines.get(at, "")
    if is_comment(text) and not text.lstrip().startswith(('"""', "'''")):
        below = at + 1
        while below - at <= 12 and is_comment(lines.get(below, "")):
            below += 1
        return below if definition(lines.get(below, "")) else None
    if text.lstrip().startswith(('"""', "'''")):
        above = at - 1
        while at - above <= 12 and above in lines:
            if definition(lines[above]):
                return above
            if lines[above].rstrip().endswith((";", '"""')) or not lines[above].strip():
                return None
            above -= 1
    return None


def enclosing(place: Place, lines: dict[int, str]) -> str:
    """The name of the definition that a line stands in, by indentation, as far as the lines that were read go."""
    depth = _indent(place.text)
    for number in range(place.line - 1, min(lines, default=place.line) - 1, -1):
        text = lines.get(number, "")
        if text.strip() and _indent(text) < depth:
            depth = _indent(text)
            name = definition(text)
            if name and not re.match(r"\s*(?:const|let|var)\b", text):
                return name
    return ""


def _indent(text: str) -> int:
    return len(text) - len(text.lstrip())


def _snippet(place: Place, lines: dict[int, str]) -> str:
    rows: list[str] = []
    for number in range(place.line, place.line + _SNIPPET):
        text = lines.get(number, place.text if number == place.line else None)
        left = rows and text is not None and (_indent(text) < _indent(place.text) if text.strip() else _indent(place.text) == 0)
        if text is None or left:
            break
        rows.append(clip(text.rstrip(), 140))
    while not rows[-1]:
        rows.pop()
    fence = _FENCES.get(place.path.rpartition(".")[2], "")
    return "\n".join([f"```{fence}", *rows, "```"])
