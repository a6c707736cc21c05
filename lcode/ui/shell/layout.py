"""The rows at the bottom of the terminal, from top: what is moving, the input or a question, completions, the status."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from prompt_toolkit.application import get_app
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.completion import Completer, ThreadedCompleter
from prompt_toolkit.filters import Condition
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.history import History
from prompt_toolkit.layout import BufferControl, ConditionalContainer, Dimension, FormattedTextControl, HSplit, Layout, Window
from prompt_toolkit.widgets import SearchToolbar

from lcode.ui.shell import cells
from lcode.ui.shell.complete import wants_completion
from lcode.ui.shell.theme import CHOSEN, CLASS, PROMPT, Row


@dataclass
class Rows:
    """The rows to draw, brought up to date before each frame."""

    live: list[Row] = field(default_factory=list)
    menu: list[Row] = field(default_factory=list)
    status: list[Row] = field(default_factory=list)


class Panes:
    """The windows. `input` holds the draft; `word` what the user says with a refusal; `question` takes the keys of a panel."""

    def __init__(
        self,
        history: History,
        completer: Completer,
        *,
        asking: Callable[[], bool],
        asking_word: Callable[[], bool],
    ) -> None:
        self.rows = Rows()
        self.input: Buffer = Buffer(
            name="input",
            multiline=True,
            history=history,
            completer=ThreadedCompleter(completer),
            complete_while_typing=Condition(lambda: wants_completion(self.input.document)),
        )
        self.word = Buffer(name="word", multiline=False)
        self.question = FormattedTextControl("", focusable=True, show_cursor=False)
        search = SearchToolbar(ignore_case=True, backward_search_prompt="search: ", forward_search_prompt="search: ")
        draft = Window(
            BufferControl(self.input, search_buffer_control=search.control),
            height=lambda: Dimension(min=1, max=input_rows(get_app().output.get_size().rows)),
            wrap_lines=True,
            dont_extend_height=True,
            get_line_prefix=_prompt,
        )
        why = Window(BufferControl(self.word), height=1, dont_extend_height=True, get_line_prefix=_prompt)
        self.layout = Layout(
            HSplit(
                [
                    self._pane(lambda: self.rows.live),
                    ConditionalContainer(draft, ~Condition(asking)),
                    ConditionalContainer(Window(self.question, height=0), Condition(asking)),
                    ConditionalContainer(why, Condition(asking_word)),
                    self._pane(lambda: self.rows.menu),
                    search,
                    self._pane(lambda: self.rows.status),
                ]
            ),
            focused_element=draft,
        )

    def menu_rows(self, columns: int, limit: int) -> list[Row]:
        """The completions, the chosen one marked, in a window of `limit` rows that follows it."""
        state = self.input.complete_state
        if state is None or not state.completions or limit <= 0:
            return []
        chosen = state.complete_index
        top = min(max(0, (chosen or 0) - limit + 1), max(0, len(state.completions) - limit))
        shown = state.completions[top : top + limit]
        space = max(cells.width(item.display_text) for item in shown) + 2
        rows: list[Row] = []
        for index, item in enumerate(shown, top):
            mark, style = (CHOSEN, "selected") if index == chosen else (" ", "")
            name = item.display_text + " " * (space - cells.width(item.display_text))
            rows.append(cells.fit_row([("selected", f"{mark} "), (style, name), ("dim", item.display_meta_text)], columns))
        return rows

    @staticmethod
    def _pane(rows: Callable[[], list[Row]]) -> ConditionalContainer:
        window = Window(
            FormattedTextControl(lambda: fragments(rows())),
            height=lambda: Dimension.exact(len(rows())),
            dont_extend_height=True,
            wrap_lines=False,
        )
        return ConditionalContainer(window, Condition(lambda: bool(rows())))


def input_rows(rows: int) -> int:
    """The most rows that the input takes of a window of `rows`."""
    return max(1, min(8, rows // 3))


def fragments(rows: list[Row]) -> StyleAndTextTuples:
    """Rows as prompt_toolkit draws them."""
    drawn: StyleAndTextTuples = []
    for index, row in enumerate(rows):
        if index:
            drawn.append(("", "\n"))
        drawn += [(f"class:{CLASS}{style}" if style else "", text) for style, text in row]
    return drawn


def _prompt(line: int, wrapped: int) -> StyleAndTextTuples:
    return [(f"class:{CLASS}user", f"{PROMPT} ")] if line == 0 and wrapped == 0 else [("", "  ")]
