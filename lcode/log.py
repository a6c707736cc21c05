"""The log: for bugs, not for news. One private file that is kept small; every record passes the redactor.

`logging` is not used: importing it costs more than a run that logs nothing should pay, and each process writes few records.
"""

from __future__ import annotations

import os
from pathlib import Path

from lcode import clock
from lcode.redact import Redactor

_LARGEST = 1_000_000  # bytes, then the file becomes lcode.log.1
_LONGEST = 100_000  # characters of one record
_NAME = "lcode.log"


class Log:
    """The log in `folder`."""

    def __init__(self, folder: Path, redactor: Redactor) -> None:
        self._folder = folder
        self._redactor = redactor

    @property
    def file(self) -> Path:
        return self._folder / _NAME

    def write(self, text: str) -> Path:
        """Append a record; returns the file. Raises OSError where it cannot be written."""
        text = text.encode("utf-8", "backslashreplace").decode()
        clean = self._redactor.redact(text)[:_LONGEST].rstrip("\n").replace("\n", "\n    ")
        record = f"{clock.stamp()} [{os.getpid()}] {clean}\n".encode()
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._rotate(len(record))
        descriptor = os.open(self.file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
        try:
            os.write(descriptor, record)  # one write, so that the records of several processes do not mix
        finally:
            os.close(descriptor)
        return self.file

    def _rotate(self, more: int) -> None:
        try:
            size = self.file.stat().st_size
        except FileNotFoundError:
            return
        if size + more > _LARGEST:
            self.file.replace(self.file.with_name(f"{_NAME}.1"))


def log_exception(folder: Path, error: BaseException, redactor: Redactor) -> Path:
    """Write the traceback of a bug into the log in `folder`; returns the file to name to the user. Raises OSError."""
    import traceback

    from lcode import __version__

    lines = traceback.format_exception(error, limit=-60)
    return Log(folder, redactor).write(f"lcode {__version__} {''.join(lines)}")
