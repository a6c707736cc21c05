"""The model that is none: answers by searching memory and the repository, and keeps what it is told to remember.

No key, no network: it plays the model by fixed rules, so the same loop, tools and store run. What it does next follows
from the request alone (the latest user text, and the tool results since), in at most four steps. It says plainly that
no model is configured.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Any

from lcode.errors import ProviderError
from lcode.llm import offline_intent as intents
from lcode.llm.offline_answer import CONFIGURE, FOOTER, SECRETS, Evidence, answer
from lcode.llm.offline_intent import Intent
from lcode.llm.offline_memory import blocks, core_lines, last_sessions, memory_hits
from lcode.llm.offline_rank import Place, Wanted, definition, parse_hits, rank
from lcode.llm.offline_words import Term, identifiers, names_asked_for, terms
from lcode.llm.protocol import Delta, Message, Reply, Request, Text, TextPiece, ToolCall, ToolResult

MAX_STEPS = 4
_READS = 5  # files looked into in the second step
_AROUND = 14  # lines before a hit
_REGION = 40
_FRAMED = re.compile(r"\s*<(context|memory_update|summary)>.*</\1>\s*", re.DOTALL)  # what the program says, not the user
_LONGEST = 4_000  # characters of the user's words that are looked at
_SUMMARY_ASKED = "The context window is full"
_NUMBERED = re.compile(r"^(\d+)→(.*)$", re.MULTILINE)
_KEYWORDS = r"\b(def|class|func|function|fn|type|interface|enum|struct|trait|record|const|var|let|table)\s+(\([^)]*\)\s*)?"
_DEFINES = rf"{_KEYWORDS}[\w$.]*"
_CUT = re.compile(r"^\[(?:stopped\b|[\d,]+ shown of )", re.MULTILINE)  # grep's own word that there is more


@dataclass(frozen=True)
class Turn:
    """The user's words, and the calls and results since then, step by step."""

    text: str
    steps: tuple[tuple[tuple[ToolCall, ToolResult], ...], ...]

    def results(self, tool: str) -> list[tuple[ToolCall, ToolResult]]:
        return [pair for step in self.steps for pair in step if pair[0].name == tool and not pair[1].is_error]


Plan = tuple[str, list[tuple[str, dict[str, Any]]]]  # the words, and the calls that are wanted


class OfflineProvider:
    """See the module. `name` and `api` as the protocol wants them."""

    name = "offline"
    api = "offline"

    async def stream(self, request: Request) -> AsyncGenerator[Delta, None]:
        """One reply: tool calls, or the answer with its footer."""
        turn = read_turn(request.messages)
        if turn.text.startswith(_SUMMARY_ASKED):
            raise ProviderError("no model is configured to write a summary", "An extract is used.")
        words, wanted = plan(request, turn)
        calls = _offered(request, wanted)
        if calls and len(turn.steps) < MAX_STEPS - 1:
            yield Reply(tuple(calls), "tool_calls", model=self.name)
            return
        text = f"{words}\n\n{FOOTER}"
        for piece in re.findall(r"[^\n]*\n+|[^\n]+$", text):
            yield TextPiece(piece)
        yield Reply((Text(text),), "stop", model=self.name)

    async def close(self) -> None:
        """Nothing is open."""


def read_turn(messages: Sequence[Message]) -> Turn:
    """The latest words of the user, without what the program put around them, and what was called since."""
    text, start = "", len(messages)
    for index in range(len(messages) - 1, -1, -1):
        message = messages[index]
        if message.role == "user" and (said := _said(message)):
            text, start = said, index
            break
    steps = []
    calls: dict[str, ToolCall] = {}
    for message in messages[start:]:
        calls |= {part.id: part for part in message.parts if isinstance(part, ToolCall)}
        pairs = [
            (calls[part.call_id], part) for part in message.parts if isinstance(part, ToolResult) and part.call_id in calls
        ]
        if pairs:
            steps.append(tuple(pairs))
    return Turn(text, tuple(steps))


def _said(message: Message) -> str:
    texts = [part.text for part in message.parts if isinstance(part, Text) and not _FRAMED.fullmatch(part.text)]
    return "\n".join(texts).strip()[:_LONGEST]


def _offered(request: Request, wanted: list[tuple[str, dict[str, Any]]]) -> list[ToolCall]:
    """The wanted calls of tools that the request offers, with parameters that they declare."""
    specs = {spec.name: spec.parameters.get("properties", {}) for spec in request.tools}
    used = [part.id for message in request.messages for part in message.parts if isinstance(part, ToolCall)]
    number = max((int(found[1]) for name in used if (found := re.fullmatch(r"offline_(\d+)", name))), default=0)
    calls = []
    for name, arguments in wanted:
        if name in specs:
            number += 1
            given = {key: value for key, value in arguments.items() if key in specs[name]}
            calls.append(ToolCall(f"offline_{number}", name, given))
    return calls


def plan(request: Request, turn: Turn) -> Plan:
    """What to do next: calls, or the words to say when there are none."""
    if intents.tells_secret(turn.text):
        return SECRETS, []
    match intents.intent(turn.text):
        case Intent.REMEMBER:
            return _remember(request, turn)
        case Intent.ACT:
            return CONFIGURE, []
        case Intent.RESUME if noted := last_sessions(_texts(request.messages)):
            return noted, []
        case Intent.GREET:
            return "I can find code and memories (“where is … handled?”) and keep what you tell me (“remember that …”).", []
        case _:
            return _find(request, turn)


def _texts(messages: Sequence[Message]) -> list[str]:
    return [part.text for message in messages if message.role == "user" for part in message.parts if isinstance(part, Text)]


def _remember(request: Request, turn: Turn) -> Plan:
    wish = intents.kept(turn.text)
    if wish is None:
        return "Tell me what to remember: “remember that …”.", []
    if intents.is_secret(wish.content):
        return SECRETS, []
    names = {spec.name for spec in request.tools}
    core = blocks(request.system)
    tool = "archival_memory_insert" if wish.place == "archival" or "core_memory_append" not in names else "core_memory_append"
    if any(line.strip() == wish.content for line, _ in core.get(wish.place, [])):
        return f"The block `{wish.place}` says that already: {wish.content}", []
    done = [pair for step in turn.steps for pair in step]
    failed = [result.text for _, result in done if result.is_error]
    for call, result in done:
        if not result.is_error:
            return _kept_where(call, wish.content), []
    if failed and (tool == "archival_memory_insert" or len(failed) > 1 or "archival_memory_insert" not in names):
        return f"I could not keep it: {failed[-1]}", []
    if tool not in names:
        return "I cannot keep it: this session has no tool that writes memory.", []
    if failed or tool == "archival_memory_insert":
        return "I could not keep it.", [("archival_memory_insert", {"content": wish.content, "kind": "fact"})]
    return "I could not keep it.", [("core_memory_append", {"label": wish.place, "content": wish.content})]


def _kept_where(call: ToolCall, content: str) -> str:
    if call.name == "core_memory_append":
        label = (call.arguments or {}).get("label")
        shared = "shared by all your repositories" if label == "human" else "of this repository"
        return f"Kept in the core memory block `{label}` ({shared}): {content}"
    return f"Kept in archival memory: {content}"


def _find(request: Request, turn: Turn) -> Plan:
    wanted = terms(turn.text)
    names = identifiers(turn.text)
    if not wanted:
        return "Ask with a word or two that the code or memory would use: “where is retry handled?”.", []
    callers = names[0] if names and intents.asks_for_callers(turn.text) else _bare_callee(turn.text, wanted)
    if not turn.steps:
        first = _first_calls(turn.text, wanted, callers)
        if _offered(request, first):
            return "", first
    places = _places(turn, wanted, callers)
    if len(turn.steps) == 1 and not callers and any(_CUT.search(result.text) for _, result in turn.results("grep")):
        return _words(request, turn, wanted, places, callers), _closer(wanted, places)
    if places and not callers and not turn.results("read_file"):
        return _words(request, turn, wanted, places, callers), _reads(places)
    return _words(request, turn, wanted, places, callers), []


def _bare_callee(text: str, wanted: Sequence[Term]) -> str:
    """`who calls drain`: the plain word that is called."""
    match = re.search(r"\b(?:calls?|invokes?|callers of)\s+(?:the\s+)?(?:function\s+|method\s+)?(\w+)", text, re.IGNORECASE)
    return (
        match[1] if match and intents.asks_for_callers(text) and any(match[1].lower() == term.word for term in wanted) else ""
    )


def _first_calls(text: str, wanted: Sequence[Term], callers: str) -> list[tuple[str, dict[str, Any]]]:
    query = " ".join(term.word for term in wanted if term.weight == 1.0)
    memory = [
        ("conversation_search", {"query": query, "roles": ["user", "assistant"], "limit": 5}),
        ("archival_memory_search", {"query": query, "scope": "facts", "limit": 5}),
    ]
    if callers:
        return [*memory, ("grep", {"pattern": rf"\b{re.escape(callers)}\s*\(", "limit": 100})]
    any_term = _any(wanted)
    calls = [
        *memory,
        ("grep", {"pattern": f"{_DEFINES}({any_term})", "ignore_case": True, "limit": 150}),
        ("grep", {"pattern": any_term, "ignore_case": True, "limit": 300}),
    ]
    names = names_asked_for(text, intents.defined_names(text))
    if names:  # whole names, which a limit must not cut off
        calls.append(("grep", {"pattern": f"{_KEYWORDS}({'|'.join(map(re.escape, names))})\\b", "limit": 50}))
    strong = [term.pattern for term in wanted if term.weight == 1.0][:4]
    pairs = [f"{one}.*{other}" for one in strong for other in strong if one != other]
    if pairs:  # lines with two of the terms, which a limit must not cut off
        calls.append(("grep", {"pattern": "|".join(pairs), "ignore_case": True, "limit": 150}))
    return calls


def _any(wanted: Sequence[Term]) -> str:
    return "|".join(term.pattern for term in wanted)


def _closer(wanted: Sequence[Term], places: Sequence[Place]) -> list[tuple[str, dict[str, Any]]]:
    """In a repository with more hits than are shown: the files that bear a term in their name, and the best ones so far."""
    common = {"pattern": _any(wanted), "ignore_case": True, "limit": 150}
    names = [f"**/*{term.stem}*" for term in wanted if term.weight == 1.0 and term.stem.isalnum() and not term.shape][:3]
    files = list(dict.fromkeys(place.path for place in places))[:4]
    return [*(("grep", {**common, "glob": name}) for name in names), *(("grep", {**common, "path": path}) for path in files)]


def _places(turn: Turn, wanted: Sequence[Term], callers: str) -> list[Place]:
    files = parse_hits(result.text for _, result in turn.results("grep"))
    if callers:
        rows = [
            Place(path, line, text)
            for path, lines in files.items()
            for line, text in lines.items()
            if definition(text) != callers
        ]
        return sorted(rows, key=lambda place: (place.path, place.line))
    text = turn.text.lower()
    tests = bool(re.search(r"\btest(?:s|ed)?\b", text))
    docs = bool(re.search(r"\b(?:doc\w*|readme)\b", text))
    handling, commands = intents.asks_for_handling(turn.text), intents.asks_for_commands(turn.text)
    names = names_asked_for(turn.text, intents.defined_names(turn.text))
    return rank(files, Wanted(wanted, handling, tests, docs, commands, names))


def _reads(places: Sequence[Place]) -> list[tuple[str, dict[str, Any]]]:
    return [
        ("read_file", {"path": place.path, "offset": max(place.line - _AROUND, 1), "limit": _REGION})
        for place in places[:_READS]
    ]


def _words(request: Request, turn: Turn, wanted: Sequence[Term], places: Sequence[Place], callers: str) -> str:
    regions: dict[str, dict[int, str]] = {}
    for call, result in turn.results("read_file"):
        path = str((call.arguments or {}).get("path", ""))
        regions.setdefault(path, {}).update({int(number): line for number, line in _NUMBERED.findall(result.text)})
    about_user = intents.asks_about_user(turn.text)
    commands = intents.asks_for_commands(turn.text)
    core = core_lines(blocks(request.system), wanted, about_user=about_user, commands=commands)
    kept = [hit for _, result in turn.results("archival_memory_search") for hit in memory_hits(result.text, wanted)]
    said = [hit for _, result in turn.results("conversation_search") for hit in memory_hits(result.text, wanted)]
    if core or kept:  # the words with which it was told are not news
        said = [hit for hit in said if intents.intent(hit.partition("user: ")[2]) is not Intent.REMEMBER]
    evidence = Evidence(
        _shown(places, wanted, bool(callers), bool(about_user and core)),
        regions,
        core,
        kept,
        said,
        callers,
        _searched(turn),
    )
    return answer(evidence, wanted)


def _shown(places: Sequence[Place], wanted: Sequence[Term], callers: bool, known: bool) -> Sequence[Place]:
    """The places worth showing: none where memory answers, or where the question's own words were hardly met."""
    if callers:
        return places
    several = sum(term.weight == 1.0 for term in wanted) > 1
    if known or not places or (several and places[0].covered < 0.2):
        return []
    return places[:_READS]


def _searched(turn: Turn) -> list[str]:
    said = {
        "grep": "the repository's files",
        "conversation_search": "past conversations",
        "archival_memory_search": "archival memory",
    }
    called = {call.name for step in turn.steps for call, _ in step}
    return [words for name, words in said.items() if name in called] + (["core memory"] if called else [])
