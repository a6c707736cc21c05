"""The approval panel: what is asked, the diff or the command, and the four answers.

It stands where the input stands; the draft in the input stays untouched behind it. This module decides what the panel
shows and what a key means; drawing and focus are the application's.
"""

from __future__ import annotations

from lcode import clock
from lcode.events import Answer, ApprovalRequested, Decision
from lcode.sanitize import clean
from lcode.ui.plain import one_line
from lcode.ui.shell import cells
from lcode.ui.shell.diff import diff_rows
from lcode.ui.shell.theme import CHOSEN, DONE, FAILED, Row

DETAIL_LINES = 20
_GUARD = 0.6  # seconds for which keys still go to the draft of a user who was typing when the question came

ONCE, SESSION, NO, NO_WITH_WORD = range(4)


class ApprovalPanel:
    """One open question. `asking_word` is true while the user writes why not."""

    def __init__(self, event: ApprovalRequested, *, typing: bool = False) -> None:
        self.event = event
        self.selected = ONCE
        self.asking_word = False
        self._armed_at = clock.monotonic() + (_GUARD if typing else 0.0)

    @property
    def armed(self) -> bool:
        """Whether keys count as answers already."""
        return clock.monotonic() >= self._armed_at

    def move(self, by: int) -> None:
        self.selected = (self.selected + by) % 4

    def choose(self, choice: int) -> Row | None:
        """Take an answer; the line that stays in the scrollback, or None where the user is still to say why not."""
        self.selected = choice
        if choice == NO_WITH_WORD:
            self.asking_word = True
            return None
        decision = (Decision.ONCE, Decision.SESSION, Decision.NO)[choice]
        return self.answer(Answer(decision))

    def answer(self, answer: Answer) -> Row:
        if not self.event.answer.done():
            self.event.answer.set_result(answer)
        title = one_line(clean(self.event.title))
        if answer.decision is Decision.ONCE:
            return [("good", f"{DONE} "), ("dim", f"approved once: {title}")]
        if answer.decision is Decision.SESSION:
            return [("good", f"{DONE} "), ("dim", f"approved for this session: {one_line(clean(self.event.grant))}")]
        word = f" · {one_line(clean(answer.word))}" if answer.word else ""
        return [("bad", f"{FAILED} "), ("dim", f"refused: {title}{word}")]

    def rows(self, columns: int, limit: int) -> list[Row]:
        """The panel in at most `limit` rows."""
        choices = self._choices(columns, compact=limit < 9)
        head: list[Row] = [[("warning", "? "), ("title", one_line(clean(self.event.title)))]]
        if _hides(self.event.title) or _hides(self.event.detail):
            head.append([("warning", "  it holds control or invisible characters, which are not shown")])
        room = limit - len(choices) - len(head)
        gap: list[Row] = [[("", "")]] if room > 4 else []
        detail = self._detail(columns, min(DETAIL_LINES, room - 2 * len(gap) - 1))
        body = [*gap, *detail, *gap] if detail else gap
        return [cells.fit_row(row, columns) for row in [*head, *body, *choices][-max(1, limit) :]]

    def _detail(self, columns: int, limit: int) -> list[Row]:
        if limit <= 0:
            return []
        if self.event.kind == "diff":
            return diff_rows(self.event.detail, limit)
        title = one_line(clean(self.event.title))
        lines = [line.expandtabs(4) for line in clean(self.event.detail).strip("\n").split("\n")]
        said = len(lines) == 1 and title.endswith(lines[0]) and cells.width(title) <= columns - 2
        if said or lines == [""]:
            return []
        rows: list[Row] = [[("", f"  {part}")] for line in lines for part in cells.wrap(line, columns - 2)]
        if len(rows) <= limit:
            return rows
        return [*rows[: limit - 1], [("dim", f"  … {len(rows) - limit + 1} lines")]]

    def _choices(self, columns: int, *, compact: bool) -> list[Row]:
        if self.asking_word:
            return [[("dim", "  say why: Enter sends it, Esc goes back")]]
        words = ("yes", f"yes, this session: {one_line(clean(self.event.grant))}", "no", "no, and say why")
        yes, session, no, why = (self._choice(index, text) for index, text in enumerate(words))
        gap = ("", "  ")
        granted = cells.wrap_row(session, columns)[: 2 if compact else 6]  # what is granted is shown whole where it can be
        return [[*yes, gap, *no, gap, *why], *granted] if compact else [yes, *granted, no, why]

    def _choice(self, index: int, text: str) -> Row:
        chosen = index == self.selected
        mark = (("selected", f"{CHOSEN} {index + 1} ")) if chosen else ("dim", f"  {index + 1} ")
        return [mark, ("selected" if chosen else "", text)]


def _hides(text: str) -> bool:
    """Whether what is shown of `text` is not all of it."""
    return clean(text) != text.replace("\r\n", "\n")
