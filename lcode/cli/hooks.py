"""`lcode hooks`: have git tell the worker of new commits. Nothing needs them: they make it prompt."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lcode.cli.lazy import SuggestingGroup
from lcode.cli.options import Options, json_option, place_options
from lcode.cli.output import Styled, indent, say, say_json
from lcode.errors import EXIT_ERROR, EXIT_OK

if TYPE_CHECKING:
    from lcode.git.hooks import Hooks


@click.group(cls=SuggestingGroup)
def hooks() -> None:
    """Hooks of git that tell the worker of new commits.

    They stand beside whatever hooks are there, never fail and never slow git. Without them new commits are found all the
    same, a little later.
    """


@hooks.command()
@json_option
@place_options
@click.pass_obj
def install(options: Options, as_json: bool) -> int:
    """Add a line to four hooks of this repository; repeat it to mend what another program wrote over.

    A folder of hooks that the repository tracks is not written to: the lines to add are printed, and the exit code is 1.
    """
    from lcode.cli.place import opened
    from lcode.git import hooks as of_git
    from lcode.store.paths import private_folder
    from lcode.worker import nudge

    with opened(options, writes=True) as runtime:
        spool = private_folder(nudge.folder(runtime.store.agent_paths(runtime.agent)))
        found = of_git.install(runtime.place, spool)
    return _tell(found, spool, as_json)


@hooks.command()
@json_option
@place_options
@click.pass_obj
def uninstall(options: Options, as_json: bool) -> int:
    """Take the lines out again; every hook is as it was."""
    from lcode.cli.place import directory
    from lcode.git import hooks as of_git
    from lcode.git.repository import find

    found = of_git.uninstall(find(directory(options)))
    left = [hook for hook in found.hooks if hook.state == of_git.State.INSTALLED]
    if as_json:
        say_json(_shown(found, None))
    else:
        say("the hooks of git are as they were before `lcode hooks install`")
        for hook in left:
            say(f"{hook.path} is tracked, and keeps its line; it does nothing any more")
    return EXIT_OK


@hooks.command()
@json_option
@place_options
@click.pass_obj
def status(options: Options, as_json: bool) -> int:
    """Say which hooks tell the worker. The exit code is 1 where one does not."""
    from lcode.cli.place import opened
    from lcode.git import hooks as of_git
    from lcode.worker import nudge

    with opened(options) as runtime:
        spool = nudge.folder(runtime.store.agent_paths(runtime.agent)) if runtime.agent.id else None
        found = of_git.look(runtime.place)
    return _tell(found, spool, as_json)


def _shown(found: Hooks, spool: Path | None) -> dict[str, object]:
    from lcode.path_text import path_text

    return {
        "folder": path_text(found.folder),
        "tracked": found.tracked,
        "complete": spool is not None and found.complete(spool),
        "tells": path_text(found.told) if found.told is not None else "",
        "hooks": [{"name": hook.name, "path": path_text(hook.path), "state": hook.state.value} for hook in found.hooks],
    }


def _tell(found: Hooks, spool: Path | None, as_json: bool) -> int:
    from lcode.git.hooks import State, line

    complete = spool is not None and found.complete(spool)
    if as_json:
        say_json(_shown(found, spool))
        return EXIT_OK if complete else EXIT_ERROR
    for hook in found.hooks:
        say(f"{hook.name:<14} {hook.state}")
    by_hand = [hook for hook in found.hooks if hook.state == State.BY_HAND]
    if by_hand:
        say(f"{found.folder} is tracked, and so not written to. Add these lines yourself, near the top of each file, behind")
        say("`#!/bin/sh`. They do nothing for those who have no lcode:")
        for hook in by_hand:
            say(Styled(indent(f"{hook.path}"), "bold"))
            say(indent(line(hook.name), " " * 8))
    if any(hook.state == State.ABSENT for hook in found.hooks) or found.told is None:
        say(Styled("`lcode hooks install` adds what is missing", "dim"))
    elif found.told != spool:
        say(f"they tell another agent: {found.told}")
        say(Styled("`lcode hooks install` has them tell the one of this place", "dim"))
    return EXIT_OK if complete else EXIT_ERROR
