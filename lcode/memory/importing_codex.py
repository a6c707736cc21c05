"""The histories of Codex: a file of JSON lines for each session ("rollout"), by dates.

Each line has a type and a payload; in older files lines are bare items, and their time is the session's. A fork repeats what
its session began with: a message is known by all that was said before it in the first of them, so that it is imported once.
What the program tells the model (instructions, contexts) is no speech. The format is not documented for others: all of it is
read defensively.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from lcode.memory.importing import Damages, ImportedMessage, ImportedSession, digest
from lcode.memory.importing_jsonl import Unfit, instant, lines
from lcode.memory.importing_text import files, is_inside, outcome_of, paths_of, pieces, texts

ORIGIN = "codex"
_PATTERNS = ("rollout-*.jsonl", "**/rollout-*.jsonl")
_PEEKED = 40  # lines in which a file says where its session was
_ITEMS = frozenset(
    ["message", "function_call", "function_call_output", "custom_tool_call", "custom_tool_call_output", "local_shell_call"]
)
_CWD = re.compile(r"<cwd>(.*?)</cwd>|Current working directory: (\S+)")
_KINDS = ("input_text", "output_text", "text")


def folders(environ: Mapping[str, str], home: Path) -> list[Path]:
    """Where Codex keeps its sessions on this machine."""
    base = Path(environ["CODEX_HOME"]).expanduser() if environ.get("CODEX_HOME") else home / ".codex"
    return [base / "sessions", base / "archived_sessions"]


def sources(path: Path, roots: Collection[str]) -> list[Path]:
    """The files of sessions at `path` that are of one of the `roots` (of all, where there are none)."""
    return [file for file in files(path, _PATTERNS) if not roots or is_inside(_where(file) or "/", roots)]


def _where(file: Path) -> str:
    """The folder in which a session was begun; '' where the file does not say."""
    with file.open("rb") as opened:
        for _, row in islice(lines(opened, "", Damages()), _PEEKED):
            kind, payload = _parts(row)
            if kind == "session_meta" and isinstance(payload.get("cwd"), str):
                return str(payload["cwd"])
            if found := _CWD.search("\n".join(texts(payload.get("content"), _KINDS))):
                return found[1] or found[2]
    return ""


def _parts(row: Any) -> tuple[str, dict[str, Any]]:
    """The type and the payload of a line, also of the older form; '' for what says nothing."""
    if not isinstance(row, dict):
        return "", {}
    if isinstance(row.get("payload"), dict):
        return str(row.get("type") or ""), row["payload"]
    if row.get("type") in _ITEMS:
        return "response_item", row
    return ("session_meta", row) if "id" in row and "timestamp" in row and "type" not in row else ("", {})


@dataclass
class Codex:
    """Reads one file after the other."""

    roots: Collection[str] = ()
    titles: Mapping[str, str] = field(default_factory=dict)  # by session
    _bases: dict[str, str] = field(default_factory=dict)  # of what session another is a fork

    def read(self, paths: Sequence[Path], damages: Damages) -> Iterator[ImportedMessage]:
        """The messages of these files, in order. Raises OSError."""
        for path in paths:
            rollout = _Rollout(path, self, _has_items(path))
            with path.open("rb") as file:
                for number, row in lines(file, str(path), damages):
                    try:
                        if not isinstance(row, dict):
                            raise Unfit("not an object")
                        yield from rollout.line(row, number)
                    except Unfit as why:
                        damages.add(str(path), number, str(why))

    def root(self, session: str) -> str:
        """The session that a fork, be it of forks, began as."""
        seen = {session}
        while (base := self._bases.get(session)) and base not in seen:
            seen.add(base)
            session = base
        return session

    def fork(self, session: str, base: str) -> None:
        self._bases[session] = base


def titles(folder: Path) -> dict[str, str]:
    """The names that sessions were given, by the index beside them."""
    found: dict[str, str] = {}
    path = folder.parent / "session_index.jsonl"
    if path.is_file():
        with path.open("rb") as file:
            for _, row in lines(file, "", Damages()):
                if isinstance(row, dict) and isinstance(row.get("thread_name"), str):
                    found[str(row.get("id"))] = row["thread_name"]
    return found


def _has_items(path: Path) -> bool:
    """Whether the words of the session stand in the file as items; in some they stand as events alone."""
    with path.open("rb") as file:
        return any(_is_speech(*_parts(row)) for _, row in lines(file, "", Damages()))


def _is_speech(kind: str, payload: Mapping[str, Any]) -> bool:
    if kind != "response_item" or payload.get("type") != "message":
        return False
    said = texts(payload.get("content"), _KINDS)
    return payload.get("role") == "assistant" or any(True for text in said for _ in pieces(text))


class _Rollout:
    """One file while it is read."""

    def __init__(self, path: Path, codex: Codex, has_items: bool) -> None:
        self._codex = codex
        self._has_items = has_items
        self._session = ImportedSession(path.stem)
        self._begun = False
        self._written = self._time = ""
        self._by_agent = False
        self._chain = path.stem
        self._calls: dict[str, tuple[str, tuple[str, ...]]] = {}

    def line(self, row: dict[str, Any], number: int) -> Iterator[ImportedMessage]:
        kind, payload = _parts(row)
        if kind == "session_meta":
            self._begin(payload)
        elif kind == "turn_context":
            self._session.model = str(payload.get("model") or self._session.model)
        elif kind in ("response_item", "event_msg", "compacted"):
            for part in self._speech(kind, payload):
                yield self._made(row, number, part)

    def _begin(self, payload: dict[str, Any]) -> None:
        """The first of them counts: a fork repeats that of its base."""
        if self._begun:
            return
        self._begun = True
        key = str(payload.get("id") or self._session.key)
        git = payload["git"] if isinstance(payload.get("git"), dict) else {}
        base = payload.get("forked_from_id")
        if isinstance(base, str) and base:
            self._codex.fork(key, base)
        self._session = ImportedSession(
            key, self._codex.titles.get(key, ""), str(git.get("branch") or ""), str(payload.get("cwd") or "")
        )
        self._chain = self._codex.root(key)
        self._by_agent = isinstance(payload.get("source"), dict) and "subagent" in payload["source"]
        if payload.get("timestamp"):
            self._written, self._time = instant(payload["timestamp"])

    def _made(self, row: dict[str, Any], number: int, part: dict[str, Any]) -> ImportedMessage:
        written, time = instant(row["timestamp"]) if row.get("timestamp") else (self._written, self._time)
        if not time:
            raise Unfit("no time")
        said = json.dumps([part["role"], part["text"], part.get("content", ()), part.get("call_id", "")], sort_keys=True)
        self._chain = digest(f"{self._chain}\0{said}")
        return ImportedMessage(
            session=self._session, key=self._chain, id=f"{self._session.key}:{number}", time=time, written=written, **part
        )

    # -- what is said -------------------------------------------------------------------------------------------------

    def _speech(self, kind: str, payload: dict[str, Any]) -> Iterator[dict[str, Any]]:
        if kind == "compacted":
            if isinstance(payload.get("message"), str) and payload["message"].strip():
                yield {"role": "summary", "text": payload["message"]}
        elif kind == "event_msg":
            yield from self._event(payload)
        elif payload.get("type") == "message":
            yield from self._message(payload)
        elif str(payload.get("type", "")).endswith("_output"):
            yield from self._result(payload)
        elif payload.get("type") in _ITEMS:
            yield self._call(payload)

    def _event(self, payload: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """The same words stand as items in most files."""
        name = payload.get("thread_name") or payload.get("name")
        if payload.get("type") == "thread_name_updated" and isinstance(name, str):
            self._session.title = name
        role = {"user_message": "user", "agent_message": "assistant"}.get(str(payload.get("type")))
        text = payload.get("message")
        if self._has_items or role is None or not isinstance(text, str):
            return
        if role == "user":
            yield from self._pieces([text])
        elif text.strip():
            yield {"role": role, "text": text}

    def _message(self, payload: dict[str, Any]) -> Iterator[dict[str, Any]]:
        if not isinstance(payload.get("content"), (str, list)):
            raise Unfit("a message without content")
        said = texts(payload["content"], _KINDS)
        if payload.get("role") == "user":
            yield from self._pieces(said)
        elif payload.get("role") == "assistant" and (text := "\n".join(said).strip()):
            yield {"role": "assistant", "text": text}

    def _pieces(self, said: Sequence[str]) -> Iterator[dict[str, Any]]:
        """What of a user's message is theirs: each part of it may be the program's."""
        found = [piece for text in said for piece in pieces(text)]
        if words := "\n".join(text for role, text in found if role == "user"):
            yield {"role": "system" if self._by_agent else "user", "text": words}
        for role, text in found:
            if role == "tool":
                yield {"role": "tool", "text": text, "tool": "command", "outcome": outcome_of(text, failed=False)}
            elif role == "summary":
                yield {"role": "summary", "text": text}

    def _call(self, payload: dict[str, Any]) -> dict[str, Any]:
        name, arguments = str(payload.get("name") or "shell"), _arguments(payload)
        call_id = str(payload.get("call_id") or payload.get("id") or "")
        self._calls[call_id] = name, paths_of(arguments, self._codex.roots)
        call = {"type": "tool_call", "id": call_id, "name": name, "arguments": arguments}
        return {"role": "assistant", "text": "", "content": (call,)}

    def _result(self, payload: dict[str, Any]) -> Iterator[dict[str, Any]]:
        text, failed = _output(payload.get("output"))
        call_id = str(payload.get("call_id") or "")
        tool, paths = self._calls.get(call_id, ("", ()))
        if text.strip():
            outcome = outcome_of(text, failed=failed)
            yield {"role": "tool", "text": text, "call_id": call_id, "tool": tool, "outcome": outcome, "paths": paths}


def _arguments(payload: dict[str, Any]) -> dict[str, Any]:
    """What a call was given; commands as one text."""
    given: Any = payload.get("arguments")
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except (ValueError, RecursionError):
            given = {"arguments": given}
    elif isinstance(payload.get("action"), dict):
        given = {"command": payload["action"].get("command")}
    elif isinstance(payload.get("input"), str):
        given = {"input": payload["input"]}
    arguments = given if isinstance(given, dict) else {}
    return {
        key: " ".join(map(str, value)) if key in ("command", "cmd") and isinstance(value, list) else value
        for key, value in arguments.items()
    }


def _output(output: Any) -> tuple[str, bool]:
    """The text of a result, and whether it says that the call failed."""
    if isinstance(output, str) and output.lstrip().startswith("{"):
        try:
            output = json.loads(output)
        except (ValueError, RecursionError):
            return str(output), False
        if not (isinstance(output, dict) and "output" in output):
            return json.dumps(output, ensure_ascii=False), False
    if isinstance(output, dict):
        about = output["metadata"] if isinstance(output.get("metadata"), dict) else {}
        failed = output.get("success") is False or about.get("exit_code") not in (None, 0)
        inner = output.get("output", output.get("content", ""))
        return "\n".join(texts(inner, _KINDS)), failed
    return "\n".join(texts(output, _KINDS)), False
