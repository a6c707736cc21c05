"""`lcode import`: conversations of other programs into recall."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import IO, TYPE_CHECKING, Any

import click

from lcode.cli.lazy import SuggestingGroup
from lcode.cli.options import Options, json_option, place_options
from lcode.cli.output import Styled, plural, say, say_json
from lcode.errors import UserError

if TYPE_CHECKING:
    from lcode.memory.importing import Damages, ImportedMessage, Summary

Read = Callable[["Damages"], Iterable["ImportedMessage"]]


@click.group("import", cls=SuggestingGroup)
def import_group() -> None:
    """Bring conversations of other programs into recall, with their times.

    What was imported before is not imported again. Nothing is taken out of the files, and secrets are replaced as everywhere.
    """


def _dry_run(function: Any) -> Any:
    return click.option("--dry-run", is_flag=True, help="Read and count; keep nothing.")(function)


@import_group.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE|-…", type=click.Path(path_type=Path, allow_dash=True))
@_dry_run
@json_option
@place_options
@click.pass_obj
def jsonl(options: Options, files: tuple[Path, ...], dry_run: bool, as_json: bool) -> None:
    """Messages in a neutral form: a JSON object a line. `-` is standard input.

    {"session": "standup", "time": "2026-03-08T09:30:00+01:00", "role": "user", "name": "Ada", "text": "…", "id": "17"}

    `text` and `time` are needed; `role` is user, assistant, tool or system. Also known: title, branch (of the session), tool,
    outcome, paths.
    """
    from lcode.memory.importing_jsonl import messages

    def read(damages: Damages) -> Iterator[ImportedMessage]:
        for path in files:
            with _opened(path) as (file, name):
                yield from messages(file, name, damages)

    _import(options, "jsonl", read, dry_run=dry_run, as_json=as_json)


_PATHS = click.argument("paths", nargs=-1, metavar="[PATH]…", type=click.Path(exists=True, path_type=Path))
_ALL = click.option("--all", "everything", is_flag=True, help="Sessions of every place, not of this repository alone.")


@import_group.command("claude-code")
@_PATHS
@_ALL
@_dry_run
@json_option
@place_options
@click.pass_obj
def claude_code(options: Options, paths: tuple[Path, ...], everything: bool, dry_run: bool, as_json: bool) -> None:
    """Sessions of Claude Code: those of this repository on this machine, or all in PATH.

    Without PATH they are looked for where Claude Code keeps them ($CLAUDE_CONFIG_DIR, else ~/.claude).
    """
    from lcode.memory import importing_claude as peer

    def reads(found: Sequence[Path], roots: Collection[str], folders: Sequence[Path]) -> Read:
        return lambda damages: peer.Claude(roots).read(found, damages)

    _import_peer(options, peer, reads, paths, everything=everything, dry_run=dry_run, as_json=as_json)


@import_group.command()
@_PATHS
@_ALL
@_dry_run
@json_option
@place_options
@click.pass_obj
def codex(options: Options, paths: tuple[Path, ...], everything: bool, dry_run: bool, as_json: bool) -> None:
    """Sessions of Codex: those of this repository on this machine, or all in PATH.

    Without PATH they are looked for where Codex keeps them ($CODEX_HOME, else ~/.codex), archived ones too.
    """
    from lcode.memory import importing_codex as peer

    def reads(found: Sequence[Path], roots: Collection[str], folders: Sequence[Path]) -> Read:
        named = {key: title for folder in folders for key, title in peer.titles(folder).items()}
        return lambda damages: peer.Codex(roots, named).read(found, damages)

    _import_peer(options, peer, reads, paths, everything=everything, dry_run=dry_run, as_json=as_json)


def _import_peer(
    options: Options,
    peer: ModuleType,
    reads: Callable[[Sequence[Path], Collection[str], Sequence[Path]], Read],
    paths: Sequence[Path],
    *,
    everything: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Import what a peer keeps in `paths`, or of this repository where it keeps its sessions. `peer` is the module that knows
    where that is."""
    import os

    folders = list(paths) or peer.folders(os.environ, Path.home())
    roots = _roots(options)
    try:
        found = [file for folder in folders for file in peer.sources(folder, () if everything or paths else roots)]
    except OSError as error:
        raise UserError(f"cannot read {error.filename}: {error.strerror or error}") from error
    if not found:
        of = "" if everything or paths else " of this repository"
        where = " or ".join(map(str, folders))
        hint = "name a file or folder" if everything or paths else "--all takes those of every place; or name a file or folder"
        raise UserError(f"there are no sessions of {peer.ORIGIN}{of} in {where}", hint)
    _import(options, peer.ORIGIN, reads(found, roots, folders), dry_run=dry_run, as_json=as_json)


def _roots(options: Options) -> list[str]:
    """The folders of the repository at hand: its worktrees, and where it was before."""
    from lcode.cli.place import registry
    from lcode.path_text import path_text

    with registry(options, writes=False) as (store, place):
        agent = store.agents.find(options.agent) if options.agent else store.agents.known(place)
        return list(dict.fromkeys([path_text(place.root), *(agent.paths if agent is not None else ())]))


@contextmanager
def _opened(path: Path) -> Iterator[tuple[IO[bytes], str]]:
    """A file to read, and what it is called. Raises UserError."""
    if str(path) == "-":
        yield sys.stdin.buffer, "standard input"
        return
    try:
        file = path.open("rb")
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error
    with file:
        yield file, str(path)


def _import(options: Options, origin: str, read: Read, *, dry_run: bool, as_json: bool) -> None:
    """Read, keep, and say what it came to."""
    from lcode.cli.place import only_the_user, opened
    from lcode.cli.progress import Progress
    from lcode.memory.importing import Damages, Import

    only_the_user("import conversations")
    damages = Damages()
    progress = Progress("message", quiet=as_json)
    with opened(options, writes=not dry_run) as runtime:
        work = Import(runtime.memory().database, runtime.store.redactor, origin, dry_run=dry_run)
        phase = "reading" if dry_run else "importing"
        try:
            found = work.take(read(damages), lambda done: progress.show(phase, done, 0))
        except KeyboardInterrupt:
            progress.close()
            say(f"stopped: {plural(work.summary.messages, 'message')} were kept; repeat the command for the rest", err=True)
            raise
        finally:
            progress.close()
            if work.summary.messages and not dry_run:
                runtime.hand_over()  # vectors are made in the background
    if as_json:
        say_json(_shown(found, damages, dry_run=dry_run))
    else:
        _say(found, damages, dry_run=dry_run)


def _shown(found: Summary, damages: Damages, *, dry_run: bool) -> dict[str, Any]:
    from dataclasses import asdict

    named = [asdict(damage) for damage in damages.named]
    return {**asdict(found), "dry_run": dry_run, "damaged": damages.count, "damages": named}


def _say(found: Summary, damages: Damages, *, dry_run: bool) -> None:
    from lcode.memory.dates import local

    done = "would be imported" if dry_run else "imported"
    span = ""
    if found.first:
        first, last = local(found.first)[:10], local(found.last)[:10]
        span = f", of {first}" if first == last else f", from {first} to {last}"
    new = f" in {plural(found.sessions, 'new session')}" if found.sessions else ""
    parts = [f"{plural(found.messages, 'message')} {done}{new}{span}" if found.messages else "nothing new"]
    parts += [f"{plural(found.known, 'message')} {'was' if found.known == 1 else 'were'} there already"] if found.known else []
    parts += [f"{found.repeated:,} stand there twice"] if found.repeated else []
    say("; ".join(parts))
    if damages.count:
        say(f"{plural(damages.count, 'line')} could not be read:", err=True)
        for damage in damages.named:
            say(f"  {damage.file}:{damage.line}: {damage.why}", err=True)
        if damages.count > len(damages.named):
            say(Styled(f"  … and {damages.count - len(damages.named):,} more", "dim"), err=True)
