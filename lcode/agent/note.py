"""Where a session stopped, without a model: an extract of what was asked, changed, run, and left open."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lcode.git.command import Git, GitError
from lcode.git.repository import find
from lcode.memory.dates import local
from lcode.memory.model import MessageRow, SessionRow
from lcode.memory.recall import Recall
from lcode.memory.session_memory import SessionMemory
from lcode.redact import cut
from lcode.tokens import approximate_tokens

MAX_TOKENS = 300


def make_note(recall: Recall, session: SessionRow, commits: Sequence[str] = ()) -> str:
    """The note on `session`: at most 300 tokens, each line of one kind; '' where nothing was said."""
    rows = recall.messages(session.id, copies=False)  # what a fork was given is in the original's note
    asked = [_words(row) for row in rows if row.kind == "user"]
    if not asked:
        return ""
    lines = [f"asked: {_cut(asked[0], 500)}"]
    if len(asked) > 1:
        lines.append(f"then: {' | '.join(_cut(text, 200) for text in asked[-2:] if text != asked[0])}")
    done = _done(recall, session.id)
    done["commits"] = [_cut(recall.redacted(line), 80) for line in commits]
    order = ("changed", "commits", "passed", "failed", "ran")
    lines += [f"{name}: {_join(done[name])}" for name in order if done[name]]
    lines.append(_open(rows))
    while approximate_tokens("\n".join(lines)) > MAX_TOKENS:
        longest = max(range(len(lines)), key=lambda at: len(lines[at]))
        lines[longest] = _cut(lines[longest], len(lines[longest]) * 3 // 4)
    return "\n".join(lines)


def keep_note(memory: SessionMemory, root: Path, session_id: str) -> None:
    """Keep the extract of where a session stopped."""
    row = memory.recall.session(session_id)
    head = str(memory.recall.session_value(session_id, "head") or "")
    now = find(root).head
    commits = commits_since(Git(root), head) if head and now and head != now else []
    memory.recall.update_session(session_id, note=make_note(memory.recall, row, commits))


def render_note(session: SessionRow, *, newest: bool) -> str:
    """A note as the next session's first message shows it; of older ones the first line."""
    head = f"{local(session.updated_at)}, session {session.id.removeprefix('session-')[:8]}" + (
        f" on {session.branch}" if session.branch else ""
    )
    body = session.note if newest else _cut(session.note.splitlines()[0], 120)
    return f"[{head}] {body}"


def _done(recall: Recall, session_id: str) -> dict[str, list[str]]:
    """What was changed (files, with symbols), and how commands ended at their last run. Of a pipe only its last program
    tells how it ended, so that is no verdict: it `ran`."""
    changed: dict[str, set[str]] = {}
    commands: dict[str, str] = {}
    for name, arguments, outcome, detail, effect in recall.finished_calls(session_id):
        if effect == "write" and outcome == "ok":
            changed.setdefault(str(arguments.get("path", "?")), set()).update(filter(None, detail.split(" ")))
        elif name == "shell":
            line = " ".join(str(arguments.get("command", "")).split())
            piped = "|" in line.replace("||", "")
            commands.pop(line, None)
            commands[line] = "failed" if outcome != "ok" else "ran" if piped else "passed"
    files = [f"{path} ({', '.join(sorted(symbols))})" if symbols else path for path, symbols in changed.items()]
    ended = {end: [_cut(line, 80) for line, how in commands.items() if how == end][-4:] for end in ("passed", "failed", "ran")}
    return {"changed": files, **ended}


def _open(rows: Sequence[MessageRow]) -> str:
    """What the session ended with: the last answer, or what nobody answered."""
    spoken = [row for row in rows if row.kind in ("user", "assistant")]
    last = spoken[-1]
    if last.kind == "user":
        return f"open: no answer was given to: {_cut(_words(last), 150)}"
    said = " ".join(line for line in last.text.splitlines() if not line.startswith("→ "))
    calls = "" if said else "open: stopped in the middle of work; "
    return f"{calls}ended with: {_cut(said or last.text, 800)}"


def commits_since(git: Git, head: str, limit: int = 5) -> list[str]:
    """Short ids and subjects of the commits made after `head`; nothing where git cannot tell."""
    try:
        listing = git.run("log", "--format=%h %s", f"--max-count={limit}", f"{head}..HEAD", "--")
    except GitError:
        return []
    return listing.splitlines()


def _words(row: MessageRow) -> str:
    return " ".join(row.text.split())


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else cut(text, limit - 1).rstrip() + "…"


def _join(values: Sequence[str], limit: int = 8) -> str:
    shown = "; ".join(values[:limit])
    return shown + (f"; and {len(values) - limit} more" if len(values) > limit else "")
