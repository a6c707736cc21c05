"""Which functions, methods and types a change touched, by the lines that define things in the usual languages."""

from __future__ import annotations

import re

_DEFINITION = re.compile(
    r"^(?P<indent>\s*)(?:export\s+|default\s+|pub(?:\([^)]*\))?\s+|public\s+|private\s+|protected\s+|static\s+|abstract\s+|async\s+|final\s+)*"
    r"(?:def|class|func(?:\s*\([^)]*\))?|fn|function\*?|interface|type|struct|enum|trait|impl|module|object|const|let|var)\s+"
    r"(?P<name>[A-Za-z_$][\w$.]*)"
)
_HUNK = re.compile(r"^@@ -\d+(?:,\d+)? \+(?P<start>\d+)(?:,(?P<count>\d+))? @@")


def changed_symbols(diff: str, text: str, limit: int = 6) -> list[str]:
    """The names of the definitions in `text` (the file after the change) that enclose the changed lines of `diff`."""
    lines = text.splitlines()
    names: dict[str, None] = {}
    for number in _changed_lines(diff):
        if name := _enclosing(lines, number - 1):
            names[name] = None
        if len(names) >= limit:
            break
    return list(names)


def _changed_lines(diff: str) -> list[int]:
    numbers: list[int] = []
    at = 0
    for line in diff.splitlines():
        if hunk := _HUNK.match(line):
            at = int(hunk["start"])
        elif line.startswith(("---", "+++")):
            continue
        elif line.startswith("+"):
            numbers.append(at)
            at += 1
        elif line.startswith("-"):
            numbers.append(at)
        else:
            at += 1
    return numbers


def _enclosing(lines: list[str], index: int) -> str:
    """The nearest definition at or above `index` that is indented less than what stands there."""
    index = min(index, len(lines) - 1)
    depth = None
    for at in range(index, -1, -1):
        line = lines[at]
        if not line.strip():
            continue
        indent = len(line) - len(line.lstrip())
        if line.lstrip().startswith("@") and (depth is None or indent < depth):  # a decorator: what it decorates stands below
            below = (_DEFINITION.match(other) for other in lines[at : at + 40])
            return next((found["name"] for found in below if found and len(found["indent"]) == indent), "")
        if depth is None:
            depth = indent
            if found := _DEFINITION.match(line):
                return found["name"]
        elif indent < depth and (found := _DEFINITION.match(line)):
            return found["name"]
    return ""
