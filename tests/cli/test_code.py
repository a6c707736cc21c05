"""`lcode index`, `lcode search` over code, `lcode map`: built when needed, found with its lines, said when it is not there."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from lcode.index import reader, size
from lcode.index.build import CodeIndex
from lcode.index.open import open_index
from lcode.index.reader import CodeReader, Standing
from lcode.store.locks import NamedLock
from lcode.store.paths import AgentPaths
from lcode.worker import nudge, status
from tests.cli.conftest import Lcode, git

STORE = '''"""Where parcels are kept."""


class ParcelStore:
    """Keeps parcels by their label."""

    def add_parcel(self, label: str) -> None:
        """Take a parcel in, once."""
        self.parcels[label] = label

    def find_parcel(self, label: str) -> str:
        return self.parcels[label]
'''
CARRIER = '''"""Carries parcels out."""

from shop.store import ParcelStore


def deliver_all(store: ParcelStore) -> int:
    """Hand every parcel to its receiver."""
    return len(store.parcels)
'''


@pytest.fixture
def shop(repository: Path) -> Path:
    (repository / "shop").mkdir()
    (repository / "shop" / "store.py").write_text(STORE)
    (repository / "shop" / "carrier.py").write_text(CARRIER)
    git(repository, "add", ".")
    git(repository, "commit", "-q", "-m", "Take parcels in once and hand them out")
    return repository


@pytest.fixture
def indexed(shop: Path, lcode: Lcode) -> Path:
    assert lcode("index").code == 0
    return shop


def serves(paths: AgentPaths, root: Path) -> None:
    """Say of this process, which holds the lock, that it is the worker and watches `root`."""
    served = (status.CheckoutStatus(str(root), watch=status.EVENTS),)
    status.write(paths, status.WorkerStatus(os.getpid(), status.IDLE, checkouts=served))


def test_a_build_says_what_it_did_and_a_second_one_that_nothing_changed(shop: Path, lcode: Lcode) -> None:
    assert re.search(r"^shop: 3 files indexed, 2 commits read.*; 3 files in the index$", lcode("index").out.strip())
    assert lcode("index").out == "shop: nothing had changed; 3 files in the index\n"
    (shop / "shop" / "carrier.py").unlink()
    done = lcode("index", "--json").json()
    assert (done["indexed"], done["removed"], done["files"], done["state"]) == (0, 1, 2, "ready")


def test_the_status_tells_files_chunks_vectors_age_and_worker(indexed: Path, lcode: Lcode) -> None:
    text = lcode("index", "--status").out
    assert re.search(r"^index +3 files, \d+ chunks, [\d.]+ [KM]B$", text, re.M)
    assert re.search(r"^state +complete$", text, re.M)
    assert re.search(r"^vectors +all there$", text, re.M)
    assert re.search(r"^worker +none is running", text, re.M)
    values = lcode("index", "--status", "--json").json()
    assert (values["state"], values["files"], values["to_embed"], values["worker"]) == ("ready", 3, 0, None)


def test_the_status_tells_that_vectors_are_of_another_model(indexed: Path, lcode: Lcode) -> None:
    assert lcode("config", "set", "embedding_provider", "ollama").code == 0
    assert "vectors  of another model than the settings name" in lcode("index", "--status").out
    assert lcode("config", "set", "embedding_provider", "openai").code == 0
    assert "vectors  not used: the embedding needs a key in OPENAI_API_KEY" in lcode("index", "--status").out


def test_the_status_of_a_place_without_an_index_makes_none(shop: Path, lcode: Lcode, home: Path) -> None:
    done = lcode("index", "--status")
    assert (done.code, done.out.splitlines()[0]) == (0, "the code is not indexed yet")
    assert lcode("index", "--status", "--json").json()["state"] == "new"
    assert not home.exists() or not list(home.rglob("*.db"))


def test_a_rebuild_starts_from_nothing(indexed: Path, lcode: Lcode) -> None:
    done = lcode("index", "--rebuild")
    assert done.out.startswith("shop: 3 files indexed")
    assert "built anew" in done.err


@pytest.mark.parametrize("words", [["--status", "--rebuild"], ["--status", "--watch"], ["--watch", "--json"]])
def test_options_that_do_not_go_together_are_refused(shop: Path, lcode: Lcode, words: list[str]) -> None:
    assert lcode("index", *words).code == 2


def test_a_symbol_is_found_with_its_place_and_numbered_lines(indexed: Path, lcode: Lcode) -> None:
    lines = lcode("search", "ParcelStore.add_parcel", "--scope", "code").out.splitlines()
    assert lines[0].startswith("shop/store.py:7-9 ParcelStore.add_parcel (")
    assert "  7     def add_parcel(self, label: str) -> None:" in lines


def test_places_commits_and_passages_stand_under_their_labels(indexed: Path, lcode: Lcode) -> None:
    lcode("remember", "parcels over 30 kg go by freight")
    text = lcode("search", "parcels").out
    assert [line for line in text.splitlines() if line in ("Code", "Kept in memory", "Past commits", "Said in sessions")] == [
        "Code", "Kept in memory", "Past commits", "Said in sessions",
    ]  # fmt: skip
    assert "parcels over 30 kg go by freight" in text
    assert "Take parcels in once and hand them out" in text
    values = lcode("search", "parcels", "--json").json()
    assert all(values[scope] for scope in ("code", "facts", "commits"))
    assert values["index"]["ready"] is True


def test_why_a_place_ranks_is_told_when_asked(indexed: Path, lcode: Lcode) -> None:
    assert re.search(
        r"^  score \d+\.\d\d: .*\bbody \d\.\d\d", lcode("search", "hand parcels to receivers", "--explain").out, re.M
    )
    [first, *_] = lcode("search", "deliver_all", "--explain", "--json").json()["code"]
    assert "exact" in [one["name"] for one in first["why"]]


def test_filters_narrow_what_is_found(indexed: Path, lcode: Lcode, monkeypatch: pytest.MonkeyPatch) -> None:
    def places(*options: str) -> set[str]:
        return {hit["path"] for hit in lcode("search", "parcel", "--scope", "code", "--json", *options).json()["code"]}

    assert places() >= {"shop/store.py", "shop/carrier.py"}
    assert places("--path", "shop/store.py") == {"shop/store.py"}
    assert places("--lang", "rust") == set()
    kinds = lcode("search", "parcel", "--kind", "class", "--json").json()
    assert {hit["kind"] for hit in kinds["code"]} == {"class"}
    assert kinds["facts"] == kinds["messages"] == []
    monkeypatch.chdir(indexed / "shop")
    assert places("--path", "store.py") == {"shop/store.py"}
    assert lcode("search", "x", "--path", "/etc").code == 2


def test_each_line_of_standard_input_is_answered_by_a_line(indexed: Path, lcode: Lcode) -> None:
    done = lcode("search", "--stdin", "--limit", "2", stdin="add_parcel\n\nwho hands parcels out\n")
    lines = [json.loads(line) for line in done.out.splitlines()]
    assert [line["query"] for line in lines] == ["add_parcel", "", "who hands parcels out"]
    assert [len(line["hits"]) > 0 for line in lines] == [True, False, True]
    assert (lines[0]["hits"][0]["path"], lines[0]["hits"][0]["scope"]) == ("shop/store.py", "code")
    assert lines[2]["hits"][0]["path"] == "shop/carrier.py"
    assert lcode("search", "words", "--stdin").code == 2


def test_a_small_index_is_built_and_brought_up_to_date_by_a_search(shop: Path, lcode: Lcode) -> None:
    lcode("remember", "x")  # makes the agent
    assert lcode("search", "find_parcel", "--scope", "code").out.startswith("shop/store.py:11-12 ParcelStore.find_parcel")
    (shop / "shop" / "van.py").write_text("def load_van():\n    pass\n")
    assert lcode("search", "load_van", "--scope", "code").out.startswith("shop/van.py:1")


def test_a_place_without_an_agent_is_searched_and_left_as_it_was(shop: Path, lcode: Lcode, home: Path) -> None:
    assert lcode("search", "find_parcel", "--scope", "code").out.startswith("shop/store.py:11-12 ParcelStore.find_parcel")
    assert "store.py" in lcode("map").out
    assert not home.exists() or not list(home.rglob("*.db"))


def test_a_large_repository_is_not_indexed_unasked(shop: Path, lcode: Lcode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(size, "FILES", 2)
    done = lcode("search", "find_parcel", "--scope", "code")
    assert (done.code, done.out) == (1, "")
    assert done.err == "lcode: the code is not indexed yet\nhint: `lcode index` builds it\n"
    everywhere = lcode("search", "find_parcel")
    assert everywhere.code == 0
    assert "nothing found in the code" not in everywhere.out
    assert "not indexed yet" in lcode("map").err


def test_a_small_index_that_the_worker_is_only_just_making_is_waited_for(
    indexed: Path, lcode: Lcode, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Path(lcode("index", "--status", "--json").json()["database"])
    paths = AgentPaths(path.parent)
    worker = NamedLock(status.lock_file(paths))
    assert worker.acquire("worker")
    try:
        served = (status.CheckoutStatus(str(indexed), "files", 0, 3),)
        status.write(paths, status.WorkerStatus(os.getpid(), status.WORKING, checkouts=served))
        database = open_index(paths)
        database.reset("the test has it so")
        monkeypatch.setattr(reader, "LOOKS", 2)
        done = lcode("search", "find_parcel", "--scope", "code")
        assert (done.code, done.out) == (1, "")
        assert done.err.startswith("lcode: the code is not indexed yet: 0 of 3 files\nhint: the worker does it now")
        looks: list[Standing] = []

        def worked(self: CodeReader) -> Standing:
            looks.append(standing(self))
            if len(looks) == 1:
                assert CodeIndex(database, indexed).update(vectors=False).complete
            return looks[-1]

        standing = CodeReader.standing
        monkeypatch.setattr(CodeReader, "standing", worked)
        done = lcode("search", "find_parcel")
        assert done.out.splitlines()[1].startswith("shop/store.py:11-12 ParcelStore.find_parcel")
        assert "Past commits\nnot read yet" in done.out
        assert "past commits are not read yet" in done.err
        database.close()
    finally:
        worker.release()


def test_a_file_that_changed_since_is_said_to_have(indexed: Path, lcode: Lcode) -> None:
    folder = Path(lcode("agents", "--json").json()[0]["folder"])
    worker = NamedLock(folder / "locks" / "worker.lock")  # whoever holds it would index the change
    assert worker.acquire("worker")
    try:
        serves(AgentPaths(folder), indexed)
        path = indexed / "shop" / "store.py"
        path.write_text(STORE.replace("Take a parcel in, once.", "Take a parcel in, twice."))
        assert ")  changed since it was indexed" in lcode("search", "ParcelStore.add_parcel", "--scope", "code").out
    finally:
        worker.release()


def test_escapes_in_code_do_not_reach_the_terminal(shop: Path, lcode: Lcode) -> None:
    (shop / "evil.py").write_text('def evil_title():\n    return "\x1b]0;owned\x07\x1b[31mred"\n')
    text = lcode("search", "evil_title", "--scope", "code").out
    assert "evil_title" in text
    assert "\x1b" not in text


def test_nothing_found_in_the_code_is_said_and_is_no_error(indexed: Path, lcode: Lcode) -> None:
    assert lcode("search", "xylophonequartz", "--scope", "code") == (0, "nothing found in the code\n", "")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--lang", "pyton"), "the index has no pyton; it has python"),
        (("--kind", "functoin"), "the index has no functoin; it has "),
        (("--path", "shpo"), "the index has no file at or below shpo"),
    ],
)
def test_a_filter_that_lets_nothing_through_is_named(indexed: Path, lcode: Lcode, words: tuple[str, ...], said: str) -> None:
    assert f"nothing found in the code: {said}" in lcode("search", "parcel", *words).out
    assert json.loads(lcode("search", "parcel", *words, "--json").out)["note"].startswith(said)


def test_a_name_that_stands_nowhere_is_said_to(indexed: Path, lcode: Lcode) -> None:
    assert "add_parcel_twice stands nowhere in the code" in lcode("search", "add_parcel_twice", "--scope", "code").out
    assert "stands nowhere" not in lcode("search", "ParcelStore.add_parcel", "--scope", "code").out


@pytest.mark.parametrize(
    "words",
    [
        ("--scope", "code"),
        ("parcel", "--scope", "code", "--tag", "x"),
        ("parcel", "--kind", "fact", "--lang", "python"),
        ("parcel", "--scope", "messages", "--path", "shop"),
        ("parcel", "--limit", "99999999999999999999"),
    ],
)
def test_a_search_that_contradicts_itself_is_refused(indexed: Path, lcode: Lcode, words: tuple[str, ...]) -> None:
    done = lcode("search", *words)
    assert done.code == 2 and "internal" not in done.err, done.err


def test_a_map_of_nothing_says_so(indexed: Path, lcode: Lcode) -> None:
    done = lcode("map", "shpo")
    assert done.code == 1 and "there is no file to map at or below shpo" in done.err


def test_an_empty_place_has_nothing_to_index_and_to_map(tmp_path: Path, lcode: Lcode) -> None:
    (tmp_path / "empty").mkdir()
    assert "there are no files to index" in lcode("index", "-C", str(tmp_path / "empty")).out
    assert lcode("map", "-C", str(tmp_path / "empty")).out == "there are no files to map\n"


def test_the_map_shows_the_used_first_and_who_uses_it(indexed: Path, lcode: Lcode) -> None:
    text = lcode("map").out
    assert re.search(r"^  store\.py \(12 lines, used by 1\) «Where parcels are kept\.»: class ParcelStore:4$", text, re.M)
    assert re.search(r"^  carrier\.py .*deliver_all\(\):6; uses store\.py$", text, re.M)
    assert lcode("map", "--format", "mermaid").out.startswith("flowchart LR\n")
    values = lcode("map", "shop", "--json").json()
    assert values["path"] == "shop"
    assert [file["path"] for file in values["central"]][:1] == ["shop/store.py"]
    assert lcode("map", "../..").code == 2


def test_doctor_finds_a_damaged_index_and_builds_it_anew(indexed: Path, lcode: Lcode) -> None:
    path = next(Path(lcode("agents", "--json").json()[0]["folder"]).glob("index.db"))

    def finding() -> dict[str, str]:
        rows = json.loads(lcode("doctor", "--json").out)
        return next(row for row in rows if row["check"] == "code index")

    assert finding()["state"] == "ok"
    import apsw

    connection = apsw.Connection(str(path))
    connection.execute("DELETE FROM code WHERE id = (SELECT min(id) FROM code)")
    connection.close()
    assert "the full text holds 1 chunks that are gone" in finding()["text"]
    assert "3 files indexed" in lcode("doctor", "--fix").out
    assert finding()["state"] == "ok"


def test_without_vectors_all_else_is_built_and_it_is_said_why(
    shop: Path, lcode: Lcode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LCODE_EMBEDDING_PROVIDER", "openai")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    done = lcode("index")
    assert done.code == 1
    assert "3 files indexed, 2 commits read" in done.out
    assert "vectors are missing: the embedding needs a key in OPENAI_API_KEY" in done.out
    found = lcode("search", "ParcelStore", "--scope", "code")
    assert found.out.startswith("shop/store.py:")
    assert "found by words alone: the embedding needs a key" in found.err


def test_an_index_that_a_command_finds_damaged_is_built_again_by_the_worker_that_lives(
    indexed: Path, lcode: Lcode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is told of saves alone would not look."""
    monkeypatch.setattr(size, "FILES", 1)
    path = Path(lcode("index", "--status", "--json").json()["database"])
    paths = AgentPaths(path.parent)
    lock = NamedLock(status.lock_file(paths))
    assert lock.acquire("worker")
    try:
        serves(paths, indexed)
        path.write_bytes(bytes(byte ^ 0x5A for byte in path.read_bytes()))
        done = lcode("search", "ParcelStore", "--scope", "code")
        assert done.code == 1
        assert "is built anew" in done.err and "the worker does it now" in done.err
        assert nudge.take(paths) == [nudge.Nudge(indexed)]
    finally:
        lock.release()
