"""Groups of commands: one that imports a sub-command only when it is used, and the answer to a word that is none.

`--help` shows a lazy group's table as it stands, so that its price does not grow with the number of commands.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import ClassVar, NamedTuple

import click

from lcode.errors import UsageError


class Row(NamedTuple):
    """Where a sub-command stands, and its line in the help."""

    module: str
    attribute: str
    help: str


class SuggestingGroup(click.Group):
    """Says about an unknown word which command was perhaps meant."""

    def advice(self, ctx: click.Context, word: str) -> str:
        from difflib import get_close_matches

        near = get_close_matches(word, self.list_commands(ctx), 1)
        return f"did you mean `{ctx.command_path} {near[0]}`?" if near else f"`{ctx.command_path} --help` lists the commands"

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        word = args[0]
        if not ctx.resilient_parsing and not word.startswith("-") and self.get_command(ctx, word) is None:
            raise UsageError(f"there is no command '{word}' in `{ctx.command_path}`", self.advice(ctx, word))
        return super().resolve_command(ctx, args)


class LazyGroup(SuggestingGroup):
    """A group whose sub-commands stand in `table`."""

    table: ClassVar[Mapping[str, Row]] = {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.table:
            return None
        row = self.table[cmd_name]
        command: click.Command = getattr(import_module(row.module), row.attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, row.help) for name, row in self.table.items()])
