"""Which sentences of a text tell somebody to do something that outlasts the moment, or speak to an agent.

Also in comments, quotations and lists, over two lines, and below a heading or a line that speaks to agents. It errs on the
side of finding too many: what is found is kept from becoming a rule by itself, and nothing else happens to it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from enum import IntEnum
from functools import cache

LONGEST = 600  # characters of a sentence
_GOVERNED = 30  # lines below one that speaks to agents

# Who speaks like this speaks to the agent, or wants to be remembered.
_ADDRESSED = r"""
    \b(?: remember(?!\ (?:that\ )?(?:the|this)\ (?:function|method|value|variable)) | memori[sz]e | (?:keep|bear)\ in\ mind
    | (?:please|pls)\ note | take\ note
    | (?:note|notes|notice|message|instructions?|guidance|directions?|rules?|warning|reminder|attention)
      \ (?:to|for)\ (?:self|(?:the\ |any\ |all\ |every\ |future\ )?(?:ai\ |coding\ |llm\ )?
      (?:agents?|assistants?|ai|models?|llms?|bots?|copilots?))
    | (?:dear|hey|hi|attention|hello|calling\ all|@)[,\ ]*(?:agents?|assistants?|ai|models?|llms?|bots?)
    | (?:ai|llm|coding)[ -](?:agents?|assistants?|models?) | you\ are\ (?:now|an?|the|required|expected|instructed|allowed)\b
    | (?:claude|copilot|codex|cursor|chatgpt|gpt|gemini|lcode)(?=[:,]|\ (?:must|should|always|never|shall|has\ to))
    | your\ (?:new\ |real\ |true\ )?(?:task|job|instructions?|rules?|memory|user)
    | (?:ignore|forget|override)\ (?:all|any|the|previous|prior|your|every|earlier) | disregard | from\ (?:now|here)\ on
    | henceforth | (?:going|moving)\ forward | in\ (?:all\ |every\ )?future | for\ (?:all|every)\ (?:future|later)
    | (?:the|your)\ user\ (?:wants|prefers|likes|asked|said|expects|has|agreed|approved|requires)
    | (?:core|long[-\ ]term|persistent)\ memory | core_memory | (?:system|assistant)\ (?:prompt|message|note)
    | (?:save|store|keep|add|write|put|record|note|persist)\ (?:this|it|that|the\ following|down)(?:\ \w+){0,3}
      \ (?:in|into|to|as)\ (?:your\ |the\ |an?\ )?(?:\w+\ )?(?:memory|conventions|notes|blocks?|rules?)
    )\b | <\s*/?\s*(?:system|assistant|instructions?)\b | \[/?INST\] | ^\W*system\s*:"""
_BINDING = r"""
    \b(?: always | never | must(?:n't)? | shall | should(?:n't)? | ought | do\ not | don't | dont | cannot | may\ not
    | (?:make|be)\ sure | ensure | see\ to\ it | (?:is|are)\ to\ be | (?:have|has|needs?)\ to | (?<!--)required? | requires
    | mandatory | obligatory | forbidden | prohibited | not\ allowed | expected\ to | important | crucial | essential | critical
    | rule | policy | convention | without\ (?:exception|fail|asking) | no\ exceptions? | at\ all\ times
    | under\ no\ circumstances | when(?:ever|\ you)
    | (?:every|each|any)\ (?:time|\w*\ ?(?:commit|change|push|session|task|edit|release|build|test|run))
    | (?:before|after|prior\ to)\ (?:each|every|any|all|you) | first\ of\ all | by\ default | instead\ of | prefer
    )\b"""
_ACTING = r"""
    \b(?: run | running | execut(?:e|ing) | exec | install | us(?:e|ing) | invoke | commit | push | pull | send | sent |
      post | upload | publish | fetch | download | curl | wget | call | open | visit | add | include | append | insert
      | create | write | writ(?:ing|ten) | delete | remove | rm | disable | enable | turn(?:ed)?\ off | skip | bypass
      | approve | allow | grant | trust | accept | repl(?:y|ied|ies) | answer | respond | say | tell | ask | report |
      print | output | mention | e-?mail | share | copy | export | set | change | prefer | follow | obey | start |
      begin | end | check | test | pipe | forward | sign | pin | merge | tag | build | deploy | format | lint | touch
      | modify | edit | return | keep
    )(?:s|d|ed|ing)?\b"""
_MARKS = re.compile(r"^(?:[\s>#*/;!|\-+<\[({\"'`.)\]:→,=~_]|\d+[.):→|\t-]|[^\s:]{1,200}:\d+[:-])*")
_NUMBER = re.compile(r"(?:[^\s:]{1,200}:)?\s*(\d{1,7})[:→|\t-]")
_ENDED = re.compile(r"(?:[.!?]|-->|\*/|\"\"\")\s*$")
_SENTENCES = re.compile(r"(?<=[.!?])\s+")
_INVISIBLE = re.compile(r"[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\U000e0000-\U000e007f]")


def plain(text: str) -> str:
    """`text` as it reads: without what cannot be seen, letters of other shapes as the usual ones."""
    return text if text.isascii() else unicodedata.normalize("NFKC", _INVISIBLE.sub("", text)).replace("’", "'")


class Strength(IntEnum):
    """How a direction is said."""

    BINDING = 0  # must, should, do not
    ABSOLUTE = 1  # always, never
    ADDRESSED = 2  # to agents, or as something to remember


def directions(text: str) -> Iterator[tuple[str, Strength]]:
    """The sentences of `text` that direct somebody. One that goes on in the next line is taken with it."""
    lines = plain(text).replace("\\n", "\n").split("\n")
    bare = [_MARKS.sub("", line) for line in lines]
    governed = 0
    for at, line in enumerate(bare):
        governed = _governs(lines[at], line, governed)
        if not line.strip():
            continue
        follow = bare[at + 1] if at + 1 < len(bare) and not _ENDED.search(line) and _adjoin(*lines[at : at + 2]) else ""
        follow = follow if follow[:1].islower() or line.rstrip()[-1:] in ":," else ""  # else another sentence begins there
        for sentence in _SENTENCES.split(line):
            whole = f"{sentence} {follow}".strip() if follow and line.endswith(sentence) else sentence
            if directs(sentence) or (follow and _begins(sentence) and directs(whole)):
                strength = Strength.ADDRESSED if governed else _strength(whole)
                yield whole[:LONGEST].strip(), strength
                if whole != sentence:
                    yield sentence[:LONGEST].strip(), strength
            elif governed and _patterns()["acting"].search(sentence):
                yield sentence[:LONGEST].strip(), Strength.ADDRESSED


def _governs(line: str, bare: str, governed: int) -> int:
    """For how many lines on what is said is said to agents."""
    heading = line.lstrip().startswith("#") and not line.lstrip().startswith("#!")
    if (heading or bare.rstrip().endswith((":", ">"))) and len(bare) < 200 and _patterns()["addressed"].search(line):
        return _GOVERNED
    return 0 if line.startswith("#") and governed and line.lstrip("#").startswith(" ") else max(0, governed - 1)


def _adjoin(line: str, following: str) -> bool:
    """Whether two lines stand together also where both have the number that tools put in front."""
    one, two = _NUMBER.match(line), _NUMBER.match(following)
    return not (one and two) or int(two[1]) - int(one[1]) == 1


def directs(sentence: str) -> bool:
    """Whether a sentence tells somebody to do something."""
    patterns = _patterns()
    if patterns["addressed"].search(sentence):
        return True
    return patterns["binding"].search(sentence) is not None and patterns["acting"].search(sentence) is not None


def without_directions(text: str) -> str:
    """The lines of `text` that direct nobody."""
    return "\n".join(line for line in text.split("\n") if not any(directs(part) for part in _SENTENCES.split(plain(line))))


def binds(line: str) -> bool:
    """Whether a line says that something has to be, or when it has to."""
    return any(_patterns()[name].search(line) for name in ("addressed", "binding", "timed", "imperative"))


def _strength(sentence: str) -> Strength:
    patterns = _patterns()
    if patterns["addressed"].search(sentence):
        return Strength.ADDRESSED
    return Strength.ABSOLUTE if patterns["absolute"].search(sentence) else Strength.BINDING


def _begins(sentence: str) -> bool:
    return any(_patterns()[name].search(sentence) for name in ("addressed", "binding"))


@cache
def _patterns() -> dict[str, re.Pattern[str]]:
    """Made when the first text is looked at: that takes longer than a start has."""
    texts = {
        "addressed": _ADDRESSED,
        "binding": _BINDING,
        "acting": _ACTING,
        "absolute": r"\b(?:always|never|every\ time|no\ exceptions?|without\ (?:exception|fail|asking)|at\ all\ times)\b",
        "timed": r"\b(?:before|after|prior|first|when|whenever|each|every|until|unless|only)\b",
        "imperative": rf"^\W*(?:please\ )?{_ACTING}(?=\s)",
    }
    return {name: re.compile(text, re.IGNORECASE | re.VERBOSE) for name, text in texts.items()}
