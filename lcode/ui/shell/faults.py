"""Where the traces of the terminal's own faults go: to the log, never to the screen."""

from __future__ import annotations

import logging
from collections.abc import Callable


class BugHandler(logging.Handler):
    """Hands the trace of each fault to `keep`."""

    def __init__(self, keep: Callable[[BaseException], str]) -> None:
        super().__init__()
        self._keep = keep

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and record.exc_info[1] is not None:
            self._keep(record.exc_info[1])
