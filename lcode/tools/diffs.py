"""Differences of two texts: the unified diff that people see, and the numbered lines that changed, for the model.

Bounded in time: what both texts share at their start and end is set aside before anything is compared.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lcode.tools import truncate

_CONTEXT = 3
_COMPARED = 10_000  # lines; more than that on one side are shown as replaced outright

Opcode = tuple[str, int, int, int, int]


def split_lines(text: str) -> list[str]:
    """Lines as editors and grep count them: they end with a line feed (or a lone carriage return where there is no feed)."""
    ends = "\n" if "\n" in text or "\r" not in text else "\r"
    lines = text.split(ends)
    whole = [line + ends for line in lines[:-1]]
    return [*whole, lines[-1]] if lines[-1] else whole


def unified(old: str, new: str, name: str, *, limit: int = 0) -> str:
    """A unified diff (empty when nothing changed), cut at `limit` characters with a note where that is not 0."""
    before, after = split_lines(old), split_lines(new)
    parts: list[str] = []
    for group in _groups(_opcodes(before, after)):
        low, high, new_low, new_high = group[0][1], group[-1][2], group[0][3], group[-1][4]
        parts.append(f"@@ -{_span(low, high)} +{_span(new_low, new_high)} @@\n")
        for tag, i1, i2, j1, j2 in group:
            if tag == "equal":
                parts += [_row(" ", line) for line in before[i1:i2]]
                continue
            parts += [_row("-", line) for line in before[i1:i2]]
            parts += [_row("+", line) for line in after[j1:j2]]
    if not parts:
        return ""
    name = name.lstrip("/")
    text = f"--- a/{name}\n+++ b/{name}\n" + "".join(parts)
    if limit and len(text) > limit:
        return text[: text.rfind("\n", 0, limit) + 1] + f"… [{len(text) - limit:,} more characters of differences]\n"
    return text


def changed(old: str, new: str) -> tuple[int, int]:
    """How many lines were added and how many taken away."""
    codes = [code for code in _opcodes(split_lines(old), split_lines(new)) if code[0] != "equal"]
    return sum(j2 - j1 for _, _, _, j1, j2 in codes), sum(i2 - i1 for _, i1, i2, _, _ in codes)


def snippet(old: str, new: str, limit: int = 4_000) -> str:
    """The changed places of `new` with their neighbours, numbered; at most about `limit` characters."""
    after = split_lines(new)
    blocks = []
    for group in _groups(_opcodes(split_lines(old), after)):
        blocks.append(numbered(after[group[0][3] : group[-1][4]], group[0][3] + 1))
    text = "\n  …\n".join(block for block in blocks if block)
    return truncate.head_tail(text, limit // 2, limit // 2, "  … [{cut} characters not shown]")


def numbered(lines: list[str], first: int) -> str:
    """`12→text`, one a line."""
    return "\n".join(f"{number}→{truncate.line(shown_line(line))}" for number, line in enumerate(lines, first))


def shown_line(line: str) -> str:
    return truncate.visible(line.rstrip("\r\n"))


def _row(mark: str, line: str) -> str:
    if line.endswith(("\n", "\r")):
        return f"{mark}{shown_line(line)}\n"
    return f"{mark}{shown_line(line)}\n\\ No newline at end of file\n"


def _span(low: int, high: int) -> str:
    """A hunk's range as diff writes it: an empty one names the line before it."""
    count = high - low
    return f"{low + 1 if count else low}" if count == 1 else f"{low + 1 if count else low},{count}"


def _opcodes(before: list[str], after: list[str]) -> list[Opcode]:
    """difflib's opcodes; what is equal at both ends is not compared."""
    from difflib import SequenceMatcher

    shorter = min(len(before), len(after))
    start = next((at for at in range(shorter) if before[at] != after[at]), shorter)
    end = next((at for at in range(shorter - start) if before[-1 - at] != after[-1 - at]), shorter - start)
    middle, new_middle = before[start : len(before) - end], after[start : len(after) - end]
    codes: list[Opcode] = [("equal", 0, start, 0, start)] if start else []
    if not middle or not new_middle or max(len(middle), len(new_middle)) > _COMPARED:
        if middle or new_middle:
            tag = "insert" if not middle else "delete" if not new_middle else "replace"
            codes.append((tag, start, start + len(middle), start, start + len(new_middle)))
    else:
        matcher = SequenceMatcher(None, middle, new_middle)
        codes += [(tag, i1 + start, i2 + start, j1 + start, j2 + start) for tag, i1, i2, j1, j2 in matcher.get_opcodes()]
    if end:
        codes.append(("equal", len(before) - end, len(before), len(after) - end, len(after)))
    return codes


def _groups(codes: list[Opcode]) -> Iterator[list[Opcode]]:
    """Opcodes by hunk, with up to three equal lines around each change."""
    group: list[Opcode] = []
    for at, (tag, i1, i2, j1, j2) in enumerate(codes):
        if tag != "equal":
            group.append((tag, i1, i2, j1, j2))
            continue
        head = min(_CONTEXT, i2 - i1) if group else 0
        tail = min(_CONTEXT, i2 - i1) if at + 1 < len(codes) else 0
        if group and tail and i2 - i1 <= 2 * _CONTEXT:
            group.append((tag, i1, i2, j1, j2))
            continue
        if group:
            yield [*group, (tag, i1, i1 + head, j1, j1 + head)]
        group = [(tag, i2 - tail, i2, j2 - tail, j2)] if tail else []
    if any(code[0] != "equal" for code in group):
        yield group


def strip_numbers(text: str) -> str | None:
    """`text` without the `12→` that read_file puts in front of lines, or None where a line has none."""
    lines = text.split("\n")
    if not all(re.match(r"\s*\d+→", line) for line in lines if line.strip()) or not text.strip():
        return None
    return "\n".join(re.sub(r"^\s*\d+→", "", line) for line in lines)
