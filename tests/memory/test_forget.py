"""Taking a text out of texts, JSON and rows: nothing of it is left, and what is left fits together."""

from __future__ import annotations

import json
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lcode.errors import MemoryEditError, UsageError
from lcode.memory.forget_rows import Wish, apply
from lcode.memory.model import Actor, Source
from lcode.memory.operations import replay
from lcode.memory.scrub import Scrub
from lcode.store import migrations
from lcode.store.check import examine_connection
from tests.memory.conftest import Tiers, by

WANTED = st.text('ab"\\\n é', min_size=4, max_size=12).filter(lambda text: len(text.strip()) >= 3)
AROUND = st.text('ab"\\\n ', max_size=8)


@given(WANTED, AROUND, AROUND)
@example("éabba", "\\", "")  # its escape in the nested JSON stands behind one of a backslash
def test_nothing_of_a_text_is_left_in_text_or_json(wanted: str, before: str, after: str) -> None:
    scrub = Scrub([wanted])
    text = before + wanted + after
    assert wanted not in scrub.text(text)
    assert wanted not in scrub.lines(text)
    for ascii_only in (True, False):
        data = json.dumps({"a": [text], wanted: 1, "n": json.dumps(text)}, ensure_ascii=ascii_only)
        found = json.loads(scrub.json(data))
        assert wanted not in found["a"][0]
        assert wanted not in found
        assert wanted not in json.loads(found["n"] if found["n"].startswith('"') else json.dumps(found["n"]))


@given(WANTED, st.lists(AROUND, max_size=4))
def test_doing_it_again_changes_nothing(wanted: str, parts: list[str]) -> None:
    scrub = Scrub([wanted])
    once = scrub.lines(wanted.join(parts))
    assert scrub.lines(once) == once


def test_lines_that_are_not_concerned_stay() -> None:
    scrub = Scrub(["two\nthr"])
    assert scrub.lines("one\ntwo\nthree\nfour") == f"one\n{scrub.mark}\nfour"


def test_the_beginning_of_a_text_that_was_cut_off_goes_too() -> None:
    scrub = Scrub(["my password is hunter2"])
    assert scrub.text("said: my password is hu…") == f"said: {scrub.mark}…"
    assert scrub.text("my password is not here") == "my password is not here"


def test_signed_thinking_goes_as_a_whole() -> None:
    scrub = Scrub(["kestrel"])
    parts = [{"type": "thinking", "text": "a kestrel", "signature": "s"}, {"type": "text", "text": "hello"}]
    assert json.loads(scrub.content(json.dumps(parts))) == parts[1:]


def test_calls_and_results_fit_each_other_after_all_was_taken_out() -> None:
    scrub = Scrub()
    parts = [{"type": "text", "text": "x"}, {"type": "tool_call", "id": "1", "name": "shell", "arguments": {"command": "x"}}]
    emptied = json.loads(scrub.emptied(json.dumps(parts)))
    assert emptied == [
        {"type": "text", "text": scrub.mark}, {"type": "tool_call", "id": "1", "name": "shell", "arguments": {}},
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["", "  a ", "forgotten", "user"])
def test_what_is_everywhere_cannot_be_forgotten(text: str) -> None:
    with pytest.raises(UsageError):
        Scrub([text])


def test_a_tag_that_was_written_small_goes_with_the_text(tiers: Tiers) -> None:
    tiers.archival.insert("Bob's project", by(), tags=["Kestrel-9", "birds"], subject="KESTREL-9 owner")
    tiers.memory.write(lambda connection: apply(connection, Wish(Scrub(["Kestrel-9"])), edit=True))
    (kept,) = tiers.archival.search("project")
    assert (kept.tags, kept.subject) == (("birds", "forgotten"), "forgotten owner")


KINDS = st.sampled_from(("append", "rethink", "replace", "restore"))
EDITS = st.lists(st.tuples(KINDS, st.sampled_from(("kestrel", "x kestrel y", "a", "b"))), min_size=1, max_size=8)


@settings(max_examples=40, deadline=None)
@given(EDITS, st.booleans())
def test_the_history_of_a_block_still_replays_to_each_of_its_versions(edits: list[tuple[str, str]], edit: bool) -> None:
    folder = Path(tempfile.mkdtemp())
    tiers = Tiers(folder)
    try:
        for number, (what, text) in enumerate(edits):
            with suppress(MemoryEditError):
                match what:
                    case "append":
                        tiers.blocks.append("conventions", f"{number} {text}", by())
                    case "rethink":
                        tiers.blocks.rethink("conventions", f"{number}\n{text}", by())
                    case "replace":
                        tiers.blocks.replace("conventions", text, f"{number} new", by())
                    case "restore":
                        tiers.blocks.restore("conventions", by(Actor.USER, Source.SAID), 1)
        wish = Wish(Scrub(["kestrel"]))
        tiers.memory.write(lambda connection: apply(connection, wish, edit=edit))
        block = tiers.blocks.get("conventions")
        versions = tiers.blocks.versions("conventions") if block.id else []
        for number, version in enumerate(versions, 1):
            assert replay(versions[:number]) == version.value
            assert "kestrel" not in version.value + json.dumps(version.arguments)
        assert "kestrel" not in block.value
        assert not edit or wish.scrub.mark not in block.value
        assert (
            tiers.memory.read(lambda connection: [one.text for one in examine_connection(connection, migrations.MEMORY)]) == []
        )
        again = tiers.memory.write(lambda connection: apply(connection, wish, edit=edit))
        assert not again.counts
    finally:
        tiers.close()
        shutil.rmtree(folder)
