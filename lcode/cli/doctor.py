"""`lcode doctor`: is everything in place, and what to do where it is not."""

from __future__ import annotations

import os
import shutil
import stat
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lcode.cli.options import Options, json_option, place_options
from lcode.cli.output import Styled, has_colour, indent, is_terminal, plural, say, say_json
from lcode.errors import EXIT_ERROR, EXIT_OK, UserError

if TYPE_CHECKING:
    from lcode.memory.agents import AgentRow
    from lcode.store.health import Health
    from lcode.store.paths import StorePaths


@dataclass(frozen=True)
class Finding:
    """One line of the report. `state`: ok, warn or fail."""

    check: str
    state: str
    text: str
    hint: str = ""


_COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


@click.command()
@json_option
@place_options
@click.pass_obj
def doctor(options: Options, as_json: bool) -> int:
    """Check the installation, the store, git, the terminal and the model. Ends with 1 if something fails."""
    findings = [finding for check in CHECKS for finding in _guarded(check, options)]
    if as_json:
        say_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            _print(finding)
    return EXIT_ERROR if any(finding.state == "fail" for finding in findings) else EXIT_OK


def _guarded(check: Callable[[Options], Iterator[Finding]], options: Options) -> list[Finding]:
    """A check that fails is a finding; the others still run."""
    found: list[Finding] = []
    try:
        found.extend(check(options))
    except UserError as error:
        found.append(Finding(check.__name__.lstrip("_"), "fail", error.message, error.hint))
    except (OSError, ImportError) as error:
        found.append(Finding(check.__name__.lstrip("_"), "fail", str(error)))
    return found


def _print(finding: Finding) -> None:
    say(Styled(f"{finding.state:<5}", _COLOURS[finding.state]), f"{finding.check:<12} {finding.text}")
    if finding.hint:
        say(Styled(indent(finding.hint, " " * 18), "dim"))


# -- the program ----------------------------------------------------------------------------------------------------


def _program(options: Options) -> Iterator[Finding]:
    from lcode import __version__

    folder = Path(__file__).resolve().parent.parent
    yield Finding("lcode", "ok", f"{__version__} in {folder}")
    version = ".".join(map(str, sys.version_info[:3]))
    yield Finding("python", "ok" if sys.version_info >= (3, 11) else "fail", f"{version} ({sys.executable})")
    on_path = shutil.which("lcode")
    if on_path is None:
        yield Finding("path", "warn", "`lcode` is not on the PATH", "install.sh says how to put it there")


def _sqlite(options: Options) -> Iterator[Finding]:
    from lcode.store.database import check_sqlite
    from lcode.store.health import sqlite_version

    check_sqlite()
    yield Finding("sqlite", "ok", f"{sqlite_version()} (apsw)")


# -- the store ------------------------------------------------------------------------------------------------------


def _store(options: Options) -> Iterator[Finding]:
    from lcode.store.paths import StorePaths, home

    paths = StorePaths(home(os.environ))
    if not paths.home.exists():
        yield Finding("store", "ok", f"{paths.home} (not made yet)")
        return
    yield _writable(paths.home)
    if sys.platform != "win32":
        yield from _private(paths)
    from lcode.store import migrations
    from lcode.store.health import inspect

    yield _sound("user.db", inspect(paths.user_db, migrations.USER))


def _writable(folder: Path) -> Finding:
    if not os.access(folder, os.W_OK | os.X_OK):
        return Finding("store", "fail", f"{folder} cannot be written", "mend its permissions, or set LCODE_HOME")
    free = shutil.disk_usage(folder).free
    if free < 50_000_000:
        return Finding("store", "warn", f"{folder}, only {free // 1_000_000} MB free", "free some space")
    return Finding("store", "ok", str(folder))


def _private(paths: StorePaths) -> Iterator[Finding]:
    """Memory is for its owner's eyes: folders 0700, databases 0600."""
    open_folders = [
        path
        for path in [paths.home, *paths.home.glob("agents/*"), *paths.home.glob("agents/*/*.db*"), *paths.home.glob("*.db*")]
        if stat.S_IMODE(path.stat().st_mode) & 0o077
    ]
    if open_folders:
        names = ", ".join(map(str, open_folders[:3])) + (" …" if len(open_folders) > 3 else "")
        yield Finding("permissions", "warn", f"others can read {names}", f"chmod -R go= '{paths.home}'")
    else:
        yield Finding("permissions", "ok", "for you alone")


def _sound(name: str, health: Health) -> Finding:
    """One database in one line."""
    if not health.exists:
        return Finding(name, "ok", "not made yet")
    if health.problem:
        return Finding(
            name, "fail", f"{health.path}: {health.problem}", "copies from before schema changes are in backups/ beside it"
        )
    if health.unindexed:
        return Finding(
            name, "fail", f"the full text of {' and '.join(health.unindexed)} does not fit the rows", "searches may miss some"
        )
    holds = ", ".join(plural(count, noun[:-1]) for noun, count in (health.counts or {}).items())
    older = "" if health.schema == health.known_schema else f" (brought to {health.known_schema} at the next start)"
    return Finding(name, "ok", f"sound, schema {health.schema}{older}, {health.size // 1024:,} KB, {holds}")


def _agents(options: Options) -> Iterator[Finding]:
    from lcode.cli.place import registry
    from lcode.store import migrations
    from lcode.store.health import inspect

    with registry(options, writes=False) as (store, place):
        rows = store.agents.list()
        here = store.agents.known(place)
        for row in rows:
            yield from _agent(row, inspect(store.agent_paths(row).memory_db, migrations.MEMORY))
    if not rows:
        yield Finding("agents", "ok", "none yet")
    elif here is not None:
        yield Finding("here", "ok", f"{place.root} belongs to {here.name}")
    else:
        yield Finding("here", "ok", f"{place.root} has no agent yet")


def _agent(row: AgentRow, health: Health) -> Iterator[Finding]:
    from lcode.path_text import text_path

    if row.initialised and not health.exists:
        yield Finding(f"agent {row.name}", "fail", f"its memory is gone: {health.path}", f"lcode agents delete {row.id[6:14]}")
        return
    yield _sound(f"agent {row.name}", health)
    if not any(text_path(path).exists() for path in row.paths):
        yield Finding(
            f"agent {row.name}", "warn", "none of its places exists", f"lcode agents relocate PATH --agent {row.id[6:14]}"
        )


# -- around it ------------------------------------------------------------------------------------------------------


def _tools(options: Options) -> Iterator[Finding]:
    import subprocess

    git = shutil.which("git")
    if git is None:
        yield Finding("git", "warn", "not found", "install git: without it lcode knows no history and no moved repository")
    else:
        done = subprocess.run([git, "--version"], capture_output=True, text=True, timeout=10, check=False)
        yield Finding("git", "ok", done.stdout.strip().removeprefix("git version ") or "?")
    ripgrep = shutil.which("rg")
    yield Finding("ripgrep", "ok", ripgrep or "not found: lcode searches files itself, a little slower")


def _terminal(options: Options) -> Iterator[Finding]:
    term = os.environ.get("TERM", "")
    both = is_terminal() and sys.stdout.isatty()
    facts = [
        "a terminal" if both else "not a terminal",
        f"TERM={term or '(unset)'}",
        "colours" if has_colour(sys.stdout) else "no colours",
    ]
    plain = both and term in ("", "dumb")
    yield Finding("terminal", "warn" if plain else "ok", ", ".join(facts), "lcode runs in its plain form here" if plain else "")
    encoding = (sys.stdout.encoding or "").lower().replace("-", "")
    if encoding != "utf8":
        yield Finding("encoding", "warn", sys.stdout.encoding or "?", "set a UTF-8 locale, such as LANG=C.UTF-8")


def _model(options: Options) -> Iterator[Finding]:
    from lcode.cli.place import settings_of
    from lcode.llm.providers import OFFLINE, ROWS, default_model, resolve

    settings = settings_of(options)
    for warning in settings.warnings:
        yield Finding("settings", "warn", warning)
    keys = [row.key_env for row in ROWS if row.key_env and os.environ.get(row.key_env, "").strip()]
    yield Finding("keys", "ok", f"set: {', '.join(keys)}" if keys else "none set")
    name = settings.model or default_model(os.environ)
    origin = settings.origin("model") if settings.model else "by the keys that are set" if keys else "no key is set"
    if name == OFFLINE:
        yield Finding(
            "model", "warn", f"offline ({origin}): answers come from memory and files alone",
            "set a key such as ANTHROPIC_API_KEY or OPENAI_API_KEY, or `lcode config set model ollama/MODEL`",
        )  # fmt: skip
        return
    resolve(name, settings.providers, os.environ)
    yield Finding("model", "ok", f"{name} ({origin})")


CHECKS: tuple[Callable[[Options], Iterator[Finding]], ...] = (_program, _sqlite, _store, _agents, _tools, _terminal, _model)
