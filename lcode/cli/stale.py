"""`lcode memory stale`: what memory says of code that is no longer as it was cited."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from lcode.cli.find import verdict_json
from lcode.cli.options import Options
from lcode.cli.output import Styled, indent, one_line, plural, say, say_json, short

if TYPE_CHECKING:
    from lcode.memory.grounded import Doubt


def show_stale(options: Options, *, as_json: bool) -> None:
    from lcode.cli.place import opened

    with opened(options) as runtime:
        memory = runtime.memory()
        labels = {block.id: block.label for block in memory.blocks.list() if block.id}
        lines, facts = memory.grounding.lines(labels, since=True), memory.grounding.doubts()
    if as_json:
        say_json({"facts": [_json(doubt) for doubt in facts], "lines": [_json(doubt) for doubt in lines]})
        return
    if not lines and not facts:
        say("nothing: all that memory cites is as it was cited")
        return
    for doubt in lines:
        _show(doubt, f"block {doubt.label}")
    for doubt in facts:
        _show(doubt, short(doubt.owner))
    say(Styled(_count(lines, facts), "dim"))


def _json(doubt: Doubt) -> dict[str, Any]:
    where = {"label": doubt.label, "line": doubt.text} if doubt.label else {"id": doubt.owner, "text": doubt.text}
    return where | verdict_json(doubt.verdict)


def _show(doubt: Doubt, name: str) -> None:
    say(Styled(name, "bold"), "  ", Styled(doubt.verdict.words, "yellow"))
    say(indent(one_line(doubt.text, 200)))


def _count(lines: Sequence[Doubt], facts: Sequence[Doubt]) -> str:
    return f"{plural(len(facts), 'fact')}, {plural(len(lines), 'line')} of blocks; looked at in this worktree, as it is now"
