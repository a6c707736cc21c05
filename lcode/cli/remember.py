"""`lcode remember`: the user's own word into archival memory."""

from __future__ import annotations

import click

from lcode.cli.options import Options, TextCommand, json_option, place_options
from lcode.cli.output import say, say_json, short

KINDS = ("fact", "attempt", "note", "decision")


@click.command(cls=TextCommand)
@click.argument("text", nargs=-1, metavar="TEXT|-")
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="A tag to find it by; may be repeated.")
@click.option("--kind", type=click.Choice(KINDS), default="fact", show_default=True)
@click.option("--cite", "citations", multiple=True, metavar="PATH", help="What it is about: path, path:line or path#symbol.")
@json_option
@place_options
@click.pass_obj
def remember(
    options: Options, text: tuple[str, ...], tags: tuple[str, ...], kind: str, citations: tuple[str, ...], as_json: bool
) -> None:
    """Keep TEXT (or what is piped in) where the agent finds it again."""
    from lcode.cli.find import passage_json
    from lcode.cli.place import given_text, opened
    from lcode.memory.model import Actor, Source

    words = given_text(text, "the text to remember")
    with opened(options, writes=True) as runtime:
        memory = runtime.memory()
        by = memory.provenance(Actor.USER, Source.SAID)
        passage = memory.archival.insert(words, by, kind=kind, tags=tags, citations=citations)
        fresh = memory.archival.landed(by.operation_id) is not None
    if as_json:
        say_json(passage_json(passage))
    else:
        say(f"{'kept' if fresh else 'was kept already'} as {short(passage.id)}")
