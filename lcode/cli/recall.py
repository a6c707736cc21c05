"""`lcode recall`: what was said in all sessions, found again."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import click

from lcode.cli.message_hits import recalled_json, show_recalled
from lcode.cli.options import LIMIT, Options, TextCommand, json_option, place_options
from lcode.cli.output import Styled, plural, say, say_json
from lcode.errors import UsageError, UserError

if TYPE_CHECKING:
    from lcode.memory.model import Recalled
    from lcode.memory.session_memory import SessionMemory

ROLES = ("user", "assistant", "tool")
OUTCOMES = ("ok", "error", "refused", "interrupted")
_LONGEST = 8_000  # characters of a question


@dataclass
class Asked:
    """The options of one call: what every hit must pass, how many, and how much around each."""

    limit: int
    context: int
    filters: dict[str, Any] = field(default_factory=dict)
    unembedded: int = 0

    def search(self, memory: SessionMemory, query: str) -> Recalled:
        found = memory.recall.search(query, limit=self.limit, context=self.context, **self.filters)
        found.unembedded = self.unembedded
        return found


@click.command(cls=TextCommand)
@click.argument("query", nargs=-1)
@click.option("--limit", type=LIMIT, default=10, show_default=True, metavar="N", help="At most N moments.")
@click.option(
    "--context",
    type=click.IntRange(0, 1_000),
    default=None,
    metavar="N",
    help="Messages shown on each side of a hit; 1, with --stdin 0: then each message is a hit of its own.",
)
@click.option("--role", "roles", type=click.Choice(ROLES), multiple=True, help="Only what this one said; may be repeated.")
@click.option("--name", default="", metavar="WHO", help="Only what a speaker of this name said (in imported sessions).")
@click.option("--from", "start", default="", metavar="DATE", help="From then on: 2026-03-05, March, 'last week', in your zone.")
@click.option("--to", "end", default="", metavar="DATE", help="Up to and with then.")
@click.option("--session", default="", metavar="ID", help="Only in this session: its id, the beginning of it, or its title.")
@click.option("--branch", default="", metavar="NAME", help="Only in sessions on this branch.")
@click.option("--file", "path", default="", metavar="PATH", help="Only what is of this file or folder, or names it.")
@click.option("--tool", default="", metavar="NAME", help="Only what this tool returned.")
@click.option("--outcome", type=click.Choice(OUTCOMES), default=None, help="Only what tools returned that ended so.")
@click.option("--stdin", "many", is_flag=True, help="Questions from standard input, one a line; a line of JSON for each.")
@json_option
@place_options
@click.pass_obj
def recall(
    options: Options, /, query: tuple[str, ...], limit: int, context: int | None, many: bool, as_json: bool, **filters: Any
) -> None:
    """Messages of all sessions that match QUERY, best first, each with what was said around it and what came of it.

    A date in QUERY is understood: "what did we decide last week", "the parser in March", "errors since Monday". Without a
    QUERY: the newest messages.
    """
    from lcode.cli.place import opened
    from lcode.memory.dates import end_of, start_of

    start, end = filters["start"], filters["end"]
    if many and query:
        raise UsageError("--stdin takes its questions from standard input alone", "leave the words out")
    if start and end and start_of(start) >= end_of(end):
        raise UsageError(f"--from {start} is later than --to {end}", "--from is the first day, --to the last one")
    asked = Asked(limit, context if context is not None else 0 if many else 1)
    with opened(options) as runtime:
        memory = runtime.memory()
        asked.filters, asked.unembedded = _filters(memory, filters), memory.recall.unembedded()
        if many:
            _answer_lines(memory, asked)
            return
        words = " ".join(query)
        found = asked.search(memory, words)
    if as_json:
        say_json(recalled_json(words, found))
        return
    show_recalled(found, words)
    if found.unembedded:
        say(Styled(f"{plural(found.unembedded, 'message')} not embedded yet: found by words alone", "dim"))


def _filters(memory: SessionMemory, given: dict[str, Any]) -> dict[str, Any]:
    """What was given, under the names that a search knows. Raises UserError for a session that there is not."""
    found = {name: value for name, value in given.items() if value}
    if session := found.pop("session", ""):
        found["session_id"] = memory.recall.session(session).id
    return found


def _answer_lines(memory: SessionMemory, asked: Asked) -> None:
    """A line of JSON for each line of standard input, at once. A line that asks nothing gets an answer too."""
    import json

    for line, fault in _lines():
        answer: dict[str, Any] = {"query": line, "hits": [], "best": 0.0, "confidence": "none"}
        if fault or not line.strip():
            answer["error"] = fault or "the line is empty"
        else:
            try:
                answer = recalled_json(line, asked.search(memory, line))
            except UserError as error:
                answer["error"] = error.message
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def _lines() -> Iterator[tuple[str, str]]:
    """The questions, each with what is wrong with its line: ''."""
    source = sys.stdin.buffer
    while raw := source.readline(4 * _LONGEST):
        is_whole = raw.endswith(b"\n") or len(raw) < 4 * _LONGEST
        line = raw.decode("utf-8", "replace" if is_whole else "ignore").rstrip("\r\n")
        fault = "the line is not UTF-8" if "\ufffd" in line and "\ufffd".encode() not in raw else ""
        if len(line) > _LONGEST or not is_whole:
            line, fault = line[:_LONGEST], f"the line is longer than {_LONGEST:,} characters"
        while not is_whole and (rest := source.readline(1 << 20)):
            is_whole = rest.endswith(b"\n")
        yield line, fault
