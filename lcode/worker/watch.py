"""Hears of saves in one checkout from the operating system, through watchdog; where that is not possible, says so.

Folders that git ignores, and git's own, are not watched: a build that writes there all the time costs nothing. The only
files of git's that matter are those beside HEAD, which every commit and every change of the branch touches.
"""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from lcode.git.command import GitError
from lcode.git.repository import Place
from lcode.index.walk import SKIPPED
from lcode.store.filesystem import kind, on_network
from lcode.worker.changes import Changes
from lcode.worker.status import EVENTS, POLLING

if TYPE_CHECKING:
    from watchdog.events import FileSystemEvent

RULES = frozenset({".gitignore", ".lcodeignore", ".gitmodules", ".gitattributes"})
_DELETES = "packed-refs.lock"  # which is all that is seen here of a branch that is deleted
_LIMIT = "the system's limit of watched folders is reached (fs.inotify.max_user_watches)"
_INSTANCES = "the system's limit of watchers is reached (fs.inotify.max_user_instances)"


class Watch:
    """Watches the checkout of `place` from `start` until `stop`, and tells `changes`."""

    def __init__(self, place: Place, changes: Changes) -> None:
        self._place = place
        self._changes = changes
        self._root = str(place.root)
        self._git_dir = str(place.git_dir) if place.git_dir is not None else ""
        self._ignored: frozenset[str] = frozenset()
        self._observer: Any = None
        self._stopped = False
        self._lock = threading.Lock()
        self.mode = ""
        self.reason = ""

    def start(self) -> None:
        """Begin, in a thread of its own: the folders of a large checkout take a moment. What was saved meanwhile is found by
        the look at everything that follows."""
        threading.Thread(target=self._start, name="lcode watch", daemon=True).start()

    def stop(self) -> None:
        with self._lock:
            self._stopped = True
            observer, self._observer = self._observer, None
        _end(observer)

    def broken(self) -> bool:
        """Whether what watched has ended, or was told of too many folders since."""
        if self.mode != EVENTS:
            return False
        observer = self._observer
        if self.reason or observer is None or not observer.is_alive() or not all(e.is_alive() for e in observer.emitters):
            self._poll(self.reason or "what watched the files ended")
            return True
        return False

    def _rules_changed(self) -> None:
        """Watch anew where folders are not ignored any more; others are left out from now on."""
        before = self._ignored
        self._ignored = _ignored_folders(self._place)
        if not before <= self._ignored and type(self._observer).__name__ == "InotifyObserver":
            self.start()

    # -- starting ---------------------------------------------------------------------------------------------------

    def _start(self) -> None:
        try:
            if on_network(self._place.root):
                return self._poll(f"the folder lies on {kind(self._place.root)}, which does not tell of what others save")
            self._ignored = _ignored_folders(self._place)
            observer = self._observe()
        except ImportError:
            return self._poll("the package watchdog is not installed")
        except OSError as error:
            reasons = {errno.ENOSPC: _LIMIT, errno.EMFILE: _INSTANCES}
            return self._poll(reasons.get(error.errno or 0) or f"files cannot be watched: {error.strerror or error}")
        except Exception as error:  # noqa: BLE001 - whatever a platform's watcher does, looking from time to time works
            return self._poll(f"files cannot be watched: {error}")
        with self._lock:
            if not self._stopped:
                self._observer, observer = observer, self._observer
                if not self.reason:
                    self.mode = EVENTS
        _end(observer)
        if self.mode == EVENTS:
            self._changes.check()
        elif self.reason:
            self._poll(self.reason)
        return None

    def _poll(self, reason: str) -> None:
        with self._lock:
            self.mode, self.reason = POLLING, reason
            observer, self._observer = self._observer, None
        _end(observer)
        self._changes.check()

    def _observe(self) -> Any:
        """An observer that is at work. Raises OSError, ImportError."""
        from watchdog.observers import Observer

        observer: Any = Observer()
        if type(observer).__name__ == "KqueueObserver":  # it would open every file
            raise OSError(errno.ENOTSUP, "this system's events are about open files only")
        self._guard(observer)
        handler = _Handler(self._on_event)
        observer.schedule(handler, self._root, recursive=True, event_filter=_kinds())
        if self._git_dir:
            observer.schedule(handler, self._git_dir, recursive=False, event_filter=_kinds())
        try:
            observer.start()
        except BaseException:
            _end(observer)
            raise
        return observer

    def _guard(self, observer: Any) -> None:
        """On Linux each folder is watched by itself: leave out those that do not matter, and hear when there are too many,
        which watchdog passes over below the root."""
        descriptor = getattr(observer, "_inotify_fd", None)
        if descriptor is None:
            return
        add = descriptor.add_callback

        def guarded(path: bytes, mask: int, callback: Any, id_: Any) -> Any:
            name = os.fsdecode(path)
            if name not in (self._root, self._git_dir) and (self._skipped(name) or self._just_ignored(name)):
                raise OSError(errno.ENOENT, "not watched")
            try:
                return add(path, mask, callback, id_)
            except OSError as error:
                if error.errno in (errno.ENOSPC, errno.EMFILE, errno.ENOMEM):
                    self.reason = _LIMIT
                    self._changes.check()
                raise

        descriptor.add_callback = guarded

    def _just_ignored(self, text: str) -> bool:
        """Whether a folder that has the name of one that is not worth watching is ignored too; learned when it is made."""
        if not self._place.common_dir or os.path.basename(text) not in SKIPPED:  # noqa: PTH119 - for every folder
            return False
        path = text[len(self._root) + 1 :]
        if ignored_by_git(self._place, [path]):
            self._ignored |= {path}
            return True
        return False

    # -- while it runs ----------------------------------------------------------------------------------------------

    def _on_event(self, event: FileSystemEvent) -> None:
        """On watchdog's thread."""
        for text in {os.fsdecode(event.src_path), os.fsdecode(event.dest_path)}:
            if not text:
                continue
            if self._git_dir and os.path.dirname(text) == self._git_dir:  # noqa: PTH120 - for every event
                if not text.endswith(".lock") or text.endswith(_DELETES):
                    self._changes.git()
                continue
            path = text[len(self._root) + 1 :] if text.startswith(self._root + os.sep) else ""
            if text == self._root and event.event_type in ("deleted", "moved"):
                self._changes.check()
            if not path or self._skipped(text):
                continue
            if event.is_directory:
                if event.event_type in ("deleted", "moved"):
                    self._changes.check()
            elif path.rpartition(os.sep)[2] in RULES:
                self._rules_changed()
                self._changes.check()
            else:
                self._changes.save(path.replace(os.sep, "/"))

    def _skipped(self, text: str) -> bool:
        """Whether the folder or file at `text`, below the root, is in a folder that is not watched."""
        path = text[len(self._root) + 1 :]
        parts = path.split(os.sep)  # noqa: PTH206 - for every event
        if not self._place.common_dir:
            return not SKIPPED.isdisjoint(parts)
        if ".git" in parts:
            return True
        ignored = self._ignored
        if not ignored:
            return False
        at = 0
        while (at := path.find(os.sep, at + 1)) > 0:
            if path[:at] in ignored:
                return True
        return path in ignored


def ignored_by_git(place: Place, paths: Sequence[str]) -> list[str]:
    """What git ignores of `paths`, below the root; without any, all that it ignores. Folders end with a slash and stand for
    what is in them."""
    with suppress(GitError):
        words = ("ls-files", "--others", "--ignored", "--exclude-standard", "--directory", "-z", "--", *paths)
        return [os.fsdecode(name) for name in place.git().run_bytes(*words).split(b"\0") if name]
    return []


def _ignored_folders(place: Place) -> frozenset[str]:
    """The folders that git ignores, below the root."""
    if not place.common_dir:
        return frozenset()
    names = ignored_by_git(place, ())
    return frozenset(name[:-1].replace("/", os.sep) for name in names if name.endswith("/"))


def _kinds() -> list[type[FileSystemEvent]]:
    """The events that matter: on Linux a file counts as saved when it is closed, elsewhere when it changed."""
    import sys

    from watchdog import events

    saved = events.FileClosedEvent if sys.platform == "linux" else events.FileModifiedEvent
    return [
        saved, events.FileCreatedEvent, events.FileDeletedEvent, events.FileMovedEvent,
        events.DirCreatedEvent, events.DirDeletedEvent, events.DirMovedEvent,
    ]  # fmt: skip


class _Handler:
    """What watchdog calls: it asks for `dispatch` and nothing else."""

    def __init__(self, heard: Callable[[FileSystemEvent], None]) -> None:
        self._heard = heard

    def dispatch(self, event: FileSystemEvent) -> None:
        self._heard(event)


def _end(observer: Any) -> None:
    if observer is not None:
        with suppress(RuntimeError):  # it was never started
            observer.stop()
            if threading.current_thread() is not observer:
                observer.join(timeout=5.0)
