"""Every commit becomes a passage once, and is retired when nothing reaches it any more: real git, a real store."""

from __future__ import annotations

from pathlib import Path

import pytest

from lcode import clock
from lcode.git.command import Git
from lcode.memory.archival import Archival
from lcode.memory.lives import AsOf
from lcode.redact import of_process
from lcode.worker import digest
from lcode.worker.jobs import Stopped
from tests.worker.commits import Kept, Repository, make, turn

CODE = """class Queue:
    def put(self, job):
        return job

    def take(self):
        return None


def main():
    return Queue()
"""


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = make(tmp_path / "repo")
    made.commit("Begin", app_py=CODE)
    return made


@pytest.fixture
def kept(repository: Repository) -> Kept:
    return Kept.of(repository.root)


def ids(repository: Repository, *words: str) -> set[str]:
    return set(repository.git("rev-list", *words).split())


# -- what a digest says -----------------------------------------------------------------------------------------------


def test_a_digest_says_what_why_and_to_what(repository: Repository, kept: Kept) -> None:
    text = (
        CODE.replace("return job\n", "return job or 1\n")
        .replace("def main", "def start")
        .replace("    def take", "    # …\n    def take")
    )
    commit = repository.commit(
        "Refuse empty jobs\n\nThey were taken for\nthe end.", app_py=text, tests__test_app_py="def test_put():\n    pass\n"
    )
    kept.look()
    assert kept.text(commit).splitlines() == [
        f"Refuse empty jobs (commit {commit[:12]})",
        "By Test Person on main, 2026-02-02. 2 files, +5 −2 lines.",
        "",
        "They were taken for",
        "the end.",
        "",
        "Files: app.py (+3 −2), tests/test_app.py (new, +2 −0)",
        "Added: start, test_put",
        "Changed: Queue.put",
        "Removed: main",
        "Tests: tests/test_app.py",
    ]


def test_files_that_are_moved_binary_or_submodules_are_told_as_such(repository: Repository, kept: Kept, tmp_path: Path) -> None:
    library = make(tmp_path / "library")
    inside = library.commit("Library", lib_py="x = 1\n")
    repository.git("mv", "app.py", "program.py")
    (repository.root / "logo.png").write_bytes(b"\x89PNG\0\1")
    repository.git("submodule", "--quiet", "add", str(library.root), "vendor/lib")
    commit = repository.commit("Move")
    kept.look()
    text = kept.text(commit)
    assert "program.py (was app.py, +0 −0)" in text and "logo.png (new)" in text
    assert f"vendor/lib (new, submodule, now {inside[:12]})" in text
    assert "Added:" not in text and "Changed:" not in text


def test_a_merge_says_what_came_in(repository: Repository, kept: Kept) -> None:
    repository.git("checkout", "-q", "-b", "side")
    for number in range(3):
        repository.commit(f"Side {number}", **{f"s{number}_py": CODE})
    repository.git("checkout", "-q", "main")
    repository.git("merge", "-q", "--no-ff", "-m", "Merge side", "side")
    kept.look()
    text = kept.text(repository.head())
    assert "Brings in: 3 commits: Side 2; Side 1; Side 0" in text and "3 files" in text and "Added:" not in text
    assert kept.all()[repository.head("side")].branch in ("side", "main")


def test_a_huge_commit_has_a_short_digest(repository: Repository, kept: Kept) -> None:
    for number in range(1_500):
        (repository.root / f"f{number}.py").write_text(f"def function_{number}():\n    pass\n")
    commit = repository.commit("Add very much\n\n" + "why " * 20_000)
    kept.look()
    text = kept.text(commit)
    assert len(text) < 8_000 and "1,500 files" in text and "and 1,470 more" in text and "function_1" in text


def test_messages_and_names_may_hold_anything(repository: Repository, kept: Kept) -> None:
    (repository.root / ":100644 x\ty").write_text("1\n")
    (repository.root / "1\t2\tz\n").write_text("1\n")
    repository.git("add", "-A")
    repository.git("commit", "-q", "-m", "\x01Odd\x02 \x1b[31m", "-m", "a" * 40, "-m", ":100644 100644 a b M", "-m", "1\t2\tx")
    odd = repository.head()
    last = repository.commit("Plain")
    kept.look()
    assert set(kept.all()) == ids(repository, "HEAD") and "Odd" in kept.text(odd) and "2 files" in kept.text(odd)
    assert kept.text(last).startswith("Plain")


def test_a_commit_without_a_message_is_digested(repository: Repository, kept: Kept) -> None:
    repository.git("commit", "-q", "--allow-empty", "--allow-empty-message", "-m", "")
    kept.look()
    assert kept.text(repository.head()).startswith("(no message) (commit ")


# -- once, bounded, resumed -------------------------------------------------------------------------------------------


def test_every_commit_is_digested_once_from_wherever_it_is(repository: Repository, kept: Kept, tmp_path: Path) -> None:
    assert kept.look()
    assert not kept.look()
    repository.git("checkout", "-q", "-b", "side")
    repository.commit("On a branch")
    repository.git("checkout", "-q", "--detach", "main")
    detached = repository.commit("Detached")
    repository.git("worktree", "add", "-q", "--detach", str(tmp_path / "tree"), "main")
    tree = Repository(tmp_path / "tree", repository.seconds)
    there = tree.commit("In a worktree")
    repository.seconds = tree.seconds
    repository.git("checkout", "-q", "main")
    assert kept.look()
    assert {detached, there} | ids(repository, "--branches") == set(kept.all())
    assert [digest.commit for digest in kept.all().values() if digest.retired_at] == [detached]  # nothing is on it any more
    assert [commit for commit, _, _ in kept.passages()] == list(kept.all())
    assert not kept.look() and not kept.look(root=tree.root)


def test_the_first_time_is_bounded_and_then_everything_is_taken(
    repository: Repository, kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(digest, "FIRST", 5)
    repository.git("branch", "old")
    made = [repository.commit(f"Number {number}") for number in range(12)]
    kept.look()
    assert list(kept.all()) == made[-5:]
    more = [repository.commit(f"More {number}") for number in range(8)]
    kept.look()
    assert list(kept.all()) == [*made[-5:], *more]


def test_a_pass_that_is_stopped_goes_on_where_it_stood(repository: Repository, kept: Kept) -> None:
    made = [repository.commit(f"Number {number}") for number in range(6)]
    calls = iter(range(100))
    with pytest.raises(Stopped):
        kept.look(turn(lambda: next(calls) >= 4))
    assert 0 < len(kept.all()) < 7
    kept.look()
    assert list(kept.all())[-6:] == made and len(kept.passages()) == 7


def test_where_nothing_is_new_git_is_asked_once(repository: Repository, kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    kept.look()
    calls = []
    call = Git._call
    monkeypatch.setattr(Git, "_call", lambda self, words, *rest: calls.append(words[0]) or call(self, words, *rest))
    kept.look()
    assert calls in (["for-each-ref"], ["config", "for-each-ref"])


def test_a_commit_that_only_a_hook_knew_is_digested(repository: Repository, kept: Kept) -> None:
    repository.git("config", "core.logAllRefUpdates", "false")
    kept.look()
    lost = repository.commit("Soon amended")
    repository.git("commit", "-q", "--amend", "--allow-empty", "-m", "Amended")
    (repository.root / ".git/logs/HEAD").unlink()
    kept.look(turn(commits=(lost, "f" * 40)))
    assert kept.all()[lost].replaced_by == repository.head()


# -- what is retired --------------------------------------------------------------------------------------------------


def retired(kept: Kept) -> dict[str, tuple[str, str]]:
    """What took the place of each retired commit, and the first word of the reason."""
    found = {digest.commit: digest for digest in kept.all().values() if digest.retired_at}
    ends = {commit: (end, successor) for commit, end, successor in kept.passages()}
    for commit, one in found.items():
        end, successor = ends[commit]
        assert end and (successor == kept.all()[one.replaced_by].passage_id if one.replaced_by else not successor)
    assert all(not end for commit, (end, _) in ends.items() if commit not in found)
    return {commit: (one.replaced_by, one.reason.partition(":")[0].partition(" ")[0]) for commit, one in found.items()}


def test_an_amended_commit_is_digested_and_retired(repository: Repository, kept: Kept) -> None:
    first = repository.commit("Frist", a_py="a = 1\n")
    repository.git("commit", "-q", "--amend", "-m", "First")
    second = repository.head()
    repository.git("commit", "-q", "--amend", "-m", "The first")
    kept.look()
    assert retired(kept) == {first: (second, "amended"), second: (repository.head(), "amended")}
    assert kept.live() == ids(repository, "HEAD")


def test_rebased_commits_give_way_to_what_they_became(repository: Repository, kept: Kept) -> None:
    repository.git("checkout", "-q", "-b", "side")
    old = [repository.commit(f"Side {number}", **{f"s{number}_py": f"x = {number}\n"}) for number in range(3)]
    repository.git("checkout", "-q", "main")
    repository.commit("Meanwhile", m_py="m = 1\n")
    kept.look()
    repository.git("rebase", "-q", "main", "side")
    kept.look()
    new = [repository.head("side~2"), repository.head("side~1"), repository.head("side")]
    assert retired(kept) == {before: (after, "rebased") for before, after in zip(old, new, strict=True)}


def test_a_reworded_commit_is_known_by_what_it_changes(repository: Repository, kept: Kept) -> None:
    old = repository.commit("Wrod", a_py="a = 1\n")
    kept.look()
    repository.git("checkout", "-q", "--detach", "HEAD~1")
    repository.commit("Meanwhile", m_py="m = 1\n")
    repository.git("cherry-pick", "--no-commit", old)
    new = repository.commit("Word")
    repository.git("branch", "-f", "main", "HEAD")
    kept.look()
    assert retired(kept) == {old: (new, "rebased")}


def test_squashed_commits_give_way_to_the_one_that_holds_them(repository: Repository, kept: Kept) -> None:
    base = repository.head()
    repository.git("checkout", "-q", "-b", "side")
    side = [repository.commit(f"Step number {number}", **{f"s{number}_py": f"x = {number}\n"}) for number in range(3)]
    kept.look()
    repository.git("checkout", "-q", "main")
    repository.commit("Meanwhile", m_py="m = 1\n")
    repository.git("merge", "-q", "--squash", "side")
    squash = repository.commit("Add the steps (#7)\n\n* Step number 0\n\n* Step number 1\n\n* Step number 2")
    kept.look()
    assert retired(kept) == {}  # the branch is still there
    repository.git("branch", "-q", "-D", "side")
    kept.look()
    assert retired(kept) == dict.fromkeys(side, (squash, "squashed"))

    repository.git("reset", "-q", "--hard", base)
    parts = [repository.commit(f"Part {number}", **{f"p{number}_py": f"x = {number}\n"}) for number in range(3)]
    kept.look()
    repository.git("reset", "-q", "--soft", base)
    whole = repository.commit("All of it")
    kept.look()
    assert {part: retired(kept)[part] for part in parts} == dict.fromkeys(parts, (whole, "squashed"))


def test_fixups_go_where_their_commit_went(repository: Repository, kept: Kept) -> None:
    target = repository.commit("Target", a_py="a = 1\n")
    other = repository.commit("Other", b_py="b = 1\n")
    fixup = repository.commit("fixup! Target", a_py="a = 2\n")
    kept.look()
    repository.git("rebase", "-q", "-i", "--autosquash", "HEAD~3", GIT_SEQUENCE_EDITOR="true")
    kept.look()
    new_target, new_other = repository.head("HEAD~1"), repository.head()
    assert {old: new for old, (new, _) in retired(kept).items()} == {target: new_target, other: new_other, fixup: new_target}


def test_a_deleted_branch_is_retired_and_comes_back(repository: Repository, kept: Kept) -> None:
    repository.git("checkout", "-q", "-b", "side")
    lost = repository.commit("Only here", a_py="a = 1\n")
    repository.git("checkout", "-q", "main")
    repository.git("branch", "-q", "-D", "side")
    kept.look()
    assert retired(kept) == {lost: ("", "no")}
    repository.git("branch", "side", lost)
    kept.look()
    assert retired(kept) == {} and lost in kept.live()
    repository.git("branch", "-q", "-D", "side")
    kept.look()
    assert retired(kept) == {lost: ("", "no")}


def test_tags_and_remote_branches_hold_what_they_reach(repository: Repository, kept: Kept) -> None:
    for name, keep in (
        ("tagged", ("tag", "-a", "-m", "v1", "v1", "tagged")),
        ("pushed", ("update-ref", "refs/remotes/o/pushed", "pushed")),
    ):
        repository.git("checkout", "-q", "-b", name, "main")
        repository.commit(f"Work {name}", **{f"{name}_py": "a = 1\n"})
        repository.git(*keep)
    repository.git("checkout", "-q", "main")
    kept.look()
    repository.git("branch", "-q", "-D", "tagged", "pushed")
    kept.look()
    assert retired(kept) == {}
    forced = repository.head("refs/remotes/o/pushed")
    repository.git("update-ref", "refs/remotes/o/pushed", "main")  # a force-push that was fetched
    kept.look()
    assert set(retired(kept)) == {forced}


def test_a_retired_commit_is_found_for_the_time_when_it_was_there_alone(repository: Repository, kept: Kept) -> None:
    lost = repository.commit("Teach the parser umbrellas", a_py="a = 1\n")
    kept.look()
    then = clock.stamp()
    repository.git("reset", "-q", "--hard", "HEAD~1")
    kept.look()
    with kept.database() as database:
        archival = Archival(database, of_process())
        assert archival.search("umbrellas", kind="commit") == []
        assert archival.search("umbrellas") == []  # and is no fact
        (found,) = archival.search("umbrellas", kind="commit", as_of=AsOf(then))
        assert found.commit == lost and found.actor == "git" and found.trust == "unverified"


def test_a_cherry_pick_retires_nothing(repository: Repository, kept: Kept) -> None:
    repository.git("checkout", "-q", "-b", "side")
    picked = repository.commit("Picked", a_py="a = 1\n")
    repository.git("checkout", "-q", "main")
    repository.commit("Meanwhile", m_py="m = 1\n")
    repository.git("cherry-pick", picked)
    kept.look()
    assert retired(kept) == {} and kept.live() == ids(repository, "--branches")


# -- odd repositories -------------------------------------------------------------------------------------------------


def test_a_shallow_clone_says_less_and_retires_nothing_it_cut_off(repository: Repository, tmp_path: Path) -> None:
    for number in range(6):
        repository.commit(f"Number {number}", **{f"f{number}_py": CODE})
    make(tmp_path / "away").git("clone", "-q", "--depth=4", f"file://{repository.root}", str(tmp_path / "clone"))
    clone = Repository(tmp_path / "clone", repository.seconds)
    kept = Kept.of(clone.root)
    kept.look()
    assert set(kept.all()) == ids(clone, "HEAD") and len(kept.all()) == 4
    oldest = ids(clone, "HEAD~3").pop()
    assert "What it changed is not in this clone." in kept.text(oldest)
    clone.git("fetch", "-q", "--depth=2")
    clone.git("reflog", "expire", "--expire=now", "--all")
    clone.git("gc", "-q", "--prune=now")
    kept.look()
    assert retired(kept) == {}
    amended = clone.commit("Here")
    clone.git("commit", "-q", "--amend", "--allow-empty", "-m", "Amended")
    kept.look()
    assert set(retired(kept)) == {amended}


@pytest.mark.parametrize("what", ["blob:none", "tree:0"])
def test_a_partial_clone_says_less_and_fetches_nothing(repository: Repository, tmp_path: Path, what: str) -> None:
    repository.git("config", "uploadpack.allowFilter", "true")
    repository.git("mv", "app.py", "moved.py")
    repository.commit("Move")
    make(tmp_path / "away").git(
        "clone", "-q", "--no-checkout", f"--filter={what}", f"file://{repository.root}", str(tmp_path / "clone")
    )
    objects = tmp_path / "clone/.git/objects"
    before = sorted(path.name for path in objects.rglob("*"))
    kept = Kept.of(tmp_path / "clone")
    kept.look()
    assert set(kept.all()) == ids(repository, "HEAD")
    assert ("moved.py (new)" in kept.text(repository.head())) == (what == "blob:none")
    assert sorted(path.name for path in objects.rglob("*")) == before


def test_commits_named_by_sha256_are_digested(tmp_path: Path) -> None:
    repository = make(tmp_path / "repo", "--object-format=sha256")
    commit = repository.commit("Begin", app_py=CODE)
    repository.git("commit", "-q", "--amend", "-m", "Started")
    kept = Kept.of(repository.root)
    kept.look()
    assert len(commit) == 64 and retired(kept) == {commit: (repository.head(), "amended")}
    assert "Added: Queue, main" in kept.text(repository.head())


def test_an_empty_repository_and_a_bare_one(repository: Repository, tmp_path: Path) -> None:
    empty = make(tmp_path / "empty")
    assert not Kept.of(empty.root).look()
    repository.git("clone", "-q", "--bare", str(repository.root), str(tmp_path / "bare.git"))
    kept = Kept.of(tmp_path / "bare.git")
    kept.look()
    assert kept.live() == ids(repository, "HEAD")


def test_what_one_clone_of_an_agent_has_the_other_does_not_retire(repository: Repository, kept: Kept, tmp_path: Path) -> None:
    kept.look()
    repository.git("clone", "-q", str(repository.root), str(tmp_path / "other"))
    other = Repository(tmp_path / "other", repository.seconds)
    import os
    from contextlib import closing

    from lcode.git.repository import find
    from lcode.memory.store import Store

    with closing(Store(os.environ)) as store:
        row = store.agents.known(find(repository.root))
        assert row is not None
        store.agents.bind(row.id, find(other.root))
    mine = other.commit("Only in the other")
    kept.look(root=other.root)
    repository.commit("Only in this one")
    kept.look()
    assert retired(kept) == {} and mine in kept.live()
    other.git("reset", "-q", "--hard", "HEAD~1")
    kept.look(root=other.root)
    assert set(retired(kept)) == {mine}


def test_secrets_of_git_never_reach_the_disk(repository: Repository, kept: Kept, tmp_path: Path) -> None:
    secrets = ["ghp_" + letter * 36 for letter in "aBcDeF"]
    secrets = [secret[:20] + f"x9Z{number}" + secret[24:] for number, secret in enumerate(secrets)]
    repository.git("checkout", "-q", "-b", f"wip-{secrets[0]}")
    repository.commit(
        f"Use {secrets[1]}\n\nand {secrets[2]} " + "x" * 3_985 + f" {secrets[3]}",
        **{f"{secrets[4]}_py": f"def of_{secrets[5]}():\n    return 1\n"},
    )
    repository.git("commit", "-q", "--amend", "--no-edit", f"--author={secrets[1]} <a@b>")
    repository.git("tag", "-a", "-m", secrets[2], f"v-{secrets[3]}")
    repository.git("worktree", "add", "-q", "--detach", str(tmp_path / "trees" / secrets[0]))
    kept.look()
    held = b"".join(path.read_bytes() for path in kept.paths.folder.rglob("*") if path.is_file())
    assert "[redacted:" in kept.text(repository.head())
    assert not [secret for secret in secrets if secret[:16].encode() in held]


# -- what was taken back ----------------------------------------------------------------------------------------------


def test_a_revert_is_kept_as_an_attempt_that_ends_with_its_commit(repository: Repository, kept: Kept) -> None:
    repository.commit("Cache the queue", app_py=CODE + "CACHE = {}\n")
    repository.git("revert", "--no-edit", "HEAD")
    repository.git("commit", "-q", "--amend", "-m", repository.git("log", "-1", "--format=%B") + "\nIt grew without end.")
    commit = repository.head()
    kept.look()
    kept.look()

    def found() -> list[str]:
        with kept.database() as database:
            return [one.text for one in Archival(database, of_process()).search("cache queue", kind="attempt")]

    (text,) = found()
    assert text.splitlines() == [
        "Goal: Cache the queue",
        "Approach: changed app.py",
        f"Outcome: reverted by Test Person on {text.partition(' on ')[2][:10]} (commit {commit[:12]})",
        "Evidence: the commit says «It grew without end.»",
    ]
    repository.git("reset", "-q", "--hard", "HEAD~1")
    repository.git("reflog", "expire", "--expire=now", "--all")
    kept.look()
    assert found() == []
    repository.git("reset", "-q", "--hard", commit)
    kept.look()
    assert found() == [text]


def test_a_revert_of_a_revert_is_none(repository: Repository, kept: Kept) -> None:
    repository.commit('Revert "Revert "Cache the queue""', app_py=CODE + "CACHE = {}\n")
    kept.look()
    with kept.database() as database:
        assert Archival(database, of_process()).search("", kind="attempt") == []
