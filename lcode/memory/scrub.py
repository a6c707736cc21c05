"""Takes a text out of other texts, of JSON and of files, and leaves in its place when and by whom: never what.

Found is the text as it is, in both Unicode forms, as JSON writes it, and, where a text was cut off, its beginning there.
"""

from __future__ import annotations

import json
import mmap
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from lcode import clock
from lcode.errors import UsageError

SHORTEST = 3  # characters that a text must have: less is in everything
_BEGINNING, _LONGEST_CUT = 8, 300  # characters from which on a beginning counts, and of texts that it is looked for of
_KEPT = frozenset({"type", "id", "call_id", "name", "is_error"})  # of a message's part: what joins it to others
Change = Callable[[str], str]


class Scrub:
    """What is to go: literal texts, or with `regex` expressions; nothing without any. `mark` is left in the place of it."""

    def __init__(self, texts: Iterable[str] = (), *, ignore_case: bool = False, regex: bool = False) -> None:
        self.mark = f"[forgotten by the user on {clock.stamp()[:10]}]"
        wanted = list(texts)
        for text in wanted:
            if len(text.strip()) < SHORTEST:
                raise UsageError(f"'{text}' is too short: it is in everything", f"give at least {SHORTEST} characters")
        flags = re.IGNORECASE if ignore_case else re.NOFLAG
        if regex:
            self._patterns, self._raw = _expressions(wanted, flags)
        else:
            self._patterns, self._raw = _literals(wanted, flags)
        if self.find(self.mark):
            raise UsageError("that is in the words which say that something was forgotten", "give more of the text")

    def __bool__(self) -> bool:
        return bool(self._patterns)

    def find(self, text: str) -> re.Match[str] | None:
        return next((match for pattern in self._patterns if (match := pattern.search(text))), None)

    def holds(self, path: Path) -> bool:
        """Whether the bytes of a file hold it."""
        try:
            with path.open("rb") as file, closing(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)) as data:
                return any(pattern.search(data) for pattern in self._raw)
        except (OSError, ValueError):  # gone, or empty
            return False

    # -- taking it out ----------------------------------------------------------------------------------------------

    def text(self, text: str) -> str:
        """The text with the mark in the place of each occurrence."""
        for pattern in self._patterns:
            text = pattern.sub(lambda _: self.mark, text)
        return text

    def lines(self, text: str) -> str:
        """The text with the mark in the place of each line that an occurrence touches."""
        for pattern in self._patterns:
            for match in reversed(list(pattern.finditer(text))):
                start = text.rfind("\n", 0, match.start()) + 1
                end = text.find("\n", max(match.end() - 1, match.start()))
                text = f"{text[:start]}{self.mark}{text[end:] if end >= 0 else ''}"
        return text

    def label(self, text: str) -> str:
        """The same for what has to stay a name."""
        for pattern in self._patterns:
            text = pattern.sub("forgotten", text)
        return text

    def small(self, text: str) -> str:
        """The same for names that were written small when they were kept, such as tags."""
        for pattern in self._patterns:
            text = re.sub(pattern.pattern, "forgotten", text, flags=pattern.flags | re.IGNORECASE)
        return text

    def json(self, text: str, change: Change | None = None) -> str:
        """A JSON document, by the texts in it."""
        if not self.find(text) and not self.find(_unescaped(text)):
            return text
        try:
            data = json.loads(text)
        except ValueError:
            return self.text(text)
        found = _walked(data, lambda part: self._still_json(part, change or self.text))
        return text if found == data else json.dumps(found, ensure_ascii=False)

    def _still_json(self, text: str, change: Change) -> str:
        """The change of a text; one that is JSON stays so: what is taken out may have begun in the middle of an escape."""
        after = change(text)
        if after == text or text[:1] not in ('"', "[", "{"):
            return after
        try:
            inner = json.loads(text)
        except ValueError:
            return after
        try:
            json.loads(after)
        except ValueError:
            again = json.dumps(_walked(inner, change), ensure_ascii=False)
            return json.dumps(self.mark) if self.find(again) else again  # else it goes as a whole
        return after

    def content(self, text: str) -> str:
        """The parts of a message. Thinking that is signed cannot be changed: it goes as a whole."""
        if not self.find(text) and not self.find(_unescaped(text)):
            return text
        parts = [(part, _part(part, self.text)) for part in json.loads(text)]
        kept = [new for old, new in parts if old == new or old.get("type") != "thinking"]
        if [old for old, _ in parts] == kept:
            return text
        return json.dumps(kept or [{"type": "text", "text": self.mark}], ensure_ascii=False)

    def emptied(self, text: str) -> str:
        """The parts of a message without anything that they said: the calls and results stay, so that they fit each other."""
        kept = []
        for part in json.loads(text):
            match part.get("type"):
                case "tool_call":
                    kept.append({"type": "tool_call", "id": part["id"], "name": part["name"], "arguments": {}})
                case "tool_result":
                    kept.append({name: value for name, value in part.items() if name in _KEPT} | {"text": self.mark})
                case "text":
                    kept.append({"type": "text", "text": self.mark})
        return json.dumps(kept or [{"type": "text", "text": self.mark}], ensure_ascii=False)

    def data(self, data: bytes) -> bytes:
        """The bytes of a file of text."""
        return self.text(data.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")


Patterns = tuple[list[re.Pattern[str]], list[re.Pattern[bytes]]]


def _expressions(wanted: Sequence[str], flags: re.RegexFlag) -> Patterns:
    try:
        found = [re.compile(text, flags | re.MULTILINE) for text in wanted]
    except re.error as error:
        raise UsageError(f"not a regular expression: {error}", "leave out --regex to forget it literally") from error
    if any(pattern.search("") for pattern in found):
        raise UsageError("the expression matches the empty text, which is everywhere", "make it narrower")
    return found, [re.compile(text.encode(), flags | re.MULTILINE) for text in wanted]


def _literals(wanted: Sequence[str], flags: re.RegexFlag) -> Patterns:
    """The texts in all their forms, the longest first, and for files by their bytes."""
    forms = sorted({form for text in wanted for form in _forms(text)}, key=lambda form: (-len(form), form))
    if not forms:
        return [], []
    ends = "|".join(end for text in wanted for end in _beginnings(text))
    cut = f"|(?:{ends})(?=…|\\Z)" if ends else ""
    codes = ("utf-8", "utf-16-le", "utf-16-be")
    raw = b"|".join(re.escape(form.encode(code, "surrogatepass")) for form in forms for code in codes)
    return [re.compile("|".join(map(re.escape, forms)) + cut, flags)], [re.compile(raw, flags)]


def _forms(text: str) -> set[str]:
    """A text as it may stand in others: in both Unicode forms, in JSON, in JSON in JSON, over lines of the input history."""
    bare = {text, *(unicodedata.normalize(form, text) for form in ("NFC", "NFD")), text.replace("\n", "\n+")}
    found = set(bare)
    for _ in range(2):
        found |= {json.dumps(form, ensure_ascii=plain)[1:-1] for form in found for plain in (True, False)}
    return found


def _beginnings(text: str) -> list[str]:
    if not _BEGINNING < len(text) <= _LONGEST_CUT:
        return []
    return [re.escape(text[:size]) for size in range(len(text) - 1, _BEGINNING - 1, -1)]


def _unescaped(text: str) -> str:
    """JSON text by the texts in it, as far as a search for them needs."""
    if "\\" not in text:
        return text
    try:
        found: list[str] = []
        _walked(json.loads(text), lambda part: found.append(part) or part)  # type: ignore[func-returns-value]
        return "\n".join(found)
    except ValueError:
        return text


def _walked(data: Any, change: Change) -> Any:
    if isinstance(data, str):
        return change(data)
    if isinstance(data, list):
        return [_walked(item, change) for item in data]
    if isinstance(data, dict):
        return {change(name): _walked(item, change) for name, item in data.items()}
    return data


def _part(part: dict[str, Any], change: Change) -> dict[str, Any]:
    return {name: item if name in _KEPT else _walked(item, change) for name, item in part.items()}
