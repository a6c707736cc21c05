"""What the keys do. Each binding calls one method of the shell; prompt_toolkit's own editing keys stay as they are."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

from prompt_toolkit.buffer import Buffer
from prompt_toolkit.filters import Condition, FilterOrBool, is_searching
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.keys import Keys

from lcode.ui.shell.panels import NO, ApprovalPanel


class KeyTarget(Protocol):
    """What the keys act on."""

    @property
    def input(self) -> Buffer: ...
    @property
    def panel(self) -> ApprovalPanel | None: ...
    @property
    def running(self) -> bool: ...
    @property
    def queue(self) -> deque[str]: ...
    def submit(self) -> None: ...
    def interrupt(self) -> None: ...
    def cancel(self) -> None: ...
    def exit(self) -> None: ...
    def take_back(self) -> None: ...
    def choose(self, choice: int) -> None: ...
    def move(self, by: int) -> None: ...
    def say_why(self) -> None: ...
    def back(self) -> None: ...
    def guarded(self, action: Callable[[], None]) -> None: ...


def build(target: KeyTarget) -> KeyBindings:
    keys = KeyBindings()
    asking = Condition(lambda: target.panel is not None)
    writing_why = Condition(lambda: target.panel is not None and target.panel.asking_word)
    typing = ~asking & ~is_searching
    running = Condition(lambda: target.running)

    def on(*names: Keys | str, when: FilterOrBool, do: Callable[[], None]) -> None:
        @keys.add(*names, filter=when)
        def _(event: KeyPressEvent) -> None:
            target.guarded(do)

    _add_typing(on, target, typing, running)
    for name in ("c-c", "<sigint>"):
        on(name, when=~is_searching, do=target.cancel)
    on("escape", when=typing & running, do=target.interrupt)
    _add_panel(keys, on, target, asking & ~writing_why)
    on("enter", when=writing_why, do=target.say_why)
    on("escape", when=writing_why, do=target.back)

    @keys.add("c-z", filter=~is_searching)
    def _(event: KeyPressEvent) -> None:
        event.app.suspend_to_background()

    return keys


class _On(Protocol):
    def __call__(self, *names: Keys | str, when: FilterOrBool, do: Callable[[], None]) -> None: ...


def _add_typing(on: _On, target: KeyTarget, typing: FilterOrBool, running: Condition) -> None:
    empty = Condition(lambda: not target.input.text)
    queued = Condition(lambda: bool(target.queue))
    on("enter", when=typing, do=lambda: _enter(target))
    on("escape", "enter", when=typing, do=lambda: target.input.insert_text("\n"))
    on("c-j", when=typing, do=lambda: target.input.insert_text("\n"))
    on("c-d", when=Condition(lambda: target.panel is None) & ~is_searching & empty, do=target.exit)
    on("up", when=Condition(lambda: target.panel is None) & ~is_searching & empty & queued, do=target.take_back)


def _enter(target: KeyTarget) -> None:
    """Send, or with a file chosen from the menu: take the file and go on writing."""
    state = target.input.complete_state
    chosen = state.current_completion if state else None
    if chosen is not None and not chosen.text.startswith("/"):
        target.input.complete_state = None
        target.input.insert_text(" ")
    else:
        target.submit()


def _add_panel(keys: KeyBindings, on: _On, target: KeyTarget, choosing: FilterOrBool) -> None:
    for number in range(4):
        on(str(number + 1), when=choosing, do=lambda number=number: _choose(target, number))  # type: ignore[misc]
    for name, by in (("up", -1), ("left", -1), ("s-tab", -1), ("down", 1), ("right", 1), ("tab", 1)):
        on(name, when=choosing, do=lambda by=by: target.move(by))  # type: ignore[misc]
    on("enter", when=choosing, do=lambda: _choose(target, target.panel.selected if target.panel else NO, "\n"))
    on("escape", when=choosing, do=lambda: target.choose(NO))

    @keys.add(Keys.BracketedPaste, filter=choosing)
    def _(event: KeyPressEvent) -> None:
        target.guarded(lambda: target.input.insert_text(event.data))

    @keys.add(Keys.Any, filter=choosing)
    def _(event: KeyPressEvent) -> None:
        if event.data.isprintable() and target.panel is not None and not target.panel.armed:
            target.guarded(lambda: target.input.insert_text(event.data))


def _choose(target: KeyTarget, choice: int, typed: str = "") -> None:
    """An answer; but from a user who was in the middle of typing when the panel came, a letter of the draft."""
    if target.panel is not None and target.panel.armed:
        target.choose(choice)
    else:
        target.input.insert_text(typed or str(choice + 1))
