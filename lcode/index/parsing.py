"""Parsing in other processes, for builds that are large enough to pay for starting them.

A helper is a plain child process that reads questions and writes answers: it holds no lock and no database, and it ends when
its input ends, however this process ends. One that dies over a file (a parser is native code) is replaced, and that file is
cut into plain windows.
"""

from __future__ import annotations

import os
import pickle
import struct
import sys
from collections.abc import Sequence
from contextlib import suppress
from threading import Lock
from typing import IO, TYPE_CHECKING, Any

from lcode.index.prepare import UNPARSED, Analysed, Known, analyse

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor
    from subprocess import Popen

Question = tuple[str, str, bytes, Known | None]  # path, kind, content, chunks if they are known
MOST = 4  # processes
_LENGTH = struct.Struct("<Q")
_PROGRAM = "import sys; sys.path[:] = {path!r}; from lcode.index.parsing import serve; serve()"


def processors() -> int:
    """How many this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Pool:
    """So many helper processes, each with a thread that waits for it. `close` when done."""

    def __init__(self, size: int) -> None:
        from concurrent.futures import ThreadPoolExecutor

        self.size = size
        self._threads: ThreadPoolExecutor = ThreadPoolExecutor(size, "lcode parsing")
        self._idle: list[Helper] = []
        self._lock = Lock()

    def submit(self, questions: Sequence[Question]) -> Future[list[Analysed]]:
        return self._threads.submit(self._answer, questions)

    def _answer(self, questions: Sequence[Question]) -> list[Analysed]:
        answers = self._ask(questions)
        if answers is not None:
            return answers
        found: list[Analysed] = []
        for question in questions:  # one of them it was
            one = self._ask([question])
            found += one if one is not None else [as_text(question)]
        return found

    def _ask(self, questions: Sequence[Question]) -> list[Analysed] | None:
        """The answers; None where the helper died."""
        with self._lock:
            helper = self._idle.pop() if self._idle else Helper()
        try:
            answers = helper.ask(questions)
        except (OSError, EOFError, ValueError):
            helper.close()
            return None
        with self._lock:
            self._idle.append(helper)
        return answers

    def close(self) -> None:
        self._threads.shutdown(cancel_futures=True)
        for helper in self._idle:
            helper.close()
        self._idle.clear()


class Helper:
    """One child process."""

    def __init__(self) -> None:
        from subprocess import DEVNULL, PIPE, Popen

        # without the folder that it runs in on its path: that is somebody's repository
        command = [sys.executable, "-P", "-c", _PROGRAM.format(path=[entry for entry in sys.path if entry])]
        self._process: Popen[bytes] = Popen(command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, start_new_session=True)
        assert self._process.stdin is not None and self._process.stdout is not None
        self._input, self._output = self._process.stdin, self._process.stdout

    def ask(self, questions: Sequence[Question]) -> list[Analysed]:
        _send(self._input, list(questions))
        answers: list[Analysed] = _receive(self._output)
        return answers

    def close(self) -> None:
        with suppress(OSError):
            self._input.close()
        self._process.kill()
        self._output.close()
        self._process.wait()


def as_text(question: Question) -> Analysed:
    """A file that cannot be parsed, in windows."""
    path, kind, data, known = question
    if known is not None:  # it was not the parser
        return analyse(*question)
    found = analyse(path, kind, data, None, cut_as=UNPARSED)
    return found if found.parsed is None else found._replace(parsed=found.parsed._replace(crashed=True))


def serve() -> None:
    """The child process: answer until the input ends."""
    source, target = sys.stdin.buffer, sys.stdout.buffer
    with suppress(EOFError, OSError, KeyboardInterrupt):
        while True:
            questions: list[Question] = _receive(source)
            _send(target, [analyse(*question) for question in questions])


def _send(stream: IO[bytes], value: Any) -> None:
    data = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    stream.write(_LENGTH.pack(len(data)))
    stream.write(data)
    stream.flush()


def _receive(stream: IO[bytes]) -> Any:
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        raise EOFError
    (length,) = _LENGTH.unpack(head)
    data = stream.read(length)
    if len(data) < length:
        raise EOFError
    return pickle.loads(data)
