"""A summary without a model: what was asked and answered, decided, tried, and how commands ended, in the words of those who
said it.

It is made of what was said and of how calls ended; of what tools printed only the lines that say what failed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from lcode.agent.attempts import attempts
from lcode.agent.conversation import said, said_and_called
from lcode.agent.identifiers import identifiers
from lcode.memory.model import MessageRow
from lcode.redact import cut
from lcode.tools.truncate import head_tail

_EARLIER = 0.4  # of the room, for the summary before
_TURN, _DECISION, _FAILURE = 180, 240, 200  # characters
_DECIDED = re.compile(
    r"\b(?:because|decided|decision|chose|choose|instead of|rather than|so that|therefore|the reason|turned out|the cause"
    r"|tried|attempted|(?:did|does|do)(?:n't| not) (?:work|help|fix)|no luck|reverted|gave up|dead end|ruled out|no effect)\b",
    re.I,
)
_FAILED = re.compile(r"error|fail|exception|panic|traceback|not found|denied|refused|undefined|cannot", re.I)
_SENTENCES = re.compile(r"(?<=[.!?])\s+|\n+")


def extract(rows: Sequence[MessageRow], earlier: str, room: int, keep: str = "") -> str:
    """The extract of `rows`, in about `room` characters. `earlier` is the summary before; what speaks of `keep` comes first."""
    parts = []
    if earlier:
        most = int(room * _EARLIER)
        parts.append(
            f"Before that:\n{head_tail(_without_head(earlier), most // 2, most // 2, '… ({cut} characters left out) …')}"
        )
        room -= len(parts[0])
    wanted = frozenset(re.findall(r"\w{3,}", keep.lower()))
    sections = (
        ("What happened", list(_turns(rows)), 0.45),
        ("Decisions and why", [line for _, line in findings(rows)], 0.2),
        ("Errors and what became of them", [*_tried(rows), *_failures(rows)], 0.2),
    )
    for head, lines, share in sections:
        if kept := _kept(lines, int(room * share), wanted):
            parts.append("\n".join([f"{head}:", *kept]))
    if hints := identifiers(weighed(rows), "\n".join(parts), 20):
        parts.append(f"Lookup hints: {cut(', '.join(hints), int(room * 0.1))}")
    return "\n\n".join(parts)


def weighed(rows: Sequence[MessageRow]) -> Iterator[tuple[str, float]]:
    """What was said, weighed by how hard it is to find again: the user's names first, what calls were given last."""
    for row in rows:
        if row.kind == "user":
            yield row.words, 4.0
        elif row.kind == "assistant":
            words = said(row)
            yield words, 1.0
            yield said_and_called(row).removeprefix(words), 0.3


def _without_head(earlier: str) -> str:
    """An extract that is told again is not told again twice."""
    return earlier.removeprefix("Before that:\n")


def _kept(lines: Sequence[str], room: int, wanted: frozenset[str]) -> list[str]:
    """Of `lines` (the oldest first) those that the user wants kept and the newest, as many as fit, in their order."""
    ranked = sorted(
        range(len(lines)), key=lambda at: (len(wanted & set(re.findall(r"\w{3,}", lines[at].lower()))), at), reverse=True
    )
    chosen: set[int] = set()
    for at in ranked:
        room -= len(lines[at]) + 1
        if room < 0:
            break
        chosen.add(at)
    return [lines[at] for at in sorted(chosen)]


def _turns(rows: Sequence[MessageRow]) -> Iterator[str]:
    """What was asked, and the last that was answered to it."""
    asked, answered, calls = "", "", 0
    for row in rows:
        if row.kind == "user":
            if asked or answered:
                yield _turn(asked, answered, calls)
            asked, answered, calls = _flat(row.words, _TURN), "", 0
        elif row.kind == "assistant":
            answered = _flat(said(row), _TURN) or answered
            calls += sum(part.get("type") == "tool_call" for part in row.content)
    if asked or answered:
        yield _turn(asked, answered, calls)


def _turn(asked: str, answered: str, calls: int) -> str:
    did = f" ({calls} call{'s' if calls != 1 else ''})" if calls else ""
    end = f"answered: {answered}" if answered else "not answered in words"
    return f"- asked: {asked}; {end}{did}" if asked else f"- {end}{did}"


def findings(rows: Sequence[MessageRow]) -> Iterator[tuple[MessageRow, str]]:
    """Sentences of user and agent that say why something was decided, or what was tried and did not work; each once."""
    seen: set[str] = set()
    for row in rows:
        words = row.words if row.kind == "user" else said(row) if row.kind == "assistant" else ""
        for sentence in _SENTENCES.split(words):
            line = _flat(sentence, _DECISION)
            if _DECIDED.search(line) and line not in seen and len(line.split()) > 3:
                seen.add(line)
                yield row, f"- {'the user' if row.kind == 'user' else 'you'}: {line}"


def _tried(rows: Sequence[MessageRow]) -> Iterator[str]:
    for run_id in dict.fromkeys(row.run_id for row in rows if row.run_id):
        for found in attempts(rows, run_id, {}):
            yield f"- {found.approach}: {found.outcome}; {found.evidence}"


def _failures(rows: Sequence[MessageRow]) -> Iterator[str]:
    """The line that says what failed, of results that are errors."""
    for row in rows:
        for part in row.content if row.role == "tool" else ():
            if part.get("is_error"):
                lines = [line for line in str(part.get("text", "")).splitlines() if line.strip()]
                telling = next((line for line in reversed(lines) if _FAILED.search(line)), lines[-1] if lines else "")
                yield f"- {part.get('name', 'a tool')} failed with «{_flat(telling, _FAILURE)}»"


def _flat(text: str, limit: int) -> str:
    bare = " ".join(text.split())
    return bare if len(bare) <= limit else f"{cut(bare, limit)}…"
