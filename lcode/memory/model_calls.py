"""What calls of models took and cost, as recall keeps it: a row for each call, of steps and beside them.

A row never changes: its cost is that of the price list of its day, which stands with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lcode.events import Usage
from lcode.memory.compactions import changed_at
from lcode.store.database import Database, fetch_all, fetch_one

if TYPE_CHECKING:
    from lcode.memory.model import MessageRow, SessionRow
    from lcode.memory.recall import Recall

STEP = "step"  # the purpose of a run's own calls; others are named by what they are for


@dataclass(frozen=True)
class ModelCall:
    """`model` is `provider/model` as asked, `answered_by` what the service says it was; `estimated` the estimate of the input
    before any calibration (0: none was made); `cost` in picodollars by `price`, which is empty where none is known."""

    id: str
    session_id: str
    run_id: str
    purpose: str
    model: str
    answered_by: str
    created_at: str
    usage: Usage
    estimated: int
    cost: int
    price: str

    @property
    def priced(self) -> bool:
        return bool(self.price)


_COLUMNS = (
    "id, session_id, run_id, purpose, model, answered_by, created_at, tokens_input, tokens_cached, tokens_written,"
    " tokens_output, tokens_reasoning, tokens_written_hour, tokens_estimated, cost, price"
)


def to_row(call: ModelCall) -> dict[str, Any]:
    """The columns of `call`."""
    usage = call.usage
    return {
        "id": call.id, "session_id": call.session_id, "run_id": call.run_id, "purpose": call.purpose, "model": call.model,
        "answered_by": call.answered_by, "created_at": call.created_at, "tokens_input": usage.input,
        "tokens_cached": usage.cached, "tokens_written": usage.written, "tokens_written_hour": usage.written_hour,
        "tokens_output": usage.output, "tokens_reasoning": usage.reasoning, "tokens_estimated": call.estimated,
        "cost": call.cost, "price": call.price,
    }  # fmt: skip


def model_calls(store: Recall | Database, *, session_id: str = "", start: str = "", end: str = "") -> list[ModelCall]:
    """Calls in the order in which they were made; of one session, and from the stamp `start` on until before `end`."""
    conditions: Mapping[str, str] = {"session_id = ?": session_id, "created_at >= ?": start, "created_at < ?": end}
    given = {sql: value for sql, value in conditions.items() if value}
    where = f" WHERE {' AND '.join(given)}" if given else ""
    sql = f"SELECT {_COLUMNS} FROM model_calls{where} ORDER BY created_at, rowid"
    found = store.read(lambda connection: fetch_all(connection, sql, tuple(given.values())))
    return [_model_call(row) for row in found]


def last_usage(recall: Recall, session_id: str, since: str = "") -> Usage | None:
    """What the newest step of a session took; None without one after the stamp `since`."""
    sql = (
        "SELECT tokens_input, tokens_cached, tokens_written, tokens_output, tokens_reasoning, tokens_written_hour"
        " FROM model_calls WHERE session_id = ? AND purpose = ? AND created_at > ? ORDER BY rowid DESC LIMIT 1"
    )
    row = recall.read(lambda connection: fetch_one(connection, sql, (session_id, STEP, since)))
    return Usage(*row) if row else None


def usage_of_prompt(recall: Recall, row: SessionRow, rows: Sequence[MessageRow]) -> Usage | None:
    """What the newest step took that was sent with the prompt as it is, of which `rows` are: none from before a compaction, or
    before one was taken back. A fork that has sent nothing yet begins with what its original sent."""
    summarised = [message.created_at for message in rows if message.kind == "summary"]
    since = max(recall.ask(changed_at, row.id), *summarised, "")
    usage = last_usage(recall, row.id, since)
    return last_usage(recall, row.forked_from, since) if usage is None and row.forked_from else usage


def estimates(recall: Recall, model: str, limit: int) -> list[tuple[int, int]]:
    """(estimated, reported) tokens of input of the newest calls of a model, newest first."""
    sql = (
        "SELECT tokens_estimated, tokens_input FROM model_calls WHERE model = ? AND tokens_estimated > 0"
        " ORDER BY rowid DESC LIMIT ?"
    )
    rows = recall.read(lambda connection: fetch_all(connection, sql, (recall.redacted(model), limit)))
    return [(row[0], row[1]) for row in rows]


def _model_call(row: tuple[Any, ...]) -> ModelCall:
    call_id, session_id, run_id, purpose, model, answered_by, created_at, *tokens, estimated, cost, price = row
    return ModelCall(
        call_id, session_id, run_id, purpose, model, answered_by, created_at, Usage(*tokens), estimated, cost, price
    )
