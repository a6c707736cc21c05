"""`lcode map`: the repository's shape, as text, as a chart or as values."""

from __future__ import annotations

import click

from lcode.cli.options import Options, place_options
from lcode.cli.output import Styled, say, say_json
from lcode.errors import UserError

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
    from lcode.index.map import no_files, without_index

    form = "json" if as_json else form
    with searched(options, wants_code=True) as (runtime, reader, below):
        inside = below(path)
        found = reader.map(inside, budget=budget) if reader is not None else None
        known = reader is not None and reader.standing().ready
        root = runtime.root
    if found is not None:
        say_json(found.data(budget)) if form == "json" else say(
            found.chart(budget) if form == "mermaid" else found.text(budget)
        )
    elif known and inside:
        raise UserError(no_files(inside), "what git ignores is not indexed")
    elif form == "text":
        say(("" if known else without_index(root, inside, budget)) or no_files(inside))
        if not known:
            say(Styled("this is what a look at the files tells", "dim"), err=True)
    elif form == "mermaid":
        say("flowchart LR")
    else:
        say_json({"path": inside, "note": no_files(inside) if known else "the code is not indexed yet"})
