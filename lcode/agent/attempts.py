"""Attempts, taken without a model from what a session did: what failed and then passed, was undone, or was corrected.

Rather none than a wrong one. Each is kept once, as data and never as a rule; what tools printed stays a quotation.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from lcode.agent.conversation import end_of
from lcode.agent.outbox import NOT_NOW
from lcode.errors import LcodeError
from lcode.memory.checks import Check, check_of
from lcode.memory.model import Actor, MessageRow, Source, Trust
from lcode.redact import cut

if TYPE_CHECKING:
    from lcode.agent.session import Session

_GOAL, _APPROACH, _EVIDENCE, _WORDS = 200, 240, 320, 200  # characters
_FILES = 6
_EXIT = re.compile(r"\n?\[exit code (\d+), [^\]\n]*\]\s*$")
_TELLING = re.compile(r"error|fail|assert|exception|panic|expected|undefined|cannot|not found|mismatch|\bE\s", re.IGNORECASE)
_UNDO = re.compile(
    r"^\s*git (?:-C \S+ )?(?:(?P<paths>checkout (?:HEAD )?-- (?P<one>[^;&|]+)|restore (?!--staged)(?P<two>[^;&|]+)"
    r"|checkout \.)|(?P<all>reset --hard(?: HEAD)?|checkout -- \.|restore \.))\s*$"
)
_NO_CORRECTION = r"""
    (?:no|nope)\W+(?:thanks?|thank\ you|problem|worries|need|hurry|rush|nothing|more|further|(?:it'?s\ )?(?:all\ )?(?:good|fine)
      | that'?s\ (?:all|fine|it|ok|okay|good|right))
    | (?:don'?t|do\ not)\ (?:forget|worry|bother|hesitate|mind)
    | actually,?\ (?:can|could|also|one\ more|that\ (?:works|is\ fine|looks))"""
_CORRECTION = r"""
    \W*(?: (?:no|nope)(?=[,.!:;]|$|\ (?:that|this|it|i|you|don'?t|not|use|keep|undo|revert|stop|wrong)\b) | wrong\b
    | (?:that|this)(?:'s|\ is|\ was)\ (?:wrong|incorrect|broken|not\ (?:what|how|right|correct|it|good|working|where|the))\b
    | not\ (?:what|like|that|there|so)\b | (?:please\ )?(?:don'?t|do\ not)\ \w | stop(?=[,.!]|$)
    | (?:please\ )?(?:stop|undo|revert)\ (?:it|that|this|those|these|your|all|everything|the\ (?:last|change|edit|commit)\w*
      | (?:do|us|add|chang|edit|touch|mak|rewrit|renam|remov)ing)\b | undo(?=[,.!]|$)
    | actually\b.*\b(?:instead|not|rather|wrong|should|use|keep|undo|revert) | instead,\ | rather\ (?:use|keep|do|put)\b
    | wait[,.!]\ (?:no|not|that|this|stop|don'?t|undo|revert)\b
    | i\ (?:said|meant|told\ you|asked\ for|did\ ?n[o']?'?t\ ask)
    | you\ (?:broke|forgot|missed|misunderstood|should(?:n'?t|\ not|\ have)|were\ not|weren'?t)
    | (?:that|it|this)\ (?:broke|breaks|still\ fails|does\ ?n'?t\ work|does\ not\ work) )"""


@dataclass(frozen=True)
class Attempt:
    """`key` names it: the same one has the same. `said`: whether its evidence is the user's own word."""

    key: str
    goal: str
    approach: str
    outcome: str
    evidence: str
    files: tuple[str, ...] = ()
    said: bool = False

    def text(self, commit: str = "") -> str:
        lines = [f"Goal: {self.goal}", f"Approach: {self.approach}", f"Outcome: {self.outcome}", f"Evidence: {self.evidence}"]
        return "\n".join([*lines, *([f"At commit {commit[:12]}"] if commit else [])])


@dataclass(frozen=True)
class _Step:
    """What the user said (no `name`), or a call with how it ended. `words` is what was said with it."""

    run: str
    words: str
    id: str
    name: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    output: str = ""
    end: str = ""

    @property
    def path(self) -> str:
        return str(self.arguments.get("path", "")) if self.name in ("edit_file", "write_file") and not self.end else ""

    @property
    def command(self) -> str:
        return str(self.arguments.get("command", "")) if self.name == "shell" else ""


@dataclass
class _Failing:
    """A check that fails, and what was changed since."""

    check: Check
    goal: str
    first: str
    output: str
    tries: int = 1
    edits: list[_Step] = field(default_factory=list)


def attempts(rows: Sequence[MessageRow], run_id: str, symbols: Mapping[str, str]) -> list[Attempt]:
    """Those that came to their end in this run. `rows` are the session's messages, `symbols` by the ids of calls what edits
    were of."""
    steps = list(_steps(rows))
    told = [*_passed(steps, run_id, symbols), *_undone(steps, run_id, symbols)]
    corrected = _corrected(steps, run_id, symbols)
    return [*told, *([corrected] if corrected else [])]


def _steps(rows: Sequence[MessageRow]) -> Iterable[_Step]:
    results = {
        str(part.get("call_id")): part for row in rows if row.role == "tool" for part in row.content if part.get("call_id")
    }
    for row in rows:
        if row.role == "user" and row.kind == "user":
            yield _Step(row.run_id, row.text, row.id)
        elif row.role == "assistant":
            words = " ".join(str(part.get("text", "")) for part in row.content if part.get("type") == "text")
            calls = [part for part in row.content if part.get("type") == "tool_call"]
            for part in calls:
                result = results.get(str(part.get("id")), {"is_error": True, "text": "interrupted"})
                yield _Step(
                    row.run_id, words, str(part.get("id")), str(part.get("name")), part.get("arguments") or {},
                    str(result.get("text", "")), end_of(result),
                )  # fmt: skip
            if words and not calls:
                yield _Step(row.run_id, words, row.id, "answer")


# -- failed, changed, passed -----------------------------------------------------------------------------------------------


def _passed(steps: Sequence[_Step], run_id: str, symbols: Mapping[str, str]) -> Iterable[Attempt]:
    failing: list[_Failing] = []
    goal = ""
    for step in steps:
        goal = step.words if not step.name else goal
        if step.path:
            for one in failing:
                one.edits.append(step)
        check = check_of(step.command) if step.command else None
        if check is None:
            continue
        if step.end == "failed" and _verdict(step.output):
            _note_failure(failing, check, goal, step)
        elif not step.end:
            done = [one for one in failing if check.covers(one.check)]
            failing = [one for one in failing if one not in done]
            found = next((one for one in done if one.edits and one.edits[-1].id), None)
            if found is not None and step.run == run_id:
                yield _of_failure(found, step, symbols)


def _note_failure(failing: list[_Failing], check: Check, goal: str, step: _Step) -> None:
    for one in failing:
        if one.check.covers(check) and check.covers(one.check):
            one.tries += 1
            one.output = step.output
            return
    failing.append(_Failing(check, goal, step.id, step.output))


def _verdict(output: str) -> bool:
    """Whether the command itself said no: it was found, may be run, and was not ended from outside."""
    found = _EXIT.search(output)
    return found is not None and int(found[1]) in range(1, 126)


def _of_failure(failing: _Failing, passing: _Step, symbols: Mapping[str, str]) -> Attempt:
    times = f"{failing.tries} time{'s' if failing.tries != 1 else ''}"
    return Attempt(
        _key("passed", failing.first, passing.id), _first_line(failing.goal), _approach(failing.edits, symbols),
        f"failed {times}, then passed", f"`{cut(failing.check.line, 160)}` failed with «{_last_error(failing.output)}»",
        _files(failing.edits),
    )  # fmt: skip


def _last_error(output: str) -> str:
    """The lines that say what was wrong, the last ones."""
    lines = [" ".join(line.split()) for line in _EXIT.sub("", output).splitlines() if line.strip(" =-_")]
    telling = [line for line in lines if _TELLING.search(line)] or lines
    return cut(" / ".join(telling[-3:]), _EVIDENCE)


# -- undone ----------------------------------------------------------------------------------------------------------------


def _undone(steps: Sequence[_Step], run_id: str, symbols: Mapping[str, str]) -> Iterable[Attempt]:
    standing: list[_Step] = []  # edits that were neither committed nor undone
    goal = ""
    for step in steps:
        goal = step.words if not step.name else goal
        if step.path:
            back = next((one for one in reversed(standing) if _takes_back(step, one)), None)
            if back is None:
                standing.append(step)
                continue
            gone = [one for one in standing if one.path == back.path]
            standing = [one for one in standing if one not in gone]
            how = "by an edit back to what was there"
        elif step.command and not step.end and re.search(r"\bgit (?:\S+ )*?commit\b", step.command):
            standing = []
            continue
        elif step.command and not step.end and (undo := _UNDO.match(step.command)):
            gone = _taken(standing, undo)
            standing = [one for one in standing if one not in gone]
            how = f"with `{' '.join(step.command.split())}`"
        else:
            continue
        if gone and step.run == run_id:
            why = cut(_first_line(step.words), _WORDS)
            evidence = f"the agent said «{why}»" if why else f"the {'edits' if len(gone) > 1 else 'edit'} and the undoing"
            key = _key("undone", gone[0].id, step.id)
            yield Attempt(key, _first_line(goal), _approach(gone, symbols), f"abandoned: undone {how}", evidence, _files(gone))


def _takes_back(step: _Step, earlier: _Step) -> bool:
    """Whether an edit is another one's opposite."""
    if step.path != earlier.path or "edit_file" not in (step.name, earlier.name) or step.name != earlier.name:
        return False
    now, then = _pairs(step), _pairs(earlier)
    return bool(now) and sorted(now) == sorted((new, old) for old, new in then)


def _pairs(step: _Step) -> list[tuple[str, str]]:
    edits = step.arguments.get("edits")
    return (
        [(str(one.get("old")), str(one.get("new"))) for one in edits if isinstance(one, dict)]
        if isinstance(edits, list)
        else []
    )


def _taken(standing: Sequence[_Step], undo: re.Match[str]) -> list[_Step]:
    paths = (undo["one"] or undo["two"] or "").split()
    if undo["all"] or not paths or "." in paths:
        return list(standing)
    named = [path.strip("'\"").removeprefix("./").rstrip("/") for path in paths if not path.startswith("-")]
    return [one for one in standing if any(_inside(one.path, path) for path in named)]


def _inside(path: str, folder: str) -> bool:
    bare = path.removeprefix("./")
    return bare == folder or bare.startswith(f"{folder}/") or bare.endswith(f"/{folder}")


# -- corrected by the user -------------------------------------------------------------------------------------------------


def _corrected(steps: Sequence[_Step], run_id: str, symbols: Mapping[str, str]) -> Attempt | None:
    """What the user took back with the message that began this run."""
    said = next((at for at, step in enumerate(steps) if not step.name and step.run == run_id), None)
    if said is None or not said or not is_correction(steps[said].words):
        return None
    start = next((at for at in range(said - 1, -1, -1) if not steps[at].name), None)
    if start is None:
        return None
    did = steps[start + 1 : said]
    edits = [step for step in did if step.path]
    commands = [step for step in did if step.command and step.end in ("", "failed")]
    if not edits and not commands:
        return None
    approach = _approach(edits, symbols) if edits else f"ran `{cut(' '.join(commands[-1].command.split()), 160)}`"
    answer = next((step.words for step in reversed(did) if step.name == "answer"), "")
    approach += f"; said «{cut(_first_line(answer), _WORDS)}»" if answer else ""
    return Attempt(
        _key("corrected", steps[start].id, steps[said].id), _first_line(steps[start].words), approach,
        "the user corrected it", f"the user said «{cut(' '.join(steps[said].words.split()), _EVIDENCE)}»", _files(edits),
        said=True,
    )  # fmt: skip


def is_correction(words: str) -> bool:
    """Whether a user's message says that what was done before is not what they wanted."""
    flags = re.IGNORECASE | re.VERBOSE
    return bool(re.match(_CORRECTION, words, flags)) and not re.match(_NO_CORRECTION, words.strip(), flags)


# -- keeping ---------------------------------------------------------------------------------------------------------------


async def keep(session: Session, rows: Sequence[MessageRow], run_id: str) -> None:
    """Keep the attempts that ended in a run, as passages. Nobody waits for it; while the store cannot be written it is left."""
    memory, cwd = session.memory, session.calls.make_context("", "").cwd
    if memory.ephemeral:
        return
    with suppress(LcodeError, OSError, *NOT_NOW):
        symbols = await memory.run(memory.recall.touched, session.id)
        for found in attempts(rows, run_id, symbols):
            cited = await asyncio.to_thread(memory.grounding.cite, found.files, cwd) if found.files else []
            source, trust = (Source.SAID, Trust.TRUSTED) if found.said else (Source.TOOL, Trust.UNVERIFIED)
            by = memory.provenance(Actor.PROGRAM, source, operation_id=f"op-{found.key}", trust=trust)
            text = found.text(memory.commit)
            await memory.run(partial(memory.archival.insert, text, by, kind="attempt", tags=["attempt"], citations=cited))


# -- words -----------------------------------------------------------------------------------------------------------------


def _approach(edits: Sequence[_Step], symbols: Mapping[str, str]) -> str:
    """Which files were changed, with symbols, and what the agent said of it."""
    named: dict[str, dict[str, None]] = {}
    for step in edits:
        named.setdefault(step.path, {}).update(dict.fromkeys(filter(None, symbols.get(step.id, "").split())))
    files = [f"{path} ({', '.join(list(of)[:_FILES])})" if of else path for path, of in list(named.items())[:_FILES]]
    more = f" and {len(named) - _FILES} more" if len(named) > _FILES else ""
    words = next((line for step in reversed(edits) if (line := _first_line(step.words))), "")
    return f"changed {', '.join(files)}{more}" + (f"; the agent said «{cut(words, _APPROACH)}»" if words else "")


def _files(edits: Sequence[_Step]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(step.path for step in edits))[:_FILES]


def _first_line(text: str) -> str:
    return cut(next((line.strip() for line in text.splitlines() if line.strip()), ""), _GOAL)


def _key(*parts: str) -> str:
    return sha256("\0".join(parts).encode()).hexdigest()[:32]
