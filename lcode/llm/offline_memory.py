"""What memory says to a question: lines of the core memory blocks in the prompt, and hits of the memory searches."""

from __future__ import annotations

import re
from collections.abc import Sequence

from lcode.llm.offline_words import Term, stems

_BLOCK = re.compile(r'<block label="(?P<label>[^"]+)"[^>\n]*>\n(?P<body>.*?)\n</block>', re.DOTALL)
_DESCRIPTION = re.compile(r"^<description>.*?</description>\n?", re.DOTALL)
_UNVERIFIED = re.compile(r'\n?<unverified lines="(?P<lines>[^"]*)">.*?</unverified>', re.DOTALL)
_HEAD = re.compile(r"^\[(?P<head>[^\]\n]+)\]$")
_KIND = re.compile(r"^(?:user|assistant|tool|notice|summary):(?=\s|$)", re.MULTILINE)
_BESIDE = re.compile(r"^  (?:(before|after)|came of it|said again): ")
_NOTHING = re.compile(r"^\s*(?:Nothing found|No results?)\b", re.IGNORECASE)
_WIDTH = 300

Lines = list[tuple[str, bool]]  # a line of a block, and whether it is unverified


def blocks(system: str) -> dict[str, Lines]:
    """The core memory blocks of the prompt: label → lines."""
    start = system.rfind("<core_memory>")
    found: dict[str, Lines] = {}
    for match in _BLOCK.finditer(system, max(start, 0)):
        body = _DESCRIPTION.sub("", match["body"])
        doubtful = _numbers(_UNVERIFIED.search(body))
        lines = _UNVERIFIED.sub("", body).splitlines()
        found[match["label"]] = [
            (line, number in doubtful) for number, line in enumerate(lines, 1) if line.strip() and line != "(empty)"
        ]
    return found


def _numbers(match: re.Match[str] | None) -> set[int]:
    numbers: set[int] = set()
    for part in (match["lines"] if match else "").split(","):
        first, _, last = part.partition("-")
        if first.isdigit() and (not last or last.isdigit()):
            numbers |= set(range(int(first), min(int(last or first), int(first) + 10_000) + 1))
    return numbers


def core_lines(found: dict[str, Lines], terms: Sequence[Term], *, about_user: bool, commands: bool) -> list[str]:
    """The lines of core memory that speak of the terms, labelled with their block."""
    own = [term for term in terms if term.weight == 1.0]
    needed = max(1, (len(own) + 1) // 2)
    scored: list[tuple[bool, int, int, str]] = []
    for label, lines in found.items():
        if label == "persona":
            continue
        for line, doubtful in lines:
            tokens = stems(line)
            count = sum(term.matches(tokens) for term in own)
            runs = bool(commands and count and _is_command(line))
            if runs or count >= needed or (about_user and label == "human"):
                said = f"{label}{' (unverified)' if doubtful else ''}: {clip(line.strip(' -*'))}"
                scored.append((not runs, -count, len(scored), said))
    asked = [row for row in scored if not row[0]] or scored  # commands, where they are asked for and known
    return [row[-1] for row in sorted(asked)[:6]]


def _is_command(line: str) -> bool:
    return bool(
        re.search(
            r"`[^`]+`|\b(?:make|npm|pnpm|yarn|pytest|python|cargo|go|gradle|mvn|bundle|composer|just|tox|nox|task)\b", line
        )
    )


def last_sessions(texts: Sequence[str]) -> str:
    """Where the last sessions stopped, as the program noted it in front of a message of the user; '' where it did not."""
    for text in reversed(texts):
        _, found, notes = text.partition("where the last sessions stopped:\n")
        if found:
            lines = [line for line in notes.split("</context>")[0].splitlines() if line.strip()]
            return "\n".join(["Where the last sessions stopped:", *lines])
    return ""


def memory_hits(output: str, terms: Sequence[Term], limit: int = 3) -> list[str]:
    """Hits of a memory search that hold most of the terms: `[date, session …]` and the words."""
    if _NOTHING.match(output):
        return []
    own = [term for term in terms if term.weight == 1.0]
    needed = max(1, -(-len(own) * 3 // 5))
    hits: dict[str, str] = {}
    for entry in re.split(r"\n\n(?=\[)", output.strip()):
        first, _, body = entry.partition("\n")
        head = _HEAD.match(first.strip())
        for words in filter(None, map(_new, _said(body if head else entry))):
            if sum(term.matches(stems(words)) for term in own) >= needed:
                hits.setdefault(words, f"[{head['head']}] {clip(words)}" if head else clip(words))
                break
    return list(hits.values())[:limit]


def _said(body: str) -> list[str]:
    """The hit itself, then what was said before and after it."""
    hit, beside = [""], [""]
    part = hit
    for line in body.split("\n"):
        mark = _BESIDE.match(line)
        if mark is not None:
            beside.append("")
            part = beside if mark[1] else [""]
        elif part is not hit and not hit[0] and _KIND.match(line):
            part = hit
        part[-1] += f"{line[mark.end() :] if mark else line} "
    return [" ".join(text.split()) for text in (*hit, *beside)]


def _new(text: str) -> str:
    """'' for what tools gave, questions and answers like ours: they say nothing new."""
    if re.match(r"(?:tool|notice|summary):|assistant: ?(?:→|$)", text) or (text.startswith("user: ") and text.endswith("?")):
        return ""
    return "" if "No model is configured" in text else text


def clip(text: str, width: int = _WIDTH) -> str:
    return text if len(text) <= width else f"{text[: width - 1].rstrip()}…"
