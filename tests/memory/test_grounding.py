from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from lcode.memory.citation import Citation, parse
from lcode.memory.cited_places import Standing
from lcode.memory.grounding import Verdict, anchor, verdicts
from lcode.memory.tree import Tree

LOADER = '''"""Reads ports."""

import os


def load(path):
    """Open and read."""
    text = open(path).read()
    return [int(line) for line in text.splitlines() if line and not line.startswith("#")]


class Session:
    def send(self, text):
        self.socket.write(text.encode("utf-8"))

    def close(self):
        self.socket.close()


class Pool:
    def close(self):
        self.socket.close()


def unrelated():
    return 1
'''


class Index:
    """What an index knows of names."""

    def __init__(self, names: Mapping[str, Sequence[str]], crashed: Sequence[str] = ()) -> None:
        self._names, self._crashed = names, crashed

    def defining(self, name: str) -> Sequence[str] | None:
        return self._names.get(name, ())

    def crashed(self) -> Sequence[str]:
        return self._crashed


class World:
    """A repository with a worktree, and facts that cite it."""

    def __init__(self, root: Path, code: Index | None = None) -> None:
        self.root = root
        self.git("init", "-q", "-b", "main")
        self.tree = Tree(root, code)
        self.facts: dict[str, list[Citation]] = {}

    def git(self, *arguments: str) -> str:
        who = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgSign=false"]
        done = subprocess.run(["git", *who, *arguments], cwd=self.root, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def write(self, path: str, text: str | bytes) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text if isinstance(text, bytes) else text.encode())

    def edit(self, path: str, before: str, after: str) -> None:
        text = (self.root / path).read_text()
        assert before in text
        self.write(path, text.replace(before, after))

    def commit(self, message: str = "change") -> str:
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")

    def cite(self, *texts: str, fact: str = "fact") -> Citation:
        self.tree.refresh()
        commit = self.git("rev-parse", "HEAD")
        self.facts[fact] = [anchor(parse(text), self.tree, commit) for text in texts]
        return self.facts[fact][0]

    def look(self, fact: str = "fact", **named: Mapping[str, Sequence[str]]) -> Verdict:
        return verdicts(self.facts, self.tree, **named)[fact]  # type: ignore[arg-type]

    @property
    def standing(self) -> Standing:
        return self.look().standing


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    made.write("app/loader.py", LOADER)
    made.write("app/other.py", "def other():\n    return 2\n")
    made.commit()
    return made


@pytest.mark.parametrize(
    ("before", "after", "wanted"),
    [
        ("return 1", "return 2", Standing.GOOD),
        ("import os", "import os\n\n# x\nimport re", Standing.GOOD),
        ("text = open(path).read()", "text = open(\n        path\n    ).read()  # whole", Standing.GOOD),
        ("def load", "# why\ndef load", Standing.GOOD),
        ("int(line)", "float(line)", Standing.STALE),
        ('"#"', '"##"', Standing.STALE),
        ("def load(path)", "def load(path, encoding=None)", Standing.STALE),
        ("def load", "def read", Standing.STALE),
        ("def load", "@cache\ndef load", Standing.STALE),
    ],
)
def test_a_fact_is_stale_where_the_text_of_its_symbol_changed(world: World, before: str, after: str, wanted: Standing) -> None:
    world.cite("app/loader.py#load")
    world.edit("app/loader.py", before, after)
    assert world.standing is wanted
    world.edit("app/loader.py", after, before)
    assert world.standing is Standing.GOOD


def test_a_stale_fact_says_what_changed_and_where_it_stands(world: World) -> None:
    world.cite("app/loader.py#load")
    world.edit("app/loader.py", "import os", "import os\nimport re")
    world.edit("app/loader.py", "int(line)", "float(line)")
    found = world.look()
    assert found.reason == "load() changed"
    assert [(str(one), one.first, one.last) for one in found.broken] == [("app/loader.py#load", 7, 10)]


def test_a_branch_has_its_own_truth(world: World) -> None:
    world.cite("app/loader.py#load")
    world.git("checkout", "-q", "-b", "floats")
    world.edit("app/loader.py", "int(line)", "float(line)")
    world.commit()
    assert world.standing is Standing.STALE
    world.git("checkout", "-q", "main")
    assert world.standing is Standing.GOOD
    world.git("worktree", "add", "-q", str(world.root / "wt"), "floats")
    other = Tree(world.root / "wt")
    assert verdicts(world.facts, other)["fact"].standing is Standing.STALE


def test_a_symbol_that_moved_within_its_file_is_found_there(world: World) -> None:
    world.cite("app/loader.py#load")
    start = LOADER.index("def load")
    end = LOADER.index("class Session")
    world.write("app/loader.py", LOADER[:start] + LOADER[end:] + "\n\n" + LOADER[start:end])
    found = world.look()
    assert (found.standing, found.moved) == (Standing.GOOD, ())
    assert found.places[0].first > 20


@pytest.mark.parametrize("known", [True, False], ids=["index", "git"])
@pytest.mark.parametrize("committed", [True, False])
def test_a_symbol_that_moved_to_another_file_is_pointed_to(tmp_path: Path, known: bool, committed: bool) -> None:
    world = World(tmp_path, Index({"load": ["app/other.py", "app/third.py"]}) if known else None)
    world.write("app/loader.py", LOADER)
    world.write("app/other.py", "def other():\n    return 2\n")
    world.write("app/third.py", "def load():\n    return 3\n")
    world.commit()
    world.cite("app/loader.py#load")
    start, end = LOADER.index("def load"), LOADER.index("class Session")
    world.write("app/loader.py", LOADER[:start] + LOADER[end:])
    assert world.look().reason == "load is no longer in app/loader.py"
    world.write("app/other.py", "def other():\n    return 2\n\n\n" + LOADER[start:end])
    if committed:
        world.commit()
    found = world.look()
    assert found.standing is Standing.GOOD
    assert [str(one) for one in found.moved] == ["app/other.py#load"]


def test_a_renamed_file_takes_its_citations_along(world: World) -> None:
    world.write("notes.txt", "one\ntwo words here\nthree\n")
    world.commit()
    world.cite("app/loader.py#Session.send", "app/loader.py:8-9", "app/loader.py", "notes.txt:2")
    (world.root / "app/loader.py").rename(world.root / "app/reader.py")
    (world.root / "notes.txt").rename(world.root / "remarks.txt")
    found = world.look()
    assert found.standing is Standing.GOOD, found.reason
    assert [str(one) for one in found.moved] == [
        "app/reader.py#Session.send", "app/reader.py:8-9", "app/reader.py", "remarks.txt:2",
    ]  # fmt: skip
    world.edit("app/reader.py", "utf-8", "latin-1")
    assert world.look().reason == "app/loader.py is gone"


def test_what_is_deleted_is_stale_though_a_twin_of_it_stays(world: World) -> None:
    world.write("app/twin.py", "class Queue:\n    def close(self):\n        self.socket.close()\n")
    world.commit()
    world.cite("app/loader.py#Session.close")
    world.edit("app/loader.py", "    def close(self):\n        self.socket.close()\n\n\nclass Pool:", "\nclass Pool:")
    assert world.look().reason == "Session.close is no longer in app/loader.py"
    world.edit(
        "app/loader.py", "class Pool:", "class Port:\n    def close(self):\n        self.socket.close()\n\n\nclass Pool:"
    )
    assert world.standing is Standing.GOOD


def test_all_definitions_of_a_name_are_its_text(world: World) -> None:
    world.write("a.py", "@overload\ndef f(a: int): ...\n@overload\ndef f(a: str): ...\ndef f(a): return a\n")
    world.commit()
    world.cite("a.py#f")
    world.edit("a.py", "a: str", "a: bytes")
    assert world.standing is Standing.STALE
    world.write("a.py", "def f(a): return a\n")
    world.cite("a.py#f")
    world.write("a.py", "@overload\ndef f(a: int): ...\ndef f(a): return a\n")
    assert world.standing is Standing.GOOD


@pytest.mark.parametrize(
    ("before", "after", "wanted", "now"),
    [
        ("import os\n", "import os\nimport re\n\n", Standing.GOOD, "app/loader.py:10"),
        ("open(path).read()", "open(\n  path).read()", Standing.GOOD, "app/loader.py:8-9"),
        ("int(line)", "float(line)", Standing.GOOD, ""),
        ("open(path)", "open(path, 'rb')", Standing.STALE, ""),
        ("def load", "def read", Standing.GOOD, ""),
        ("    text = open(path).read()\n", "", Standing.STALE, ""),
    ],
)
def test_cited_lines_are_those_lines(world: World, before: str, after: str, wanted: Standing, now: str) -> None:
    cited = world.cite("app/loader.py:8")
    assert cited.symbol == "load"
    world.edit("app/loader.py", before, after)
    found = world.look()
    assert (found.standing, [str(one) for one in found.moved]) == (wanted, [now] if now else [])


def test_a_line_that_stands_twice_is_missed_where_one_is_gone(world: World) -> None:
    world.write("run.sh", "set -e\nmake test\nmake lint\nmake test\n")
    world.commit()
    world.cite("run.sh:2")
    world.write("run.sh", "make test\nset -e\nmake lint\nmake test\n")
    assert world.standing is Standing.GOOD
    world.write("run.sh", "set -e\nmake lint\nmake test\n")
    assert world.look().reason == "line 2 of run.sh changed"


def test_a_file_as_a_whole_is_stale_when_it_is_gone_or_mostly_another(world: World) -> None:
    world.cite("app/loader.py")
    world.edit("app/loader.py", "int(line)", "float(line)")
    world.edit("app/loader.py", "def unrelated():\n    return 1\n", "")
    assert world.standing is Standing.GOOD
    world.write("app/loader.py", "".join(f"value_{number} = {number}\n" for number in range(40)))
    assert world.look().reason == "most of app/loader.py was rewritten"
    (world.root / "app/loader.py").unlink()
    assert world.look().reason == "app/loader.py is gone"


def test_sections_and_keys_can_be_cited(world: World) -> None:
    world.write("README.md", "# App\n\n## Install\n\nRun make\ninstall.\n\n## Use\n\nrun it\n")
    world.write("pyproject.toml", "[tool.ruff]\nline-length = 100\n\n[tool.mypy]\nstrict = true\n")
    world.commit()
    world.cite("README.md#install", "pyproject.toml#tool.ruff.line-length")
    world.write("README.md", "# App\n\nHello.\n\n## Install\nRun make install.\n\n## Use\n\nrun that\n")
    world.edit("pyproject.toml", "strict = true", "strict = false")
    assert world.standing is Standing.GOOD
    world.edit("pyproject.toml", "100", "120")
    assert world.look().reason == "tool.ruff.line-length changed"


def test_nothing_outside_of_the_tree_is_looked_at(world: World, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (outside / "a.py").write_text("def f(): return 1\n")
    (world.root / "link.py").symlink_to(outside / "a.py")
    (world.root / "folder").symlink_to(outside, target_is_directory=True)
    refused = ["link.py#f", "folder/a.py#f", f"{outside}/a.py#f", "../x.py", ".git/config", f"../{outside.name}/a.py", "\0"]
    for text in refused:
        assert world.cite(text).digest == "", text
        assert world.standing is Standing.UNANCHORED
    world.cite("app/loader.py#load")
    (world.root / "app/loader.py").replace(outside / "loader.py")
    (world.root / "app/loader.py").symlink_to(outside / "loader.py")
    assert world.standing is Standing.STALE


def test_files_that_are_no_text_count_as_a_whole(world: World) -> None:
    world.write("logo.png", bytes(range(256)) * 10)
    world.write("huge.json", b"[" + b"1,\n" * 800_000 + b"1]")
    world.write(".env", "TOKEN=abc\n")
    world.commit()
    world.cite("logo.png", ".env", "huge.json", "app")
    assert "TOKEN" not in str(world.facts)
    assert world.facts["fact"][1].digest == "e1"
    world.write("logo.png", b"\0\1other")
    world.write(".env", "TOKEN=def\n")
    assert world.standing is Standing.GOOD
    world.cite("huge.json:3")
    assert world.standing is Standing.GOOD
    world.write("huge.json", b"[" + b"1,\n" * 800_000 + b"2]")
    assert world.look().reason == "huge.json:3 changed"


@pytest.mark.parametrize("text", ["nope.py", "app/loader.py#nothing", "app/loader.py:500", "app/loader.py:2", ".env#TOKEN"])
def test_what_could_not_be_found_is_unanchored_and_never_stale(world: World, text: str) -> None:
    world.write(".env", "TOKEN=abc\n")
    assert world.cite(text).digest == ""
    assert world.standing is Standing.UNANCHORED


def test_what_builds_on_the_stale_is_to_be_checked_over_any_distance(world: World) -> None:
    world.cite("app/loader.py#load", fact="passage-aaaaaaaa")
    world.facts |= {"passage-bbbbbbbb": [], "passage-cccccccc": [], "passage-dddddddd": []}
    links = {
        "passage-bbbbbbbb": ["passage-aaaaaaaa"],
        "passage-cccccccc": ["passage-bbbbbbbb"],
        "passage-aaaaaaaa": ["passage-cccccccc"],
    }
    assert all(world.look(fact, links=links).is_good for fact in world.facts)
    world.edit("app/loader.py", "int(line)", "float(line)")
    found = {fact: world.look(fact, links=links) for fact in world.facts}
    assert [verdict.standing for verdict in found.values()] == [
        Standing.STALE, Standing.TO_CHECK, Standing.TO_CHECK, Standing.GOOD,
    ]  # fmt: skip
    assert found["passage-bbbbbbbb"].reason == "builds on aaaaaaaa: load() changed"
    assert found["passage-cccccccc"].reason == "builds on bbbbbbbb: is to be checked itself"
    world.edit("app/loader.py", "float(line)", "int(line)")
    superseded = verdicts(world.facts, world.tree, links, {"passage-cccccccc": "superseded by ffffffff"})
    assert superseded["passage-aaaaaaaa"].reason == "builds on cccccccc: superseded by ffffffff"


def test_a_file_in_the_midst_of_an_edit_hides_no_symbol(world: World) -> None:
    world.cite("app/loader.py#load")
    world.edit("app/loader.py", "import os", "import os\n\ndef half(a, (b:\n")
    assert world.standing is Standing.GOOD


def test_an_edit_that_keeps_size_and_time_is_seen(world: World) -> None:
    world.cite("app/loader.py#load")
    file = world.root / "app/loader.py"
    before = file.stat()
    for after in ("flt(line)", "int(line)", "str(line)"):
        text = file.read_text()
        file.write_text(text.replace(text[text.index("return [") + 8 : text.index(" for line")], after))
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
        assert (world.standing is Standing.GOOD) is (after == "int(line)")


def test_only_what_changed_is_read_again(world: World) -> None:
    for number in range(20):
        world.write(f"lib/m{number}.py", f"def f{number}():\n    return {number}\n")
    old = 1_600_000_000 * 10**9
    for file in world.root.rglob("*.py"):
        os.utime(file, ns=(old, old))
    world.commit()
    for number in range(20):
        world.cite(f"lib/m{number}.py#f{number}", fact=str(number))
    _wait_until_settled(world)
    world.look("0")
    before = world.tree.read_count
    world.edit("lib/m3.py", "return 3", "return 4")
    assert world.look("3").standing is Standing.STALE
    assert world.tree.read_count - before == 1


def _wait_until_settled(world: World) -> None:
    """Files count as settled when their times are older than any clock's grain: as though that had passed."""
    for file in world.tree._files.values():
        file.settled = True


def test_a_parser_of_another_version_changes_nothing_where_the_bare_text_is_the_same(world: World) -> None:
    from dataclasses import replace

    from lcode.memory.cited_text import read

    cited = world.cite("app/loader.py#load")
    made = read(cited.digest)
    assert made is not None and made.text is not None
    other = replace(made, grammar="0000", text=made.text._replace(digest="ff" * 12))
    world.facts["fact"] = [replace(cited, digest=str(other))]
    world.edit("app/loader.py", "return 1", "return 2")
    assert world.standing is Standing.GOOD
    world.edit("app/loader.py", "int(line)", "float(line)")
    assert world.standing is Standing.STALE


@pytest.mark.parametrize("digest", ["x9.abc", "s1", "s1.a.b.c", "l1.a.b.x.d.e.f.g.h", "w1"])
def test_a_digest_that_is_not_understood_anchors_nothing(world: World, digest: str) -> None:
    world.facts["fact"] = [Citation("app/loader.py", "load", digest=digest)]
    assert world.standing is Standing.UNANCHORED


def test_a_file_over_which_a_parser_crashed_is_not_parsed_here(tmp_path: Path) -> None:
    world = World(tmp_path, Index({}, ["app/loader.py"]))
    world.write("app/loader.py", LOADER)
    world.commit()
    assert world.cite("app/loader.py#load").digest == ""
    world.cite("app/loader.py:8")
    world.edit("app/loader.py", "import os", "import os, re")
    assert world.standing is Standing.GOOD
    world.edit("app/loader.py", "open(path)", "open(path, 'rb')")
    assert world.standing is Standing.STALE


TWINS = "def one():\n    def inner():\n        return 1\n\n\ndef two():\n    def inner():\n        return 1\n"


def test_a_twin_in_a_renamed_file_does_not_stand_for_what_changed(world: World) -> None:
    world.write("app/twins.py", TWINS)
    world.commit()
    world.cite("app/twins.py#one.inner")
    (world.root / "app/twins.py").unlink()
    world.write("app/pair.py", TWINS.replace("return 1", "return 2", 1))
    assert world.standing is Standing.STALE
    world.write("app/pair.py", "x = 1\n\n\n" + TWINS)
    assert [str(one) for one in world.look().moved] == ["app/pair.py#one.inner"]


def test_a_method_does_not_stand_for_a_function_of_its_name_that_moved_away(world: World) -> None:
    world.write("app/send.py", "class Pool:\n    def send(self): return 2\n\n\ndef send(text):\n    return text\n")
    world.commit()
    world.cite("app/send.py#send")
    world.edit("app/send.py", "def send(text):\n    return text\n", "")
    world.write("app/new.py", "def send(text):\n    return text\n")
    assert [str(one) for one in world.look().moved] == ["app/new.py#send"]


def test_a_symbol_that_moved_into_a_file_with_syntax_that_is_not_understood_is_found(world: World) -> None:
    world.write("app/half.py", "def half(a, (b:\n\n\n")
    world.commit()
    world.cite("app/loader.py#load")
    start, end = LOADER.index("def load"), LOADER.index("class Session")
    world.write("app/loader.py", LOADER[:start] + LOADER[end:])
    world.write("app/half.py", "def half(a, (b:\n\n\n" + LOADER[start:end])
    assert [str(one) for one in world.look().moved] == ["app/half.py#load"]
