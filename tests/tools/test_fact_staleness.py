"""What the model is told of facts whose code changed, and what a fact cites when nobody says so."""

from __future__ import annotations

import subprocess

import pytest

from lcode.memory.session_memory import SessionMemory
from tests.tools.conftest import Caller
from tests.tools.test_memory_rethink import caller, memory

__all__ = ["caller", "memory"]

LOADER = '''def load_ports(path):
    """Read them."""
    return [int(line) for line in open(path)]


class Session:
    def send(self, text):
        return self.socket.write(text)
'''


def git(root: object, *arguments: str) -> str:
    who = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    return subprocess.run(["git", *who, *arguments], cwd=str(root), check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def coder(caller: Caller, memory: SessionMemory) -> Caller:
    """A caller in a repository."""
    caller.write("app/loader.py", LOADER)
    git(caller.root, "init", "-q", "-b", "main")
    git(caller.root, "add", "app")
    git(caller.root, "commit", "-q", "-m", "Begin")
    memory.worktree = str(caller.root)
    return caller


def keep(coder: Caller, content: str, number: int = 1, **arguments: object) -> str:
    coder.context.operation_id = f"op-{number:032x}"
    return coder.text("archival_memory_insert", content=content, **arguments)


def found(coder: Caller, query: str) -> list[str]:
    """The heads of the facts that are found."""
    text = coder.text("archival_memory_search", query=query, scope="facts")
    return [line for line in text.splitlines() if line.startswith("[")]


def test_a_stale_fact_is_told_with_its_commit_reason_and_place(coder: Caller) -> None:
    keep(coder, "Ports are read as integers", citations=["app/loader.py#load_ports"])
    assert "STALE" not in found(coder, "ports")[0]
    coder.write("app/loader.py", "import os\n\n" + LOADER.replace("int(line)", "float(line)"))
    assert ", STALE: load_ports() changed (app/loader.py:3-5 now)]" in found(coder, "ports")[0]
    git(coder.root, "commit", "-q", "-a", "-m", "Take fractions")
    broke = git(coder.root, "rev-parse", "HEAD")
    coder.write("app/loader.py", LOADER.replace("int(line)", "float(line)") + "\nx = 1\n")
    git(coder.root, "commit", "-q", "-a", "-m", "More")
    assert f", STALE since {broke[:7]}: load_ports() changed" in found(coder, "ports")[0]
    coder.write("app/loader.py", LOADER)
    assert "STALE" not in found(coder, "ports")[0]


def test_a_stale_fact_comes_after_a_good_one_that_fits_as_well(coder: Caller) -> None:
    keep(coder, "Ports of the loader are integers", 1, citations=["app/loader.py#load_ports"])
    keep(coder, "Ports of the session are texts", 2, citations=["app/loader.py#Session.send"])
    coder.write("app/loader.py", LOADER.replace("self.socket.write(text)", "self.socket.put(text)"))
    assert ["STALE" in head for head in found(coder, "ports")] == [False, True]
    coder.write("app/loader.py", LOADER.replace("int(line)", "float(line)"))
    assert ["STALE" in head for head in found(coder, "ports")] == [False, True]


def test_what_builds_on_a_stale_fact_is_to_be_checked(coder: Caller, memory: SessionMemory) -> None:
    keep(coder, "Ports are read as integers", 0xAAAAAAAA << 96, citations=["app/loader.py#load_ports"])
    keep(coder, "The limit of 65535 fits", 0xBBBBBBBB << 96, citations=["passage:aaaaaaaa"])
    coder.write("app/loader.py", LOADER.replace("int(line)", "float(line)"))
    assert "to be checked: builds on aaaaaaaa: load_ports() changed]" in found(coder, "limit")[0]


def test_a_moved_citation_is_shown_where_it_is_now(coder: Caller) -> None:
    keep(coder, "Ports are read as integers", citations=["app/loader.py#load_ports"])
    coder.write("app/reader.py", LOADER)
    (coder.root / "app/loader.py").unlink()
    assert "cites app/reader.py#load_ports (was app/loader.py#load_ports)" in found(coder, "ports")[0]


def test_what_is_not_there_is_kept_unanchored_and_said_so(coder: Caller) -> None:
    told = keep(coder, "Ports are odd", citations=["app/loader.py#nothing", "nope.py"])
    assert told.endswith("No such file: nope.py. Not in its file, so never found stale: app/loader.py#nothing.")
    assert ", unanchored]" in found(coder, "odd")[0]


def test_without_citations_a_fact_cites_what_its_words_name_of_what_was_read(coder: Caller) -> None:
    assert "cites" not in keep(coder, "`load_ports` reads integers; see Session.send()", 1)
    coder.text("read_file", path="app/loader.py")
    told = keep(coder, "`load_ports` reads integers, Session.send() does not", 2)
    assert "It cites app/loader.py#load_ports, app/loader.py#Session.send, by its words (if that is wrong" in told
    assert "cites" not in keep(coder, "The user sends reports on Mondays and likes to load them", 3)
    assert keep(coder, "What loader.py does is slow", 4).count("It cites app/loader.py, by its words (") == 1


def test_a_path_is_meant_as_seen_from_the_folder_at_hand(coder: Caller, memory: SessionMemory) -> None:
    coder.context.cwd = coder.root / "app"
    keep(coder, "Ports are integers", 1, citations=["loader.py#load_ports"])
    keep(coder, "Texts are sent", 2, citations=[f"{coder.root}/app/loader.py#Session.send"])
    assert {passage.citations for passage in memory.archival.search("")} == {
        ("app/loader.py#load_ports",),
        ("app/loader.py#Session.send",),
    }


def test_a_fact_that_is_kept_again_holds_on_to_the_code_of_now(coder: Caller) -> None:
    keep(coder, "Ports are read one a line", 1, citations=["app/loader.py#load_ports"])
    coder.write("app/loader.py", LOADER.replace("int(line)", "float(line)"))
    assert "STALE" in found(coder, "ports")[0]
    keep(coder, "Ports are read one a line", 2, citations=["app/loader.py#load_ports"])
    assert "STALE" not in found(coder, "ports")[0]


def test_citations_that_were_found_can_be_corrected(coder: Caller, memory: SessionMemory) -> None:
    coder.text("read_file", path="app/loader.py", limit=2)
    told = keep(coder, "What `load_ports` reads is sent", 0xAAAAAAAA << 96)
    assert "with the right `citations` and the tag supersedes:aaaaaaaa)" in told
    keep(coder, "What `load_ports` reads is sent", 2, citations=["app/loader.py#Session.send"], tags=["supersedes:aaaaaaaa"])
    (kept,) = memory.archival.search("reads")
    assert kept.citations == ("app/loader.py#Session.send",)
    assert [str(cited) for cited in kept.cited] == ["app/loader.py#Session.send"]
    assert kept.tags == ()
