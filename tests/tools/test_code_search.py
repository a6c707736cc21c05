"""What the model is told of the code: places with numbered lines, labelled and bounded; no secrets, nothing outside."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from lcode.git.command import Git
from lcode.index import reader
from lcode.index.build import CodeIndex
from lcode.index.graph import update_graph
from lcode.index.history import update_history
from lcode.index.open import IndexDatabase
from lcode.index.reader import CodeReader, Standing
from lcode.memory.model import Actor, Source
from lcode.memory.session_memory import SessionMemory
from lcode.path_text import path_text
from lcode.redact import Redactor
from lcode.tools import schema
from lcode.tools.archival_memory_search import ArchivalMemorySearch
from lcode.tools.code_map import CodeMap
from tests.tools.conftest import Caller
from tests.tools.test_memory_rethink import caller, memory

__all__ = ["caller", "memory"]

KEY = "sk-ant-api03-" + "Ab3dE5gH7jK9" * 8
STORE = f'''"""Where parcels are kept."""

API_KEY = "{KEY}"


class ParcelStore:
    def add_parcel(self, label: str) -> None:
        """Take a parcel in, once."""
        self.parcels[label] = label
'''


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def database() -> Iterator[IndexDatabase]:
    with closing(IndexDatabase(None)) as made:
        yield made


@pytest.fixture
def coder(caller: Caller, database: IndexDatabase) -> Caller:
    """A caller in an indexed repository."""
    caller.write("shop/store.py", STORE)
    caller.write(
        "shop/carrier.py", "from shop.store import ParcelStore\n\n\ndef deliver_all(store: ParcelStore) -> int:\n    return 1\n"
    )
    caller.write(".env", "PARCEL_TOKEN=1\n")
    for at in range(30):
        body = "\n".join(f"    parcel_weight_{line} = weigh(parcel, {line})" for line in range(60))
        caller.write(f"shop/weights/weight_{at}.py", f"def weigh_parcel_{at}(parcel):\n{body}\n")
    git(caller.root, "init", "-q", "-b", "main")
    git(caller.root, "add", ".")
    git(caller.root, "commit", "-q", "-m", "Take parcels in once")
    index(caller, database)
    caller.context.code = CodeReader(None, caller.root, database)
    caller.context.redact = Redactor({}).redact
    return caller


def index(caller: Caller, database: IndexDatabase) -> None:
    assert CodeIndex(database, caller.root).update().problem == ""
    update_graph(database, path_text(caller.root))
    update_history(database, Git(caller.root), path_text(caller.root))


def test_a_symbol_is_told_with_its_place_and_numbered_lines(coder: Caller) -> None:
    text = coder.text("archival_memory_search", query="ParcelStore", scope="code", limit=1)
    assert text.startswith("shop/store.py:")
    assert "ParcelStore (class)" in text.splitlines()[0]
    assert "7→    def add_parcel(self, label: str) -> None:" in text


def test_without_a_scope_everything_answers_under_its_label(coder: Caller, memory: SessionMemory) -> None:
    memory.archival.insert("parcels over 30 kg go by freight", memory.provenance(Actor.AGENT, Source.SAID))
    text = coder.text("archival_memory_search", query="parcels")
    labels = [line for line in text.splitlines() if line.startswith("## ")]
    assert labels == ["## facts kept in memory", "## code", "## past commits"]
    assert "parcels over 30 kg go by freight" in text
    assert "Take parcels in once: " in text


def test_an_answer_stays_within_its_budget(coder: Caller, memory: SessionMemory) -> None:
    for at in range(12):
        by = memory.provenance(Actor.AGENT, Source.SAID)
        memory.archival.insert(f"parcel note {at}: " + "the weight of a parcel matters here. " * 60, by)
    for arguments in ({}, {"scope": "code"}, {"scope": "facts"}, {"scope": "code", "limit": 50}, {"limit": 30}):
        text = coder.text("archival_memory_search", query="weigh parcel weight", **arguments)
        assert len(text) < 7_000, arguments


def test_a_secret_in_the_code_is_not_told_and_lines_keep_their_numbers(coder: Caller) -> None:
    text = coder.text("archival_memory_search", query="API_KEY", scope="code")
    assert KEY[:30] not in text
    assert "[redacted:" in text


def test_files_that_may_hold_secrets_are_left_out(coder: Caller) -> None:
    assert ".env" not in coder.text("archival_memory_search", query="PARCEL_TOKEN", scope="code")


def test_a_place_that_became_a_link_out_of_the_root_is_left_out(coder: Caller, tmp_path: Path) -> None:
    outside = tmp_path / "outside.py"
    outside.write_text("class ParcelStore:\n    stolen = True\n")
    (coder.root / "shop" / "store.py").unlink()
    (coder.root / "shop" / "store.py").symlink_to(outside)
    assert "stolen" not in coder.text("archival_memory_search", query="ParcelStore", scope="code")


def test_a_file_that_changed_or_is_gone_is_said_to(coder: Caller) -> None:
    (coder.root / "shop" / "carrier.py").write_text("# moved\n\n\ndef deliver_all(store):\n    return 2\n")
    assert "[changed since it was indexed]" in coder.text("archival_memory_search", query="deliver_all", scope="code", limit=1)
    (coder.root / "shop" / "carrier.py").unlink()
    assert "[no longer there]" in coder.text("archival_memory_search", query="deliver_all", scope="code", limit=1)


def test_filters_choose_where_to_look(coder: Caller, memory: SessionMemory) -> None:
    memory.archival.insert("parcels are odd", memory.provenance(Actor.AGENT, Source.SAID), tags=["odd"])
    assert "## " not in coder.text("archival_memory_search", query="parcels", tags=["odd"])
    only = coder.text("archival_memory_search", query="parcel", kind="class")
    assert "(class)" in only
    assert "(function)" not in only
    below = coder.text("archival_memory_search", query="parcel", path="shop/weights", scope="code")
    assert all(line.startswith("shop/weights/") for line in below.splitlines() if ".py:" in line and "→" not in line)
    assert "outside the repository" in coder.refused("archival_memory_search", query="parcel", path="/etc")


def test_a_filter_that_is_wrong_or_does_not_fit_is_noted(coder: Caller) -> None:
    text = coder.text("archival_memory_search", query="parcel", language="pyton")
    assert "[the index has no pyton; it has " in text
    text = coder.text("archival_memory_search", query="ParcelStore", scope="code", kind="fact", tags=["x"], limit=1)
    assert text.startswith("shop/store.py")
    assert "[tags is not of code: not looked at; kind is not of code: not looked at]" in text
    assert "stands nowhere in the code" in coder.text("archival_memory_search", query="parcel_weight_store", scope="code")


def test_a_long_question_is_not_told_back_whole(coder: Caller) -> None:
    assert len(coder.text("archival_memory_search", query="x" * 5_000, scope="code")) < 400


def test_a_map_of_nothing_is_an_error(coder: Caller) -> None:
    assert "there is no file to map at or below shpo" in coder.refused("code_map", path="shpo")


def test_without_an_index_that_is_said_and_facts_still_answer(caller: Caller, memory: SessionMemory) -> None:
    memory.archival.insert("parcels are odd", memory.provenance(Actor.AGENT, Source.SAID))
    text = caller.text("archival_memory_search", query="parcels")
    assert "parcels are odd" in text
    assert text.endswith("[the code is not indexed yet; grep searches it meanwhile]")
    assert "not indexed yet" in caller.text("archival_memory_search", query="parcels", scope="code")


def test_a_partial_index_is_said_to_be_one(coder: Caller, database: IndexDatabase) -> None:
    database.write(lambda connection: connection.execute("UPDATE checkouts SET state = 'building'") and None)
    assert "[indexing: 33 files so far]" in coder.text("archival_memory_search", query="ParcelStore", scope="code")


class Building:
    """Another's work on the index, a step further at each look."""

    def __init__(self, coder: Caller, database: IndexDatabase, steps: Sequence[Callable[[], None]]) -> None:
        self._steps = list(steps)
        self._set(database, "building")
        coder.context.code = CodeReader(None, coder.root, database, coming=self.look)

    @staticmethod
    def _set(database: IndexDatabase, state: str) -> None:
        database.write(lambda connection: connection.execute("UPDATE checkouts SET state = ?", (state,)) and None)

    def look(self, standing: Standing) -> bool:
        if self._steps:
            self._steps.pop(0)()
        return not standing.settled


def test_an_index_that_is_only_just_being_made_is_waited_for(coder: Caller, database: IndexDatabase) -> None:
    def first() -> None:
        coder.write("shop/late.py", "def late_parcel():\n    pass\n")

    def then() -> None:
        assert CodeIndex(database, coder.root).update().complete

    Building(coder, database, [first, then])
    text = coder.text("archival_memory_search", query="late_parcel", scope="code")
    assert text.startswith("shop/late.py:1") and "indexing" not in text


def test_it_is_waited_for_no_longer_than_a_moment_and_what_is_missing_is_said(
    coder: Caller, database: IndexDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "LOOKS", 3)
    database.write(lambda connection: connection.execute("DELETE FROM meta WHERE key = 'history_heads'") and None)
    Building(coder, database, [])
    text = coder.text("archival_memory_search", query="xylophonequartz")
    assert text.startswith("Nothing found so far for 'xylophonequartz'")
    assert text.endswith("[indexing: 33 files so far; past commits are not read yet]")


def test_nothing_found_names_what_was_searched(coder: Caller) -> None:
    text = coder.text("archival_memory_search", query="xylophonequartz")
    assert text == "Nothing found for 'xylophonequartz' among 0 passages, code, past commits, past messages with these filters."


def test_the_map_is_drawn_within_its_budget(coder: Caller) -> None:
    text = coder.text("code_map", budget=300)
    assert "store.py (9 lines, used by 1)" in text
    assert len(text) < 1_400
    assert coder.text("code_map", path="shop/weights", budget=300).startswith("shop/weights/: 30 files")


def test_the_map_without_an_index_tells_what_the_files_say(caller: Caller) -> None:
    caller.write("README.md", "# Shop\n\nA shop that keeps parcels for people who are not at home.\n")
    text = caller.text("code_map")
    assert "A shop that keeps parcels" in text
    assert text.endswith("[the code is not indexed yet: this is what a look at the files tells]")


def test_search_and_map_are_described_in_few_bytes() -> None:
    specs = [schema.spec(tool) for tool in (ArchivalMemorySearch(), CodeMap())]
    assert sum(len(json.dumps([spec.name, spec.description, spec.parameters])) for spec in specs) < 1_700


def test_a_passage_is_read_whole_by_its_id(coder: Caller, memory: SessionMemory) -> None:
    text = " ".join(f"word{number}" for number in range(500))
    passage = memory.archival.insert(text, memory.provenance(Actor.AGENT, Source.INFERRED))
    found = coder.text("archival_memory_search", query=passage.short)
    assert text in found
    assert "##" not in found
