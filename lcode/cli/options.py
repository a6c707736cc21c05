"""What was said on the command line, and the options that also stand behind a sub-command's name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])
LIMIT = click.IntRange(1, 10_000)  # of a list
UNNAMED = "\0"  # the id of -r without one: nobody can type it, and `-r ""` names a session that there is not


@dataclass
class Options:
    """The options of `lcode` itself. `prompt` is None without -p, `resume` None without -r and UNNAMED without an id."""

    directory: Path | None = None
    agent: str | None = None
    ephemeral: bool = False
    model: str | None = None
    permission_mode: str | None = None
    max_turns: int | None = None
    max_cost: float | None = None
    prompt: str | None = None
    proceed: bool = False
    resume: str | None = None
    fork: bool = False
    output_format: str = "text"
    record: Path | None = None
    plain: bool = False
    verbose: bool = False
    debug: bool = False

    def flags(self) -> dict[str, Any]:
        """The settings among the options, by their keys."""
        given = {
            "model": self.model, "permission_mode": self.permission_mode, "max_steps": self.max_turns,
            "max_cost": self.max_cost, "debug": self.debug or None,
        }  # fmt: skip
        return {key: value for key, value in given.items() if value is not None}


def _override(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    options = ctx.find_object(Options)
    if value is not None and options is not None and param.name is not None:
        setattr(options, param.name, value)


def place_options(function: F) -> F:
    """-C and --agent behind a sub-command; they override those in front of it."""
    where = click.option(
        "-C", "directory", type=click.Path(exists=True, file_okay=False, path_type=Path), metavar="DIR", expose_value=False,
        callback=_override, help="Work in DIR instead of the current directory.",
    )  # fmt: skip
    who = click.option(
        "--agent", metavar="NAME", expose_value=False, callback=_override, help="Another agent than that of the place."
    )
    return where(who(function))


def json_option(function: F) -> F:
    """--json, for whatever lists or shows."""
    return click.option("--json", "as_json", is_flag=True, help="One JSON document instead of text.")(function)


class TextCommand(click.Command):
    """A command that takes a text as words: one that begins with a dash and holds white space is text, not an option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if "--" not in args:
            texts = [word for word in args if word.startswith("-") and len(word.split()) > 1]
            args = [*(word for word in args if word not in texts), *(["--", *texts] if texts else [])]
        return super().parse_args(ctx, args)
