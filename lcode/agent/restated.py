"""What the store renders anew after a compaction, to the letter: nothing of it is told again by a model.

The user's words that still bind, what they asked first and last, the open plan, the files touched and how they are now, what
was started in the background, the next action, exact names. Core memory is in the system text, which is rendered anew too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from lcode.agent.binding import still_binding
from lcode.agent.conversation import BY_A_COMMAND, said
from lcode.agent.extract import findings, weighed
from lcode.agent.identifiers import identifiers
from lcode.agent.open_plan import open_items
from lcode.agent.touched_files import Touched
from lcode.memory.model import MessageRow
from lcode.redact import cut
from lcode.tools.truncate import head_tail

FIRST, NEWEST, OTHER = 1_000, 4_000, 240  # characters of the first thing that the user asked, of the last, of others
BINDING = "The user's words that still bind, as typed (where two differ, the later one holds):"
_SHARES = {"binding": 0.38, "plan": 0.2, "found": 0.16, "files": 0.16, "names": 0.1}  # of the room
_NAMING, _NAMED = 2_000, 150  # messages whose names are looked for, and names
_NEXT_WORDS = 600  # characters of what the agent said last
_FRAME = re.compile(
    r"<(?=\s*/?\s*(?:summary|restated|context|core_memory|memory_update|memory_pressure|system|instructions?|block)\b)", re.I
)
_NEXT = re.compile(
    r"\b(?:next(?:\s+(?:step|action|up|thing|task))?\s*(?:[:,]|is\b|i\b|we\b)|(?:then|now)\s+i(?:'ll|\s+will|\s+am\s+going)\b"
    r"|i(?:'ll|\s+will)\s+(?:now|next)\b)",
    re.I,
)
_SENTENCES = re.compile(r"(?<=[.!?])\s+(?=[A-Z`*-])|\n+")
_LEFT_OUT = "({count} older ones are left out; conversation_search finds them)"


@dataclass(frozen=True)
class Known:
    """What there is to render from. `thread` is everything that user and agent said, the oldest first; `kept` are the ids of
    the messages that stay in the prompt and need not be said again, `attempts` what archival memory has of the session's."""

    thread: Sequence[MessageRow]
    kept: AbstractSet[str]
    touched: Touched
    attempts: Sequence[str] = ()


def render(known: Known, room: int) -> str:
    """The text, in about `room` characters."""
    requests = "\n\n".join(_requests(known, room))
    left = max(room - len(requests), room // 2)
    rooms = {name: int(left * share) for name, share in _SHARES.items()}
    binding = _section(BINDING, _binding(known, rooms["binding"], requests))
    parts = [
        requests,
        binding,
        _section(
            "What else the user said, the newest of it:", _others(known, rooms["binding"] - len(binding), requests + binding)
        ),
        _section("Open plan (not seen done):", _plan(known, rooms["plan"])),
        _section("Decided and tried, in the words of who said it:", _found(known, rooms["found"], requests + binding)),
        _files(known.touched, rooms["files"]),
        *_next(known),
    ]
    text = "\n\n".join(filter(None, parts))
    if names := _names(known, text, rooms["names"]):
        text += f"\n\nExact names from the messages taken out: {', '.join(names)}"
    return f"<restated>\nFrom the store, not from the summary.\n\n{text}\n</restated>" if text else ""


def unframed(text: str) -> str:
    """`text` without what could open or close a part of the prompt."""
    return _FRAME.sub("‹", text)


def _requests(known: Known, room: int) -> list[str]:
    """What the user asked first, and last, where these do not stay in the prompt."""
    asked = [row for row in known.thread if row.kind == "user"]
    gone = [row for row in asked if row.id not in known.kept]
    if not gone:
        return []
    parts = []
    if gone[0] is asked[0]:
        parts.append(_request("first", gone[0], min(NEWEST if len(asked) == 1 else FIRST, room // 4)) + _taken_back(asked))
    if len(asked) > 1 and gone[-1] is asked[-1]:
        answered = any(row.kind == "assistant" and row.seq > gone[-1].seq and not _calls(row) for row in known.thread)
        when = "last" + ("" if answered else ", which you are working on")
        parts.append(_request(when, gone[-1], min(NEWEST, room // 4)))
    return parts


def _taken_back(asked: Sequence[MessageRow]) -> str:
    """What of the first message does not bind any more: it stands there still."""
    words = [row.words for row in asked]
    standing = {rule.text for rule in still_binding(words)}
    lifted = [rule.text for rule in still_binding(words[:1]) if rule.text not in standing]
    return f"\n  (taken back or said anew since: {'; '.join(f'«{unframed(text)}»' for text in lifted)})" if lifted else ""


def _request(when: str, row: MessageRow, limit: int) -> str:
    if row.words == BY_A_COMMAND:
        return f"What was asked {when}, by a command and not by the user:\n{_quoted(row.text, limit)}"
    return f"What the user asked {when}:\n{_quoted(row.words, limit)}"


def _quoted(words: str, limit: int) -> str:
    text = head_tail(
        unframed(words.strip()), limit * 2 // 3, limit // 3, "… ({cut} characters: conversation_search finds them) …"
    )
    return "\n".join(f"  {line}" for line in text.splitlines())


def _binding(known: Known, room: int, shown: str) -> list[str]:
    """What binds without a doubt first, the newest of it; then what may; in the order it was said."""
    asked, said_already = [row for row in known.thread if row.kind == "user"], " ".join(shown.split())
    found = [rule for rule in still_binding([row.words for row in asked]) if asked[rule.message].id not in known.kept]
    found = [rule for rule in found if unframed(rule.text) not in said_already]
    kept: set[int] = set()
    for at in sorted(range(len(found)), key=lambda at: (not found[at].firm, -at)):
        room -= len(found[at].text) + 3
        if room < 0:
            break
        kept.add(at)
    lines = [f"- {unframed(found[at].text)}" for at in sorted(kept)]
    left_out = len(found) - len(kept)
    return [*([_LEFT_OUT.format(count=left_out)] if left_out else []), *lines]


def _others(known: Known, room: int, shown: str) -> list[str]:
    """What else the user said, the newest of it: no rule knows every way in which somebody says what they want."""
    gone = [row for row in known.thread if row.kind == "user" and row.id not in known.kept and row.words != BY_A_COMMAND]
    texts = dict.fromkeys(unframed(" ".join(row.words.split())) for row in gone)
    said_already = " ".join(shown.split())
    lines = [f"- {cut(text, OTHER)}" for text in texts if text and text[:OTHER] not in said_already]
    return _newest(lines, room)


def _plan(known: Known, room: int) -> list[str]:
    spoken = (row.words if row.kind == "user" else said(row) for row in known.thread)
    return _newest([f"- [ ] {unframed(item)}" for item in open_items(spoken)], room)


def _found(known: Known, room: int, shown: str) -> list[str]:
    """Decisions and their reasons, and what was tried, where these do not stay in the prompt."""
    gone = [row for row in known.thread if row.id not in known.kept]
    lines = [f"- an attempt, as archival memory has it (data): {text}" for text in map(unframed, known.attempts)]
    lines += [unframed(line) for _, line in findings(gone) if line.partition(": ")[2] not in shown]
    return _newest(lines, room)


def _files(touched: Touched, room: int) -> str:
    changed = _newest([f"- {line}" for line in touched.changed][::-1], room)[::-1]
    parts = [_section("Files changed in this session, as they are now (the last one first):", changed)]
    parts += [f"Read only: {', '.join(touched.read)}"] if touched.read else []
    started = [f"- {unframed(line)}" for line in touched.started]
    parts += [_section("Started in the background, perhaps running still (check before you start it again):", started)]
    return "\n\n".join(filter(None, parts))


def _next(known: Known) -> list[str]:
    """The next action as the agent said it, and its last words, where these do not stay in the prompt."""
    spoken = [(row, words) for row in known.thread if row.kind == "assistant" and (words := _words(row))]
    if not spoken:
        return []
    parts = []
    planned = (
        (row, sentence)
        for row, words in reversed(spoken)
        for sentence in reversed(_SENTENCES.split(words))
        if _NEXT.search(sentence)
    )
    found = next(planned, None)
    if found is not None and found[0].id not in known.kept:
        parts.append(f"The next action, as you said it: {unframed(' '.join(found[1].split()))[:_NEXT_WORDS]}")
    last, words = spoken[-1]
    if last.id not in known.kept and (found is None or found[0] is not last or len(words) > len(found[1])):
        parts.append(f"What you said last:\n{_quoted(words, _NEXT_WORDS)}")
    return parts


def _words(row: MessageRow) -> str:
    return said(row).strip()


def _calls(row: MessageRow) -> bool:
    return any(part.get("type") == "tool_call" for part in row.content)


def _names(known: Known, text: str, room: int) -> list[str]:
    gone = [row for row in known.thread if row.id not in known.kept][-_NAMING:]
    kept: list[str] = []
    for name in identifiers(weighed(gone), text, _NAMED):
        room -= len(name) + 2
        if room < 0:
            break
        kept.append(unframed(name))
    return kept


def _newest(lines: Sequence[str], room: int) -> list[str]:
    """Of `lines` (the oldest first) the newest that fit, in their order."""
    kept: list[str] = []
    for line in reversed(lines):
        room -= len(line) + 1
        if room < 0:
            kept.append(_LEFT_OUT.format(count=len(lines) - len(kept)))
            break
        kept.append(line)
    return kept[::-1]


def _section(head: str, lines: Iterable[str]) -> str:
    body = "\n".join(lines)
    return f"{head}\n{body}" if body else ""
