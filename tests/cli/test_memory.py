"""`lcode memory`: blocks shown and edited by their owner, without losing anybody's words."""

from __future__ import annotations

import re
import stat
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import CHECKOUT, Lcode, git, process

DEFAULTS = ["persona", "human", "architecture", "conventions", "current_work"]


def value_of(lcode: Lcode, label: str) -> str:
    return str(lcode("memory", "show", label, "--json").json()["value"])


def test_all_blocks_are_shown_with_size_and_scope(lcode: Lcode, repository: Path) -> None:
    done = lcode("memory")
    assert done.code == 0
    heads = re.findall(r"^(\w+)  ([\d,]+)/5,000 characters · for (.+?) · ", done.out, re.M)
    assert [head[0] for head in heads] == DEFAULTS
    assert {label: scope for label, _, scope in heads}["human"] == "you, in every repository"


def test_lines_that_nobody_verified_are_marked(lcode: Lcode, repository: Path) -> None:
    block = lcode("memory", "show", "architecture", "--json").json()
    assert block["unverified"]
    shown = lcode("memory", "show", "architecture").out
    for line in block["unverified"]:
        assert f"  ? {line}" in shown
    assert "not verified" in shown


def test_looking_at_an_unknown_place_writes_nothing(lcode: Lcode, repository: Path, home: Path) -> None:
    for command in (["memory"], ["sessions"], ["recall", "x"], ["search", "x"], ["agents"], ["memory", "log", "human"]):
        assert lcode(*command).code == 0
    assert not home.exists() or not list(home.rglob("*.db"))


def test_json_lists_every_block_with_stable_keys(lcode: Lcode, repository: Path) -> None:
    blocks = lcode("memory", "show", "--json").json()
    assert [block["label"] for block in blocks] == DEFAULTS
    assert {"label", "description", "value", "limit", "chars", "version", "scope", "actor", "source", "unverified"} <= set(
        blocks[0]
    )


def test_a_block_is_set_and_appended_to_by_the_user(lcode: Lcode, repository: Path) -> None:
    assert lcode("memory", "set", "human", "answers", "in German").code == 0
    assert lcode("memory", "append", "human", "likes short commits").code == 0
    block = lcode("memory", "show", "human", "--json").json()
    assert block["value"] == "answers in German\nlikes short commits"
    assert (block["actor"], block["source"], block["version"]) == ("user", "said", 2)


def test_a_value_can_be_piped_in(lcode: Lcode, repository: Path) -> None:
    assert lcode("memory", "set", "human", stdin="one\ntwo\n").code == 0
    assert lcode("memory", "append", "human", "-", stdin="three").code == 0
    assert value_of(lcode, "human") == "one\ntwo\nthree"


def test_a_text_may_begin_with_a_dash(lcode: Lcode, repository: Path) -> None:
    assert lcode("memory", "append", "human", "- uses tabs").code == 0
    assert value_of(lcode, "human") == "- uses tabs"


def test_an_empty_value_is_a_value(lcode: Lcode, repository: Path) -> None:
    lcode("memory", "set", "human", "x")
    assert lcode("memory", "set", "human", "").code == 0
    assert value_of(lcode, "human") == ""


def test_an_unknown_label_is_answered_with_those_there_are(lcode: Lcode, repository: Path) -> None:
    done = lcode("memory", "set", "humn", "x")
    assert done.code == 1
    assert "blocks are: persona, human" in done.err


def test_what_does_not_fit_is_refused_and_names_commands(lcode: Lcode, repository: Path) -> None:
    done = lcode("memory", "set", "human", "x" * 5_001)
    assert done.code == 1
    assert "`lcode memory edit`" in done.err
    assert "memory_rethink" not in done.err
    assert value_of(lcode, "human") == ""


def test_a_block_is_added_and_removed(lcode: Lcode, repository: Path) -> None:
    added = lcode("memory", "add", "api", "--description", "the API", "--value", "v1", "--limit", "100", "--scope", "user")
    assert added.code == 0
    block = lcode("memory", "show", "api", "--json").json()
    assert (block["scope"], block["limit"], block["description"]) == ("user", 100, "the API")
    assert lcode("memory", "add", "api", "--description", "again").code == 1
    assert lcode("memory", "remove", "api", "--yes").code == 0
    assert lcode("memory", "show", "api").code == 1


def test_a_block_of_all_repositories_is_removed_once_confirmed(lcode: Lcode, repository: Path) -> None:
    lcode("memory", "append", "human", "tea")
    refused = lcode("memory", "remove", "human")
    assert refused.code == 2
    assert "all your repositories" in refused.err
    assert refused.err.endswith("hint: add --yes\n")
    assert value_of(lcode, "human") == "tea"
    removed = lcode("memory", "remove", "human", "--yes")
    assert removed.code == 0
    assert "you, in every repository" in removed.out
    assert lcode("memory", "remove", "conventions").code == 0


def test_a_removed_block_has_its_log_and_is_restored(lcode: Lcode, repository: Path) -> None:
    lcode("memory", "append", "human", "tea")
    lcode("memory", "remove", "human", "--yes")
    assert "lcode memory restore human" in lcode("memory", "set", "human", "coffee").err
    log = lcode("memory", "log", "human", "--json").json()
    assert [row["operation"] for row in log] == ["delete", "append"]
    assert lcode("memory", "restore", "human").code == 0
    assert value_of(lcode, "human") == "tea"
    lcode("memory", "set", "human", "coffee")
    assert lcode("memory", "restore", "human").code == 1
    assert lcode("memory", "restore", "human", "--version", "1").code == 0
    assert value_of(lcode, "human") == "tea"


def test_a_default_block_made_again_has_its_description_and_scope(lcode: Lcode, repository: Path) -> None:
    before = lcode("memory", "show", "human", "--json").json()
    lcode("memory", "remove", "human", "--yes")
    assert lcode("memory", "add", "human").code == 0
    after = lcode("memory", "show", "human", "--json").json()
    assert (after["description"], after["scope"]) == (before["description"], "user")
    other = lcode("memory", "add", "api")
    assert other.code == 2
    assert "--description" in other.err


@pytest.mark.parametrize("limit", ["-1", "99", "1000000000"])
def test_a_senseless_limit_is_a_usage_error(lcode: Lcode, repository: Path, limit: str) -> None:
    assert lcode("memory", "add", "api", "--description", "x", f"--limit={limit}").code == 2


def test_json_goes_with_the_bare_command(lcode: Lcode, repository: Path) -> None:
    lcode("memory", "append", "human", "tea")
    assert lcode("memory", "--json").json() == lcode("memory", "show", "--json").json()


def test_the_log_tells_every_edit_newest_first(lcode: Lcode, repository: Path) -> None:
    lcode("memory", "append", "human", "tea")
    lcode("memory", "set", "human", "coffee")
    versions = lcode("memory", "log", "human", "--json").json()
    assert [(row["version"], row["operation"], row["value"]) for row in versions] == [
        (2, "rethink", "coffee"),
        (1, "append", "tea"),
    ]
    assert "-tea +coffee" in lcode("memory", "log", "human").out


def test_user_blocks_are_shared_and_the_others_are_not(lcode: Lcode, repository: Path, tmp_path: Path) -> None:
    lcode("memory", "append", "human", "prefers tabs")
    lcode("memory", "append", "conventions", "ours alone")
    other = tmp_path / "other"
    other.mkdir()
    shown = lcode("-C", str(other), "memory").out
    assert "prefers tabs" in shown
    assert "ours alone" not in shown


def test_the_directory_may_stand_behind_the_command(lcode: Lcode, repository: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    assert lcode("memory", "append", "conventions", "theirs", "-C", str(other)).code == 0
    assert "theirs" in lcode("-C", str(other), "memory", "show", "conventions").out
    assert "theirs" not in lcode("memory", "show", "conventions").out


def test_escapes_in_a_block_do_not_reach_the_terminal(lcode: Lcode, repository: Path) -> None:
    lcode("memory", "append", "human", "a\x1b]0;title\x07b\x1b[2Jc\u202ed")
    shown = lcode("memory", "show", "human").out
    assert "abcd" in shown
    assert "\x1b" not in shown


# -- the editor -----------------------------------------------------------------------------------------------------


def editor(folder: Path, body: str) -> str:
    """A program that edits the file it is called with."""
    script = folder / "edit.py"
    script.write_text(f"import pathlib, sys\nfile = pathlib.Path(sys.argv[-1])\ntext = file.read_text()\n{body}\n")
    return f"'{sys.executable}' '{script}'"


def test_the_editor_gets_the_value_and_its_text_is_kept(
    lcode: Lcode, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lcode("memory", "set", "human", "likes tea")
    monkeypatch.setenv(
        "EDITOR", editor(tmp_path, "assert text == 'likes tea\\n'; file.write_text(text.replace('tea', 'coffee'))")
    )
    assert lcode("memory", "edit", "human").code == 0
    assert value_of(lcode, "human") == "likes coffee"


def test_visual_comes_before_editor(lcode: Lcode, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDITOR", "false")
    monkeypatch.setenv("VISUAL", editor(tmp_path, "file.write_text('by visual')"))
    assert lcode("memory", "edit", "human").code == 0
    assert value_of(lcode, "human") == "by visual"


def test_an_unchanged_text_is_no_edit(lcode: Lcode, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lcode("memory", "set", "human", "likes tea")
    monkeypatch.setenv("EDITOR", "true")
    assert "unchanged" in lcode("memory", "edit", "human").out
    assert lcode("memory", "show", "human", "--json").json()["version"] == 1


def test_an_edit_that_somebody_overtook_is_refused_and_the_text_kept(
    lcode: Lcode, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lcode("memory", "set", "human", "first")
    command = "[sys.executable, '-m', 'lcode', 'memory', 'append', 'human', 'meanwhile']"
    other = f"import subprocess; subprocess.run({command}, check=True)"
    monkeypatch.setenv("PYTHONPATH", str(CHECKOUT))
    monkeypatch.setenv("EDITOR", editor(tmp_path, f"{other}\nfile.write_text('mine')"))
    done = lcode("memory", "edit", "human")
    assert done.code == 1
    assert "was changed by user" in done.err
    kept = re.search(r"your text is kept in (.+)", done.err)
    assert kept is not None
    path = Path(kept[1])
    assert path.read_text() == "mine"
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert value_of(lcode, "human") == "first\nmeanwhile"
    path.unlink()
    path.parent.rmdir()


def test_an_editor_that_fails_changes_nothing(lcode: Lcode, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDITOR", "false")
    done = lcode("memory", "edit", "human")
    assert done.code == 1
    assert "nothing was changed" in done.err
    monkeypatch.setenv("EDITOR", "/no/such/editor")
    assert "set VISUAL or EDITOR" in lcode("memory", "edit", "human").err


def test_a_moved_repository_keeps_its_memory_also_when_one_only_looks(
    lcode: Lcode, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lcode("memory", "append", "conventions", "moved along")
    moved = tmp_path / "elsewhere"
    monkeypatch.chdir(tmp_path)
    repository.rename(moved)
    assert "moved along" in lcode("-C", str(moved), "memory").out


def test_a_copy_of_a_repository_is_looked_at_without_making_an_agent(lcode: Lcode, repository: Path, tmp_path: Path) -> None:
    lcode("memory", "append", "conventions", "the first one's")
    git(tmp_path, "clone", "-q", str(repository), "copy")
    assert "the first one's" not in lcode("-C", str(tmp_path / "copy"), "memory").out
    assert len(lcode("agents", "--json").json()) == 1


def test_showing_memory_does_not_load_the_network_or_the_terminal(repository: Path) -> None:
    done = process("memory", "show", PYTHONPROFILEIMPORTTIME="1")
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "lcode.memory.blocks" in loaded
    assert not loaded & {"urllib3", "prompt_toolkit", "rich"}
