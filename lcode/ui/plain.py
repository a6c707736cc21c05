"""The text face of `-p`: the final answer on standard output, progress on standard error when a person watches.

It moves no cursor and writes no colours, so it also serves pipes, dumb terminals and screen readers.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TextIO

from lcode.events import (
    Answer,
    ApprovalRequested,
    Compacted,
    CompactionStarted,
    Decision,
    Event,
    Evicted,
    MemoryChanged,
    Notice,
    RunFinished,
    StopReason,
    StreamRestarted,
    ToolFinished,
    ToolStarted,
)


def write(stream: TextIO, text: str) -> None:
    """Write `text` without terminal escapes, and without failing on what the stream's encoding lacks."""
    from lcode.sanitize import clean

    encoding = stream.encoding or "utf-8"
    stream.write(clean(text).encode(encoding, "replace").decode(encoding, "replace"))
    stream.flush()


def one_line(text: str, limit: int = 200) -> str:
    """The first non-empty line of `text`, shortened."""
    line = next((part.strip() for part in text.splitlines() if part.strip()), "")
    return line if len(line) <= limit else line[: limit - 1] + "…"


def tool_line(started: str, summary: str) -> str:
    """What a finished tool shows: the call and, unless it says it again, the result."""
    result = one_line(summary)
    if not result or result == started:
        return started
    return result if result.startswith(started) else f"{started} · {result}"


def _finished_line(started: str, event: ToolFinished) -> str:
    """How a call ended, where not well, and what it shows."""
    from lcode.agent.conversation import end_of

    end = end_of({"is_error": event.is_error, "text": event.text})
    detail = event.summary or (event.text if end else "")
    return f"{end}: " * bool(end) + tool_line(started, "" if detail == end else detail)


def told(message: str, hint: str = "") -> str:
    """The one form in which faults are told: `lcode: message`, and the hint on a line of its own."""
    return f"lcode: {one_line(message, 400)}\n" + (f"hint: {one_line(hint, 400)}\n" if hint else "")


def stop_hint(finished: RunFinished) -> str:
    """What to do about a run that did not simply answer."""
    limit = "`lcode -c` goes on from here; --max-turns or the setting max_steps allows more steps"
    return finished.hint or (limit if finished.stop_reason is StopReason.MAX_STEPS else "")


def stop_words(finished: RunFinished) -> str:
    """One line about a run that did not simply answer; empty where it did."""
    if finished.error:
        return one_line(finished.error, 400)
    if finished.stop_reason is StopReason.END_TURN:
        return ""
    if finished.stop_reason is StopReason.CANCELLED:
        return "interrupted"
    return f"stopped: {finished.stop_reason.value}"


def tell_warning(stream: TextIO, notice: Notice) -> bool:
    """Whether the notice is one that the user must know; then it is written, whoever watches."""
    if notice.level == "info":
        return False
    with suppress(OSError):
        write(stream, told(notice.text))
    return True


def compacting(event: CompactionStarted) -> str:
    """That old messages are being summarised."""
    return f"making room in the context window: summarising {event.messages:,} messages"


def taken_out(event: Evicted) -> str:
    """Room made without a summary, in a line."""
    parts = "1 old result" if event.parts == 1 else f"{event.parts} old results"
    return f"context: {parts} taken out, {event.tokens_before:,} to {event.tokens_after:,} tokens"


def compacted(event: Compacted) -> str:
    """What a compaction freed, of what, and how long it took."""
    freed = 1 - event.tokens_after / max(1, event.tokens_before)
    how = "" if event.method == "model" else " without a model" if event.method == "extract" else " from a shortened text"
    return (
        f"context compacted{how}: {event.messages:,} messages, {event.tokens_before:,} to {event.tokens_after:,} tokens"
        f" ({freed:.0%} freed) in {event.seconds:.1f} s; /uncompact takes it back"
    )


class PlainFace:
    """Writes the final answer to `out` when the run ends, and errors to `err`.

    Warnings go to `err` too; `progress` adds a line for each tool, retry and other notice.
    Nobody can be asked: approvals are refused at once.
    """

    interactive = False

    def __init__(self, out: TextIO, err: TextIO, *, verbose: bool = False, progress: bool | None = None) -> None:
        self._out = out
        self._err = err
        self._progress = verbose or (err.isatty() if progress is None else progress)
        self._started: dict[str, str] = {}

    def emit(self, event: Event) -> None:
        match event:
            case ApprovalRequested():
                self._say(f"refused, nobody can be asked: {one_line(event.title)}")
                if not event.answer.done():
                    event.answer.set_result(Answer(Decision.NO))
            case ToolStarted():
                self._started[event.call_id] = one_line(event.summary)
            case ToolFinished():
                self._say(_finished_line(self._started.pop(event.call_id, event.name), event))
            case StreamRestarted():
                self._say(f"retry {event.attempt} in {event.wait:.0f} s: {one_line(event.reason)}")
            case MemoryChanged():
                self._say(f"memory: {event.label} updated" + (f" by {event.by}" if event.by else ""))
            case CompactionStarted():
                self._say(compacting(event))
            case Compacted() | Evicted():
                self._say(compacted(event) if isinstance(event, Compacted) else taken_out(event))
            case Notice():
                if not tell_warning(self._err, event):
                    self._say(one_line(event.text))
            case RunFinished():
                self._finish(event)
            case _:
                pass

    def _say(self, line: str) -> None:
        if self._progress:
            with suppress(OSError):  # nobody can read how it goes; the run goes on
                write(self._err, line + "\n")

    def _finish(self, finished: RunFinished) -> None:
        if finished.text:
            write(self._out, finished.text.rstrip("\n") + "\n")
        words = stop_words(finished)
        if words:
            write(self._err, told(words, stop_hint(finished)))
