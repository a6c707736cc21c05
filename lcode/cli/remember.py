"""`lcode remember`: the user's own word into archival memory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lcode.cli.options import Options, TextCommand, json_option, place_options
from lcode.cli.output import say, say_json, short
from lcode.errors import UsageError

if TYPE_CHECKING:
    from lcode.agent.runtime import Runtime

KINDS = ("fact", "attempt", "note", "decision")


@click.command(cls=TextCommand)
@click.argument("text", nargs=-1, metavar="TEXT|-")
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="A tag to find it by; may be repeated.")
@click.option("--kind", type=click.Choice(KINDS), default="fact", show_default=True)
@click.option("--cite", "citations", multiple=True, metavar="PATH", help="What it is about: path, path:line or path#symbol.")
@click.option(
    "--subject", default="", metavar="NAME", help="What a project has one of, such as `deploy region`: the last fact holds."
)
@click.option("--supersedes", multiple=True, metavar="ID", help="A passage that is true no more because of this one.")
@click.option("--since", default="", metavar="MOMENT", help="True from then on (a date or a commit), not from now.")
@json_option
@place_options
@click.pass_obj
def remember(
    options: Options,
    text: tuple[str, ...],
    tags: tuple[str, ...],
    kind: str,
    citations: tuple[str, ...],
    subject: str,
    supersedes: tuple[str, ...],
    since: str,
    as_json: bool,
) -> None:
    """Keep TEXT (or what is piped in) where the agent finds it again.

    A fact about what a project has one of (its test command, linter, Python version, …) ends what was known of it before.
    """
    from lcode.cli.find import passage_json
    from lcode.cli.place import given_text, only_the_user, opened
    from lcode.memory.dates import local
    from lcode.memory.model import Actor, Source

    only_the_user("have things remembered so")
    words = given_text(text, "the text to remember")
    if not words.strip():
        raise UsageError("the text to remember is empty", "give it as words, or pipe it in")
    with opened(options, writes=True) as runtime:
        memory = runtime.memory()
        _warn_of_missing(citations, (runtime.cwd, runtime.root))
        by = memory.provenance(Actor.USER, Source.SAID)
        cited = memory.grounding.cite(citations, runtime.cwd)
        begin, commit = _moment(runtime, since)
        passage = memory.archival.insert(
            words, by, kind=kind, tags=tags, citations=cited, subject=subject, supersedes=supersedes, valid_from=begin,
            valid_from_commit=commit,
        )  # fmt: skip
        ended = memory.archival.ended_by(by.operation_id)
        fresh = passage.id.partition("-")[2] == by.operation_id.partition("-")[2]
    if as_json:
        say_json({**passage_json(passage), "ended": [one.id for one in ended]})
        return
    name = short(passage.id)
    say(f"kept as {name}" if fresh else f"was kept already, as {name} on {local(passage.created_at)}")
    for one in ended:
        say(f"no longer true: {short(one.id)} {' '.join(one.text.split())[:100]}")


def _moment(runtime: Runtime, text: str) -> tuple[str, str]:
    """The stamp and the commit that a passage is true from; '' for now. A day stands for its beginning."""
    if not text:
        return "", ""
    from lcode.memory.moments import moment

    at = moment(text, runtime.place, begins=True)
    return at.time, at.commit


def _warn_of_missing(citations: Sequence[str], folders: Sequence[Path]) -> None:
    """Say which cited files are not there; they are cited all the same."""
    from lcode.cli.report import complain
    from lcode.memory.citation import parse

    code = [cited for cited in citations if not parse(cited).depends_on]
    missing = [cited for cited in code if not any((folder / parse(cited).path).exists() for folder in folders)]
    if missing:
        complain(f"no such file: {', '.join(missing)}; cited all the same", "cite path, path:line or path#symbol")
