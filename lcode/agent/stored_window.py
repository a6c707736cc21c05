"""The context window of a session as the store has it, without taking the session up."""

from __future__ import annotations

from lcode.agent.prompt import specs_from_json
from lcode.agent.window import Accounting, Sizes, gets_back, scaled
from lcode.config import Settings
from lcode.errors import UserError
from lcode.llm import catalogue
from lcode.llm.providers import context_window
from lcode.memory.compactions import last_prompt
from lcode.memory.model import SessionRow
from lcode.memory.model_calls import estimates, usage_of_prompt
from lcode.memory.recall import Recall
from lcode.tokens import NEWEST, calibrate


def accounting(recall: Recall, row: SessionRow, settings: Settings) -> Accounting:
    """What the next request of the session would hold. Raises UserError where none was sent yet."""
    stored = recall.prompt(row.id) or recall.ask(last_prompt, row.id)
    if stored is None:
        raise UserError("nothing was sent to a model in this session yet", "`lcode sessions` lists the others")
    api, system, data = stored
    specs, rows, sizes = specs_from_json(data), recall.context(row.id), Sizes(row.model, api)
    learnt = calibrate(estimates(recall, row.model, NEWEST))
    now = sizes.whole(system, specs, rows)
    usage = usage_of_prompt(recall, row, rows)
    used = learnt(now)
    if usage is not None and usage.input:
        answered = max((at for at, message in enumerate(rows) if message.role == "assistant"), default=-1)
        again = gets_back(row.model, api, {"type": "thinking", "origin": api})
        said = usage.output if again else usage.output - usage.reasoning
        used = max(0, usage.input + said + learnt(now - sizes.whole(system, specs, rows[: answered + 1])))
    window = context_window(row.model, settings.providers, settings.context_window, settings.models)
    own = settings.models.get(row.model)
    asked = settings.max_tokens or (own.max_output if own else None)
    reserve = catalogue.reserve(window, catalogue.reply_bound(row.model, api, asked))
    parts = scaled(sizes.parts(system, specs, rows), used)
    return Accounting(row.model, window, reserve, used, bool(usage and usage.input), learnt.requests, parts)
