"""Whether a writer would get its turn at once: asked without joining the queue, by who has something better to do than wait."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

import apsw

from lcode.store.connect import connect
from lcode.store.locks import try_lock


def free(path: Path, lock: Path) -> bool:
    """Whether nobody holds the queue of the database at `path`, nor the database itself. True also where it cannot be
    told: a real attempt will."""
    try:
        descriptor = os.open(lock, os.O_RDWR | getattr(os, "O_CLOEXEC", 0))
    except OSError:
        return True
    try:
        if not try_lock(descriptor):
            return False
        with closing(connect(path, wait=0)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
        return True
    except (apsw.BusyError, apsw.LockedError):
        return False
    except apsw.Error:
        return True
    finally:
        os.close(descriptor)
