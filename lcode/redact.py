"""The one gate through which every text passes before it enters prompt, store, index or log: secrets become placeholders.

Found are keys with the prefix of a known service, private key blocks, URLs with credentials, authorization headers, names
such as `DB_PASSWORD` with a value that looks like a secret, and the values of secret environment variables, also in base64.
Text that cannot be stored (bytes that were not UTF-8) is made so on the way.
A placeholder is stable, `redact(redact(x)) == redact(x)`: so the live and the resumed prompt are the same bytes.
An expression over all rules is slow in Python; literals are searched first, and only rules whose literal is there are run.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from functools import cache

from lcode import secret_rules, secret_value
from lcode.sanitize import encodable

PLACEHOLDER = re.compile(r"\[redacted:[a-z0-9-]+\]")

_LONGEST_PLACEHOLDER = 60  # characters, at the least
_SHORTEST = 15  # characters of the shortest key with a known prefix
_OF_KEYS = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.=+/:"  # what keys with a prefix are made of
_MARKS = bytes(ord("x") if byte in _OF_KEYS else ord(" ") for byte in range(256))
_KEY_LIKE = re.compile(r"[\w.=+-]{15}")  # a part of a path that may be one
_REMEMBERED = 50_000  # texts
_PASSES = 50  # a replacement may uncover what stood next to it; this bounds how often we look again
_MODEL_KEYS = {"sk-ant-": "anthropic", "sk-or-": "openrouter"}

Span = tuple[int, int, str]  # start, end, kind


class Redactor:
    """Made once a process with its environment; `redact` may be called from any thread."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        forms = set(map(encodable, secret_value.exact_forms(environ)))
        self._exact = tuple(sorted(forms, key=lambda form: (-len(form), form)))
        self._clean: set[int] = set()  # hashes of bytes in which nothing was found: they are often asked of twice

    def redact(self, text: str) -> str:
        """`text` with every secret replaced by `[redacted:KIND]`. Cut and flatten what comes back, never what goes in: a part
        of a secret is not recognised any more."""
        text = encodable(text)
        for _ in range(_PASSES):
            spans = self._spans(text)
            if not spans:
                break
            text = _replaced(text, spans)
        return text

    def blank(self, data: bytes) -> bytes:
        """The bytes of a text with spaces in the place of every secret, so that all else stays where it is."""
        if hash(data) in self._clean:
            return data
        text = data.decode("utf-8", "surrogateescape")
        for number in range(_PASSES):
            spans = self._spans(text)
            if not spans:
                if number == 0:
                    self._note_clean(data)
                break
            text = _blanked(text, spans)
            data = text.encode("utf-8", "surrogateescape")
        return data

    def _note_clean(self, data: bytes) -> None:
        if len(self._clean) >= _REMEMBERED:
            self._clean.clear()
        self._clean.add(hash(data))

    def _spans(self, text: str) -> list[Span]:
        return _joined(text, [*self._exact_spans(text), *_prefixed(text), *_key_blocks(text), *_urls(text), *_named(text)])

    def _exact_spans(self, text: str) -> Iterator[Span]:
        for form in self._exact:
            at = text.find(form)
            while at >= 0:
                yield at, at + len(form), "environment"
                at = text.find(form, at + len(form))


@cache
def of_process() -> Redactor:
    """The one with this process's environment, for work that is handed none."""
    return Redactor(os.environ)


def names_secret(path: str) -> bool:
    """Whether a path is called by a secret: then it is kept nowhere."""
    return _KEY_LIKE.search(path) is not None and of_process().redact(path) != path


def has_placeholder(text: str) -> bool:
    """Whether `text` holds a placeholder: edit tools refuse to write one into a file."""
    return PLACEHOLDER.search(text) is not None


def cut(text: str, limit: int) -> str:
    """The first `limit` characters of a redacted text, without the beginning of a placeholder at its end."""
    if len(text) <= limit:
        return text
    for match in PLACEHOLDER.finditer(text, max(0, limit - _LONGEST_PLACEHOLDER)):
        if match.start() < limit < match.end():
            return text[: match.start()]
    return text[:limit]


def _joined(text: str, spans: list[Span]) -> list[Span]:
    """`spans` in order, overlapping ones as one, none of them cutting a placeholder or being just one."""
    if not spans:
        return spans
    marks = [(*match.span(), "") for match in PLACEHOLDER.finditer(text)] if "[redacted:" in text else []
    joined: list[Span] = []
    for start, end, kind in sorted([*spans, *marks], key=lambda span: (span[0], -span[1])):
        if joined and start < joined[-1][1]:
            first, last, known = joined[-1]
            joined[-1] = (first, max(last, end), known or kind)
        else:
            joined.append((start, end, kind))
    alone = {(start, end) for start, end, _ in marks}
    return [span for span in joined if span[2] and span[:2] not in alone]


def _replaced(text: str, spans: list[Span]) -> str:
    pieces: list[str] = []
    done = 0
    for start, end, kind in spans:
        pieces += (text[done:start], f"[redacted:{kind}]")
        done = end
    pieces.append(text[done:])
    return "".join(pieces)


def _blanked(text: str, spans: list[Span]) -> str:
    pieces: list[str] = []
    done = 0
    for start, end, _ in spans:
        lines = text[start:end].encode("utf-8", "surrogateescape").split(b"\n")
        pieces += (text[done:start], "\n".join(" " * len(line) for line in lines))
        done = end
    pieces.append(text[done:])
    return "".join(pieces)


def _prefixed(text: str) -> Iterator[Span]:
    """Keys with a known prefix: literals are looked for only in what is long enough to be one."""
    long = _long_runs(_encoded(text))
    if not long:
        return
    for literal, kind, pattern in secret_rules.PREFIXES:
        if literal in long:
            for match in secret_rules.keys(text, pattern):
                if kind != "model-key":
                    yield *match.span(), kind
                elif secret_value.has_random_run(match[0][3:]):
                    yield (
                        *match.span(),
                        next((name for known, name in _MODEL_KEYS.items() if match[0].startswith(known)), "openai"),
                    )


def _long_runs(data: bytes) -> str:
    """The stretches of `data` that are long enough for a key with a prefix and hold nothing but its letters."""
    marks = data.translate(_MARKS)
    shortest = b"x" * _SHORTEST
    runs: set[bytes] = set()  # most stand there more than once
    at = marks.find(shortest)
    while at >= 0:
        end = marks.find(b" ", at)
        end = end if end >= 0 else len(marks)
        runs.add(data[at:end])
        at = marks.find(shortest, end)
    return b"\n".join(runs).decode("ascii")


def _key_blocks(text: str) -> Iterator[Span]:
    """Private keys: whole, or cut off at either end."""
    if "PRIVATE KEY" not in text:
        return
    marks = list(secret_rules.key_mark().finditer(text))
    done = 0
    for at, match in enumerate(marks):
        if match.start() < done:
            continue
        if match["mark"] == "END":
            start = secret_value.key_lines_before(text, match.start(), marks[at - 1].end() if at else 0)
            span = (start, match.end()) if start < match.start() else None
        else:
            span = secret_value.key_span(text, match, marks[at + 1] if at + 1 < len(marks) else None)
        if span is not None:
            yield *span, "private-key"
            done = span[1]


def _urls(text: str) -> Iterator[Span]:
    if "://" not in text:
        return
    for match in secret_rules.url().finditer(text):
        if (span := secret_value.credentials(match)) is not None:
            yield *span, "url-credentials"


def _named(text: str) -> Iterator[Span]:
    """Values beside a name that says it is a secret, and the credentials of authorization headers."""
    lower = _lower(text)
    if "authorization" in lower or "bearer" in lower:
        for match in secret_rules.header().finditer(lower):
            before = lower[max(0, match.start() - 2) : match.start()]
            if before[-1:].isalnum() and before not in ("\\n", "\\r", "\\t"):  # escaped line ends, as inside JSON
                continue  # the end of another word
            if (span := secret_value.header(text, match.end())) is not None:
                yield *span, "authorization"
    for word in secret_rules.NAME_WORDS:
        if word not in lower:
            continue
        name = secret_rules.name(word)
        found = name.search(lower)
        while found is not None:
            end = found.start() + len(word)
            if _names_secret(lower, word, found):
                span = secret_value.assigned(text, found.start(), found.end())
                if span is not None:
                    yield *span, "value"
                    end = span[1]
            found = name.search(lower, end)


def _names_secret(lower: str, word: str, match: re.Match[str]) -> bool:
    """Whether the whole name, of which `match` is the end, is one that secrets are kept under."""
    before = lower[max(0, match.start() - 40) : match.start()]
    if match["option"] is not None:
        option = before.rpartition("--")
        return bool(option[1]) and not option[2].strip("abcdefghijklmnopqrstuvwxyz-") and not _pages(word, before)
    if before.endswith(":") and match[0].endswith(":"):
        return False  # a part of a path such as arn:…:secret:name
    if word == "key":
        return before.rstrip("_- ").endswith(secret_rules.KEY_OWNERS)
    return (word != "auth" or before.endswith("_")) and not _pages(word, before)


def _pages(word: str, before: str) -> bool:
    """Whether this is a token that marks a place in a list or a version, and opens nothing."""
    return word == "token" and before.rstrip("_-").endswith(secret_rules.OPEN_TOKENS)


def _lower(text: str) -> str:
    """`text` with its ASCII letters in lower case, of the same length (some other letters change theirs)."""
    if text.isascii():
        return text.lower()
    return _encoded(text).lower().decode("utf-8", "surrogatepass")


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
