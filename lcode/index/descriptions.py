"""What is said of a definition: its signature on one line, and the first paragraph of its documentation."""

from __future__ import annotations

import re

from lcode.index.outline import FUNCTIONS, Definition

LONGEST_SIGNATURE = 200
LONGEST_DOC = 300
_LOOK = 700  # bytes of a definition in which its signature is looked for
_WHITE = re.compile(r"\s+")
_BODY_TYPES = (
    "block body body_statement class_body compound_statement declaration_list enum_body enum_class_body "
    "field_declaration_list function_body match protocol_body statement_block template_body"
)
_BODIES = frozenset(_BODY_TYPES.split())
_REMARK = re.compile(rb"\n[ \t]*(?://|/\*|--|#(?!\[))")
_ENDS = re.compile(r"[\s{:=(]*$")
_MARKS = re.compile(
    r"^\s*(?:/\*+!?|//[/!]*|\*+/|\*+(?!\w)|#+!?|--+\s?[|^*]?|\{-\s?[|^]?|;+|%+|<!--)\s?|\s*(?:\*+/|-\}|-->)\s*$"
)
_TAGS = re.compile(r"</?\w[^>\n]*>")
_FIELD = re.compile(r"^(?:@\w|:\w+.*:|\\\w|Args:|Arguments:|Parameters?:?$|Returns:|Raises:|>>>|# |```|---|===)")
_WORD = re.compile(r"\w")
_QUOTES = re.compile(r'^[rRbBuUfF]{0,2}("""|\'\'\'|"|\')(.*?)\1?$', re.DOTALL)
_COMMENT_STARTS = (b"//", b"/*", b"#", b"--", b";", b"%", b"{-", b"<!--")
_DIRECTIVES = (
    b"#include",
    b"#if",
    b"#el",
    b"#endif",
    b"#define",
    b"#undef",
    b"#pragma",
    b"#error",
    b"#region",
    b"#import",
    b"#!/",
)
_ANNOTATION = re.compile(rb"@[\w.]+$")
_LICENCE = re.compile(r"copyright|licen[cs]e|SPDX|-\*-|eslint|vim?:|coding[:=]|pylint|!/", re.IGNORECASE)
_LONGEST_COMMENT = 200  # lines above a definition that are looked at


def signature_of(definition: Definition, data: bytes) -> str:
    """The head of a definition, without its body, on one line."""
    if definition.kind in ("section", "block"):
        return ""
    node = definition.node
    start = data.rfind(b"\n", 0, definition.start) + 1
    start = start if definition.start - start <= 60 and data[start : definition.start].strip() else definition.start
    end = min(definition.end, definition.start + _LOOK)
    body = node.child_by_field_name("body")
    if body is None:
        body = next((child for child in node.named_children[-3:] if child.type in _BODIES), None)
    if body is not None and body.start_byte > definition.start:
        raw = data[start : min(end, body.start_byte)]
    else:
        raw = _head(data[start:end], definition.kind)
    if (remark := _REMARK.search(raw)) is not None:
        raw = raw[: remark.start()]
    text = _WHITE.sub(" ", raw.decode("utf-8", "replace")).strip()
    return _ENDS.sub("", text)[:LONGEST_SIGNATURE].rstrip() if len(text) > 1 else text


def _head(raw: bytes, kind: str) -> bytes:
    """The part of a definition before its body, where syntax does not say where that is."""
    if kind in FUNCTIONS and (arrow := raw.find(b"=>", 0, 400)) > 0:
        return raw[: arrow + 2]
    if kind in FUNCTIONS and kind != "macro" and (brace := raw.find(b"{", 0, 400)) > 0:
        return raw[:brace]
    return raw.partition(b"\n")[0]


def first_paragraph(text: str) -> str:
    """The first paragraph of a comment or a docstring, on one line, without its marks."""
    kept: list[str] = []
    for line in text.split("\n")[:_LONGEST_COMMENT]:
        bare = _MARKS.sub("", _MARKS.sub("", line)).strip()
        bare = _TAGS.sub("", bare).strip() if "<" in bare else bare
        if not _WORD.search(bare) or _FIELD.match(bare):
            if kept:
                break
            continue
        kept.append(bare)
        if sum(map(len, kept)) > LONGEST_DOC:
            break
    return _WHITE.sub(" ", " ".join(kept))[:LONGEST_DOC].rstrip()


def docstring_of(definition: Definition, data: bytes) -> str:
    """The first paragraph of the text that a Python body begins with."""
    body = definition.node.child_by_field_name("body")
    if body is None and (inner := definition.node.child_by_field_name("definition")) is not None:
        body = inner.child_by_field_name("body")
    first = body.child(0) if body is not None and body.child_count else None
    if first is None or first.type != "expression_statement" or first.child_count != 1:
        return ""
    text = first.child(0)
    return quoted(data[text.start_byte : text.end_byte]) if text is not None and text.type == "string" else ""


def quoted(raw: bytes) -> str:
    """The first paragraph of a quoted text."""
    match = _QUOTES.match(raw[:4000].decode("utf-8", "replace"))
    return first_paragraph(match[2]) if match else ""


def comment_above(lines: list[bytes], row: int, floor: int) -> int:
    """The first line of the comments and attributes that stand right above line `row`; not above line `floor`."""
    at = row
    while at > floor and row - at < _LONGEST_COMMENT:
        line = lines[at - 1].strip()
        if line.endswith(b"*/") or line.endswith(b"-}"):
            opening = b"/*" if line.endswith(b"*/") else b"{-"
            begin = at - 1
            while begin > floor and opening not in lines[begin] and at - begin < _LONGEST_COMMENT:
                begin -= 1
            if not lines[begin].lstrip().startswith(opening):
                break
            at = begin
        elif is_comment(line) or (line.startswith((b"@", b"[")) and line.endswith((b")", b"]"))) or _ANNOTATION.match(line):
            at -= 1
        else:
            break
    return at


def is_comment(line: bytes) -> bool:
    """Whether a line, without its indentation, begins as comments do in some language."""
    return line.startswith(_COMMENT_STARTS) and not line.startswith(_DIRECTIVES)


def comment_text(lines: list[bytes], first: int, last: int) -> str:
    """The first paragraph of the comment in the lines `first` up to `last`, which is not part of it."""
    kept = [line for line in lines[first:last] if not line.lstrip().startswith((b"@", b"[", b"#[", b"#!["))]
    return first_paragraph(b"\n".join(kept[:_LONGEST_COMMENT]).decode("utf-8", "replace")) if kept else ""


def opening_of(lines: list[bytes], language: str) -> str:
    """What a file says of itself at its top: a docstring or a comment that is no licence."""
    at = 0
    while at < min(len(lines), 60):
        line = lines[at].strip()
        if language == "python" and line.startswith((b'"""', b"'''", b'r"""')):
            mark = line.lstrip(b"r")[:3]
            inside = b"\n".join(lines[at : at + 40]).strip().lstrip(b"r")[3:]
            return first_paragraph(inside.partition(mark)[0].decode("utf-8", "replace"))
        if not line:
            at += 1
            continue
        if not is_comment(line):
            return ""
        end = _comment_end(lines, at)
        text = b"\n".join(lines[at:end]).decode("utf-8", "replace")
        if not _LICENCE.search(text) and (paragraph := first_paragraph(text)):
            return paragraph
        at = end
    return ""


def _comment_end(lines: list[bytes], at: int) -> int:
    """The line after the comment that begins in line `at`."""
    for opening, closing in ((b"/*", b"*/"), (b"{-", b"-}"), (b"<!--", b"-->")):
        if lines[at].lstrip().startswith(opening):
            end = at
            while end < min(len(lines), at + _LONGEST_COMMENT) and closing not in lines[end]:
                end += 1
            return end + 1
    end = at
    while end < len(lines) and lines[end].lstrip().startswith(_COMMENT_STARTS):
        end += 1
    return max(end, at + 1)
