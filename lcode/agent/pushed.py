"""Memory that comes to the agent unasked: facts that cite the code which a tool's result is about, appended to that result.

A few lines, each fact once a session, those that are good first. After an edit it is told which facts no longer fit the code.
It is no more than a hint: one look into the store, and where nothing is cited nothing else; what fails is left out.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lcode.errors import LcodeError
from lcode.memory.dates import local
from lcode.memory.learning import TAG as OVERVIEW
from lcode.memory.model import Passage, Trust
from lcode.memory.session_memory import SessionMemory
from lcode.tools.base import ToolContext, ToolOutput
from lcode.tools.memory_text import shorten
from lcode.tools.seen import QUOTE

if TYPE_CHECKING:
    from lcode.memory.grounding import Verdict

MOST = 3  # facts beside one result
ROOM = 500  # characters of them
WAIT = 1.0  # seconds that a result waits for it
HEAD = "[from memory, not of the file: facts that cite this code]"
_EVERY = 10_000_000  # a line behind every other
_PATHS = 40  # that are asked for
_LOOKED = 20_000  # characters of an output
_HIT = re.compile(r"^([^\s:][^:\n]{0,300}):(\d{1,7})[:-]", re.MULTILINE)
_NAMED = re.compile(r"(?:File \")?([\w./@+-]{1,300}\.\w{1,8})(?:\", line |:|\()(\d{1,7})")
_TOLD = re.compile(r"^(?:- |> - |\[)([0-9a-f]{8})[,:]", re.MULTILINE)

Lines = dict[str, list[tuple[int, int]]]  # of each file: which of its lines a result is about


@dataclass
class Pushed:
    """What one session was told so."""

    memory: SessionMemory
    told: set[str] = field(default_factory=set)  # short ids

    def note(self, text: str) -> None:
        """The agent has read this: the facts in it need not come again."""
        self.told.update(_TOLD.findall(text))

    async def before(self, context: ToolContext, name: str, arguments: Mapping[str, Any]) -> dict[str, Verdict]:
        """How facts about a file stand that is about to be changed."""
        about = _about(context, name, arguments, "") if name in ("edit_file", "write_file") else {}
        with suppress(LcodeError, OSError, TimeoutError):
            return (await self._facts(about))[1] if about else {}
        return {}

    async def beside(
        self, context: ToolContext, name: str, arguments: Mapping[str, Any], output: ToolOutput, before: Mapping[str, Verdict]
    ) -> str:
        """What is appended to the result of a call; '' for nothing. `before` is how the facts stood then."""
        about = _about(context, name, arguments, output.text if not output.is_error or name == "shell" else "")
        if not about:
            return ""
        with suppress(LcodeError, OSError, TimeoutError):
            passages, verdicts = await self._facts(about)
            broken = [one for one in passages if _breaks(before.get(one.id), verdicts.get(one.id))]
            return "\n".join(filter(None, [_broke(broken, verdicts), self._chosen(passages, verdicts, about, broken)]))
        return ""

    async def _facts(self, about: Lines) -> tuple[list[Passage], dict[str, Verdict]]:
        found = await self.memory.run(self.memory.archival.citing, list(about))
        passages = [one for one in found if one.kind != "commit" and OVERVIEW not in one.tags]  # statistics help nobody here
        if not passages:
            return [], {}
        looking = asyncio.to_thread(lambda: self.memory.grounding.of(passages))
        return passages, await asyncio.wait_for(looking, WAIT)

    def _chosen(
        self, passages: Sequence[Passage], verdicts: Mapping[str, Verdict], about: Lines, told: Sequence[Passage]
    ) -> str:
        """The lines of the facts that are worth it."""
        self.told.update(one.short for one in told)
        at_hand = [
            (distance, one)
            for one in passages
            if one.short not in self.told and (distance := _distance(one, verdicts[one.id], about)) is not None
        ]
        at_hand.sort(key=lambda item: (not verdicts[item[1].id].is_good, item[1].trust is Trust.UNVERIFIED, item[0]))
        shown = [one for _, one in at_hand[:MOST]]
        self.told.update(one.short for one in shown)
        each = ROOM // max(1, len(shown)) - 1
        return "\n".join([HEAD, *(_line(one, verdicts[one.id], each) for one in shown)]) if shown else ""


def _about(context: ToolContext, name: str, arguments: Mapping[str, Any], text: str) -> Lines:
    """The files of the worktree that a call is about, with the lines of them."""
    path, found = arguments.get("path"), Lines()
    if name in ("read_file", "edit_file", "write_file") and isinstance(path, str):
        first = int(arguments.get("offset") or 1)
        last = first + int(arguments.get("limit") or _EVERY) - 1
        _add(context, found, path, (first, last))
    elif name == "grep":
        for match in _HIT.finditer(text[:_LOOKED]):
            _add(context, found, str(context.root / match[1]), (int(match[2]), int(match[2])))
    elif name == "shell":
        for match in _NAMED.finditer(text[-_LOOKED:]):
            _add(context, found, match[1], (int(match[2]), int(match[2])))
    return found


def _add(context: ToolContext, found: Lines, path: str, lines: tuple[int, int]) -> None:
    if len(found) >= _PATHS:
        return
    where = os.path.normpath(os.path.join(context.cwd, path))  # noqa: PTH118  # nothing is looked up
    with suppress(ValueError):
        relative = os.path.relpath(where, context.root)
        if not relative.startswith(".."):
            found.setdefault(relative.replace(os.sep, "/"), []).append(lines)


def _distance(passage: Passage, verdict: Verdict, about: Lines) -> int | None:
    """0 for a fact about the very lines, 1 about the file; None for one about others of its lines."""
    cited = [one for one in (*verdict.places, *verdict.broken, *passage.cited) if one.path in about]
    if any(_meets(one.first, one.last or one.first, about[one.path]) for one in cited if one.first):
        return 0
    return 1 if any(not one.first for one in cited) else None


def _meets(first: int, last: int, ranges: Iterable[tuple[int, int]]) -> bool:
    return any(first <= end and begin <= last for begin, end in ranges)


def _breaks(before: Verdict | None, after: Verdict | None) -> bool:
    return before is not None and after is not None and before.words[:5] != "STALE" and after.words[:5] == "STALE"


def _broke(broken: Sequence[Passage], verdicts: Mapping[str, Verdict]) -> str:
    if not broken:
        return ""
    named = "; ".join(f"{one.short} «{shorten(' '.join(one.text.split()), 100)}»" for one in broken[:MOST])
    more = f" and {len(broken) - MOST} more" if len(broken) > MOST else ""
    why = verdicts[broken[0].id].reason
    return f"[from memory: this change made stale ({why}): {named}{more}. Keep what is true now, if it still matters.]"


def _line(passage: Passage, verdict: Verdict, room: int) -> str:
    quoted = passage.trust is Trust.UNVERIFIED
    source = f", unverified data {passage.origin}" if quoted else ""
    head = f"{QUOTE if quoted else ''}- {passage.short}, {passage.kind}, {local(passage.created_at)[:10]}{source}: "
    tail = f" ({verdict.places[0]})" if verdict.places else ""
    tail = shorten(tail + (f" [{verdict.words}]" if verdict.words else ""), room // 2)
    return f"{head}{shorten(' '.join(passage.text.split()), max(20, room - len(head) - len(tail) - 5))} {tail.strip()}".rstrip()
