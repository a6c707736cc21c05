"""`lcode config`: every setting with where its value comes from; changes to the user's own file."""

from __future__ import annotations

import os
from typing import Any

import click

from lcode.cli.lazy import SuggestingGroup
from lcode.cli.options import Options, TextCommand, json_option, place_options
from lcode.cli.output import Styled, say, say_json, table


@click.group(cls=SuggestingGroup, invoke_without_command=True)
@json_option
@place_options
@click.pass_context
def config(ctx: click.Context, as_json: bool) -> None:
    """The settings that hold here: built-in, of the repository, the user, the environment, the command line."""
    if ctx.invoked_subcommand is None:
        _list(ctx.obj, as_json)


def _list(options: Options, as_json: bool) -> None:
    from lcode.cli.place import settings_of
    from lcode.config_keys import KEYS

    settings = settings_of(options)
    if as_json:
        say_json(
            [
                {"key": key, "value": value, "origin": origin, "help": KEYS[key].help if key in KEYS else ""}
                for key, value, origin in settings.rows()
            ]
        )
    else:
        table(("KEY", "VALUE", "ORIGIN"), [(key, _shown(value), origin) for key, value, origin in settings.rows()])
    for warning in settings.warnings:
        say(Styled(warning, "yellow"), err=True)


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "(unset)" if value in (None, "") else str(value)


@config.command("set", cls=TextCommand)
@click.argument("key")
@click.argument("value")
@place_options
@click.pass_obj
def set_key(options: Options, key: str, value: str) -> None:
    """Set KEY in the user's settings."""
    from lcode.config_edit import set_value

    path = set_value(key, value, os.environ)
    say(f"{key} = {value} in {path}")
    _tell_who_wins(options, key, str(path))


@config.command()
@click.argument("key")
@place_options
@click.pass_obj
def unset(options: Options, key: str) -> None:
    """Take KEY out of the user's settings."""
    from lcode.config_edit import unset as take_out

    path = take_out(key, os.environ)
    say(f"{key} is not set in {path}")
    _tell_who_wins(options, key, str(path))


def _tell_who_wins(options: Options, key: str, path: str) -> None:
    """Say it where the value that holds is another one than that in the file."""
    from lcode.cli.place import settings_of

    origin = settings_of(options).origin(key)
    if origin.startswith(("environment", "repository", "command line")):
        say(Styled(f"here {key} comes from the {origin}", "yellow"), err=True)


@config.command()
def path() -> None:
    """Print where the user's settings stand."""
    from lcode.config import config_path

    say(str(config_path(os.environ)))
