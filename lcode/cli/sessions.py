"""`lcode sessions`: the conversations of an agent."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lcode.cli.lazy import SuggestingGroup
from lcode.cli.options import LIMIT, Options, json_option, place_options
from lcode.cli.output import one_line, plural, say, say_json, short, table

if TYPE_CHECKING:
    from lcode.agent.runtime import Runtime
    from lcode.memory.model import MessageRow, SessionRow

AROUND = 5  # messages on each side of the one that --at names


class Sessions(SuggestingGroup):
    """An unknown word may be the id of a session."""

    def advice(self, ctx: click.Context, word: str) -> str:
        return f"to see a session: lcode sessions show {word}"


@click.group(cls=Sessions, invoke_without_command=True)
@click.option("--limit", type=LIMIT, default=20, show_default=True, metavar="N", help="At most N sessions.")
@click.option("--all", "everything", is_flag=True, help="Every session, archived ones too.")
@json_option
@place_options
@click.pass_context
def sessions(ctx: click.Context, limit: int, everything: bool, as_json: bool) -> None:
    """The sessions of this place's agent, newest first."""
    if ctx.invoked_subcommand is None:
        _list(ctx.obj, -1 if everything else limit, everything, as_json)


@sessions.command("list")
@click.option("--limit", type=LIMIT, default=20, show_default=True, metavar="N", help="At most N sessions.")
@click.option("--all", "everything", is_flag=True, help="Every session, archived ones too.")
@json_option
@place_options
@click.pass_obj
def list_sessions(options: Options, limit: int, everything: bool, as_json: bool) -> None:
    """The same as `lcode sessions`."""
    _list(options, -1 if everything else limit, everything, as_json)


def _list(options: Options, limit: int, archived: bool, as_json: bool) -> None:
    import asyncio

    from lcode.cli.place import opened
    from lcode.cli.transcript import session_json
    from lcode.memory.dates import local

    with opened(options) as runtime:
        rows = asyncio.run(runtime.sessions(limit, archived=archived, silent=True, imported=True))
    if as_json:
        say_json([session_json(row) for row in rows])
    elif not rows:
        say("no sessions yet")
    else:
        cells = [
            (short(row.id), local(row.updated_at), one_line(row.branch, 24), one_line(row.model, 32), str(row.messages),
             _state(row), one_line(row.title or "(untitled)", 80))
            for row in rows
        ]  # fmt: skip
        table(("ID", "WHEN", "BRANCH", "MODEL", "MSGS", "STATE", "TITLE"), cells)


def _state(row: SessionRow) -> str:
    if row.live:
        holder = f"process {row.pid}" + (f" on {row.terminal}" if row.terminal else "") if row.pid else "another process"
        return one_line(f"open: {holder}, {row.activity}", 120)
    return "archived" if row.archived else f"from {row.origin}" if row.origin else ""


def _find(runtime: Runtime, name: str) -> tuple[SessionRow, list[MessageRow]]:
    recall = runtime.memory().recall
    row = recall.session(name)
    return row, recall.messages(row.id)


@sessions.command()
@click.argument("name", metavar="ID")
@click.option("--at", metavar="MESSAGE", help="Only the messages around this one: its id, or what its source calls it.")
@click.option(
    "--context", type=click.IntRange(0, 10_000), default=None, metavar="N", help=f"With --at: N on each side ({AROUND})."
)
@click.option("--full", is_flag=True, help="Results of tools in full.")
@json_option
@place_options
@click.pass_obj
def show(options: Options, name: str, at: str | None, context: int | None, full: bool, as_json: bool) -> None:
    """What was said and done in a session."""
    from lcode.cli import transcript
    from lcode.cli.place import opened
    from lcode.errors import UsageError
    from lcode.memory.compactions import compactions
    from lcode.memory.dates import local

    if context is not None and at is None:
        raise UsageError("--context goes with --at", "name the message in the middle")
    with opened(options) as runtime:
        recall, marked = runtime.memory().recall, ""
        row = recall.session(name)
        if at is not None:
            marked, messages = recall.around(row.id, at, AROUND if context is None else context)
        else:
            messages = recall.messages(row.id)
        made = recall.ask(compactions, row.id)
        if as_json:
            say_json(transcript.document(row, runtime.agent, messages, made))
            return
    say(one_line(row.title or "(untitled)"))
    origin = f"forked from {short(row.forked_from)}" if row.forked_from else ""
    say(" · ".join(filter(None, [row.id, origin, row.branch, row.model, plural(row.messages, "message")])))
    for one in made:
        say(f"compacted {local(one.created_at)} ({one.trigger}): {one.messages} messages, {one.tokens_before:,} to"
            f" {one.tokens_after:,} tokens in {one.duration_ms / 1_000:.1f} s"
            + (f", taken back {local(one.undone_at)}" if one.undone_at else ""))  # fmt: skip
    say()
    for message in messages:
        transcript.show(message, full=full, marked=message.id == marked)


@sessions.command()
@click.argument("name", metavar="ID")
@click.option("--format", "form", type=click.Choice(["markdown", "json"]), default="markdown", show_default=True)
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write to FILE.")
@place_options
@click.pass_obj
def export(options: Options, name: str, form: str, output: Path | None) -> None:
    """A whole session as one document."""
    import json

    from lcode.cli import transcript
    from lcode.cli.place import opened
    from lcode.memory.compactions import compactions

    with opened(options) as runtime:
        row, messages = _find(runtime, name)
        if form == "json":
            made = runtime.memory().recall.ask(compactions, row.id)
            text = json.dumps(transcript.document(row, runtime.agent, messages, made), indent=2) + "\n"
        else:
            text = transcript.markdown(row, runtime.agent, messages)
    if output is None or str(output) == "-":
        say(text.removesuffix("\n"))
    else:
        write_file(output, text)
        say(f"{plural(len(messages), 'message')} written to {output}", err=True)


def write_file(path: Path, text: str) -> None:
    """Replace `path` as a whole. Raises UserError."""
    from lcode.errors import UserError
    from lcode.store.atomic import write_text

    try:
        write_text(path, text)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}") from error


@sessions.command()
@click.argument("name", metavar="ID")
@click.argument("title")
@place_options
@click.pass_obj
def rename(options: Options, name: str, title: str) -> None:
    """Give a session another title."""
    from lcode.cli.place import opened
    from lcode.errors import UsageError

    if not title.strip():
        raise UsageError("the title is empty")
    with opened(options, writes=True) as runtime:
        recall = runtime.memory().recall
        row = recall.session(name)
        recall.update_session(row.id, title=" ".join(recall.redacted(title).split()))
    say(f"{short(row.id)} is now: {one_line(title)}")


@sessions.command()
@click.argument("name", metavar="ID")
@click.option("--undo", is_flag=True, help="Take it out of the archive.")
@place_options
@click.pass_obj
def archive(options: Options, name: str, undo: bool) -> None:
    """Leave a session out of the list; it is still searched, shown and resumed."""
    from lcode.cli.place import opened

    with opened(options, writes=True) as runtime:
        recall = runtime.memory().recall
        row = recall.session(name)
        recall.update_session(row.id, archived=0 if undo else 1)
    say(f"{short(row.id)} is {'back in the list' if undo else 'archived'}: {one_line(row.title or '(untitled)')}")


@sessions.command()
@click.argument("name", metavar="ID")
@click.option("--keep", metavar="TEXT", default="", help="What the summary is to keep in particular.")
@place_options
@click.pass_obj
def compact(options: Options, name: str, keep: str) -> None:
    """Take what is oldest out of a session's prompt; a summary takes its place."""
    from lcode.cli.compact import with_session

    with_session(options, name, lambda session, emit: session.compact(keep, emit))


@sessions.command()
@click.argument("name", metavar="ID")
@place_options
@click.pass_obj
def uncompact(options: Options, name: str) -> None:
    """Take the last compaction of a session back."""
    from lcode.cli.compact import with_session

    with_session(options, name, lambda session, emit: session.uncompact(emit))
