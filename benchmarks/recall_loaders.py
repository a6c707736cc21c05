"""Reads public sets, which the user downloads, and the neutral JSONL form into dialogues with questions.

LoCoMo (`locomo10.json`, CC BY-NC: it only reports, no weight may be fitted to it), LongMemEval (`longmemeval_*.json`, MIT),
DevMemBench (a folder with `sessions.json` and `questions.json`, MIT). What is damaged in them is left out, never guessed.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.recall_sets import Conversation, Question, Session, Turn

LOCOMO_KINDS = {1: "multi-hop", 2: "temporal", 3: "open-domain", 4: "single-hop", 5: "adversarial"}
_TURN_OF_LOCOMO = re.compile(r"D:?(\d+):0*(\d+)")
_FORMS = ("%I:%M %p on %d %B, %Y", "%Y/%m/%d (%a) %H:%M", "%Y/%m/%d %H:%M", "%Y-%m-%d", "%Y/%m/%d")
_STEP = timedelta(seconds=40)  # between messages where a set dates its sessions alone
_DAY = timedelta(days=1)


def moment(text: str) -> datetime:
    """A date as one of the sets writes it, in UTC. Raises ValueError."""
    for form in _FORMS:
        try:
            return datetime.strptime(text.strip(), form).replace(tzinfo=UTC)
        except ValueError:
            continue
    found = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _session(identity: str, time: datetime, said: Iterable[tuple[str, str, str, str]]) -> Session:
    """A session of (id, role, name, text)."""
    turns = [Turn(key, role, time + number * _STEP, text, name) for number, (key, role, name, text) in enumerate(said)]
    return Session(identity, time, turns=turns)


def _asked(sessions: list[Session]) -> datetime:
    return max(session.time for session in sessions) + _DAY


# -- LoCoMo -------------------------------------------------------------------------------------------------------------


def locomo(path: Path, chosen: Iterable[int] | None = None) -> list[Conversation]:
    """Conversations of `locomo10.json`, all or those with these numbers; pictures' captions are part of the text.

    Ids of evidence are split and normalised ("D8:6; D9:17", "D30:05", "D:11:26"); those of no turn are dropped, and with them
    the questions that have none left (4 of 1,986).
    """
    data = json.loads(path.read_text(encoding="utf-8"))
    wanted = range(len(data)) if chosen is None else sorted(set(chosen))
    return [_locomo_conversation(data[number], number) for number in wanted]


def _locomo_conversation(entry: dict[str, Any], number: int) -> Conversation:
    talk = entry["conversation"]
    sessions = []
    for key in sorted((key for key in talk if re.fullmatch(r"session_\d+", key)), key=lambda key: int(key[8:])):
        said = [
            (
                turn["dia_id"],
                "user" if turn["speaker"] == talk["speaker_a"] else "assistant",
                turn["speaker"],
                _with_caption(turn),
            )
            for turn in talk[key]
        ]
        if said:
            sessions.append(_session(f"D{key[8:]}", moment(talk[f"{key}_date_time"]), said))
    known = {turn.id for session in sessions for turn in session.turns}
    questions = []
    for place, asked in enumerate(entry["qa"]):
        named = [f"D{int(day)}:{int(turn)}" for text in asked["evidence"] for day, turn in _TURN_OF_LOCOMO.findall(text)]
        evidence = tuple(dict.fromkeys(each for each in named if each in known))
        if evidence:
            kind = LOCOMO_KINDS.get(asked["category"], "other")
            of = tuple(dict.fromkeys(each.partition(":")[0] for each in evidence))
            questions.append(Question(f"{number}-q{place + 1}", asked["question"], evidence, kind, _asked(sessions), of))
    return Conversation(f"locomo-{number}", sessions, questions)


def _with_caption(turn: dict[str, Any]) -> str:
    caption = turn.get("blip_caption")
    return f"{turn['text']} [{caption}]" if caption else str(turn["text"])


# -- LongMemEval --------------------------------------------------------------------------------------------------------


def longmemeval(path: Path) -> list[Conversation]:
    """One dialogue a question: its haystack. Questions of the kind `_abs` have no answer in it."""
    return [
        made
        for entry in json.loads(path.read_text(encoding="utf-8"))
        if isinstance(entry, dict) and (made := _haystack(entry)) is not None
    ]


def _haystack(entry: dict[str, Any]) -> Conversation | None:
    identity, histories = str(entry.get("question_id", "")), entry.get("haystack_sessions")
    if not identity or not isinstance(histories, list) or not entry.get("question"):
        return None
    ids = entry.get("haystack_session_ids") or [f"s{number}" for number in range(len(histories))]
    dates = entry.get("haystack_dates") or []
    sessions: list[Session] = []
    evidence: list[str] = []
    for number, history in enumerate(histories):
        key = f"{ids[number]}#{number}"  # the same session may stand in a haystack twice
        said = []
        for place, turn in enumerate(each for each in history if isinstance(each, dict) and each.get("content")):
            said.append((f"{key}:{place + 1}", str(turn.get("role", "user")), "", str(turn["content"])))
            if turn.get("has_answer"):
                evidence.append(said[-1][0])
        if said:
            date = moment(dates[number]) if number < len(dates) else datetime(2023, 1, 1, tzinfo=UTC) + number * _DAY
            sessions.append(_session(key, date, said))
    if not sessions:
        return None
    absent = identity.endswith("_abs")
    gold = set(entry.get("answer_session_ids") or [])
    of = () if absent else tuple(session.id for session in sessions if session.id.partition("#")[0] in gold)
    asked = moment(entry["question_date"]) if entry.get("question_date") else _asked(sessions)
    kind = "unanswerable" if absent else str(entry.get("question_type", "other"))
    question = Question(identity, str(entry["question"]), () if absent else tuple(evidence), kind, asked, of)
    return Conversation(f"longmemeval-{identity}", sorted(sessions, key=lambda session: session.time), [question])


# -- DevMemBench --------------------------------------------------------------------------------------------------------


def devmembench(folder: Path) -> list[Conversation]:
    """One dialogue. Its labels are sessions, so that questions have no evidence but `sessions`."""
    sessions = []
    for entry in json.loads((folder / "sessions.json").read_text(encoding="utf-8")):
        key = entry["sessionId"]
        said = [(f"{key}:{place + 1}", each["role"], "", each["content"]) for place, each in enumerate(entry["messages"])]
        sessions.append(_session(key, moment(entry["metadata"]["date"]), said))
    questions = []
    for entry in json.loads((folder / "questions.json").read_text(encoding="utf-8")):
        of = tuple(entry["haystackSessionIds"])
        kind = entry["questionType"] if of else "unanswerable"
        questions.append(Question(entry["questionId"], entry["question"], (), kind, _asked(sessions), of))
    return [Conversation("devmembench", sessions, questions)]


# -- JSONL --------------------------------------------------------------------------------------------------------------


def messages_of(conversation: Conversation) -> Iterator[dict[str, str]]:
    """The messages of a dialogue in the form that `lcode import jsonl` reads, in order."""
    for session in conversation.sessions:
        for turn in session.turns:
            message = {
                "session": session.id,
                "id": turn.id,
                "time": turn.time.isoformat(),
                "role": turn.role,
                "text": turn.text,
            }
            optional = {"name": turn.name, "title": session.title, "branch": session.branch}
            yield message | {key: value for key, value in optional.items() if value}


def write_jsonl(conversation: Conversation, path: Path) -> None:
    """The messages of a dialogue for `lcode import jsonl`."""
    lines = (json.dumps(message, ensure_ascii=False) for message in messages_of(conversation))
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def jsonl(messages: Path, questions: Path) -> list[Conversation]:
    """A dialogue of one's own: messages as `lcode import jsonl` reads them, and questions, one a line, with `question`,
    `evidence` (ids of messages), and as one likes `id`, `kind`, `asked` (when)."""
    by_session: dict[str, list[Turn]] = defaultdict(list)
    for line in _lines(messages):
        time = moment(line["time"])
        turn = Turn(str(line["id"]), line["role"], time, line["text"], line.get("name", ""))
        by_session[str(line["session"])].append(turn)
    sessions = [Session(key, min(turn.time for turn in turns), turns=turns) for key, turns in by_session.items()]
    sessions.sort(key=lambda session: session.time)
    home = {turn.id: session.id for session in sessions for turn in session.turns}
    asked = []
    for number, line in enumerate(_lines(questions), 1):
        evidence = tuple(str(each) for each in line.get("evidence", ()) if str(each) in home)
        when = moment(line["asked"]) if line.get("asked") else _asked(sessions)
        kind = line.get("kind", "") or ("fact" if evidence else "unanswerable")
        of = tuple(dict.fromkeys(home[each] for each in evidence))
        asked.append(Question(str(line.get("id", number)), line["question"], evidence, kind, when, of))
    return [Conversation(messages.stem, sessions, asked)]


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.strip():
            yield json.loads(line)
