"""`lcode memory`: the blocks of core memory, shown and edited by their owner."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, ClassVar

import click

from lcode.cli.lazy import LazyGroup, Row
from lcode.cli.options import Options, TextCommand, json_option, place_options
from lcode.cli.output import Styled, is_terminal, say, say_json, short
from lcode.errors import MemoryEditError

if TYPE_CHECKING:
    from lcode.agent.runtime import Runtime
    from lcode.memory.blocks import Blocks
    from lcode.memory.grounded import Doubt
    from lcode.memory.model import Block, Provenance

_SHOWS = {"repo": "this repository", "user": "you, in every repository", "worktree": "this worktree and branch"}
# What the texts for the model call a tool is a command for people.
_COMMANDS = {
    "memory_rethink": "`lcode memory edit`",
    "archival_memory_insert": "`lcode remember`",
    "core_memory_append": "`lcode memory append`",
}


class Memory(LazyGroup):
    """The commands of this module and, by `table`, those about the past. An unknown word may be the label of a block."""

    table: ClassVar = {name: Row("lcode.cli.memory_history", name, "") for name in ("log", "diff", "blame", "revert", "facts")}

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*self.commands, *self.table])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return self.commands.get(cmd_name) or super().get_command(ctx, cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        click.Group.format_commands(self, ctx, formatter)

    def advice(self, ctx: click.Context, word: str) -> str:
        near = super().advice(ctx, word)
        return near if near.startswith("did") else f"to see a block: lcode memory show {word}"


@contextmanager
def writing(options: Options) -> Iterator[Runtime]:
    """The runtime of a command that edits blocks. Refusals name commands, not tools."""
    from lcode.cli.place import only_the_user, opened

    only_the_user("edit memory so")
    with opened(options, writes=True) as runtime:
        try:
            yield runtime
        except MemoryEditError as error:
            raise MemoryEditError(_for_people(error.message), _for_people(error.hint)) from error


@contextmanager
def editing(options: Options) -> Iterator[tuple[Blocks, Provenance]]:
    """The blocks, and who edits them: the user, who says so."""
    from lcode.memory.model import Actor, Source

    with writing(options) as runtime:
        memory = runtime.memory()
        yield memory.blocks, memory.provenance(Actor.USER, Source.SAID)


def _for_people(text: str) -> str:
    for tool, command in _COMMANDS.items():
        text = text.replace(tool, command)
    return text


@click.group(cls=Memory, invoke_without_command=True)
@json_option
@place_options
@click.pass_context
def memory(ctx: click.Context, as_json: bool) -> None:
    """The blocks that are always in the agent's prompt. Without a command: all of them."""
    if ctx.invoked_subcommand is None:
        _show(ctx.obj, None, as_json)


@memory.command()
@click.argument("label", required=False)
@click.option("--at", default="", metavar="MOMENT", help="As they were: at a date, commit or session's end, or a version.")
@json_option
@place_options
@click.pass_obj
def show(options: Options, label: str | None, at: str, as_json: bool) -> None:
    """All blocks, or one of them; as they are, or were."""
    if at:
        from lcode.cli.memory_history import show_at

        show_at(options, label, at, as_json=as_json)
    else:
        _show(options, label, as_json)


def _show(options: Options, label: str | None, as_json: bool) -> None:
    from lcode.cli.place import opened

    with opened(options) as runtime:
        memory = runtime.memory()
        blocks = memory.blocks.list() if label is None else [memory.blocks.get(label)]
        doubts = memory.grounding.lines({block.id: block.label for block in blocks if block.id}, since=True)
    if as_json:
        shown = [block_json(block, doubts) for block in blocks]
        say_json(shown if label is None else shown[0])
        return
    for number, block in enumerate(blocks):
        if number:
            say()
        print_block(block, doubts)


def block_json(block: Block, doubts: Sequence[Doubt] = ()) -> dict[str, Any]:
    from lcode.cli.find import verdict_json

    stale = [{"line": doubt.text, **verdict_json(doubt.verdict)} for doubt in doubts if doubt.owner == block.id]
    return asdict(block) | {"chars": len(block.value), "stale": stale}


def shown_for(block: Block) -> str:
    """Who shares it, in words."""
    return _SHOWS[block.scope]


def print_block(block: Block, doubts: Sequence[Doubt] = ()) -> None:
    """A block with its size, who shares it, its history; what is unverified or stale in it is marked."""
    facts = [f"{len(block.value):,}/{block.limit:,} characters", f"for {shown_for(block)}", _history(block)]
    facts += ["read-only"] if block.read_only else []
    say(Styled(block.label, "bold"), "  ", Styled(" · ".join(facts), "dim"))
    say(Styled(f"  {block.description}", "dim"))
    unverified = set(block.unverified)
    stale = {doubt.text: doubt.verdict.words for doubt in doubts if doubt.owner == block.id}
    for line in block.value.split("\n") if block.value else ["(empty)"]:
        doubtful, words = line in unverified, stale.get(line, "")
        say("  ! " if words else "  ? " if doubtful else "    ", Styled(line, "yellow") if doubtful or words else line)
        if words:
            say(Styled(f"      {words}", "dim"))
    if unverified:
        say(Styled("  ? taken from files or tools by the program, not verified", "dim"))


def _history(block: Block) -> str:
    from lcode.memory.dates import local

    if not block.updated_at:
        return "never edited"
    session = f" in session {short(block.session_id)}" if block.session_id else ""
    return f"version {block.version}, by {block.actor.value}{session}, {local(block.updated_at)}"


def _done(block: Block) -> None:
    say(f"{block.label}: version {block.version}, {len(block.value):,}/{block.limit:,} characters")


@memory.command()
@json_option
@place_options
@click.pass_obj
def stale(options: Options, as_json: bool) -> None:
    """Facts and lines of blocks that no longer fit the code of this worktree, or that are to be checked."""
    from lcode.cli.stale import show_stale

    show_stale(options, as_json=as_json)


@memory.command("set", cls=TextCommand)
@click.argument("label")
@click.argument("text", nargs=-1, metavar="[TEXT|-]")
@place_options
@click.pass_obj
def set_value(options: Options, label: str, text: tuple[str, ...]) -> None:
    """Replace the value of a block (from standard input without TEXT)."""
    from lcode.cli.place import given_text

    value = given_text(text, "the new value")
    with editing(options) as (blocks, by):
        block = blocks.rethink(label, value, by)
    _done(block)


@memory.command(cls=TextCommand)
@click.argument("label")
@click.argument("text", nargs=-1, metavar="TEXT|-")
@place_options
@click.pass_obj
def append(options: Options, label: str, text: tuple[str, ...]) -> None:
    """Add a line to a block."""
    from lcode.cli.place import given_text
    from lcode.errors import UsageError

    line = given_text(text, "the text to add")
    if not line.strip():
        raise UsageError("the text to add is empty", "give it as words, or pipe it in")
    with editing(options) as (blocks, by):
        block = blocks.append(label, line, by)
    _done(block)


@memory.command()
@click.argument("label")
@click.option("--description", default="", metavar="TEXT", help="What the block is for; the agent reads it.")
@click.option("--value", default="", metavar="TEXT", help="What it holds at first.")
@click.option("--limit", type=click.IntRange(100, 100_000), metavar="N", help="Characters it may hold.")
@click.option("--scope", type=click.Choice(list(_SHOWS)), help="Who shares it.  [default: repo]")
@place_options
@click.pass_obj
def add(options: Options, label: str, description: str, value: str, limit: int | None, scope: str | None) -> None:
    """A new block. A default block that was removed needs no description: it comes back as it was at first."""
    from lcode.errors import UsageError
    from lcode.memory.block_rows import DEFAULTS
    from lcode.memory.model import Scope

    if not description.strip() and label not in [default.label for default in DEFAULTS]:
        raise UsageError("the description is missing", "say what the block is for: --description TEXT; the agent reads it")
    with editing(options) as (blocks, by):
        block = blocks.create(label, description, value, limit, by, Scope(scope) if scope else None)
    _done(block)


@memory.command()
@click.argument("label")
@click.option("--yes", is_flag=True, help="Do not ask, also where other repositories share the block.")
@place_options
@click.pass_obj
def remove(options: Options, label: str, yes: bool) -> None:
    """Take a block out of core memory; its versions are kept, and `restore` brings it back."""
    with editing(options) as (blocks, by):
        if not yes:
            _confirm_shared(blocks.get(label))
        gone = blocks.delete(label, by)
    say(f"{label} is no longer in core memory, for {shown_for(gone)}")
    say(Styled(f"`lcode memory restore {label}` brings it back", "dim"), err=True)


def _confirm_shared(block: Block) -> None:
    """Ask before a block goes that other repositories have too. Raises UsageError where nobody can be asked."""
    from lcode.errors import UsageError

    if block.scope != "user":
        return
    concerns = f"'{block.label}' is shared by all your repositories"
    if not is_terminal():
        raise UsageError(f"{concerns}: removing it from every one of them has to be confirmed", "add --yes")
    click.confirm(f"{concerns}. Remove it from every one of them?", abort=True)


@memory.command()
@click.argument("label")
@click.option(
    "--version", type=click.IntRange(min=1), metavar="N", help="The version to bring back; `lcode memory log` lists them."
)
@place_options
@click.pass_obj
def restore(options: Options, label: str, version: int | None) -> None:
    """Bring a removed block back, or an earlier version of a block. Nothing of its history is lost."""
    with editing(options) as (blocks, by):
        block = blocks.restore(label, by, version)
    _done(block)


@memory.command()
@click.argument("label")
@place_options
@click.pass_obj
def edit(options: Options, label: str) -> None:
    """Edit a block in $VISUAL or $EDITOR."""
    from lcode.cli.editor import edit_block

    with editing(options) as (blocks, by):
        block = edit_block(blocks, label, by)
    if block is None:
        say(f"{label}: unchanged")
    else:
        _done(block)
