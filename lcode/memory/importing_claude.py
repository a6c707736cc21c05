"""The histories of Claude Code: a file of JSON lines for each session, in a folder for each place where it was started.

Lines are of many types, of which those with speech, calls and results count, and those that give a title. What another session
repeats when it is resumed is known again by its time and content. Work of sub-agents becomes sessions of its own, in which
nobody is the user. The format is not documented for others: all of it is read defensively.
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
from lcode.memory.importing_text import files, is_inside, outcome_of, paths_of, pieces, texts, without_injections

ORIGIN = "claude-code"
_PATTERNS = ("*.jsonl", "*/*.jsonl", "*/*/subagents/*.jsonl", "subagents/*.jsonl", "*/subagents/*.jsonl")
_PEEKED = 50  # lines in which a file says where its session was
_SPOKEN = ("user", "assistant", "system", "attachment")


def folders(environ: Mapping[str, str], home: Path) -> list[Path]:
    """Where Claude Code keeps its sessions on this machine."""
    if own := environ.get("CLAUDE_CONFIG_DIR"):
        return [Path(folder).expanduser() / "projects" for folder in own.split(",") if folder.strip()]
    return [home / ".claude" / "projects", home / ".config" / "claude" / "projects"]


def sources(path: Path, roots: Collection[str]) -> list[Path]:
    """The files of sessions at `path` that are of one of the `roots` (of all, where there are none)."""
    path = path / "projects" if (path / "projects").is_dir() else path  # the folder of all that Claude Code keeps
    return [file for file in files(path, _PATTERNS) if not roots or _is_of(file, roots)]


def _is_of(file: Path, roots: Collection[str]) -> bool:
    """Whether the session was begun there; where it does not say, the name of its folder tells."""
    with file.open("rb") as opened:
        for _, row in islice(lines(opened, "", Damages()), _PEEKED):
            if isinstance(row, dict) and isinstance(row.get("cwd"), str) and row["cwd"]:
                return is_inside(row["cwd"], roots)
    return file.parent.name in {re.sub(r"[^A-Za-z0-9]", "-", root) for root in roots}


@dataclass
class Claude:
    """Reads one file after the other. Titles may come in another file than what they are of."""

    roots: Collection[str] = ()
    _sessions: dict[str, ImportedSession] = field(default_factory=dict)
    _calls: dict[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)  # by their ids: tool, files
    _titled: dict[str, int] = field(default_factory=dict)  # by the key of a session: how good its title is
    _leaves: dict[str, str] = field(default_factory=dict)  # titles by the last message of what they sum up
    _spoken_in: dict[str, ImportedSession] = field(default_factory=dict)  # by the ids of messages

    def read(self, paths: Sequence[Path], damages: Damages) -> Iterator[ImportedMessage]:
        """The messages of these files, in order. Raises OSError."""
        for path in paths:
            with path.open("rb") as file:
                for number, row in lines(file, str(path), damages):
                    try:
                        yield from self._line(row, path)
                    except Unfit as why:
                        damages.add(str(path), number, str(why))

    def _line(self, row: Any, path: Path) -> Iterator[ImportedMessage]:
        if not isinstance(row, dict):
            raise Unfit("not an object")
        kind = row.get("type")
        if kind in ("summary", "custom-title", "ai-title"):
            self._title(row, kind, path)
        elif kind in _SPOKEN and not row.get("isMeta"):
            yield from self._message(row, kind, path)

    def _title(self, row: dict[str, Any], kind: str, path: Path) -> None:
        if kind == "summary":
            leaf, title = str(row.get("leafUuid") or ""), row.get("summary")
            if leaf and isinstance(title, str):
                self._leaves[leaf] = title
                if leaf in self._spoken_in:
                    self._call_it(self._spoken_in[leaf], title, 1)
            return
        given, rank = (row.get("customTitle"), 3) if kind == "custom-title" else (row.get("aiTitle"), 2)
        if isinstance(given, str) and given.strip():
            self._call_it(self._session(row, path), given, rank)

    def _call_it(self, session: ImportedSession, title: str, rank: int) -> None:
        if rank >= self._titled.get(session.key, 0):
            session.title, self._titled[session.key] = title, rank

    def _session(self, row: Mapping[str, Any], path: Path) -> ImportedSession:
        key = str(row.get("sessionId") or path.stem)
        if row.get("isSidechain"):
            key = f"{key}/{row.get('agentId') or 'agent'}"
        session = self._sessions.setdefault(key, ImportedSession(key))
        branch = row.get("gitBranch")
        session.branch = session.branch or (branch if isinstance(branch, str) and branch != "HEAD" else "")
        session.worktree = session.worktree or str(row.get("cwd") or "")
        if row.get("isSidechain"):
            session.title = session.title or "work of a sub-agent"
        return session

    # -- messages -----------------------------------------------------------------------------------------------------

    def _message(self, row: dict[str, Any], kind: str, path: Path) -> Iterator[ImportedMessage]:
        content = _content(row, kind)
        if content is None:
            return
        session = self._session(row, path)
        written, time = instant(row.get("timestamp"))
        key = f"{time}\0{kind}\0{digest(json.dumps(content, sort_keys=True))}"
        uuid = str(row.get("uuid") or "")
        self._spoken_in.setdefault(uuid, session)
        if uuid in self._leaves:
            self._call_it(session, self._leaves[uuid], 1)
        parts = self._reply(row, content, session) if kind == "assistant" else self._said(row, content)
        for number, part in enumerate(parts):
            own, source_id = (f"{key}\0{number}", f"{uuid}#{number}") if number else (key, uuid)
            yield ImportedMessage(session, own, source_id, time, written, **part)

    def _reply(self, row: dict[str, Any], content: Any, session: ImportedSession) -> Iterator[dict[str, Any]]:
        """A reply as one message: its words and its calls, without its reasoning."""
        message = row["message"]
        if message.get("model") == "<synthetic>" or row.get("isApiErrorMessage"):
            return  # the program speaks for the model
        session.model = session.model or str(message.get("model") or "")
        made: list[dict[str, Any]] = []
        for block in content if isinstance(content, list) else [{"type": "text", "text": content}]:
            if not isinstance(block, dict):
                continue
            if block.get("type") == "text" and str(block.get("text", "")).strip():
                made.append({"type": "text", "text": str(block["text"])})
            elif block.get("type") == "tool_use":
                made.append(self._call(block))
        if made:
            yield {"role": "assistant", "text": "", "content": tuple(made)}

    def _call(self, block: dict[str, Any]) -> dict[str, Any]:
        arguments = block["input"] if isinstance(block.get("input"), dict) else {}
        name, call_id = str(block.get("name") or "tool"), str(block.get("id") or "")
        self._calls[call_id] = name, paths_of(arguments, self.roots)
        return {"type": "tool_call", "id": call_id, "name": name, "arguments": arguments}

    def _said(self, row: dict[str, Any], content: Any) -> Iterator[dict[str, Any]]:
        """What the user said, and the results that stand in their name."""
        for block in content if isinstance(content, list) else ():
            if isinstance(block, dict) and block.get("type") == "tool_result":
                yield from self._result(block)
        words = "\n".join(texts(content, ("text",)))
        if row.get("isCompactSummary"):
            yield {"role": "summary", "text": words}
            return
        for role, text in pieces(words):
            if role == "tool":
                yield {"role": "tool", "text": text, "tool": "command", "outcome": "ok"}
            else:
                yield {"role": "system" if role == "user" and row.get("isSidechain") else role, "text": text}

    def _result(self, block: dict[str, Any]) -> Iterator[dict[str, Any]]:
        text = without_injections("\n".join(texts(block.get("content"), ("text",))))
        call_id = str(block.get("tool_use_id") or "")
        tool, paths = self._calls.get(call_id, ("", ()))
        outcome = outcome_of(text, failed=bool(block.get("is_error")))
        if text:
            yield {"role": "tool", "text": text, "call_id": call_id, "tool": tool, "outcome": outcome, "paths": paths}


def _content(row: dict[str, Any], kind: str) -> Any:
    """What a line says, as text or blocks; None for nothing. Raises Unfit."""
    if kind == "system":  # what a command of the user's own printed; all else is the program's
        return row.get("content") if row.get("subtype") == "local_command" else None
    if kind == "attachment":  # what the user typed while the agent worked
        attachment = row.get("attachment")
        queued = isinstance(attachment, dict) and attachment.get("type") == "queued_command"
        return attachment.get("prompt") if queued and isinstance(attachment, dict) else None
    message = row.get("message")
    if not isinstance(message, dict) or not isinstance(message.get("content"), (str, list)):
        raise Unfit(f"a line of type {kind} without a message")
    return message["content"]
