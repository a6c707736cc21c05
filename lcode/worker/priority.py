"""Lets everything else go first: the worker's share of processor and disk where somebody else wants them."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

NICE = 10  # a tenth of what others get: a save is still searchable within a second on a busy machine


def lower() -> None:
    """Lower this process's priority; its children's with it. On Linux the disk's follows the processor's."""
    if not hasattr(os, "nice"):
        return  # Windows: the process is started below normal priority
    with suppress(OSError):
        os.nice(NICE)
    # A session of its own is a group of its own for the scheduler of a desktop, within which alone `nice` would count.
    with suppress(OSError):
        Path("/proc/self/autogroup").write_text(str(NICE), encoding="ascii")
