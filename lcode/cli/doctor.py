"""`lcode doctor`: is everything in place, what to do where it is not, and the repairs that are safe."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click

from lcode.cli.doctor_access import access_check
from lcode.cli.doctor_finding import Finding
from lcode.cli.doctor_index import index_check
from lcode.cli.doctor_store import agents_check, store_check
from lcode.cli.options import Options, json_option, place_options
from lcode.cli.output import Styled, has_colour, indent, is_terminal, say, say_json
from lcode.errors import EXIT_ERROR, EXIT_OK, UserError

_COLOURS = {"ok": "green", "fixed": "green", "warn": "yellow", "fail": "red"}
Check = Callable[[Options], Iterator[Finding]]


@click.command()
@click.option("--fix", is_flag=True, help="Repair what can be repaired safely; ask before a database is replaced.")
@click.option("--yes", is_flag=True, help="With --fix: do not ask.")
@json_option
@place_options
@click.pass_obj
def doctor(options: Options, fix: bool, yes: bool, as_json: bool) -> int:
    """Check the installation, the store, git, the terminal and the model. Ends with 1 if something fails."""
    findings = [
        finding for check in CHECKS for finding in (_mended(check, options, yes=yes) if fix else _guarded(check, options))
    ]
    if as_json:
        say_json([finding.shown() for finding in findings])
    else:
        width = max(len(finding.check) for finding in findings)
        for finding in findings:
            _print(finding, width)
    return EXIT_ERROR if any(finding.state == "fail" for finding in findings) else EXIT_OK


def _mended(check: Check, options: Options, *, yes: bool) -> list[Finding]:
    """What was repaired, and then what the check finds."""
    done: list[Finding] = []
    for finding in _guarded(check, options):
        if finding.mend is None or (finding.asks and not yes and not _agreed(finding)):
            continue
        try:
            done.append(Finding(finding.check, "fixed", finding.mend()))
        except UserError as error:
            done.append(Finding(finding.check, "fail", error.message, error.hint))
        except OSError as error:
            done.append(Finding(finding.check, "fail", f"could not be repaired: {error}"))
    return [*done, *_guarded(check, options)]


def _agreed(finding: Finding) -> bool:
    """Whether the person at the terminal wants what may not be done unasked."""
    if not is_terminal():
        say(f"{finding.check}: {finding.asks} has to be confirmed: add --yes", err=True)
        return False
    say(f"{finding.check}: {finding.text}", err=True)
    return click.confirm(f"{finding.asks}?", err=True)


def _guarded(check: Check, options: Options) -> list[Finding]:
    """A check that fails is a finding; the others still run."""
    found: list[Finding] = []
    try:
        found.extend(check(options))
    except UserError as error:
        found.append(Finding(check.__name__.removesuffix("_check").lstrip("_"), "fail", error.message, error.hint))
    except (OSError, ImportError) as error:
        found.append(Finding(check.__name__.removesuffix("_check").lstrip("_"), "fail", str(error)))
    return found


def _print(finding: Finding, width: int) -> None:
    say(Styled(f"{finding.state:<6}", _COLOURS[finding.state]), f"{finding.check:<{width}} {finding.text}")
    if finding.hint:
        say(Styled(indent(finding.hint, " " * (width + 7)), "dim"))


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


CHECKS: tuple[Check, ...] = (_program, _sqlite, access_check, store_check, agents_check, index_check, _tools, _terminal, _model)
