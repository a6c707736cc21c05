"""Judges whether the value beside a name such as `password` is a secret, or only code, words or a sample.

Used by `lcode.redact` alone. Everything here is bounded: it looks at a limited stretch of text once.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache

from lcode.secret_words import is_random

_LONGEST = 4_096  # characters of a quoted value that are looked at
_ENTROPY = 3.5  # bits a character; English identifiers of 8 to 20 characters lie below or are words
_KEY_LONGEST = 20_000  # characters between the marks of one private key
_BASE64 = r"[A-Za-z0-9+/=_-]{40}"
_KEY_LINE = (  # a line of base64, perhaps quoted, indented, numbered or marked by a tool
    r"[^A-Za-z0-9+/=\n]{0,24}(?:\d{1,7}[^A-Za-z0-9+/=\n]{1,4})?(?:\\?[nr])?([A-Za-z0-9+/=]+)[^A-Za-z0-9+/=\n]{0,8}"
)
_KEY_HEADER = r"[^A-Za-z\n]{0,24}(?:Proc-Type|DEK-Info|Version|Comment|Hash): [^\n]{0,200}|[^\w\n]{0,24}"
_UNQUOTED_LONGEST = 128  # characters by which an unquoted value is judged
_UNQUOTED = r"""[^\s"'`,;<]{1,128}"""
_REST = r"""[^\s"'`,;<]*"""
_HEADER_VALUE = r"[\w.~+/=:-]{8,}"
_QUOTES = r"""\\{0,3}["'`]"""
_PLACEHOLDER_WORDS = (
    r"(?i)example|sample|change_?-?me|change_?-?it|replace|place_?holder|dummy|redacted|your[_-]|_here\b|insert|todo|fixme|foobar|"
    r"x{4}|\*{3}|\.{3}|…|_{4}|0{6}|1234567|abcdef|not[_-]?a[_-]?real|fake|<[^>]*>|\$\{|\$\(|\{\{|%\(|^\$[A-Za-z_]\w*(?:$|[/.:$-])|^%\w+%$|"
    r"environ|getenv|process\.env|secrets\.|vault:|^(?:my|the|some|test|a|new|old)?[_-]?(?:password|passwd|secret|token|key|pass|pwd)"
    r"[\W_]*\d*$|^(?:none|null|nil|true|false|undefined|required|optional|string|str|inherit)$|^\{[^{}]*\}$"
)
_NAME_PATH = r"[&*@$]?[A-Za-z_$][\w$]*[!?]?(?:(?:\.|->|::|\?\.)[A-Za-z_$][\w$]*|\[[^\[\]]*\])*"
_INDEXED = r"[A-Za-z_][\w.]*\["  # names[index]; what closes it is no longer there
_CAMEL = r"[A-Z]?[a-z]{3,}(?:[A-Z][a-z]{3,})*"
_NEWLINE = r"\r?\n|(?:\\+r)?\\+n"
_WORDS = r"[A-Za-z]+(?:[._:/@\\-]+[A-Za-z]+)*"
_PATH = r"(?:~|\.{1,2}|[A-Za-z]:)?[/\\](?:[\w.@ -]+[/\\])*[\w.@-]*|[\w.-]+(?:/[\w.-]+)+"
_PLAIN_PASSWORDS = frozenset({"password", "passwd", "pass", "secret", "user", "root", "admin", "test", "guest", "postgres"})
_SHELL_NAME = r"[A-Z][A-Z0-9_-]*="  # NAME=value, as a shell has it


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)  # when it is needed: most texts need none


def assigned(text: str, name_at: int, start: int) -> tuple[int, int] | None:
    """The span of the secret at `start`, which the name at `name_at` is set to, or None where it is none."""
    name = text[name_at:start]
    quoted = _compiled(_QUOTES).match(text, start)
    if quoted is not None:
        start = quoted.end()
        end = text.find(quoted[0], start, start + _LONGEST)
        newline = text.find("\n", start, start + _LONGEST)
        if end < 0 or 0 <= newline < end:
            return None
        return (start, end) if _is_secret(text[start:end], name, quoted=True) else None
    value = _compiled(_UNQUOTED).match(text, start)
    if value is None:
        return None
    found = value[0]
    stripped = found.rstrip(")]}.\\")
    if name.endswith(">") and not name.endswith("=>") and text[value.end() : value.end() + 2] != "</":
        return None
    if not stripped or not _is_secret(stripped, name, quoted=False):
        return None
    if len(found) == _UNQUOTED_LONGEST and (rest := _compiled(_REST).match(text, value.end())) is not None:
        return start, rest.end()
    return start, start + len(stripped)


def header(text: str, start: int) -> tuple[int, int] | None:
    """The span of the credentials of an authorization header whose value begins at `start`."""
    value = _compiled(_HEADER_VALUE).match(text, start)
    if value is None or _compiled(_PLACEHOLDER_WORDS).search(value[0]) or not has_random_run(value[0]):
        return None
    return value.span()


def credentials(match: re.Match[str]) -> tuple[int, int] | None:
    """The span of the password (or of a token that stands in the user's place) in a URL."""
    user, password = match["user"], match["pass"]
    if password is None:
        return match.span("user") if len(user) >= 20 and has_random_run(user) else None
    plain = password.lower()
    if (
        len(password) < 4
        or plain == user.lower()
        or plain in _PLAIN_PASSWORDS
        or _compiled(_PLACEHOLDER_WORDS).search(password)
    ):
        return None
    if not re.search(r"[A-Za-z0-9]", password) or password.startswith(("$", "{", "%s", "[redacted:")):
        return None
    return match.span("pass")


def has_random_run(text: str) -> bool:
    """Whether `text` holds a stretch without separators that looks random: 12 characters or more, letters and digits."""
    return any(
        len(run) >= 12 and re.search(r"[A-Za-z]", run) and (re.search(r"\d", run) or _switches(run) >= len(run) / 5)
        for run in re.findall(r"[A-Za-z0-9+/=]+", text)
    )


def _is_secret(value: str, name: str, *, quoted: bool) -> bool:
    if len(value) < 8:
        return False
    literal = quoted or _compiled(_SHELL_NAME).fullmatch(name) is not None
    if not literal and ("(" in value or _is_expression(value)):
        return False
    if "[redacted:" in value or ("://" in value and "@" not in value) or any(char.isspace() for char in value):
        return False
    if _compiled(_PLACEHOLDER_WORDS).search(value):
        return False
    random = is_random(value)
    if _compiled(_PATH).fullmatch(value) and not random and all(_switches(part) < 4 for part in re.split(r"[/\\]", value)):
        return False
    if random:
        return True
    if _compiled(_WORDS).fullmatch(value):
        return False
    if _entropy(value) >= _ENTROPY and (_digit_switches(value) >= 3 or re.search(r"[!@#$%^&*+=~?|\\{}()\[\]]", value)):
        return literal or _digit_switches(value) >= 2
    kinds = sum(bool(re.search(kind, value)) for kind in ("[a-z]", "[A-Z]", r"\d", r"[^\w.\-/:]"))
    return literal and name[:4].lower() in ("pass", "pwd:", "pwd=") and kinds >= 3 and _entropy(value) >= 2.75


def _is_expression(value: str) -> bool:
    """Whether `value`, which stands unquoted, is the name of something in a program and not a secret itself."""
    if _compiled(_NAME_PATH).fullmatch(value) is None:
        return _compiled(_INDEXED).match(value) is not None
    if value.isalnum() and is_random(value):
        return _compiled(_CAMEL).fullmatch(value) is not None
    return all(_digit_switches(part) < 3 for part in value.split("."))


def _entropy(value: str) -> float:
    size = len(value)
    return -sum(count / size * math.log2(count / size) for count in Counter(value).values())


def _digit_switches(value: str) -> int:
    return len(re.findall(r"[A-Za-z](?=\d)|\d(?=[A-Za-z])", value))


def _switches(value: str) -> int:
    return len(re.findall(r"[a-z](?=[A-Z])|[A-Z]{2}(?=[a-z])", value)) + _digit_switches(value)


def key_span(text: str, begin: re.Match[str], following: re.Match[str] | None) -> tuple[int, int] | None:
    """The span of the private key that starts with the mark `begin`; `following` is the next mark in the text."""
    if following is not None and following["mark"] == "END" and following.start() - begin.end() <= _KEY_LONGEST:
        found = _compiled(_BASE64).search(text, begin.end(), following.start()) is not None  # else only words about a key
        return (begin.start(), following.end()) if found else None
    stop = key_lines_after(text, begin.end(), following.start() if following is not None else len(text))
    return (begin.start(), stop) if stop > begin.end() else None


def key_lines_after(text: str, at: int, high: int) -> int:
    """Where the lines of a private key that has no end mark stop, from the end of its begin mark up to `high`."""
    stop, longest = at, 0
    for start, end in _lines(text, at, min(high, at + _KEY_LONGEST)):
        line = _compiled(_KEY_LINE).fullmatch(text, start, end)
        if line is not None and (_is_key_line(line[1]) or longest >= 32):
            stop, longest = end, max(longest, len(line[1]))
            if len(line[1]) < 32:
                break
        elif _compiled(_KEY_HEADER).fullmatch(text, start, end) is None:
            break
    return stop


def key_lines_before(text: str, at: int, low: int) -> int:
    """Where the lines of a private key whose begin mark is missing start, down to `low`, from the start of its end mark."""
    start = at
    whole = False  # the last line of a key may be short, those before it are not
    for line in reversed(list(_lines(text, max(low, at - _KEY_LONGEST), at))):
        found = _compiled(_KEY_LINE).fullmatch(text, *line)
        if found is not None and (_is_key_line(found[1]) or start == at):
            start, whole = line[0], whole or _is_key_line(found[1])
        elif line[0] != line[1] and _compiled(_KEY_HEADER).fullmatch(text, *line) is None:
            break
    return start if whole else at


def _is_key_line(line: str) -> bool:
    """Whether this is a whole line of a key's base64, and not a path or a long name."""
    return len(line) >= 32 and _switches(line) >= len(line) / 8


def _lines(text: str, at: int, stop: int) -> Iterator[tuple[int, int]]:
    """Spans of the lines from `at`: real newlines and escaped ones."""
    while at < stop:
        newline = _compiled(_NEWLINE).search(text, at, stop)
        yield at, newline.start() if newline else stop
        at = newline.end() if newline else stop


def secret_variables(environ: Mapping[str, str]) -> Iterator[str]:
    """The names of the environment variables whose values are secrets."""
    for name, value in environ.items():
        upper = name.upper()
        if not any(word in upper for word in ("KEY", "TOKEN", "SECRET", "PASSWORD")) or len(value) < 8:
            continue
        if upper.endswith(("FILE", "PATH", "DIR", "SOCK", "URL", "URI")) or "[redacted:" in value:
            continue
        if value.isspace() or (value.isalpha() and value.islower() and "KEY" in upper) or value.isdigit():
            continue
        yield name


def exact_forms(environ: Mapping[str, str]) -> Iterator[str]:
    """The values of secret environment variables, as they are and as they look in base64 and in a URL."""
    for value in map(environ.__getitem__, secret_variables(environ)):
        yield value
        data = value.encode("utf-8", "surrogateescape")
        if not value.isalnum():
            from urllib.parse import quote

            yield quote(data, safe="")
        yield from _base64_forms(data)


def _base64_forms(data: bytes) -> Iterator[str]:
    """What base64 of any text that holds `data` must contain: one form for each of the three alignments."""
    import base64

    for offset in range(3):
        encoded = base64.b64encode(b"\0" * offset + data).decode("ascii").rstrip("=")
        tail = len(data) + offset
        stable = encoded[(0, 2, 3)[offset] : len(encoded) - (1 if tail % 3 else 0)]
        if len(stable) >= 8:
            yield stable
            if (urlsafe := stable.translate({43: 45, 47: 95})) != stable:
                yield urlsafe
