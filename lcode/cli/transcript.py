"""A session written down: as lines for a terminal, as Markdown, as JSON."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from lcode.cli.output import Styled, indent, one_line, say, short
from lcode.memory.dates import local
from lcode.memory.model import MessageRow, SessionRow
from lcode.sanitize import clean

if TYPE_CHECKING:
    from lcode.memory.agents import AgentRow
    from lcode.memory.compactions import Compaction

WHO = {"user": "you", "assistant": "lcode", "tool": "tool", "lookup": "memory", "notice": "notice", "summary": "summary"}
SHOWN_LINES = 12  # of a tool's result, unless all is asked for


def message_json(row: MessageRow) -> dict[str, Any]:
    return asdict(row)


def session_json(row: SessionRow) -> dict[str, Any]:
    return asdict(row)


def words(row: MessageRow) -> str:
    """What was said in a message: its text parts; of a user's message the user's words alone."""
    texts = [str(part.get("text", "")) for part in row.content if part.get("type") == "text"]
    return (texts[-1] if row.kind == "user" and texts else "\n\n".join(texts)).strip()


def calls(row: MessageRow) -> list[tuple[str, str]]:
    """(name, arguments as JSON) of the tool calls in a message."""
    import json

    found = [part for part in row.content if part.get("type") == "tool_call"]
    return [
        (str(part.get("name", "")), str(part.get("raw") or json.dumps(part.get("arguments"), ensure_ascii=False)))
        for part in found
    ]


def results(row: MessageRow) -> list[tuple[str, str]]:
    """(tool and how it ended unless well, text) of the results in a message."""
    from lcode.agent.conversation import end_of

    found = [part for part in row.content if part.get("type") == "tool_result"]
    return [(f"{part.get('name', '')} {end_of(part)}".rstrip(), str(part.get("text", ""))) for part in found]


# -- for a terminal -------------------------------------------------------------------------------------------------


def show(row: MessageRow, *, full: bool = False, marked: bool = False) -> None:
    """Print one message."""
    who = one_line(row.name, 40) or WHO.get(row.kind, row.kind)
    head = f"{local(row.created_at)}  {short(row.id)}"
    say(Styled(f"{'> ' if marked else ''}{who}", "bold"), "  ", Styled(head, "dim"))
    if text := words(row):
        say(indent(text))
    for name, arguments in calls(row):
        say(f"    → {name} ", Styled(arguments if full else one_line(arguments, 160), "dim"))
    for end, text in results(row):
        say(f"    {end}:")
        say(Styled(indent(text if full else _head(text), " " * 6), "dim"))
    say()


def _head(text: str) -> str:
    lines = text.split("\n")
    if len(lines) <= SHOWN_LINES:
        return text
    return "\n".join([*lines[:SHOWN_LINES], f"… {len(lines) - SHOWN_LINES} more lines (--full)"])


# -- Markdown -------------------------------------------------------------------------------------------------------


def markdown(session: SessionRow, agent: AgentRow, rows: Sequence[MessageRow]) -> str:
    """The whole session as a Markdown document."""
    facts = [
        ("Session", f"`{session.id}`"), ("Agent", f"{agent.name} (`{agent.id}`)"), ("Branch", session.branch),
        ("Model", session.model), ("Started", local(session.created_at)), ("Last message", local(session.updated_at)),
    ]  # fmt: skip
    parts = [f"# {one_line(session.title or 'Untitled session')}"]
    parts.append("\n".join(f"- {name}: {value}" for name, value in facts if value))
    for row in rows:
        parts += _sections(row)
    return clean("\n\n".join(parts)) + "\n"


def _sections(row: MessageRow) -> Iterator[str]:
    if row.kind in ("tool", "lookup"):
        for end, text in results(row):
            yield f"**{end}:**\n\n{_fenced(text)}"
        return
    name = {"user": "User", "assistant": "lcode", "notice": "Notice", "summary": "Summary"}.get(row.kind, row.kind)
    name = one_line(row.name) or name
    yield f"## {name}, {local(row.created_at)}"
    if text := words(row):
        yield text if row.kind == "assistant" else "\n".join(f"> {line}".rstrip() for line in text.split("\n"))
    for tool, arguments in calls(row):
        yield f"**→ {tool}**\n\n{_fenced(arguments, 'json')}"


def _fenced(text: str, language: str = "") -> str:
    """A code block whose fence is longer than any in the text."""
    longest = max((len(run) for run in re.findall(r"`{3,}", text)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def document(session: SessionRow, agent: AgentRow, rows: Sequence[MessageRow], made: Sequence[Compaction]) -> dict[str, Any]:
    """The whole session as JSON."""
    return {
        "session": session_json(session),
        "agent": {"id": agent.id, "name": agent.name},
        "compactions": [one.row for one in made],
        "messages": [message_json(row) for row in rows],
    }
