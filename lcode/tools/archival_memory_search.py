"""Searches archival memory: passages, the code, past commits; and past messages where they are asked for."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from lcode import clock
from lcode.errors import MemoryEditError
from lcode.memory.dates import end_of, start_of
from lcode.memory.lives import described
from lcode.memory.model import Source, Trust
from lcode.tools.base import Effect, Tool, ToolContext, ToolError, ToolOutput
from lcode.tools.code_text import below
from lcode.tools.memory_text import on_store, passages_text, take_in
from lcode.tools.message_text import hits_text, worth

if TYPE_CHECKING:
    from lcode.index.model import Hit
    from lcode.index.past import PastCommit
    from lcode.index.reader import CodeReader, Standing
    from lcode.memory.grounding import Verdict
    from lcode.memory.lives import AsOf
    from lcode.memory.model import Passage, RecallHit

_PASSAGES = frozenset({"fact", "decision", "attempt", "note", "summary", "commit"})
_OF_KIND = {"commit": ("facts", "commits")}  # the worker writes digests; before, git's own words are found
_ROOM = 5_600  # characters of an answer, about
_SHARES = {"facts": 1_600, "messages": 1_200, "commits": 600}  # of them at the most, beside code
_BESIDE = {"facts": 4, "messages": 2, "commits": 4}  # how many at the most, beside code
_ECHOED = 200  # characters of a question for which nothing was found
SPARE = 4  # facts more than are wanted, so that good ones take the place of stale ones
_CODE = 6  # places, where no number was asked for
_LABELS = {"facts": "facts kept in memory", "code": "code", "commits": "past commits", "messages": "past messages"}


@dataclass
class Asked:
    """One call's question and filters, and what each scope found."""

    query: str
    path: str
    language: str
    kind: str
    tags: list[str]
    tag_match: Literal["any", "all"]
    start: str
    end: str
    limit: int | None
    as_of: AsOf | None = None
    scopes: list[str] = field(default_factory=list)
    facts: list[Passage] = field(default_factory=list)
    verdicts: dict[str, Verdict] = field(default_factory=dict)  # how they stand in this worktree
    messages: Sequence[RecallHit] = ()
    code: list[Hit] = field(default_factory=list)
    commits: list[PastCommit] = field(default_factory=list)
    standing: str = ""
    notes: list[str] = field(default_factory=list)
    settled: bool = True

    @property
    def until(self) -> str:
        """The last day, or the moment that is asked about."""
        return self.end or (self.as_of.valid_at if self.as_of else "")

    def count(self, scope: str) -> int:
        """How many of a scope are wanted."""
        alone = len(self.scopes) == 1
        most = (_CODE if scope == "code" else 10) if alone else _BESIDE.get(scope, _CODE)
        return most if self.limit is None else max(1, min(self.limit, 50 if alone else max(most, self.limit)))


class ArchivalMemorySearch(Tool):
    name = "archival_memory_search"
    effect = Effect.READ
    recalls = True

    aliases: ClassVar = {
        "tag_match_mode": "tag_match",
        "top_k": "limit",
        "start_datetime": "start_date",
        "end_datetime": "end_date",
        "lang": "language",
    }

    async def run(  # type: ignore[override]
        self,
        context: ToolContext,
        query: Annotated[str, "Question, symbol, path, error, id. Empty: the newest"],
        scope: Literal["facts", "code", "commits", "messages", "all"] = "all",
        path: Annotated[str | None, "Code below it"] = None,
        language: str | None = None,
        kind: Annotated[str | None, "function, class, … or fact, decision, attempt, note, summary"] = None,
        tags: Annotated[list[str] | None, "Of facts"] = None,
        tag_match: Literal["any", "all"] = "any",
        start_date: Annotated[str | None, "YYYY-MM-DD, included"] = None,
        end_date: str | None = None,
        as_of: Annotated[str | None, "What was true then: a date (2026-03, March), commit, session"] = None,
        limit: int | None = None,
    ) -> ToolOutput:
        asked = Asked(
            query, below(context, path or ""), (language or "").lower(), (kind or "").lower(), tags or [], tag_match,
            start_date or "", end_date or "", limit, await _moment(context, as_of),
        )  # fmt: skip
        asked.notes += [described(asked.as_of)] if asked.as_of else []
        asked.scopes = _scopes(asked, scope)
        await _search_memory(context, asked)
        await _search_code(context, asked)
        found = {name: len(getattr(asked, name)) for name in asked.scopes}
        if not any(found.values()):
            return ToolOutput(await _nothing(context, asked), "nothing found")
        text = _told(context, asked)
        context.seen.output(text)
        _take_in(context, asked)
        return ToolOutput(text, ", ".join(f"{number} {name}" for name, number in found.items() if number))

    def paths(self, context: ToolContext, arguments: Mapping[str, Any]) -> list[Path]:
        return []  # what it shows is inside the root, or it is an error


def _take_in(context: ToolContext, asked: Asked) -> None:
    """What of it is data that nobody vouched for: the code, commits, quotations."""
    origins = context.seen.origins
    take_in(context, asked.messages)
    for passage in asked.facts:
        if passage.trust is Trust.UNVERIFIED:
            origins.read(passage.text, f"passage {passage.short}", passage.source)
    for hit in asked.code:
        origins.read(hit.text, hit.path, Source.FILE)
        context.seen.part(context.root / hit.path)
    for commit in asked.commits:
        origins.read(commit.subject, f"commit {commit.hash[:9]}", Source.COMMIT)


def _scopes(asked: Asked, scope: str) -> list[str]:
    """Where to look: a filter that only some places know leaves the others out. One that contradicts those before it is not
    looked at, and that is noted."""
    wanted = [scope] if scope != "all" else ["facts", "code", "commits", "messages"]
    known = (
        (asked.tags, "tags", ("facts",)),
        (asked.kind, "kind", _OF_KIND.get(asked.kind, ("facts",) if asked.kind in _PASSAGES else ("code",))),
        (asked.language, "language", ("code",)),
        (asked.start or asked.end, "dates", ("facts", "commits", "messages")),
        (asked.as_of, "as_of", ("facts", "commits", "messages")),
        (asked.path, "path", ("code", "commits")),
    )
    for _, name, scopes in (one for one in known if one[0]):
        kept = [one for one in wanted if one in scopes]
        if not kept:
            asked.notes.append(f"{name} is not of {' and '.join(wanted)}: not looked at")
            asked.kind = "" if name == "kind" else asked.kind
        wanted = kept or wanted
    return wanted


async def _moment(context: ToolContext, text: str | None) -> AsOf | None:
    """The moment that is asked about; git may be asked for it."""
    if not text or not text.strip():
        return None
    import asyncio

    from lcode.git.repository import find
    from lcode.memory.moments import as_of

    memory = context.memory
    try:
        return await asyncio.to_thread(as_of, text, memory.archival, find(context.root), memory.recall)
    except MemoryEditError as error:
        raise ToolError(f"{error.message}; {error.hint}.") from error


async def _named(context: ToolContext, query: str) -> Passage | None:
    """The passage of which the question is the id, to be read whole."""
    found = re.fullmatch(r"(?:passage[-:])?([0-9a-f]{8}[0-9a-f-]{0,28})", query.strip())
    if found is None:
        return None
    try:
        return await on_store(context, context.memory.archival.get, found[1])
    except ToolError:
        return None


async def _search_memory(context: ToolContext, asked: Asked) -> None:
    if "facts" in asked.scopes and (named := await _named(context, asked.query)) is not None:
        asked.scopes, asked.facts = ["facts"], [named]
        return
    memory, dates = context.memory, {"start": asked.start, "end": asked.end}
    if "facts" in asked.scopes:
        found = await on_store(
            context, memory.archival.search, asked.query, kind=asked.kind, tags=asked.tags, tag_match=asked.tag_match,
            limit=asked.count("facts") + (SPARE if asked.as_of is None else 0), as_of=asked.as_of, **dates,
        )  # fmt: skip
        if asked.as_of is None:  # what was true then is not held against the code of now
            asked.verdicts = await asyncio.to_thread(memory.grounding.of, found, since=True)
        asked.facts = memory.grounding.ranked(found, asked.verdicts)[: asked.count("facts")]
    if "messages" in asked.scopes:
        said = await on_store(
            context, memory.recall.search, asked.query, limit=asked.count("messages"), in_context=memory.in_context,
            start=asked.start, end=asked.until,
        )  # fmt: skip
        asked.messages = said
        asked.notes += [worth(said).strip("[]")] if said and worth(said) else []


def _seconds(day: str, bound: Callable[[str], str]) -> int:
    """A day's bound in seconds since 1970, as git writes times; 0 for none."""
    return int(clock.parse(bound(day)).timestamp()) if day else 0


async def _search_code(context: ToolContext, asked: Asked) -> None:
    """Ask the index, where there is one; `standing` says what it lacks."""
    if not {"code", "commits"} & set(asked.scopes):
        return
    reader = context.code
    standing = await _awaited(reader) if reader is not None else None
    if reader is None or standing is None or not standing.exists:
        asked.standing, asked.settled = f"{standing.words if standing else NO_INDEX}; {MEANWHILE}", False
        return
    from lcode.tools.code_text import shown_hits

    if asked.scopes == ["code"] and not asked.query.strip():
        raise ToolError("`query` is empty: code is found by words, a symbol, a path or an error text.")
    if "code" in asked.scopes and asked.query.strip():
        hits = await reader.run(
            reader.search, asked.query, path=asked.path, language=asked.language, kind=asked.kind, limit=asked.count("code")
        )
        asked.code = shown_hits(context, hits)
        note = await reader.run(
            reader.remark, asked.query, asked.code, path=asked.path, language=asked.language, kind=asked.kind
        )
        asked.notes += [note] if note else []
    if "commits" in asked.scopes:
        start, end = _seconds(asked.start, start_of), _seconds(asked.until, end_of)
        asked.commits = await reader.run(
            reader.commits, asked.query, path=asked.path, start=start, end=end, limit=asked.count("commits")
        )
    standing = await reader.run(reader.standing)
    asked.standing = standing.words
    asked.settled = standing.settled


NO_INDEX, MEANWHILE = "the code is not indexed yet", "grep searches it meanwhile"


async def _awaited(reader: CodeReader) -> Standing:
    """How the index stands, after a moment if it is only just being made and small."""
    import asyncio

    from lcode.index.reader import LOOK, LOOKS

    standing = await reader.run(reader.standing)
    for _ in range(LOOKS):
        if not reader.coming(standing):
            break
        await asyncio.sleep(LOOK)
        standing = await reader.run(reader.standing)
    return standing


def _told(context: ToolContext, asked: Asked) -> str:
    """What was found, each kind under its label; code has the room that the others leave."""
    from lcode.tools.code_text import code_text, commits_text

    alone = len(asked.scopes) == 1
    room = {name: _ROOM if alone else share for name, share in _SHARES.items()}
    parts = {
        "facts": passages_text(asked.facts, room["facts"], asked.verdicts),
        "commits": commits_text(asked.commits, room["commits"]),
        "messages": hits_text(asked.messages, room["messages"], here=context.memory.session_id),
    }
    left = _ROOM - sum(map(len, parts.values()))
    parts["code"] = code_text(asked.code, asked.query, left, context.redacted)
    order = ("facts", "code", "commits", "messages")
    sections = [parts[name] if alone else f"## {_LABELS[name]}\n{parts[name]}" for name in order if parts[name]]
    return "\n\n".join(filter(None, [*sections, _notes(asked)]))


async def _nothing(context: ToolContext, asked: Asked) -> str:
    searched = []
    if "facts" in asked.scopes:
        searched.append(f"{await on_store(context, context.memory.archival.count)} passages")
    searched += [_LABELS[name] for name in ("code", "commits", "messages") if name in asked.scopes]
    far = "Nothing found" if asked.settled else "Nothing found so far"
    query = asked.query if len(asked.query) <= _ECHOED else f"{asked.query[:_ECHOED]}…"
    text = f"{far} for '{query}' among {', '.join(searched)} with these filters."
    if "code" not in asked.scopes:
        text += " Memory does not know; do not make it up."
    return f"{text} {notes}" if (notes := _notes(asked)) else text


def _notes(asked: Asked) -> str:
    notes = "; ".join(filter(None, [*asked.notes, asked.standing]))
    return f"[{notes}]" if notes else ""
