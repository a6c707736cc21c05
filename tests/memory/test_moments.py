"""What people write for a moment, and what a commit's history decides."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lcode import clock
from lcode.errors import MemoryEditError
from lcode.git.repository import find
from lcode.memory.lives import AsOf
from lcode.memory.model import Actor, Provenance, Source
from lcode.memory.moments import as_of, moment
from tests.git.repositories import commit, git, make
from tests.memory.conftest import Tiers, by


@pytest.fixture(autouse=True)
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    clock.set_source(lambda: datetime(2026, 11, 20, 12, tzinfo=UTC))
    yield
    clock.set_source(None)


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("2026-03-05", "2026-03-05T23:59:59.999Z"),
        ("2026-03-05T10:00:00+00:00", "2026-03-05T10:00:00.000Z"),
        ("2026-03", "2026-03-31T23:59:59.999Z"),
        ("March", "2026-03-31T23:59:59.999Z"),
        ("in march", "2026-03-31T23:59:59.999Z"),
        ("Feb 2024", "2024-02-29T23:59:59.999Z"),
        ("December", "2025-12-31T23:59:59.999Z"),
        ("2025", "2025-12-31T23:59:59.999Z"),
        ("yesterday", "2026-11-19T23:59:59.999Z"),
        ("3 weeks ago", "2026-10-30T23:59:59.999Z"),
        ("9 months ago", "2026-02-20T23:59:59.999Z"),
        ("today", "2026-11-20T12:00:00.000Z"),
        ("november", "2026-11-20T12:00:00.000Z"),
        ("now", "2026-11-20T12:00:00.000Z"),
        ("2027-01-01", "2027-01-01T23:59:59.999Z"),
    ],
)
def test_a_period_stands_for_its_end(text: str, end: str) -> None:
    assert moment(text).time == end


def test_a_period_stands_for_its_beginning_where_something_begins() -> None:
    assert moment("March", begins=True).time == "2026-03-01T00:00:00.000Z"
    assert moment("2026-03-05", begins=True).time == "2026-03-05T00:00:00.000Z"


@pytest.mark.parametrize("text", ["", "soon", "2026-13", "2026-02-30", "99999 days ago", "marching", "--all", "HEAD"])
def test_what_means_nothing_is_refused_with_what_would(text: str) -> None:
    with pytest.raises(MemoryEditError, match="no date, commit or session") as error:
        moment(text)
    assert "YYYY-MM-DD" in error.value.hint


def test_a_session_stands_for_its_end(tiers: Tiers) -> None:
    session = tiers.recall.create_session(branch="main", worktree="/x", head="", model="offline")
    tiers.recall.update_session(session, ended_at="2026-10-01T10:00:00.000Z")
    assert moment(session[8:16], recall=tiers.recall).time == "2026-10-01T10:00:00.000Z"


def test_a_commit_is_found_by_any_name_at_its_time(tmp_path: Path) -> None:
    repository = make(tmp_path / "repo", commits=2)
    head = git(repository, "rev-parse", "HEAD")
    for name in ("HEAD", "main", head, head[:8]):
        found = moment(name, find(repository))
        assert (found.commit, found.time) == (head, "2026-01-01T00:00:00.000Z")
    with pytest.raises(MemoryEditError):
        moment("f" * 40, find(repository))


def said_at(commit_id: str) -> Provenance:
    return Provenance(Actor.USER, Source.SAID, commit=commit_id)


def test_history_decides_what_was_true_at_a_commit(tiers: Tiers, tmp_path: Path) -> None:
    """All commits have one time here: only who descends from whom can tell them apart."""
    repository = make(tmp_path / "repo")
    place = find(repository)
    tiers.archival.insert("The linter is flake8", said_at(git(repository, "rev-parse", "HEAD")))
    clock.set_source(lambda: datetime(2026, 11, 20, 13, tzinfo=UTC))
    git(repository, "checkout", "-q", "-b", "feature")
    tiers.archival.insert("The linter is ruff", said_at(commit(repository, "a.txt", "a")))
    git(repository, "checkout", "-q", "main")
    commit(repository, "b.txt", "b")

    def linter(text: str) -> list[str]:
        moment = as_of(text, tiers.archival, place, tiers.recall)
        return [passage.text for passage in tiers.archival.search("linter", as_of=moment)]

    assert linter("main") == ["The linter is flake8"]
    assert linter("feature") == ["The linter is ruff"]
    assert [passage.text for passage in tiers.archival.search("linter")] == ["The linter is ruff"]
    git(repository, "merge", "-q", "--no-edit", "feature")
    assert linter("main") == ["The linter is ruff"]
    assert linter("main~1") == ["The linter is flake8"]


def test_a_fact_that_never_was_true_is_true_at_no_commit(tiers: Tiers, tmp_path: Path) -> None:
    repository = make(tmp_path / "repo")
    wrong = tiers.archival.insert("The linter is flake8", said_at(git(repository, "rev-parse", "HEAD")))
    later = said_at(commit(repository, "a.txt", "a"))
    tiers.archival.insert("The linter is ruff", later, valid_from=wrong.valid_from, valid_from_commit=later.commit)
    moment = as_of("HEAD~1", tiers.archival, find(repository))
    assert tiers.archival.search("linter", as_of=moment) == []


def test_a_commit_that_a_rebase_replaced_counts_as_what_it_became(tiers: Tiers, tmp_path: Path) -> None:
    repository = make(tmp_path / "repo")
    before = commit(repository, "a.txt", "a")
    tiers.archival.insert("a is kept in a.txt", said_at(before))
    git(repository, "commit", "-q", "--amend", "-m", "Add a")
    after, place = git(repository, "rev-parse", "HEAD"), find(repository)
    assert tiers.archival.search("kept", as_of=as_of("HEAD", tiers.archival, place)) == []
    tiers.memory.write(
        lambda connection: connection.execute(
            "INSERT INTO commit_digests (commit_id, digested_at, replaced_by) VALUES (?, '', ?)", (before, after)
        )
    )
    assert len(tiers.archival.search("kept", as_of=as_of("HEAD", tiers.archival, place))) == 1


def test_times_decide_where_git_does_not_know_the_commit(tiers: Tiers, tmp_path: Path) -> None:
    repository = make(tmp_path / "repo")
    tiers.archival.insert(
        "from elsewhere", said_at("e" * 40), valid_from="2025-06-01T00:00:00.000Z", valid_from_commit="e" * 40
    )
    tiers.archival.insert("from tomorrow", said_at("e" * 40))
    found = tiers.archival.search("from", as_of=as_of("HEAD", tiers.archival, find(repository)))
    assert [passage.text for passage in found] == ["from elsewhere"]


def test_what_was_known_at_another_moment_can_be_asked_for(tiers: Tiers) -> None:
    clock.set_source(lambda: datetime(2026, 5, 1, tzinfo=UTC))
    tiers.archival.insert("The linter is ruff", by(), valid_from="2026-02-01T00:00:00.000Z")
    clock.set_source(lambda: datetime(2026, 11, 20, tzinfo=UTC))
    assert as_of("March, as known in April", tiers.archival) == AsOf("2026-03-31T23:59:59.999Z", "2026-04-30T23:59:59.999Z")
    assert tiers.archival.search("linter", as_of=as_of("March as known at 2026-04-30", tiers.archival)) == []
    assert len(tiers.archival.search("linter", as_of=as_of("March known now", tiers.archival))) == 1
