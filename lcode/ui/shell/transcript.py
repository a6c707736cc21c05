"""What a run shows: turns its events into finished lines for the scrollback and into the live rows below them.

Finished lines go out through `commit` and are never touched again. `live` gives what is still moving: the unfinished
end of the answer and the tools that run.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from lcode.events import (
    Compacted,
    CompactionStarted,
    Event,
    Evicted,
    MemoryChanged,
    Notice,
    ReplyFinished,
    RunFinished,
    RunStarted,
    StepStarted,
    StopReason,
    StreamRestarted,
    TextDelta,
    ThinkingDelta,
    ToolFinished,
    ToolStarted,
)
from lcode.memory.model import MessageRow
from lcode.sanitize import clean
from lcode.ui.plain import compacted, one_line, stop_words, taken_out, tool_line
from lcode.ui.shell import cells, past
from lcode.ui.shell.diff import diff_rows
from lcode.ui.shell.render import INDENT, Renderer
from lcode.ui.shell.stream import Block, BlockStream
from lcode.ui.shell.theme import DONE, FAILED, MEMORY, PROMPT, RUNNING, Row, Theme

DIFF_LINES = 20
OUTPUT_LINES = 4
RESUME_LINES = 60
_LONG_LINE = 4096  # of an unfinished line, no more than about this much is wrapped for a frame

log = logging.getLogger(__name__)


class Transcript:
    """The scrollback of one terminal. `commit` takes text of whole lines, without a line end after the last."""

    def __init__(self, commit: Callable[[str], None], renderer: Renderer, theme: Theme) -> None:
        self.activity = ""
        self._commit = commit
        self._renderer = renderer
        self._theme = theme
        self._stream = BlockStream()
        self._tools: dict[str, str] = {}
        self._refused: set[str] = set()
        self._group = ""  # what stands last in the scrollback
        self._step_text = False  # something of this step was shown
        self._run_text = False

    def handle(self, event: Event) -> None:
        """Take one event. Never raises: a fault of the face must not reach the run."""
        try:
            self._handle(event)
        except Exception:
            log.exception("an event could not be shown: %s", type(event).__name__)

    def _handle(self, event: Event) -> None:
        match event:
            case TextDelta():
                self.activity = "answering"
                self._show(self._stream.feed(event.text))
                self._step_text = self._run_text = True
            case ThinkingDelta():
                self.activity = "thinking"
            case RunStarted():
                self.activity, self._run_text = "waiting", False
            case StepStarted():
                self.activity, self._step_text = "waiting", False
            case ReplyFinished():
                self._reply(event.text)
            case StreamRestarted():
                self._restart(event)
            case ToolStarted():
                self.activity = "working"
                self._tools[event.call_id] = one_line(clean(event.summary))
            case ToolFinished():
                self._tool(event)
            case RunFinished():
                self._finish(event)
            case _:
                self._aside(event)

    # -- lines that are whole

    def say(self, rows: Sequence[Row], group: str = "note") -> None:
        """Add rows to the scrollback; a blank line stands between groups."""
        if group not in {"user", "tool"}:
            rows = [line for row in rows for line in cells.wrap_row(row, self._columns)]
        self._put(self._theme.lines(rows), group)

    def user(self, text: str) -> None:
        """The user's message, as it stays above the answer."""
        first, *rest = clean(text).split("\n")
        self.say([[("user", f"{PROMPT} "), ("bold", first)], *([("bold", INDENT + line)] for line in rest)], "user")

    def refused(self, call_id: str) -> None:
        """The user said no to a call: how it ended needs no line of its own."""
        self._refused.add(call_id)

    def command(self, text: str) -> None:
        """A command of the user's; what it says stands right below."""
        self.say([[("dim", f"{PROMPT} {one_line(clean(text))}")]], "command")

    def error(self, message: str, hint: str = "") -> None:
        rows: list[Row] = [[("bad", f"{FAILED} "), ("", one_line(clean(message), 400))]]
        if hint:
            rows.append([("dim", INDENT + one_line(clean(hint), 400))])
        self.say(rows, "error")

    def past(self, messages: Sequence[MessageRow]) -> None:
        """The last exchange of a session that is continued."""
        asked = max((index for index, row in enumerate(messages) if row.kind == "user"), default=None)
        if asked is not None:
            self.user(messages[asked].text)
        said = [row for row in messages[(asked or 0) :] if row.kind == "assistant" and row.text.strip()]
        ends = past.ends(messages)
        for row in said if asked is not None else said[-1:]:
            self._past_reply(row.text.strip().split("\n"), past.call_ends(row, ends))

    def _past_reply(self, lines: list[str], ends: Sequence[str]) -> None:
        """A stored reply: its words, then a line for each call it made; `ends` says of those that did not go well how they
        ended."""
        calls: list[Row] = []
        while lines and lines[-1].startswith("→ "):
            calls.insert(0, [("dim", one_line(clean(lines.pop())))])
        for at, end in enumerate(ends[: len(calls)]):
            if end:
                started = calls[at][0][1].removeprefix("→ ")
                calls[at] = _marked(False, started, end, self._columns)
        if len(lines) > RESUME_LINES:
            self.say([[("dim", f"… {len(lines) - RESUME_LINES} lines before")]], "answer")
        self._show(self._stream.feed("\n".join(lines[-RESUME_LINES:])) + self._stream.finish())
        if calls:
            self.say([cells.fit_row(row, self._columns) for row in calls], "tool")

    def _put(self, text: str, group: str, *, close: bool = False) -> None:
        """`close` keeps the text near what stands above it: no blank line between."""
        near = close or self._group in {"", "command"}
        gap = not near and (group != self._group or group in {"answer", "user", "command"})
        self._commit(f"\n{text}" if gap else text)
        self._group = group

    def _show(self, blocks: Sequence[Block]) -> None:
        for block in blocks:
            text = self._renderer.block(block)
            if text:
                self._put(text, "answer", close=block.continued)

    # -- events

    def _reply(self, text: str) -> None:
        if text.strip() and not self._step_text:
            self._show(self._stream.feed(text))
            self._run_text = True
        self._show(self._stream.finish())

    def _restart(self, event: StreamRestarted) -> None:
        self._stream.discard()
        wait = f" in {event.wait:.0f} s" if event.wait >= 1 else ""
        self.activity = f"asking again{wait}"
        void = "; the part above is void" if self._step_text else ""
        words = f"{one_line(clean(event.reason))}; asking again{wait}{void}"
        self.say([[("dim", words)]], "note")
        self._step_text = False

    def _tool(self, event: ToolFinished) -> None:
        ran = event.call_id in self._tools
        started = self._tools.pop(event.call_id, event.name)
        self.activity = "working" if self._tools else "waiting"
        if event.call_id in self._refused:
            self._refused.remove(event.call_id)
            return  # the user's own no stands there already
        detail = clean((event.summary if ran else "") or (event.text if event.is_error else event.summary))
        self._show(self._stream.finish())
        rows: list[Row] = [_marked(not event.is_error, started, one_line(detail), self._columns)]
        if event.diff:
            rows += diff_rows(event.diff, DIFF_LINES)
        elif event.name == "shell":
            rows += _output_rows(clean(event.text))
        self.say([cells.fit_row(row, self._columns) for row in rows], "tool")

    def _aside(self, event: Event) -> None:
        match event:
            case MemoryChanged():
                by = f" by {clean(event.by)}" if event.by else ""
                self.say([[("accent", f"{MEMORY} "), ("", f"memory: {clean(event.label)} updated{by}")]], "tool")
            case CompactionStarted():
                self.activity = f"summarising {event.messages:,} messages"
            case Compacted():
                self.activity = "waiting"
                self.say([[("dim", compacted(event))]])
            case Evicted():
                self.say([[("dim", taken_out(event))]])
            case Notice():
                style = {"warning": "warning", "error": "bad"}.get(event.level, "dim")
                self.say([[(style, one_line(clean(event.text), 400))]])
            case _:
                pass

    def _finish(self, finished: RunFinished) -> None:
        self._show(self._stream.finish())
        for started in self._tools.values():
            self.say([cells.fit_row(_marked(False, started, "interrupted", self._columns), self._columns)], "tool")
        self._tools.clear()
        self._refused.clear()
        self.activity = ""
        if finished.text.strip() and not self._run_text:
            self._show(self._stream.feed(finished.text) + self._stream.finish())
        words = stop_words(finished)
        if finished.error:
            self.error(finished.error, finished.hint)
        elif words:
            style = "warning" if finished.stop_reason is not StopReason.CANCELLED else "dim"
            hint: list[Row] = [[("dim", INDENT + one_line(clean(finished.hint), 400))]] if finished.hint else []
            self.say([[(style, words)], *hint], "tool" if self._group == "tool" else "note")

    # -- what is still moving

    def live(self, columns: int, limit: int, tail: int) -> list[Row]:
        """The unfinished end of the answer (at most `tail` rows) and the running tools, in at most `limit` rows."""
        tools: list[Row] = [[("accent", f"{RUNNING} "), ("", started)] for started in self._tools.values()]
        if len(tools) > limit:
            tools = [*tools[: limit - 1], [("dim", f"{INDENT}… {len(tools) - limit + 1} more")]] if limit > 0 else []
        room = min(tail, limit - len(tools))
        rows = self._tail(columns, room) if room > 0 else []
        return [cells.fit_row(row, columns) for row in [*rows, *tools]]

    @property
    def continuing(self) -> bool:
        """Whether the live rows go on with the last committed line, so that no blank line belongs between."""
        return self._stream.continuing and self._stream.in_code

    def _tail(self, columns: int, limit: int) -> list[Row]:
        lines: list[str] = []
        code = self._stream.in_code
        for line in self._stream.pending(limit):
            shown = clean(line).expandtabs(4)
            if code:
                lines.append(INDENT + shown)
            else:
                start = max(0, len(shown) // _LONG_LINE - 1) * _LONG_LINE
                lines += cells.wrap(shown[start:], columns)
        return [[("", line)] for line in lines[-limit:]]

    @property
    def _columns(self) -> int:
        return self._renderer.columns


def _marked(good: bool, started: str, result: str, columns: int) -> Row:
    """A finished call in one line. Where it is too long the call is shortened, not its result."""
    mark: Row = [("good", f"{DONE} ") if good else ("bad", f"{FAILED} ")]
    line = tool_line(started, result)
    if not line.startswith(started):
        return [*mark, ("", line)]
    told = line[len(started) :]
    room = max(columns - 2 - cells.width(told), columns // 2)
    return [*mark, ("", cells.fit(started, room)), ("dim" if good else "", told)]


def _output_rows(text: str) -> list[Row]:
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    cut = len(lines) - OUTPUT_LINES
    shown = lines if cut <= 1 else lines[-OUTPUT_LINES:]
    head: list[Row] = [[("dim", f"{INDENT}… {cut} lines before")]] if cut > 1 else []
    return [*head, *([("dim", INDENT + line.expandtabs(4))] for line in shown)]
