"""How a command ends: its exit code, and for every failure one line, a hint, and for a bug its trace in the log."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TextIO

import click

from lcode.cli.output import Styled, say
from lcode.errors import EXIT_ERROR, EXIT_INTERRUPTED, EXIT_OK, EXIT_USAGE, UserError


def guarded(work: Callable[[], Any], *, log: bool = True) -> int:
    """The exit code of `work`, whatever it raises. `log`: whether the trace of a bug may be written into the log."""
    _open_standard_streams()
    try:
        code = _caught(work, log)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read our output has gone
        _silence(sys.stdout)
        code = EXIT_ERROR
    except OSError as error:
        code = _unwritten(error)
    try:
        sys.stderr.flush()
    except OSError:  # nobody can be told
        _silence(sys.stderr)
    return code


def _unwritten(error: OSError) -> int:
    """Standard output cannot be written: a full disk, most often."""
    _silence(sys.stdout)
    complain(f"cannot write the output: {error.strerror or error}", "free space, or send it elsewhere")
    return EXIT_ERROR


def _is_of_output(error: OSError) -> bool:
    """Whether standard output did not take what it was given. With a buffer it fails at the flush again; without one the
    fault names no file, as those of the store do."""
    try:
        sys.stdout.flush()
    except OSError:
        return True
    return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) and error.filename is None


def _open_standard_streams() -> None:
    """Where the caller closed one (`>&-`) nothing stands in its place: else a database would get its number, and writes."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115 - for the whole process


def _caught(work: Callable[[], Any], log: bool) -> int:
    try:
        result = work()
        return result if isinstance(result, int) else EXIT_OK
    except UserError as error:
        complain(error.message, error.hint)
        return error.exit_code
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.UsageError as error:
        return _usage(error)
    except click.ClickException as error:
        complain(error.format_message())
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        say(err=True)
        return EXIT_INTERRUPTED
    except SystemExit as error:
        return error.code if isinstance(error.code, int) else EXIT_ERROR if error.code else EXIT_OK
    except BrokenPipeError:
        raise
    except OSError as error:
        return _unwritten(error) if _is_of_output(error) else _bug(error, log)
    except Exception as error:  # noqa: BLE001 - the last line of defence
        return _bug(error, log)


def complain(message: str, hint: str = "") -> None:
    """`lcode: message`, and the hint on a line of its own, on standard error."""
    with suppress(OSError):
        say(Styled("lcode: ", "red"), message, err=True)
        if hint:
            say(Styled("hint: ", "dim"), hint, err=True)


def _usage(error: click.UsageError) -> int:
    message = error.format_message().rstrip(".")
    path = error.ctx.command_path if error.ctx is not None else "lcode"
    complain(message[:1].lower() + message[1:], f"`{path} --help` says how to call it")
    return EXIT_USAGE


def _bug(error: Exception, log: bool) -> int:
    if os.environ.get("LCODE_DEBUG"):
        import traceback

        traceback.print_exception(error)
    where = keep_trace(error) if log else "no log, as --ephemeral writes nothing; LCODE_DEBUG=1 shows it"
    complain(f"internal error: {type(error).__name__}: {_redacted(error)}", f"the trace is in {where}")
    return EXIT_ERROR


def _redacted(error: Exception) -> str:
    from lcode.redact import Redactor

    lines = Redactor(os.environ).redact(str(error)).splitlines()
    return lines[0] if lines else ""


def keep_trace(error: BaseException) -> str:
    """Write the trace of a bug into the log; where it stands."""
    from lcode.log import log_exception
    from lcode.redact import Redactor
    from lcode.store.paths import StorePaths, home, private_folder

    try:
        return str(log_exception(private_folder(StorePaths(home(os.environ)).log), error, Redactor(os.environ)))
    except (UserError, OSError):
        return "no log, as none could be written; LCODE_DEBUG=1 shows it"


def _silence(stream: TextIO) -> None:
    """Let the interpreter's own last flush of the stream go nowhere."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
