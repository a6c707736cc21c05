"""Core memory: edits are operations on the row as it is now."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lcode.errors import MemoryEditError
from lcode.memory.model import Actor, Provenance, Scope, Source, Trust
from lcode.memory.operations import replay
from lcode.memory.render import render_blocks
from lcode.tokens import approximate_tokens
from tests.memory.conftest import Tiers, by


def test_every_agent_has_the_default_blocks_in_a_stable_order(tiers: Tiers) -> None:
    labels = [block.label for block in tiers.blocks.list()]
    assert labels == ["persona", "human", "architecture", "conventions", "current_work"]
    tiers.blocks.create("zebra", "stripes", "", None, by())
    tiers.blocks.create("api_design", "rules", "be plain", 300, by())
    assert [block.label for block in tiers.blocks.list()][5:] == ["api_design", "zebra"]
    assert render_blocks(tiers.blocks.list()) == render_blocks(tiers.blocks.list())


def test_append_replace_insert_and_rethink_return_the_new_value(tiers: Tiers) -> None:
    blocks = tiers.blocks
    assert blocks.append("conventions", "use tabs", by()).value == "use tabs"
    assert blocks.append("conventions", "run pytest", by()).value == "use tabs\nrun pytest"
    assert blocks.replace("conventions", "tabs", "spaces", by()).value == "use spaces\nrun pytest"
    assert blocks.insert("conventions", "top", 0, by()).value == "top\nuse spaces\nrun pytest"
    assert blocks.insert("conventions", "end", -1, by()).value.endswith("\nend")
    last = blocks.rethink("conventions", "one line", by())
    assert (last.value, last.version) == ("one line", 6)
    assert [version.operation for version in blocks.versions("conventions")] == [
        "append",
        "append",
        "replace",
        "insert",
        "insert",
        "rethink",
    ]


@pytest.mark.parametrize(("value", "count"), [("alpha beta", "does not occur"), ("gamma gamma", "occurs 2 times")])
def test_a_replace_that_does_not_match_once_shows_the_current_value(tiers: Tiers, value: str, count: str) -> None:
    tiers.blocks.append("conventions", value, by())
    with pytest.raises(MemoryEditError, match=count) as caught:
        tiers.blocks.replace("conventions", "gamma", "delta", by())
    assert value in caught.value.hint


def test_a_rethink_of_an_old_version_is_refused_and_names_who_changed_it(tiers: Tiers) -> None:
    seen = tiers.blocks.append("conventions", "first", by())
    tiers.blocks.append("conventions", "theirs", by(session="session-other"))
    with pytest.raises(MemoryEditError, match="session-other") as caught:
        tiers.blocks.rethink("conventions", "mine", by(), seen.version)
    assert "first\ntheirs" in caught.value.hint
    assert tiers.blocks.get("conventions").value == "first\ntheirs"


def test_the_limit_is_enforced_and_names_the_overflow_and_archival(tiers: Tiers) -> None:
    tiers.blocks.append("conventions", "x" * 4_990, by())
    with pytest.raises(MemoryEditError, match=r"5011 of 5000 characters, 11 too many.*archival_memory_insert"):
        tiers.blocks.append("conventions", "y" * 20, by())
    assert tiers.blocks.replace("conventions", "x" * 4_990, "short", by()).value == "short"


def test_all_blocks_together_have_a_token_budget(tiers: Tiers) -> None:
    for number in range(6):
        tiers.blocks.create(f"part{number}", "", "word, " * 820, None, by())
    with pytest.raises(MemoryEditError, match="all blocks together"):
        tiers.blocks.create("part7", "", "word, " * 820, None, by())


def test_the_same_operation_lands_once(tiers: Tiers) -> None:
    operation = by()
    tiers.blocks.append("conventions", "once", operation)
    assert tiers.blocks.append("conventions", "once", operation).value == "once"
    landed = tiers.blocks.landed(operation.operation_id)
    assert landed is not None
    assert landed.value == "once"
    assert tiers.blocks.landed("op-unknown") is None


def test_a_line_that_is_there_already_is_not_written_again(tiers: Tiers) -> None:
    tiers.blocks.append("conventions", "run pytest", by())
    with pytest.raises(MemoryEditError, match="already holds"):
        tiers.blocks.append("conventions", "  run pytest ", by())


def test_scopes_decide_who_shares_a_block(tiers: Tiers) -> None:
    tiers.blocks.append("current_work", "on main", by())
    tiers.blocks.append("human", "likes tests", by())
    branch = tiers.blocks_of(branch="feature")
    assert branch.get("current_work").value == ""
    branch.append("current_work", "on feature", by())
    assert tiers.blocks.get("current_work").value == "on main"
    assert branch.get("human").value == "likes tests"
    assert tiers.blocks.get("human").scope is Scope.USER
    assert branch.get("human").scope is Scope.USER if False else True


def test_secrets_do_not_reach_a_block(tiers: Tiers) -> None:
    block = tiers.blocks.append("conventions", "the token is correct-horse-battery", by())
    assert "correct-horse" not in block.value
    assert "[redacted:" in block.value


def test_lines_from_files_stay_marked_until_somebody_restates_them(tiers: Tiers) -> None:
    from_file = Provenance(Actor.PROGRAM, Source.FILE, trust=Trust.UNVERIFIED)
    tiers.blocks.append("architecture", "line one\nline two\nline three", from_file)
    block = tiers.blocks.append("architecture", "checked", by())
    assert '<unverified lines="1-3">' in render_blocks([block])
    block = tiers.blocks.replace("architecture", "line two", "line 2, checked", by())
    assert '<unverified lines="1,3">' in render_blocks([block])


def test_only_the_user_changes_a_read_only_block(tiers: Tiers) -> None:
    tiers.blocks.create("law", "", "thou shalt", None, by(Actor.USER), read_only=True)
    with pytest.raises(MemoryEditError, match="read-only"):
        tiers.blocks.append("law", "not", by())
    assert tiers.blocks.append("law", "not", by(Actor.USER)).value == "thou shalt\nnot"


def test_a_deleted_block_leaves_the_prompt_and_can_come_back(tiers: Tiers) -> None:
    tiers.blocks.create("extra", "old words", "value", None, by())
    tiers.blocks.delete("extra", by())
    assert "extra" not in [block.label for block in tiers.blocks.list()]
    with pytest.raises(MemoryEditError, match="no block 'extra'"):
        tiers.blocks.append("extra", "x", by())
    back = tiers.blocks.create("extra", "new words", "again", None, by())
    assert (back.value, back.description, back.version) == ("again", "new words", 3)
    tiers.blocks.delete("persona", by())
    assert tiers.blocks.list()[0].label == "human"


def test_a_removed_block_is_still_told_of_and_comes_back_with_its_description(tiers: Tiers) -> None:
    blocks = tiers.blocks
    blocks.create("deploy", "how to deploy", "make ship", 300, by())
    blocks.append("deploy", "tag it", by())
    blocks.delete("deploy", by())
    with pytest.raises(MemoryEditError, match="was removed") as caught:
        blocks.append("deploy", "more", by())
    assert "lcode memory restore deploy" in caught.value.hint
    assert [version.operation for version in blocks.versions("deploy")] == ["create", "append", "delete"]
    back = blocks.restore("deploy", by())
    assert (back.value, back.description, back.limit, back.version) == ("make ship\ntag it", "how to deploy", 300, 4)
    assert blocks.get("deploy") == back
    assert blocks.restore("deploy", by(), 1).value == "make ship"
    assert [version.operation for version in blocks.versions("deploy")][3:] == ["restore", "restore"]
    assert replay(blocks.versions("deploy")) == "make ship"


def test_a_restore_says_which_versions_there_are(tiers: Tiers) -> None:
    tiers.blocks.append("conventions", "one", by())
    for version in (None, 7):
        with pytest.raises(MemoryEditError):
            tiers.blocks.restore("conventions", by(), version)
    tiers.blocks.delete("conventions", by())
    with pytest.raises(MemoryEditError) as caught:
        tiers.blocks.restore("conventions", by(), 2)
    assert caught.value.hint == "versions are: 1"


def test_a_restored_line_that_nobody_vouched_for_is_marked_again(tiers: Tiers) -> None:
    tiers.blocks.append("conventions", "said by the user", by(Actor.USER, Source.SAID))
    tiers.blocks.append("conventions", "read somewhere", by(Actor.PROGRAM, Source.FILE, trust=Trust.UNVERIFIED))
    tiers.blocks.delete("conventions", by())
    assert tiers.blocks.restore("conventions", by(Actor.USER, Source.SAID)).unverified == ("read somewhere",)
    tiers.blocks.delete("conventions", by())
    assert tiers.blocks.restore("conventions", by(Actor.USER, Source.SAID)).unverified == ("read somewhere",)


def test_a_default_block_made_again_is_shared_and_described_as_before(tiers: Tiers) -> None:
    before = tiers.blocks.get("human")
    tiers.blocks.delete("human", by())
    again = tiers.blocks.create("human", "something else", "likes tests", None, by())
    assert (again.scope, again.description) == (before.scope, before.description)


@pytest.mark.parametrize("limit", [-1, 0, 99, 100_001, 10**9])
def test_a_limit_out_of_bounds_is_refused(tiers: Tiers, limit: int) -> None:
    with pytest.raises(MemoryEditError, match="100 to 100,000"):
        tiers.blocks.create("notes", "what", "", limit, by())
    assert "notes" not in [block.label for block in tiers.blocks.list()]


def test_descriptions_are_short_and_take_of_the_budget(tiers: Tiers) -> None:
    with pytest.raises(MemoryEditError, match="5,000 characters, 500 are allowed"):
        tiers.blocks.create("notes", "d" * 5_000, "", None, by())
    with pytest.raises(MemoryEditError, match="all blocks together"):
        for number in range(200):
            tiers.blocks.create(f"part{number}", "d" * 500, "", None, by())
    assert sum(approximate_tokens(block.description) for block in tiers.blocks.list()) <= 8_000


def test_a_label_must_be_a_plain_word(tiers: Tiers) -> None:
    for label in ("", "a b", "a/../b", "x" * 51, '"quoted"'):
        with pytest.raises(MemoryEditError, match="not a label"):
            tiers.blocks.create(label, "", "", None, by())


EDITS = st.one_of(
    st.tuples(st.just("append"), st.text("ab \n", max_size=6), st.just("")),
    st.tuples(st.just("replace"), st.text("ab", min_size=1, max_size=2), st.text("abc", max_size=3)),
    st.tuples(st.just("insert"), st.text("abc", max_size=4), st.integers(-1, 4)),
    st.tuples(st.just("rethink"), st.text("abc\n", max_size=12), st.just("")),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(edits=st.lists(EDITS, max_size=8))
def test_history_replays_to_the_value(tiers: Tiers, edits: list[tuple[str, str, object]]) -> None:
    label = f"block{len(tiers.blocks.list())}"
    block = tiers.blocks.create(label, "", "start", 200, by())
    for operation, first, second in edits:
        arguments = (first,) if operation in ("append", "rethink") else (first, second)
        before = tiers.blocks.get(label)
        try:
            block = getattr(tiers.blocks, operation)(label, *arguments, by())
        except MemoryEditError:
            assert tiers.blocks.get(label) == before
            continue
        assert block.version == before.version + 1
        assert len(block.value) <= 200
    versions = tiers.blocks.versions(label)
    assert [version.version for version in versions] == list(range(1, len(versions) + 1))
    assert versions[-1].value == tiers.blocks.get(label).value
    tiers.blocks.delete(label, by())
