"""What a question asks for: its words, and what in it is to be taken literally (names, paths, quoted texts, expressions)."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from functools import cached_property

from lcode.index.words import query_words

MOST_WORDS = 24
LONGEST = 2_000  # characters of a question that are read
_ISSUE = re.compile(r"(?<!\w)(?:gh-|#)\d+", re.IGNORECASE)
_SCOPE = re.compile(r"^\s*(?:\w+\s*\(([^()]{2,40})\)\s*!?:|([\w/.,+ -]{2,30}):)\s")
_QUOTED = re.compile(r'"([^"\n]{3,200})"|`([^`\n]{2,200})`|“([^”\n]{3,200})”|(?<!\w)\'([^\'\n]{3,200})\'(?!\w)')
_NAME = re.compile(r"[A-Za-z_$][\w$]*(?:(?:\.|::|#|->|/(?=\w+$))[A-Za-z_$][\w$]*)*(?:\(\))?")
_COMPOUND = re.compile(r"_|[a-z0-9][A-Z]|\w(?:\.|::|#|->)\w|\(\)$")
_PATH = re.compile(r"(?:^|(?<=[\s`\"'(]))((?:[\w.@+$-]+/)*[\w.@+$-]*[\w@+$-]/?)(?::(\d+))?(?:-\d+)?(?=$|[\s`\"'),;])")
_EXPRESSION = re.compile(r"\\[wsdbWSDB.(\[]|\.[*+]|\[[^\]]+\][*+]|(?:^|\s)\^\S|\S\$(?:\s|$)|\w\|\w|\(\?")
_LOCATED = re.compile(r"^(?:File |--> |at )?[\"'`(]?([\w.@+$/-]*\w\.\w+)[\"'`]?(?::|,? line )(\d{1,9})\b")
_RAISED = re.compile(r"^(?:[\w.]*(?:error|exception|warning|panic|fatal)\w*: *)+", re.IGNORECASE)
_FEWEST, _SHORTEST = 3, 12  # words and characters of a message that is looked for as it stands
_SUFFIX = re.compile(r"\.[A-Za-z][\w]{0,9}$")


@dataclass(frozen=True)
class Query:
    """A question in words. Everything is found out when it is first asked for."""

    text: str

    @cached_property
    def bare(self) -> str:
        """The question on one line, at most so long."""
        text = self.text[:LONGEST].replace("\0", " ").encode("utf-8", "replace").decode()
        return " ".join(text.split())

    @cached_property
    def words(self) -> list[str]:
        """What full text is asked for: numbers of issues name nothing in code."""
        return (query_words(_ISSUE.sub(" ", self.bare)) or query_words(self.bare))[:MOST_WORDS]

    @cached_property
    def scope(self) -> list[str]:
        """The words of what stands before a colon, as in "parser: …" and "fix(parser): …"."""
        match = _SCOPE.match(self.bare)
        return query_words(match.group(1) or match.group(2))[:4] if match else []

    @cached_property
    def quoted(self) -> list[str]:
        found = ["".join(match.groups("")) for match in _QUOTED.finditer(self.bare)]
        return list(dict.fromkeys(text.strip() for text in found if len(text.strip()) > 2))[:4]

    @cached_property
    def name(self) -> str:
        """The name that the whole question is, with what is around it; '' where it is none."""
        text = self.bare.strip("`'\"").strip()
        return text.removesuffix("()") if _NAME.fullmatch(text) else ""

    @cached_property
    def located(self) -> list[tuple[str, int]]:
        """The path and line with which the question begins, as traces and compilers write them."""
        match = None if self.is_one else _LOCATED.match(self.bare)
        return [(match[1].removeprefix("./"), int(match[2]))] if match else []

    @cached_property
    def message(self) -> str:
        """The question as a text that may stand somewhere word for word, as the message of an error does; '' for none."""
        text = _RAISED.sub("", self.bare)
        return text if len(text.split()) >= _FEWEST and len(text) >= _SHORTEST and not self.located else ""

    @property
    def is_one(self) -> bool:
        """Whether the whole question is one word, however that is made up."""
        return " " not in self.bare

    @cached_property
    def names(self) -> list[str]:
        """Names in the question that cannot be ordinary words."""
        found = [match.group().removesuffix("()") for match in _NAME.finditer(self.bare) if _COMPOUND.search(match.group())]
        return list(dict.fromkeys(found))[:8]

    @cached_property
    def paths(self) -> list[tuple[str, int]]:
        """What may be a path or the end of one, each with a line, or 0."""
        found = []
        for match in _PATH.finditer(self.bare):
            path = match.group(1).removeprefix("./")
            if "/" in path or _SUFFIX.search(path) or (path == self.bare and not match.group(2)):
                found.append((path.strip("/"), int((match.group(2) or "0")[:9])))
        return [(path, line) for path, line in dict.fromkeys(found) if path][:4]

    @cached_property
    def expression(self) -> re.Pattern[str] | None:
        """The question as a regular expression, where it looks like one and can be matched in bounded time."""
        if not _EXPRESSION.search(self.bare) or len(self.bare) > 200 or re.search(r"\)\s*[*+{]|\\\d", self.bare):
            return None
        if len(re.findall(r"[*+{]", self.bare)) > 4:
            return None
        try:
            with warnings.catch_warnings():  # what Python may once read in another way is no matter of who asks
                warnings.simplefilter("ignore")
                return re.compile(self.bare)
        except (re.error, OverflowError, RecursionError):
            return None
