"""`lcode init`: learn what the repository tells of itself, without a model; with one, have it refine that."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from lcode.cli.options import Options, json_option, place_options
from lcode.cli.output import Styled, is_terminal, plural, say, say_json
from lcode.errors import EXIT_ERROR, EXIT_OK, UsageError

if TYPE_CHECKING:
    from lcode.agent.runtime import Runtime
    from lcode.memory.learning import BlockOutcome, Learned

_OUTCOMES = {
    "written": "written",
    "unchanged": "as it was",
    "kept": "left as it is: you or the agent wrote to it",
    "refused": "left as it is: somebody wrote to it just now",
}


@click.command()
@click.option("--refine", is_flag=True, help="Then have the model check and shorten it; shows what it would write, and asks.")
@click.option("--yes", is_flag=True, help="With --refine: write without asking.")
@json_option
@place_options
@click.pass_obj
def init(options: Options, refine: bool, yes: bool, as_json: bool) -> int:
    """Learn what the repository tells of itself: modules, commands, history.

    Needs no model. Fills the blocks `architecture` and `conventions`, and keeps the details in archival memory, all with their
    sources and marked unverified. Blocks that you or the agent wrote to are left as they are. Repeat it whenever you like.
    """
    from lcode.cli import refine as model
    from lcode.cli.code_build import build
    from lcode.cli.code_place import index_of
    from lcode.cli.place import opened
    from lcode.memory.learning import keep, look_over

    if yes and not refine:
        raise UsageError("--yes goes with --refine", "without it nothing is asked")
    if refine and as_json:
        raise UsageError("--refine has no --json", "leave one of them out")
    if refine:
        model.check(options, ask=not yes)
    with opened(options, writes=True) as runtime:
        with closing(index_of(runtime, options)) as database:
            done = build(runtime, database, quiet=as_json, vectors=False)
            found = look_over(database, runtime.place)
        if found is None:
            say(f"{runtime.root.name}: {done.problem or 'there is nothing here to learn from'}", err=True)
            return EXIT_ERROR if done.problem else EXIT_OK
        learned = keep(runtime.memory(), found, runtime.place)
        if as_json:
            say_json({**asdict(learned), "index": done.shown()})
            return EXIT_OK
        _told(runtime, done.line(runtime.root.name), learned)
        if not refine:
            return EXIT_OK
    return model.refine(options, ask=not yes)


def _told(runtime: Runtime, line: str, learned: Learned) -> None:
    say(line)
    for block in learned.blocks:
        say(f"{block.label:<13} ", _said(block))
    fresh = f", {learned.new} of them new" if 0 < learned.new < learned.details else ""
    ended = f"; {plural(learned.ended, 'earlier one')} no longer held" if learned.ended else ""
    say(f"{'details':<13} {plural(learned.details, 'passage')} with citations{fresh}{ended}")
    hint = "taken from files and history, unverified; `lcode memory show` shows the blocks"
    say(Styled(f"{hint}{', --refine has the model check them' if is_terminal() else ''}", "dim"), err=True)


def _said(block: BlockOutcome) -> str:
    return f"{_OUTCOMES[block.outcome]}, {block.chars:,}/{block.limit:,} characters"
