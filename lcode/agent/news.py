"""What a session's first message tells beside the user's words: the state of the checkout, where the last sessions stopped.

Nothing of it is in the system text, which stays the same bytes. Nobody waits long for git.
"""

from __future__ import annotations

from collections.abc import Callable

from lcode.agent import away, note
from lcode.agent.guidance import GuidanceFile
from lcode.agent.stale_lines import stale_lines
from lcode.git.command import GitError
from lcode.git.repository import Place
from lcode.memory.session_memory import SessionMemory
from lcode.redact import Redactor

STATUS_WAIT = 0.2  # seconds that the first message waits for git at the most
NOTES = 3  # sessions of which the first message of a new one tells


def at_first(
    memory: SessionMemory,
    place: Place,
    session_id: str,
    redactor: Redactor,
    guidance: Callable[[], list[GuidanceFile]],
    is_live: Callable[[str], bool],
    end_note: Callable[[str], None],
) -> list[str]:
    """All of it. `end_note` makes the note of a session that could not make its own."""
    lines = uncommitted(place)
    if not is_begun(memory, session_id):
        lines += last_sessions(memory, session_id, is_live, end_note)
    return [*lines, *away.changes(memory, redactor, place, guidance), *stale_lines(memory)]


def uncommitted(place: Place) -> list[str]:
    """What git says is changed and not committed; nothing where it would keep the prompt waiting."""
    if not place.common_dir:
        return []
    try:
        listing = place.git().run("status", "--porcelain", "-z", timeout=STATUS_WAIT)
    except GitError:
        return []
    paths = [entry[3:] for entry in listing.split("\0") if entry[2:3] == " "]
    more = f" and {len(paths) - 8} more" if len(paths) > 8 else ""
    return [f"uncommitted changes: {', '.join(paths[:8])}{more}" if paths else "uncommitted changes: none"]


def is_begun(memory: SessionMemory, session_id: str) -> bool:
    """Whether something was said in the session before."""
    return bool(memory.recall.session_value(session_id, "note") or memory.recall.messages(session_id, limit=1))


def last_sessions(
    memory: SessionMemory, session_id: str, is_live: Callable[[str], bool], end_note: Callable[[str], None]
) -> list[str]:
    """Where the last sessions stopped; `end_note` makes the note of one that could not make its own."""
    recall = memory.recall
    rows = [row for row in recall.sessions(NOTES + 1) if row.id != session_id][:NOTES]
    notes = []
    for at, row in enumerate(rows):
        if not row.note and not is_live(row.id):
            end_note(row.id)
            row = recall.session(row.id)  # noqa: PLW2901
        if row.note:
            notes.append(note.render_note(row, newest=at == 0))
    passages, messages = memory.archival.count(), recall.count()
    counts = f"memory: recall holds {messages} messages of past sessions, archival {passages} passages"
    return [
        counts if messages else "memory: this is the first session here",
        *(["where the last sessions stopped:", *notes] if notes else []),
    ]
