"""What a user's words ask for, by rules: to keep something, to change or run something, or to find something."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

_REMEMBER = re.compile(
    r"^\s*(?:(?:please|also|ok(?:ay)?|hey|and|lcode)[,:]?\s+)*(?:can you\s+|could you\s+)?"
    r"(?:please\s+)?(?:remember(?: this)?|note(?: down)?|make a note|take (?:a )?note|keep in mind|bear in mind|memori[sz]e|"
    r"don'?t forget|"
    r"do not forget|never forget|for the record|fyi|"
    r"for (?:the )?future(?: reference)?)\b(?:\s*[:,–-])?\s*(?:of\b\s*)?(?:that\b\s*)?(?:this\s*:\s*)?",
    re.IGNORECASE,
)
_RULE = re.compile(
    r"^\s*(?:please\s+)?(?:always|never|from now on|in (?:the )?future|in this (?:repo\w*|project))\b", re.IGNORECASE
)
_OWN = re.compile(
    r"^\s*(?:i(?:'d)? (?:really |strongly |always |usually |never |only |don'?t |do not )*"
    r"(?:prefer|like|love|hate|dislike|want you to|use)\b"
    r"|my (?:name|preferred|preference|favou?rite|editor|time ?zone|pronouns)\b"
    r"|call me\b|i'?m (?:an? |called )|i am (?:an? |called ))",
    re.IGNORECASE,
)
_PERSON = re.compile(r"\b(?:i|i'm|i've|i'd|me|my|mine|myself)\b", re.IGNORECASE)
_TALK = re.compile(r"\b(?:answer|reply|respond|explain|speak|talk|address|greet)\b", re.IGNORECASE)
_PROJECT = re.compile(
    r"\b(?:we|our|always|never|must|should|prefer|convention|style|format|indent\w*|naming|lint\w*|commits?|branch\w*|"
    r"pull requests?|"
    r"test(?:s|ing)?|package manager|instead of|run (?:the )?\w+ with)\b",
    re.IGNORECASE,
)
_ACT = re.compile(
    r"^\s*(?:(?:please|now|then|ok(?:ay)?|hey|also|and|just|let'?s|go ahead and)[,]?\s+)*"
    r"(?:(?:can|could|would|will) you (?:please )?|i (?:want|need|would like) (?:you )?to |help me (?:to )?)?"
    r"(?:fix|add|implement|write|create|refactor|rename|change|update|remove|delete|run|install|commit|push|pull|merge|rebase|make|build"
    r"|edit"
    r"|replace|move|upgrade|downgrade|bump|debug|test|deploy|generate|convert|migrate|format|lint|optimi[sz]e|improve"
    r"|clean|apply|insert"
    r"|extract|split|rewrite|port|set up|setup"
    r"|start|stop|execute|undo|revert|translate|document|release|mend|repair|solve|continue)\b",
    re.IGNORECASE,
)
_ASKS = re.compile(
    r"^\s*(?:(?:and|so|ok(?:ay)?|please|hey)[,]?\s+)*(?:where|what|who|which|when|why|how|is|are|was|were|does|do|did|has|have|whose)\b",
    re.IGNORECASE,
)
_LAST = re.compile(
    r"\bwhat (?:did|have|were) (?:we|i|you) (?:do\w*|work\w*|try|tried|change\w*)\b"
    r".*\b(?:last|before|yesterday|previous\w*|earlier)\b"
    r"|\bwhere (?:did|were) (?:we|i|you)\b(?:.*\b(?:stop\w*|leave|left|last)\b)?"
    r"|\b(?:left|leave) off\b|\bwhat(?:'s| is) (?:still )?open\b"
    r"|\b(?:last|previous) session\b",
    re.IGNORECASE,
)
_GREETING = re.compile(
    r"^\W*(?:hi|hello|hey|good (?:morning|evening|day)|thanks?(?: you)?|ok(?:ay)?|bye|yes|no)\b\W*(?:there|lcode)?\W*$",
    re.IGNORECASE,
)
_HANDLING = re.compile(r"\b(?:handl\w*|caught|catch\w*|dealt with)\b", re.IGNORECASE)
_CALLERS = re.compile(
    r"\b(?:who|what|which \w+|where)\b.*\b(?:calls?|called|invokes?|uses|using|used)\b"
    r"|\b(?:callers?|usages?) of\b"
    r"|^\s*(?:find|list|show)\b.*\bcallers\b",
    re.IGNORECASE,
)
_VERBS = r"(?:run|build|test|lint|format|install|start|deploy|check|compile|release)\w*"
_HOW_TO = re.compile(
    rf"\bhow (?:(?:do|can|could|should|would|must) (?:i|we|you|one|people)|to)\b.*\b{_VERBS}\b"
    r"|\bhow (?:are|is)\b.*\b(?:run|built|tested|linted|formatted|installed|started|deployed|checked|compiled|released)\W*$"
    rf"|\b(?:command|script)s?\b.*\b{_VERBS}\b",
    re.IGNORECASE,
)
_WISH = re.compile(
    r"\b(?:(?:can|could|would|will) you|please|help me|i (?:want|need|would like)|let'?s|go ahead)\b", re.IGNORECASE
)
_KIND = r"(?:function|method|class|type|struct|interface|enum|trait|constant|decorator|macro|module)"
_BESIDE_KIND = re.compile(rf"\b(\w+)(?=\s+{_KIND}\b)|(?:(?<=\s)|^){_KIND}\s+(\w+)\b", re.IGNORECASE)
_DEFINED = re.compile(r"\b(?:defined?|defines|definitions?|declared?|declares|declarations?)\b", re.IGNORECASE)
_SECRET = r"[\"'`]?\[redacted:[a-z0-9-]+\][\"'`]?"
_SECRET_SAID = re.compile(rf"(?:^|(?:\bis|\bare|\bto|[=:])\s+|=){_SECRET}", re.IGNORECASE)
_SECRET_ALONE = re.compile(rf"\s*(?:[\w'-]+ ){{0,5}}?(?:[\w.-]+)?\s*[=:]?\s*{_SECRET}[.!;]?\s*", re.IGNORECASE)


class Intent(Enum):
    REMEMBER = "remember"
    ACT = "act"
    ASK = "ask"
    RESUME = "resume"
    GREET = "greet"


@dataclass(frozen=True)
class Kept:
    """What to remember and where: `human`, `conventions` or `archival`."""

    content: str
    place: str


def intent(text: str) -> Intent:
    """What the text asks for. A question is never taken for an order."""
    if not text.strip() or _GREETING.match(text):
        return Intent.GREET
    question = text.rstrip().endswith("?")
    if not question and (_REMEMBER.match(text) or _RULE.match(text) or _OWN.match(text)) and len(text) < 4_000:
        return Intent.REMEMBER
    if _LAST.search(text):
        return Intent.RESUME
    if _ASKS.match(text) or (question and not _WISH.search(text)):  # `release tags?`: no order is put like that
        return Intent.ASK
    return Intent.ACT if _ACT.match(text) else Intent.ASK


def kept(text: str) -> Kept | None:
    """The words to keep and the place for them; None where nothing is left to keep."""
    content = _REMEMBER.sub("", text.strip(), count=1).strip(" \t\n:,–-")
    if not re.search(r"\w", content):
        return None
    line = content[0].upper() + content[1:]
    if _PERSON.search(content) or (
        _TALK.search(content) and not re.search(r"\b(?:api|endpoint|server|request)\b", content, re.IGNORECASE)
    ):
        return Kept(line, "human")
    if _RULE.match(content) or _PROJECT.search(content) or re.match(r"use\b", content, re.IGNORECASE):
        return Kept(line, "conventions")
    return Kept(line, "archival")


def tells_secret(text: str) -> bool:
    """Whether this is nothing but a secret, with its name perhaps."""
    return bool(_SECRET_ALONE.fullmatch(text))


def is_secret(line: str) -> bool:
    """Whether what a line says is a placeholder: it would tell nothing later."""
    return bool(_SECRET_SAID.search(line)) or tells_secret(line)


def defined_names(text: str) -> list[str]:
    """Words that may be names whose definition is asked for."""
    names = [name for pair in _BESIDE_KIND.findall(text) for name in pair if name]
    return names + (re.findall(r"\w+", text) if _DEFINED.search(text) else [])


def asks_for_handling(text: str) -> bool:
    return bool(_HANDLING.search(text))


def asks_for_callers(text: str) -> bool:
    return bool(_CALLERS.search(text))


def asks_for_commands(text: str) -> bool:
    return bool(_HOW_TO.search(text))


def asks_about_user(text: str) -> bool:
    """Whether the question is about the user: then what `human` holds is the answer."""
    return bool(_PERSON.search(text) and re.search(r"\b(?:prefer\w*|like|name|know about me|am i|who)\b", text, re.IGNORECASE))
