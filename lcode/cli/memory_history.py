"""`lcode memory log|diff|blame|revert|facts` and `show --at`: memory as it was, and how it became what it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from lcode.cli.memory import shown_for, writing
from lcode.cli.options import LIMIT, Options, json_option, place_options
from lcode.cli.output import Styled, is_terminal, one_line, plural, say, say_json, short, table
from lcode.errors import MemoryEditError, UsageError

if TYPE_CHECKING:
    from lcode.agent.runtime import Runtime
    from lcode.memory.fact_history import Event
    from lcode.memory.history import History, Line, Step, When
    from lcode.memory.model import Block, BlockVersion

ALL_LIMIT = 50  # edits that are listed without a label
_MOMENTS = "A MOMENT is a version of the block, a date, 2026-03, March, 3 weeks ago, a commit, branch or tag, or a session."


@contextmanager
def _history(options: Options) -> Iterator[tuple[Runtime, History]]:
    from lcode.cli.place import opened
    from lcode.memory.history import History

    with opened(options) as runtime:
        yield runtime, History(runtime.memory(), runtime.place)


# -- log --------------------------------------------------------------------------------------------------------------


@click.command(epilog=_MOMENTS)
@click.argument("label", required=False)
@click.option("--facts", is_flag=True, help="Also what happened to facts: recorded, superseded, closed, reopened.")
@click.option("--since", default="", metavar="MOMENT", help="From then on.")
@click.option("--until", default="", metavar="MOMENT", help="Up to then.")
@click.option("--limit", type=LIMIT, metavar="N", help=f"The newest N.  [default: all of a block, else {ALL_LIMIT}]")
@json_option
@place_options
@click.pass_obj
def log(options: Options, label: str | None, facts: bool, since: str, until: str, limit: int | None, as_json: bool) -> None:
    """Every edit of a block, or of all blocks, newest first; of one that was removed too."""
    from lcode.memory.fact_history import events
    from lcode.memory.moments import moment

    if facts and label:
        raise UsageError("--facts goes with the log of all of memory", "leave the label out")
    with _history(options) as (runtime, history):
        memory = runtime.memory()
        first = moment(since, runtime.place, memory.recall, begins=True).time if since else ""
        last = moment(until, runtime.place, memory.recall).time if until else "~"
        edits = [edit for edit in history.edits(label or "") if first <= edit.created_at <= last]
        told = [event for event in events(memory.database) if first <= event.at <= last] if facts else []
        kept = _newest(edits, told, limit or (len(edits) if label else ALL_LIMIT))
        changes = {id(edit): _change(history, edit) for edit in kept if not _is_event(edit)} if not as_json else {}
    if as_json:
        say_json([_entry_json(entry, mixed=facts) for entry in kept])
    elif not kept:
        say(f"{label} was never edited" if label and not since and not until else "nothing was edited then")
    else:
        _show_log(kept, changes, with_label=not label)


def _newest(edits: Sequence[BlockVersion], told: Sequence[Event], limit: int) -> list[Any]:
    """Both in one order, the newest first; edits of one block never change places."""
    entries: list[tuple[str, Any]] = []
    for edit in edits:
        entries.append((max(edit.created_at, entries[-1][0]) if entries else edit.created_at, edit))
    entries += [(event.at, event) for event in told]
    return [entry for _, entry in sorted(entries, key=lambda entry: entry[0])][::-1][:limit]


def _is_event(entry: Any) -> bool:
    return hasattr(entry, "what")


def _entry_json(entry: Any, *, mixed: bool) -> dict[str, Any]:
    return {"entry": "fact" if _is_event(entry) else "edit", **asdict(entry)} if mixed else asdict(entry)


def _show_log(entries: Sequence[Any], changes: dict[int, str], *, with_label: bool) -> None:
    from lcode.memory.dates import local

    rows = []
    for entry in entries:
        if _is_event(entry):
            name, version, when, edit, size = "fact", short(entry.passage_id), local(entry.at), entry.what, ""
            after = f" → {short(entry.successor)}" if entry.successor else ""
            change = one_line(f"{entry.text}{f' ({entry.reason})' if entry.reason else ''}{after}", 80)
        else:
            name, version, when, edit = entry.label, str(entry.version), local(entry.created_at), entry.operation
            size, change = f"{len(entry.value):,}", one_line(changes[id(entry)], 80)
        who = f"{entry.actor}{f' ({short(entry.session_id)})' if entry.session_id else ''}"
        rows.append((name if with_label else "", version, when, who, edit, size, change))
    table(("BLOCK", "VERSION", "WHEN", "BY", "EDIT", "CHARS", "CHANGE"), rows)


def _change(history: History, edit: BlockVersion) -> str:
    from lcode.memory.render import diff_values

    old, new = map(_text, history.around(edit))
    return diff_values(edit.label, old or "", new or "")


# -- diff -------------------------------------------------------------------------------------------------------------


@click.command(epilog=_MOMENTS)
@click.argument("what", nargs=-1, metavar="[LABEL] [FROM] [TO]")
@json_option
@place_options
@click.pass_obj
def diff(options: Options, what: tuple[str, ...], as_json: bool) -> None:
    """What changed between two moments; from FROM to now; or, without one, in the last edit."""
    with _history(options) as (_, history):
        label, *moments = what if what and history.known(what[0]) else ("", *what)
        if len(moments) > 2:
            raise UsageError(f"'{moments[2]}' is one moment too many", "name a block, and at most two moments")
        pairs = _pairs(history, label, [history.when(text, label) for text in moments])
    if as_json:
        say_json([_pair_json(name, old, new) for name, old, new in pairs])
        return
    if not pairs:
        say("nothing changed")
    for at, (name, old, new) in enumerate(pairs):
        if at:
            say()
        say(Styled(name, "bold"), "  ", Styled(f"{_state(old)} → {_state(new)}", "dim"))
        show_diff(old.value if old else "", new.value if new else "")


Pair = tuple[str, "Block | None", "Block | None"]


def _pairs(history: History, label: str, moments: Sequence[When]) -> list[Pair]:
    """The blocks that differ, before and after."""
    from lcode.memory.history import NOW

    if not moments:
        edits = history.edits(label)
        if not edits:
            return []
        return [(edits[-1].label, *history.around(edits[-1]))]
    begin, end = moments[0], moments[1] if len(moments) > 1 else NOW
    if label:
        old, new = history.block(label, begin), history.block(label, end)
        return [(label, old, new)] if _text(old) != _text(new) else []
    before, after = ({block.label: block for block in history.core(when)} for when in (begin, end))
    names = dict.fromkeys([*after, *before])
    return [(name, a, b) for name in names if _text(a := before.get(name)) != _text(b := after.get(name))]


def _text(block: Block | None) -> str | None:
    return block.value if block else None


def _pair_json(name: str, old: Block | None, new: Block | None) -> dict[str, Any]:
    from lcode.memory.render import diff_values

    change = diff_values(name, _text(old) or "", _text(new) or "")
    return {"label": name, "from": asdict(old) if old else None, "to": asdict(new) if new else None, "diff": change}


def _state(block: Block | None) -> str:
    from lcode.memory.dates import local

    if block is None:
        return "not there"
    if not block.version:
        return "never edited"
    session = f" in session {short(block.session_id)}" if block.session_id else ""
    return f"version {block.version} ({local(block.updated_at)}, {block.actor.value}{session})"


def show_diff(old: str, new: str) -> None:
    """The lines that went and came, with two around them."""
    from difflib import unified_diff

    styles = {"-": "red", "+": "green", "@": "dim"}
    for line in list(unified_diff(old.splitlines(), new.splitlines(), lineterm="", n=2))[2:]:
        say("  ", Styled(line, styles[line[0]]) if line[:1] in styles else line)


# -- blame ------------------------------------------------------------------------------------------------------------


@click.command()
@click.argument("label")
@json_option
@place_options
@click.pass_obj
def blame(options: Options, label: str, as_json: bool) -> None:
    """Where each line of a block comes from: version, when, by whom, from what, in which session."""
    with _history(options) as (_, history):
        lines = history.blame(label)
    if as_json:
        say_json([_line_json(line) for line in lines])
    elif not lines:
        say(f"{label} is empty")
    else:
        table(("VERSION", "WHEN", "BY", "FROM", "SESSION", "", "LINE"), [_line_row(line) for line in lines])


def _line_json(line: Line) -> dict[str, Any]:
    entry = line.version
    named = ("version", "created_at", "actor", "source", "session_id", "commit", "worktree", "operation")
    origin = {name: getattr(entry, name) if entry else "" for name in named} | {"version": entry.version if entry else 0}
    return {"line": line.text, "verified": line.verified, **origin}


def _line_row(line: Line) -> tuple[str, ...]:
    from lcode.memory.dates import local

    entry, mark = line.version, "" if line.verified else "?"
    if entry is None:
        return ("0", "", "program", "default", "", mark, line.text)
    where = short(entry.session_id) if entry.session_id else ""
    return (str(entry.version), local(entry.created_at), entry.actor.value, entry.source.value, where, mark, line.text)


# -- as it was --------------------------------------------------------------------------------------------------------


def show_at(options: Options, label: str | None, at: str, *, as_json: bool) -> None:
    """All blocks, or one, as they were at a moment."""
    from lcode.cli.memory import block_json, print_block

    with _history(options) as (_, history):
        when = history.when(at, label or "")
        blocks = history.core(when) if label is None else [_there(history, label, when)]
    if as_json:
        shown = [block_json(block) for block in blocks]
        say_json(shown if label is None else shown[0])
        return
    say(Styled(f"as it was: {when.words}", "dim"), err=True)
    for number, block in enumerate(blocks):
        if number:
            say()
        print_block(block)


def _there(history: History, label: str, when: When) -> Block:
    block = history.block(label, when)
    if block is None:
        raise MemoryEditError(
            f"there was no block '{label}' then ({when.words})", f"`lcode memory log {label}` says when there was"
        )
    return block


@click.command(epilog=_MOMENTS)
@click.argument("label", required=False)
@click.option("--to", required=True, metavar="MOMENT", help="As it was then.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@place_options
@click.pass_obj
def revert(options: Options, label: str | None, to: str, yes: bool, as_json: bool) -> None:
    """Make a block, or all of core memory, what it was. A new version: nothing of the history goes."""
    from lcode.memory.history import History
    from lcode.memory.model import Actor, Source

    with writing(options) as runtime:
        memory = runtime.memory()
        history, by = History(memory, runtime.place), memory.provenance(Actor.USER, Source.SAID)
        when = history.when(to, label or "")
        steps = history.steps(when, label or "")
        if steps and not yes:
            _confirm(steps, when, whole=label is None)
        done = history.go_back(steps, by) if steps else []
    if as_json:
        say_json([asdict(block) for block in done])
        return
    if not done:
        say(f"{label or 'core memory'} is as it was then ({when.words})")
    for block in done:
        gone = "no longer in core memory" if block.version < 0 else f"version {block.version}"
        say(f"{block.label}: {gone}, as it was then ({when.words})")


def _confirm(steps: Sequence[Step], when: When, *, whole: bool) -> None:
    """Show what a revert changes, and ask where it is more than the value of one block of this repository. Raises UsageError
    where nobody can be asked."""
    shared = [block for step in steps for block in (step.now, step.then) if block and block.scope == "user"]
    if not whole and not shared and all(step.then for step in steps):
        return
    what = plural(len(steps), "block")
    if not is_terminal():
        raise UsageError(f"{what} would become what they were ({when.words}): this has to be confirmed", "add --yes")
    for step in steps:
        block = step.now or step.then
        concerns = f"  for {shown_for(block)}" if block else ""
        say(Styled(step.label, "bold"), Styled(concerns if step.then else f"{concerns}: removed", "dim"))
        show_diff(_text(step.now) or "", _text(step.then) or "")
    click.confirm(f"Make {what} what they were then ({when.words})?", abort=True)


# -- facts ------------------------------------------------------------------------------------------------------------


@click.command(epilog="A MOMENT is a date, 2026-03, March, 3 weeks ago, a commit, branch or tag, or a session.")
@click.option("--as-of", default="", metavar="MOMENT", help="What was true then.")
@click.option("--known-at", default="", metavar="MOMENT", help="As it was known then.")
@click.option(
    "--kind", default="", metavar="KIND", help="fact, attempt, note, decision, summary or commit.  [default: no commits]"
)
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="With any of these tags; may be repeated.")
@click.option("--stale", is_flag=True, help="Only what no longer fits the code here, or is to be checked.")
@click.option("--limit", type=LIMIT, default=50, show_default=True, metavar="N")
@json_option
@place_options
@click.pass_obj
def facts(
    options: Options, as_of: str, known_at: str, kind: str, tags: tuple[str, ...], stale: bool, limit: int, as_json: bool
) -> None:
    """The facts that are true now, or that were true at a moment, newest first."""
    from lcode.cli.find import KINDS, passage_json, show_facts
    from lcode.cli.place import opened
    from lcode.memory import moments
    from lcode.memory.lives import described

    if kind and kind not in KINDS:
        raise UsageError(f"there is no kind '{kind}'", f"kinds are: {', '.join(KINDS)}")
    if stale and (as_of or known_at):
        raise UsageError("what is stale is looked at in the code as it is now", "leave --as-of and --known-at out")
    asked = f"{as_of or 'now'} known at {known_at}" if known_at else as_of
    with opened(options) as runtime:
        memory = runtime.memory()
        at = moments.as_of(asked, memory.archival, runtime.place, memory.recall) if asked else None
        found = memory.archival.search("", kind=kind, tags=tags, limit=limit if not stale else 10_000, as_of=at)
        verdicts = memory.grounding.of(found, since=True) if at is None else {}
    if stale:
        found = [fact for fact in found if (one := verdicts.get(fact.id)) and one.standing in ("stale", "to be checked")][
            :limit
        ]
    if as_json:
        say_json([passage_json(fact, verdicts.get(fact.id)) for fact in found])
        return
    if at is not None:
        say(Styled(described(at), "dim"), err=True)
    if not found:
        say("no facts" if not stale else "nothing: all that facts cite is as it was cited")
        return
    show_facts(found, verdicts)
