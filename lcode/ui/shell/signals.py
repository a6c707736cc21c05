"""SIGTERM and SIGHUP as a way to leave: the run keeps what it did, the terminal gets its modes back."""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def ending(leave: Callable[[], None]) -> Iterator[None]:
    """Call `leave` when the process is asked to end (on the main thread, and where the platform can)."""
    if sys.platform == "win32" or threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGTERM, signal.SIGHUP)
    for number in numbers:
        loop.add_signal_handler(number, leave)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
