"""`lcode map`: the repository's shape, as text, as a chart or as values."""

from __future__ import annotations

import click

from lcode.cli.options import Options, place_options
from lcode.cli.output import Styled, say, say_json

FORMATS = ("text", "mermaid", "json")


@click.command("map")
@click.argument("path", required=False, default="")
@click.option(
    "--budget", type=click.IntRange(100, 50_000), default=2_000, show_default=True, metavar="TOKENS", help="How long it may be."
)
@click.option("--format", "form", type=click.Choice(FORMATS), default="text", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@place_options
@click.pass_obj
def code_map(options: Options, path: str, budget: int, form: str, as_json: bool) -> None:
    """The shape of the repository, or of what is below PATH: folders, central files and their names, who uses whom."""
    from lcode.cli.code_place import searched
    from lcode.index.map import without_index

    form = "json" if as_json else form
    with searched(options, wants_code=True) as (runtime, reader, below):
        inside = below(path)
        found = reader.map(inside, budget=budget) if reader is not None else None
        root = runtime.root
    if found is None and form == "text":
        say(without_index(root, inside, budget) or "nothing is known of it")
    elif form == "text" and found is not None:
        say(found.text(budget))
    elif form == "mermaid":
        say(found.chart(budget) if found is not None else "flowchart LR")
    else:
        say_json(found.data(budget) if found is not None else {"path": inside, "note": "the code is not indexed yet"})
    if found is None:
        say(Styled("this is what a look at the files tells", "dim"), err=True) if form == "text" else None
