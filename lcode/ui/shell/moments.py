"""`/recall`: found messages in the terminal, for the user alone: the model is told nothing of them."""

from __future__ import annotations

from lcode.memory.dates import age, local
from lcode.memory.model import Recalled, RecallHit
from lcode.sanitize import clean
from lcode.ui.plain import one_line
from lcode.ui.shell.theme import SEPARATOR, Row

_LINE = 240  # characters of a message
_WHO = {"user": "you", "assistant": "lcode"}


def rows_of(found: Recalled) -> list[Row]:
    """A few lines for each moment, and what the search is worth."""
    if not found:
        return [[("dim", "nothing found in the sessions")]]
    rows: list[Row] = []
    if found.confidence in ("weak", "none"):
        rows.append([("warning", f"only weak matches, the best at {found.best:.2f}")])
    for hit in found:
        rows += [*_moment(hit), [("", "")]]
    return rows[:-1]


def _moment(hit: RecallHit) -> list[Row]:
    row = hit.message
    session, message = (clean(text.partition("-")[2][:8]) for text in (row.session_id, row.id))
    where = [f"{local(row.created_at)}, {age(row.created_at)}", hit.branch, one_line(clean(hit.session_title), 40)]
    told = SEPARATOR.join(clean(part) for part in where if part)
    came = [[("dim", f"  {one_line(clean('; '.join(hit.outcome.told)), _LINE)}")]] if hit.outcome else []
    who = clean(hit.name) or _WHO.get(row.kind, row.kind)
    said = one_line(clean(row.text), _LINE)
    return [
        [("accent", f"{session} {message}"), ("dim", f"  {told}")],
        [("bold", f"  {who}: "), ("", said)],
        *came,
    ]
