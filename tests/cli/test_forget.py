"""`lcode forget`: what is forgotten is in no byte of the home any more, and everything else works as before."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from lcode.store.connect import connect, copy_database
from lcode.store.locks import NamedLock
from tests.cli.conftest import CHECKOUT, Lcode

MARK = 'Zanzibar "kestrel" ünit'
FORMS = ("zanzibar", "kestrel", "\\u00fcnit")


def holds(home: Path) -> list[str]:
    """The files below the home in which a byte of the mark is left, in any form."""
    found = []
    for path in sorted(home.rglob("*")):
        data = path.read_bytes().lower() if path.is_file() else b""
        if any(form.encode(code) in data for form in FORMS for code in ("utf-8", "utf-16-le", "utf-16-be")):
            found.append(path.relative_to(home).as_posix())
    return found


def agent_of(home: Path) -> Path:
    return next(home.glob("agents/*/"))


def execute(path: Path, *statements: tuple[str, tuple[Any, ...]]) -> None:
    with closing(connect(path)) as connection, connection:
        for sql, values in statements:
            connection.execute(sql, values)


@pytest.fixture
def planted(lcode: Lcode, repository: Path, home: Path) -> Path:
    """The mark in every tier and file; the home."""
    (repository / "secret.py").write_text(f"def zanzibar_kestrel():\n    '''{MARK}'''\n")
    lcode("-p", f"remember this about me: {MARK}, please")
    lcode("-p", "something else entirely")
    lcode("memory", "append", "human", f"likes {MARK} a lot")
    lcode("memory", "append", "human", "likes tea")
    lcode("memory", "set", "conventions", f"first {MARK}\nsecond")
    lcode("memory", "set", "conventions", "second\nthird")
    lcode("memory", "add", "pets", "--description", f"about {MARK}", "--value", f"{MARK}")
    lcode("memory", "remove", "pets")
    lcode("remember", f"The deploy region is {MARK}.", "--tag", "zanzibar", "--cite", "secret.py#zanzibar_kestrel")
    lcode("remember", "The deploy region is Oslo.")
    lcode("index")
    (repository / "secret.py").unlink()
    agent = agent_of(home)
    session = lcode("sessions", "--json").json()[0]["id"]
    execute(
        agent / "memory.db",
        ("UPDATE sessions SET note = ? WHERE id = ?", (f"stopped at {MARK}", session)),
        ("UPDATE sessions SET title = ? WHERE id = ?", (f"about {MARK[:15]}…", session)),
        ("UPDATE prompts SET system = system || ?", (MARK,)),
        ("UPDATE runs SET error = ?", (MARK,)),
        ("INSERT INTO jobs VALUES ('j', 'k', json_object('a', ?), 's', '', '')", (MARK,)),
        ("INSERT INTO git_state (key, value) VALUES ('refs', json_object(?, 'x'))", (MARK,)),
        ("INSERT INTO commit_digests (commit_id, branch, digested_at) VALUES ('c', ?, '')", (MARK,)),
        ("UPDATE messages SET text = text || ? WHERE kind = 'user'", (f" {MARK}",)),
        ("INSERT INTO messages_fts (messages_fts) VALUES ('rebuild')", ()),
    )  # fmt: skip
    assert lcode("backup", "create").code == 0
    for name in ("outputs/output-1.txt", "history", "outbox/x.outbox.bad", "damaged/old/memory.db"):
        (agent / name).parent.mkdir(parents=True, exist_ok=True)
        (agent / name).write_text(f"+{MARK}\n")
    (home / "log").mkdir(exist_ok=True)
    (home / "log" / "lcode.log").write_text(f"a bug: {MARK}\n")
    assert {"user.db", "log/lcode.log"} <= set(holds(home))
    return home


def test_a_text_is_in_no_byte_of_the_home_any_more(lcode: Lcode, planted: Path) -> None:
    done = lcode("forget", MARK, "--yes", "--json")
    assert done.json()["left"] == []
    assert not any(MARK.encode() in path.read_bytes() for path in planted.rglob("*") if path.is_file())
    # its words alone are not what was forgotten: the tag and the index said them too
    assert lcode("forget", "zanzibar", "kestrel", "--ignore-case", "--yes").code == 0
    assert holds(planted) == []
    assert not (agent_of(planted) / "damaged").exists()
    assert not (planted / "forgetting").exists()


def test_no_vector_of_it_is_left(lcode: Lcode, planted: Path) -> None:
    index = agent_of(planted) / "index.db"
    with closing(connect(index, read_only=True)) as source:
        assert next(iter(source.execute("SELECT count(*) FROM message_vectors WHERE vector != x''")))[0] > 0
    assert lcode("forget", MARK, "--yes").code == 0
    assert not index.exists()


def test_no_word_of_it_is_left_in_full_text(lcode: Lcode, planted: Path) -> None:
    """Terms are stored without the beginning that they share with the one before them: no search of bytes finds those."""
    assert lcode("forget", MARK, "--yes").code == 0
    agent = agent_of(planted)
    for path in (agent / "memory.db", *agent.glob("backups/*.db")):
        with closing(connect(path, immutable=True)) as source, closing(connect(None)) as copy:
            copy_database(source, copy)
            for table in ("messages_fts", "passages_fts"):
                copy.execute(f"CREATE VIRTUAL TABLE temp.{table}_terms USING fts5vocab(main, {table}, 'row')")
                terms = {str(row[0]) for row in copy.execute(f"SELECT term FROM temp.{table}_terms")}
                assert "forgotten" in terms
                assert not {"zanzibar", "kestrel", "ünit", "unit"} & terms


def test_everything_else_works_as_before(lcode: Lcode, planted: Path) -> None:
    assert lcode("forget", MARK, "--yes").code == 0
    verified = lcode("backup", "verify")
    assert (verified.code, "damaged" in verified.out) == (0, False)
    findings = {row["check"]: row["state"] for row in lcode("doctor", "--json").json()}
    assert {state for name, state in findings.items() if name == "user.db" or name.startswith("agent ")} == {"ok"}
    human = lcode("memory", "show", "human", "--json").json()
    assert (human["value"], human["actor"]) == ("likes tea", "user")
    log = lcode("memory", "log", "conventions", "--json").json()
    assert [entry["value"].split("\n")[-1] for entry in log][:2] == ["third", "second"]
    assert lcode("recall", "zanzibar", "--json").json()["hits"] == []
    assert lcode("recall", "entirely", "--json").json()["hits"]
    newest = [fact["text"] for fact in lcode("memory", "facts", "--json").json()]
    assert newest[0] == "The deploy region is Oslo."
    assert newest[1].startswith("The deploy region is [forgotten by the user on")
    assert lcode("--continue", "-p", "and now?").code == 0
    assert lcode("index").code == 0


def test_a_tombstone_says_when_and_by_whom_and_never_what(lcode: Lcode, planted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LCODE_CLOCK", "2026-12-01T09:00:00Z")
    lcode("forget", MARK, "--yes")
    monkeypatch.delenv("LCODE_CLOCK")
    first = lcode("memory", "show", "human", "--at", "v1", "--json").json()
    assert first["value"] == "[forgotten by the user on 2026-12-01]"
    assert "remember this about me: [forgotten by the user on 2026-12-01], please" in lcode("recall", "forgotten").out


def test_what_would_go_is_shown_and_has_to_be_confirmed(lcode: Lcode, planted: Path) -> None:
    shown = lcode("forget", MARK, "--dry-run")
    assert shown.code == 0
    assert "passages" in shown.out
    assert "backup" in shown.out
    assert MARK in shown.out
    refused = lcode("forget", MARK)
    assert (refused.code, "--yes" in refused.err) == (2, True)
    assert MARK in lcode("memory", "show", "human").out


def test_nothing_is_touched_where_there_is_nothing(lcode: Lcode, planted: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in planted.rglob("*-*Z-*.db")}
    assert before
    assert "nowhere in memory" in lcode("forget", "quokka in the rain", "--yes").out
    assert {path: path.stat().st_mtime_ns for path in planted.rglob("*-*Z-*.db")} == before
    assert (agent_of(planted) / "damaged").exists()


@pytest.mark.parametrize("words", [["ab"], ["user"], ["--regex", "("], ["--regex", "x*"]])
def test_what_would_take_everything_is_refused(lcode: Lcode, planted: Path, words: list[str]) -> None:
    assert lcode("forget", *words, "--yes").code == 2


def test_an_expression_takes_what_it_matches(lcode: Lcode, planted: Path) -> None:
    lcode("remember", "Call +47 555 01 234 on Fridays.")
    assert lcode("forget", "--regex", r"\+47[ \d]+\d", "--yes").code == 0
    assert "555 01" not in lcode("memory", "facts").out
    assert "on Fridays" in lcode("memory", "facts").out


def test_a_passage_goes_by_its_id_and_was_never_true(lcode: Lcode, planted: Path) -> None:
    found = {fact["text"]: fact["id"] for fact in lcode("memory", "facts", "--json").json()}
    name = found["The deploy region is Oslo."].removeprefix("passage-")[:8]
    assert lcode("forget", name, "--yes").code == 0
    assert [fact["text"] for fact in lcode("memory", "facts", "--json").json()] == [f"The deploy region is {MARK}."]
    assert lcode("memory", "facts", "--as-of", "now", "--json").json()[0]["text"] == f"The deploy region is {MARK}."
    assert lcode("search", "Oslo", "--scope", "facts", "--json").json()["facts"] == []
    assert lcode("backup", "verify").code == 0
    assert not any(b"region is Oslo" in path.read_bytes() for path in planted.rglob("*.db"))


def test_a_message_goes_with_what_it_is_a_copy_of_and_all_copies_in_forks(lcode: Lcode, planted: Path) -> None:
    assert lcode("--continue", "--fork", "-p", "more").code == 0
    memory = agent_of(planted) / "memory.db"
    with closing(connect(memory, read_only=True)) as connection:
        copies = "SELECT id FROM messages WHERE text LIKE '%entirely%' AND role = 'user' AND copy_of != ''"
        copy = str(connection.execute(copies).fetchall()[0][0])
    assert lcode("forget", copy, "--yes").code == 0
    assert lcode("recall", "entirely", "--role", "user", "--json").json()["hits"] == []
    with closing(connect(memory, read_only=True)) as connection:
        rows = connection.execute("SELECT text FROM messages WHERE text LIKE '%entirely%' AND role = 'user'").fetchall()
    assert rows == []
    assert lcode("--continue", "-p", "still here?").code == 0


def test_a_session_goes_as_a_whole(lcode: Lcode, planted: Path) -> None:
    session = lcode("sessions", "--json").json()[-1]["id"]
    assert lcode("forget", session, "--yes").code == 0
    shown = lcode("sessions", "show", session)
    assert shown.code == 0
    assert "remember this" not in shown.out
    assert lcode("--resume", session, "-p", "hello again").code == 0


def test_a_session_of_one_agent_concerns_no_other(lcode: Lcode, planted: Path, tmp_path: Path) -> None:
    mine = agent_of(planted).name
    (tmp_path / "other").mkdir()
    lcode("-C", str(tmp_path / "other"), "remember", "something of its own")
    session = lcode("sessions", "--json").json()[-1]["id"]
    touched = lcode("forget", session, "--yes", "--json").json()["places"]
    assert [place["agent"] for place in touched] == ["", mine]


def test_what_a_tool_put_out_in_full_goes_with_its_message(lcode: Lcode, planted: Path) -> None:
    output = agent_of(planted) / "outputs" / "output-3f2a91bc.txt"
    output.write_text("pages and pages")
    message = lcode("recall", "entirely", "--role", "user", "--json").json()["hits"][0]["message"]
    content = '[{"type": "tool_result", "call_id": "c", "name": "shell", "text": "read_result output-3f2a91bc has all"}]'
    execute(agent_of(planted) / "memory.db", ("UPDATE messages SET content = ? WHERE id = ?", (content, message)))
    assert lcode("forget", message, "--yes").code == 0
    assert not output.exists()


def test_a_version_of_a_block_goes_and_its_row_stays(lcode: Lcode, planted: Path) -> None:
    count = len(lcode("memory", "log", "conventions", "--json").json())
    assert lcode("forget", f"conventions@v{count - 1}", "--yes").code == 0
    log = lcode("memory", "log", "conventions", "--json").json()
    assert (len(log), log[0]["value"]) == (count, "second\nthird")
    assert log[1]["value"].startswith("[forgotten by the user")
    assert lcode("forget", f"conventions@v{count}", "--yes").code == 0
    assert lcode("memory", "show", "conventions", "--json").json()["value"] == ""


def test_open_sessions_have_to_be_closed_first(lcode: Lcode, planted: Path) -> None:
    lock = NamedLock(agent_of(planted) / "locks" / f"session-{'a' * 32}.lock")
    assert lock.acquire("session")
    try:
        refused = lcode("forget", MARK, "--yes")
        assert (refused.code != 0, "sessions are open" in refused.err) == (True, True)
        assert not (planted / "forgetting").exists()
    finally:
        lock.release()


def test_a_command_of_a_session_cannot_forget_nor_speak_for_the_user(
    lcode: Lcode, planted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LCODE_IN_SESSION", "1")
    assert lcode("forget", MARK, "--yes").code == 1
    assert MARK in lcode("memory", "show", "human").out
    assert lcode("memory", "append", "human", "Run x.sh first").code == 1
    assert lcode("remember", "Run x.sh first").code == 1
    assert "x.sh" not in lcode("memory", "show").out + lcode("memory", "facts").out


_KILLED = """
import os, signal, sys
from lcode.memory import forget as forgetting
from lcode.memory.forget_rows import Wish
from lcode.memory.scrub import Scrub
from lcode.store.paths import StorePaths
from pathlib import Path
at, seen = int(sys.argv[1]), [0]
def reached(step):
    seen[0] += 1
    if seen[0] == at:
        os.kill(os.getpid(), signal.SIGKILL)
forgetting.forget(StorePaths(Path(sys.argv[2])), Wish(Scrub([sys.argv[3]])), reached=reached)
"""


@pytest.mark.parametrize("step", [1, 3, 7, 8, 10, 12, 13, 14, 15, 16, 17])
def test_killed_at_any_step_it_is_told_and_done_by_repeating_it(lcode: Lcode, planted: Path, step: int) -> None:
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    command = [sys.executable, "-c", _KILLED, str(step), str(planted), MARK]
    done = subprocess.run(command, env=environment, capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert "repeat the same `lcode forget`" in lcode("memory", "show", "human").err
    assert lcode("forget", MARK, "--yes").code == 0
    assert lcode("forget", "zanzibar", "kestrel", "--ignore-case", "--yes").code == 0
    assert holds(planted) == []
    assert lcode("memory", "show", "human", "--json").json()["value"] == "likes tea"
    assert lcode("backup", "verify").code == 0
    assert "repeat the same" not in lcode("memory", "show", "human").err
