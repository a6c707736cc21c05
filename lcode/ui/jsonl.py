"""The JSON face of `-p --output-format json`: one object, on one line, when the run is over."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TextIO

from lcode import clock
from lcode.events import Answer, ApprovalRequested, Decision, Event, Notice, RunFinished
from lcode.llm.prices import DOLLAR
from lcode.ui.plain import tell_warning


class JsonFace:
    """Writes the result of the run to `out`, warnings to `err`. Nobody can be asked: approvals are refused at once."""

    interactive = False

    def __init__(self, out: TextIO, *, session_id: str, agent_id: str, model: str, err: TextIO | None = None) -> None:
        self._out = out
        self._err = err
        self._session_id = session_id
        self._agent_id = agent_id
        self._model = model
        self._began = clock.monotonic()

    def emit(self, event: Event) -> None:
        if isinstance(event, ApprovalRequested) and not event.answer.done():
            event.answer.set_result(Answer(Decision.NO))
        elif isinstance(event, Notice) and self._err is not None:
            tell_warning(self._err, event)
        elif isinstance(event, RunFinished):
            # ASCII only: a terminal that shows the line sees no control characters, and no encoding can fail.
            self._out.write(json.dumps(self._result(event)) + "\n")
            self._out.flush()

    def _result(self, finished: RunFinished) -> dict[str, object]:
        return {
            "session_id": self._session_id,
            "agent_id": self._agent_id,
            "model": self._model,
            "result": finished.text,
            "stop_reason": finished.stop_reason.value,
            "usage": asdict(finished.usage),
            "cost_usd": None if finished.unpriced else round(finished.cost / DOLLAR, 12),
            "steps": finished.steps,
            "refused": finished.refused,
            "error": finished.error,
            "duration_ms": round((clock.monotonic() - self._began) * 1000),
        }
