"""`lcode context`: what stands in a session's context window."""

from __future__ import annotations

from dataclasses import asdict

import click

from lcode.cli.options import Options, json_option, place_options
from lcode.cli.output import Styled, one_line, say, say_json, short


@click.command()
@click.argument("session", required=False)
@json_option
@place_options
@click.pass_obj
def context(options: Options, session: str | None, as_json: bool) -> None:
    """The parts of a session's prompt with their tokens: of SESSION (id, beginning of it, or title), or of the newest.

    The sum is what the provider reported of the last request, carried on by an estimate; each part is estimated.
    """
    from lcode.agent.stored_window import accounting
    from lcode.cli.place import opened
    from lcode.errors import UserError
    from lcode.ui.accounts import aligned, bar, parts_table, window_line

    with opened(options) as runtime:
        recall = runtime.memory().recall
        rows = [recall.session(session)] if session else recall.sessions(1)
        if not rows:
            raise UserError("there is no session yet", "`lcode` begins one")
        found = accounting(recall, rows[0], runtime.settings)
    if as_json:
        say_json({"session": rows[0].id, "title": rows[0].title, "budget": found.budget, "free": found.free} | asdict(found))
        return
    say(one_line(f"{short(rows[0].id)} {rows[0].title or '(untitled)'}"))
    say(Styled(window_line(found), "dim"))
    say(bar(found))
    for line in aligned(parts_table(found)):
        say(line)
