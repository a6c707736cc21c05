"""Which parts of the prompt may be taken out, and whether that pays: arithmetic over the messages in context.

What is out can be had again: a result by the handle in the line that stands for it. What the agent works with stays: the
newest results, what it read of files that it is editing, the last command that failed. A result that stands there again
further down, and what read_result brought back, go before their time.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lcode.memory.elisions import REASONING, RESULT
from lcode.memory.model import MessageRow
from lcode.memory.results import about, handle_of
from lcode.tokens import content_tokens, part_tokens
from lcode.tools.truncate import head_tail, plural, size

NEWEST = 0.06  # of the room: results at the end that stay
LARGEST = 0.08  # of the room: what is larger stays for being among the newest alone
EDITING = 12  # steps: a file edited in the last ones is being edited
SMALLEST = 80  # tokens that a part must free
_HEAD, _TAIL = 1_200, 2_400  # characters of a result that the model has not seen yet
_KEPT = ("core_memory_", "memory_")  # tools whose results show what core memory is now
_EDITS = ("edit_file", "write_file")
_BESIDE = "\n\n[from memory"


@dataclass(frozen=True)
class Part:
    """A part of the row `at`; `before` are the tokens of the rows before it, `freed` those that go with it. In the place of a
    result stands `text`, which names its `handle`."""

    at: int
    form: str
    call_id: str
    before: int
    freed: int
    text: str = ""
    handle: str = ""


@dataclass(frozen=True)
class Prices:
    """Of an input token, in those of one that is neither read from the cache nor written to it."""

    cached: float
    written: float


PRICES: Mapping[str, Prices] = {"anthropic": Prices(0.1, 1.25), "openai": Prices(0.1, 1.0)}
_USUAL = Prices(0.1, 1.25)


@dataclass(frozen=True)
class Plan:
    """`parts` are taken out together: `freed` tokens go, and the `written` that stand behind the first of them have to be
    taken in anew by the provider. A step adds `growth` tokens, so that it lasts for `lasts` steps."""

    parts: tuple[Part, ...]
    freed: int
    written: int
    growth: int
    prices: Prices

    @property
    def lasts(self) -> float:
        return self.freed / max(self.growth, 1)

    @property
    def cost(self) -> float:
        """In tokens at the price of fresh ones."""
        return self.written * (self.prices.written - self.prices.cached)

    @property
    def saved(self) -> float:
        """What the steps until it has to be done again need not send."""
        return self.freed * self.prices.cached * self.lasts

    @property
    def even_after(self) -> float:
        """Steps after which it has paid for itself."""
        return self.cost / (self.freed * self.prices.cached)

    @property
    def words(self) -> str:
        """The weighing, for the log."""
        return (
            f"{plural(len(self.parts), 'part')}: {self.freed:,} tokens freed against {self.written:,} to be cached anew;"
            f" at {self.growth:,} tokens a step it lasts {self.lasts:.0f} steps and pays for itself after"
            f" {self.even_after:.0f}"
        )


def plan(rows: Sequence[MessageRow], parts: Sequence[Part], api: str, scale: float = 1.0) -> Plan | None:
    """The best batch: all `parts` from some place on. `scale` is what the provider counts for a token of the estimate."""
    total = sum(content_tokens(row.content) for row in rows)
    prices, growth = PRICES.get(api, _USUAL), _growth(rows)
    best: Plan | None = None
    freed = 0
    chosen = sorted(parts, key=lambda part: (part.before, part.at))
    for start in reversed(range(len(chosen))):
        part = chosen[start]
        freed += part.freed
        written = max(total - part.before - freed, 0)
        one = Plan(tuple(chosen[start:]), round(freed * scale), round(written * scale), max(round(growth * scale), 1), prices)
        if best is None or one.saved - one.cost > best.saved - best.cost:
            best = one
    return best


def _growth(rows: Sequence[MessageRow], steps: int = 30) -> int:
    """Tokens that a step adds, of late."""
    tokens = seen = 0
    for row in reversed(rows):
        tokens += content_tokens(row.content)
        seen += row.role == "assistant"
        if seen >= steps:
            break
    return tokens // max(seen, 1)


def parts_of(rows: Sequence[MessageRow], room: int, forms: Collection[str] = (RESULT, REASONING)) -> list[Part]:
    """What may be taken out of `rows`, in order. `room` is what the prompt may have in all."""
    before, tokens = 0, [content_tokens(row.content) for row in rows]
    kept, spare = _kept(rows, tokens, room), _said_again(rows)
    last, turn = _last(rows, "assistant"), _last(rows, "user")
    calls = _calls(rows)
    found: list[Part] = []
    for at, row in enumerate(rows):
        if row.role == "tool" and RESULT in forms and at < last and (at not in kept or at in spare):
            found += _results(at, row, before, calls)
        elif row.role == "assistant" and REASONING in forms and at < turn:
            found += _reasoning(at, row, before)
        before += tokens[at]
    return found


def may_go(row: MessageRow) -> bool:
    """Whether a result is long enough to be taken out one day."""
    return any(True for _ in _results(0, row, 0, {}))


def newest_parts(rows: Sequence[MessageRow]) -> list[Part]:
    """The last resort: head and tail of each long result of the last step, which the model has not seen yet."""
    found: list[Part] = []
    before = 0
    last = _last(rows, "assistant")
    for at, row in enumerate(rows):
        for part in row.content if row.role == "tool" and at > last else ():
            handle, text = handle_of(row.id), str(part.get("text", ""))
            short = head_tail(text, _HEAD, _TAIL, f"[{{cut}} characters cut; read_result {handle} has all]")
            freed = part_tokens(part) - part_tokens({**part, "text": short})
            if freed >= SMALLEST:
                found.append(Part(at, RESULT, str(part.get("call_id", "")), before, freed, short, handle))
        before += content_tokens(row.content)
    return found


def _last(rows: Sequence[MessageRow], role: str) -> int:
    """Where the last message of a role stands: of the user, one that they wrote; behind the end where there is none."""
    kinds = ("user",) if role == "user" else ("assistant",)
    return next((at for at in reversed(range(len(rows))) if rows[at].role == role and rows[at].kind in kinds), -1)


def _calls(rows: Sequence[MessageRow]) -> dict[str, tuple[str, Mapping[str, Any]]]:
    """Name and arguments of each call, by its id."""
    return {
        str(part.get("id")): (str(part.get("name", "")), part.get("arguments") or {})
        for row in rows
        for part in row.content
        if part.get("type") == "tool_call"
    }


def _results(at: int, row: MessageRow, before: int, calls: Mapping[str, tuple[str, Mapping[str, Any]]]) -> Iterator[Part]:
    for part in row.content:
        name, call_id = str(part.get("name", "")), str(part.get("call_id", ""))
        if part.get("type") != "tool_result" or name.startswith(_KEPT):
            continue
        arguments, handle = calls.get(call_id, (name, {}))[1], handle_of(row.id)
        line = result_line(name, arguments, part, handle)
        freed = part_tokens(part) - part_tokens({**part, "text": line})
        if freed >= SMALLEST:
            yield Part(at, RESULT, call_id, before, freed, line, handle)


def _reasoning(at: int, row: MessageRow, before: int) -> Iterator[Part]:
    """The thinking of a reply to an earlier message; what a service wants back with its calls stays."""
    thinking = [part for part in row.content if part.get("type") == "thinking"]
    if any(not str(part.get("origin", "")).startswith("anthropic") for part in thinking):
        return
    freed = sum(map(part_tokens, thinking))
    if freed >= SMALLEST:
        yield Part(at, REASONING, "", before, freed)


def result_line(name: str, arguments: Mapping[str, Any], part: Mapping[str, Any], handle: str) -> str:
    """What stands in the place of a result: what it was of, how long, how it ended, and how to have it again."""
    text = str(part.get("text", ""))
    what = " ".join(filter(None, [name, about(arguments)]))
    lines = plural(text.count("\n") + 1, "line")
    return f"[{what}: {lines}, {size(len(text.encode()))}{_outcome(name, text, part)}; read_result {handle}]"


def _outcome(name: str, text: str, part: Mapping[str, Any]) -> str:
    end = text.partition(_BESIDE)[0].rstrip().rpartition("\n")[2]
    if name == "shell" and end.startswith("[") and end.endswith("]"):
        return f", {end[1:-1].split(', ')[0]}"
    return ", failed" if part.get("is_error") else ""


# -- what stays -----------------------------------------------------------------------------------------------------


def _kept(rows: Sequence[MessageRow], tokens: Sequence[int], room: int) -> set[int]:
    """The rows of results that the agent works with."""
    kept: set[int] = set()
    left = room * NEWEST
    for at in reversed(range(len(rows))):
        if rows[at].role == "tool":
            left -= tokens[at]
            if left < 0:
                break
            kept.add(at)
    at_work = {*_being_edited(rows), *_last_failure(rows)}
    return kept | {at for at in at_work if tokens[at] <= room * LARGEST}


def _being_edited(rows: Sequence[MessageRow]) -> Iterator[int]:
    """The newest read of each file that was edited of late."""
    calls, steps = _calls(rows), 0
    edited: set[str] = set()
    for at in reversed(range(len(rows))):
        steps += rows[at].role == "assistant"
        for part in rows[at].content:
            name, arguments = calls.get(str(part.get("id" if rows[at].role == "assistant" else "call_id")), ("", {}))
            path = str(arguments.get("path", ""))
            if name in _EDITS and steps <= EDITING:
                edited.add(path)
            elif name == "read_file" and path in edited and rows[at].role == "tool":
                edited.discard(path)
                yield at


def _last_failure(rows: Sequence[MessageRow]) -> Iterator[int]:
    """The newest command that failed, unless the same one has passed since."""
    calls = _calls(rows)
    passed: set[str] = set()
    for at in reversed(range(len(rows))):
        for part in rows[at].content if rows[at].role == "tool" else ():
            if part.get("name") != "shell":
                continue
            command = str(calls.get(str(part.get("call_id")), ("", {}))[1].get("command", ""))
            if not part.get("is_error"):
                passed.add(command)
            elif command not in passed:
                yield at
                return


def _said_again(rows: Sequence[MessageRow]) -> set[int]:
    """Rows whose result stands further down once more, word for word, or was brought back by read_result and used."""
    seen: set[tuple[str, str]] = set()
    found: set[int] = set()
    for at in reversed(range(len(rows))):
        for part in rows[at].content if rows[at].role == "tool" else ():
            key = (str(part.get("name", "")), str(part.get("text", "")).partition(_BESIDE)[0])
            if key in seen or key[0] == "read_result":
                found.add(at)
            seen.add(key)
    return found
