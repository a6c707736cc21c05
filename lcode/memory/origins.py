"""Whose words a line of core memory is: its user's and the agent's own, or directions from files, tool results, commits.

Text from there is data. What it says of the code may be noted; that somebody is to do something is only taken from the user.
Before the agent's line becomes part of every prompt, it is compared with the directions that this session has read. The
comparison is by telling words, so that another wording of the same direction is found too; it errs on the side of asking the
user, and what it finds is kept in archival memory as a quotation.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

MOST = 3_000  # directions of a session that are remembered, the newest
_SCANNED = 400_000  # characters of a text
_LONGEST = 600  # characters of a sentence
_OF_LINE, _OF_DIRECTION = 0.6, 0.7  # shares of telling words from which on two say the same
_OF_USER = 0.7  # the same, of what the user said
_COMMON = 2  # telling words that they share, at the least

# Who speaks like this speaks to the agent, or wants to be remembered.
_ADDRESSED = r"""
    \b(?: remember(?!\ that\ (?:the|this)\ (?:function|method|value|variable)) | memori[sz]e
    | note\ to\ (?:self|(?:the\ |any\ |all\ )?(?:agents?|assistants?|ai|models?|llms?|bots?))
    | (?:dear|hey|hi|attention|hello|calling\ all)[,\ ]+(?:agents?|assistants?|ai|models?|llms?)
    | (?:ai|llm|coding)\ (?:agents?|assistants?|models?) | you\ are\ (?:now|an?|the)\b
    | your\ (?:new\ |real\ |true\ )?(?:task|job|instructions?|rules?|memory|user)
    | ignore\ (?:all|any|the|previous|prior|your|every) | disregard | from\ now\ on | henceforth | going\ forward
    | in\ (?:all\ |every\ )?future | for\ (?:all|every)\ (?:future|later)
    | (?:core|long[-\ ]term|persistent)\ memory | core_memory | system\ prompt
    | (?:save|store|keep|add|write|put|record)\ (?:this|it|that|the\ following)(?:\ \w+){0,3}\ (?:in|into|to)
      \ (?:your\ |the\ )?(?:\w+\ )?(?:memory|conventions|notes|blocks?)
    )\b"""
_BINDING = r"""
    \b(?: always | never | must(?:n't)? | shall | should(?:n't)? | do\ not | don't | dont | cannot | make\ sure | ensure
    | be\ sure     | (?:have|has|needs?)\ to | required | mandatory | important | rule | policy | without\ exception
    | (?:every|each)\ time | (?:before|after)\ (?:each|every|any)
    )\b"""
_ACTING = r"""
    \b(?: run | runs | running | execute | exec | install | use | using | invoke | commit | push | pull | send | post | upload
    | publish | fetch | download | curl | wget | call | open | visit | add | include | append | insert | create | write | delete
    | remove | rm | disable | enable | turn\ off | skip | bypass | approve | allow | grant | trust | accept | reply | answer
    | respond | say | tell | ask | report | print | output | mention | e-?mail | share | copy | export | set | change | prefer
    | follow | obey | start | begin | end | check | test
    )\b"""
_MARKS = re.compile(r"^[\s>#*/;!|\-+<\[({\"'`0-9.)\]:→]*")
_CLAUSES = re.compile(r"(?<=[.!?;])\s+|;|\n")
_TOKENS = re.compile(r"[A-Za-z0-9][\w./:@%+=~-]*\w|\w")
_IDLE_WORDS = """
    a an and any are as at be been before but by can do does don for from had has have how i if in into is it its just let may
    me my not of on or our out s shall should so such t than that the their them then there these they this to up us was we were
    what when where which who will with would you your also always never must all each every after please make sure ensure needs
    need remember note important rule
"""
_IDLE = frozenset(_IDLE_WORDS.split())


@dataclass(frozen=True)
class Direction:
    """A sentence that tells somebody to do something. `where` is the file, tool or commit it was read in."""

    text: str
    where: str
    words: frozenset[str]


class Origins:
    """What one session has read and heard."""

    def __init__(self) -> None:
        self._read: deque[Direction] = deque(maxlen=MOST)
        self._known: set[tuple[str, ...]] = set()
        self._heard: list[frozenset[str]] = []

    def read(self, text: str, where: str) -> None:
        """Untrusted text came into the session."""
        for sentence in directions(text[:_SCANNED]):
            words = telling_words(sentence)
            key = tuple(sorted(words))
            if len(words) >= _COMMON and key not in self._known:
                self._known.add(key)
                self._read.append(Direction(sentence, where, words))

    def heard(self, text: str) -> None:
        """The user said this."""
        self._heard += [words for clause in _CLAUSES.split(text[:_SCANNED]) if (words := telling_words(clause))]
        self._heard.append(telling_words(text[:_LONGEST]))

    def source_of(self, line: str) -> Direction | None:
        """The direction that a part of `line` repeats and that the user did not give; None where there is none."""
        for clause in [line, *_CLAUSES.split(line)]:
            words = telling_words(clause)
            if len(words) < _COMMON or self._from_user(words):
                continue
            for direction in reversed(self._read):
                shared = len(words & direction.words)
                most_of_line = shared >= _OF_LINE * len(words) and (shared > _COMMON or shared == len(words))
                if most_of_line or (shared > _COMMON and shared >= _OF_DIRECTION * len(direction.words)):
                    return direction
        return None

    def _from_user(self, words: frozenset[str]) -> bool:
        return any(len(words & said) >= max(_COMMON, _OF_USER * len(words)) for said in self._heard)


def directions(text: str) -> Iterator[str]:
    """The sentences of `text` that tell somebody to do something that outlasts the moment, or speak to an agent. One that goes
    on in the next line is taken with it."""
    lines = text.split("\n")
    for at, line in enumerate(lines):
        bare = _MARKS.sub("", line)
        if not bare.strip():
            continue
        follow = _MARKS.sub("", lines[at + 1]) if at + 1 < len(lines) and bare.rstrip()[-1:] not in ".!?" else ""
        follow = follow if follow[:1].islower() else ""  # else another sentence begins there
        for sentence in re.split(r"(?<=[.!?])\s+", bare):
            whole = f"{sentence} {follow}".strip() if follow and bare.endswith(sentence) else sentence
            if _directs(sentence) or (follow and _begins(sentence) and _directs(whole)):
                yield whole[:_LONGEST].strip()
                if whole != sentence:
                    yield sentence[:_LONGEST].strip()


def _directs(sentence: str) -> bool:
    addressed, binding, acting = _patterns()
    if addressed.search(sentence):
        return True
    return binding.search(sentence) is not None and acting.search(sentence) is not None


def _begins(sentence: str) -> bool:
    addressed, binding, _ = _patterns()
    return (addressed.search(sentence) or binding.search(sentence)) is not None


@cache
def _patterns() -> tuple[re.Pattern[str], ...]:
    """Made when the first text is read: that takes longer than a start has."""
    return tuple(re.compile(pattern, re.IGNORECASE | re.VERBOSE) for pattern in (_ADDRESSED, _BINDING, _ACTING))


def telling_words(text: str) -> frozenset[str]:
    """The words of a text that say what it is about, inflection aside."""
    found = (word.lower().strip("./:-~=") for word in _TOKENS.findall(text))
    return frozenset(_stem(word) for word in found if word and word not in _IDLE)


def _stem(word: str) -> str:
    """Enough to take `runs`, `running` and `run` for one word; paths, addresses and flags stay as they are."""
    if not word.isalpha() or len(word) < 4:
        return word
    for ending in ("ing", "ed", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            word = word.removesuffix(ending)
            break
    return word[:-1] if len(word) > 3 and word[-1] == word[-2] else word.removesuffix("e")
