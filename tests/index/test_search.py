"""Searching code: exact questions win, signals add up, filters hold, and no question breaks it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lcode.git.command import Git
from lcode.index.build import CodeIndex
from lcode.index.graph import update_graph
from lcode.index.history import update_history
from lcode.index.open import IndexDatabase
from lcode.index.past import past_commits
from lcode.index.reader import CodeReader
from lcode.index.search import CodeSearch, paths_of
from lcode.path_text import path_text

LOCKS = '''"""Named locks between processes."""


class NamedLock:
    """A lock that the kernel frees when its owner dies."""

    def acquire(self, purpose: str) -> bool:
        """Take the lock, or say at once that another has it."""
        if self.busy:
            raise RuntimeError("the lock is held by another process")
        return True

    def release(self) -> None:
        self.busy = False
'''
PORTS = '''"""Reading settings of the server."""

DEFAULT_PORT = 8080


def parse_port(text: str) -> int:
    """The number of a TCP port."""
    return int(text)


def parse_host(text: str) -> str:
    return text.strip()
'''
SERVER = '''"""Serves requests."""

from app.settings.ports import parse_port
from app.store.locks import NamedLock


class Session:
    def run(self, argument: str) -> None:
        lock = NamedLock()
        lock.acquire("serving")
        self.port = parse_port(argument)


class Task:
    def run(self) -> None:
        """Also called run."""
'''
TEST = """from app.settings.ports import parse_port


def test_parse_port_of_a_number():
    assert parse_port("80") == 80
"""
FILES = {
    "app/store/locks.py": LOCKS,
    "app/settings/ports.py": PORTS,
    "app/server.py": SERVER,
    "tests/test_ports.py": TEST,
    "web/client.ts": "export function openSocket(address: string): Socket {\n  return new Socket(address);\n}\n",
    "docs/guide.md": "# Guide\n\nStart the server with a port.\n\n## Ports\n\nThe default port is 8080.\n",
}


def git(root: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    subprocess.run(["git", *identity, *arguments], cwd=root, check=True, capture_output=True)


def commit(root: Path, message: str, files: dict[str, str]) -> None:
    for path, content in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(content, encoding="utf-8")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", message)


def index(root: Path, database: IndexDatabase) -> CodeSearch:
    assert CodeIndex(database, root).update().complete
    update_history(database, Git(root), path_text(root))
    update_graph(database, path_text(root))
    return CodeSearch(database, root)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("search") / "repo"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    commit(folder, "Begin", FILES)
    commit(folder, "Survive a brownout of the power supply", {"app/store/locks.py": LOCKS + "\n\nRETRIES = 3\n"})
    return folder


@pytest.fixture(scope="module")
def search(root: Path) -> Iterator[CodeSearch]:
    database = IndexDatabase(None)
    yield index(root, database)
    database.close()


def test_a_symbol_lands_first(search: CodeSearch) -> None:
    hit = search.search("parse_port")[0]
    assert hit.path == "app/settings/ports.py" and "def parse_port" in hit.text
    assert search.search("NamedLock")[0].path == "app/store/locks.py"


def test_a_symbol_is_found_in_whatever_way_its_words_are_joined(search: CodeSearch) -> None:
    assert search.search("parsePort")[0].path == "app/settings/ports.py"
    assert search.search("namedlock")[0].path == "app/store/locks.py"


def test_what_was_asked_before_changes_no_score(search: CodeSearch, root: Path) -> None:
    questions = ["begin", "a lock against brownout of power", "server port", "survive"]
    for asked in (questions, questions[::-1]):
        used = CodeSearch(search._database, root)
        for question in asked:
            fresh = CodeSearch(search._database, root)
            assert used.search(question, explain=True) == fresh.search(question, explain=True)


def test_a_dotted_symbol_tells_methods_of_one_name_apart(search: CodeSearch) -> None:
    assert "Also called" not in search.search("Session.run")[0].text
    assert "Also called" in search.search("Task.run")[0].text


@pytest.mark.parametrize(
    ("query", "path", "symbol", "kind"),
    [
        ("NamedLock", "app/store/locks.py", "NamedLock", "class"),
        ("NamedLock.acquire", "app/store/locks.py", "NamedLock.acquire", "method"),
        ("acquire()", "app/store/locks.py", "NamedLock.acquire", "method"),
        ("ports.parse_port", "app/settings/ports.py", "parse_port", "function"),
        ("app.settings.ports.parse_host", "app/settings/ports.py", "parse_host", "function"),
        ("parse_port", "app/settings/ports.py", "parse_port", "function"),
        ("DEFAULT_PORT", "app/settings/ports.py", "DEFAULT_PORT", "constant"),
        ("openSocket", "web/client.ts", "openSocket", "function"),
        ("Task", "app/server.py", "Task", "class"),
        ("the lock is held by another process", "app/store/locks.py", "NamedLock", "class"),
        ("RuntimeError: the lock is held by another process", "app/store/locks.py", "NamedLock", "class"),
        (r"def parse_h\w+\(", "app/settings/ports.py", "", "module"),
        ("server.py", "app/server.py", "", "module"),
        ("web/client", "web/client.ts", "openSocket", "function"),
    ],
)
def test_what_is_asked_for_to_the_letter_comes_first(search: CodeSearch, query: str, path: str, symbol: str, kind: str) -> None:
    hit = search.search(query)[0]
    assert (hit.path, hit.symbol, hit.kind) == (path, symbol, kind)


@pytest.mark.parametrize("query", ["app/store/locks.py", "store/locks.py", "locks.py", "locks.py:10", "./app/store/locks.py"])
def test_a_path_or_its_end_lands_first(search: CodeSearch, query: str) -> None:
    assert search.search(query)[0].path == "app/store/locks.py"


def test_a_path_with_a_line_lands_on_the_chunk_of_that_line(search: CodeSearch) -> None:
    hit = search.search("server.py:16")[0]
    assert hit.path == "app/server.py"
    assert hit.start_line <= 16 <= hit.end_line


LISTED = {
    "poetry.lock": "x = 1\n",
    "web/app.min.js": "var a=1",
    "web/logo.png": "\0PNG",
    "empty.py": "",
    "deploy/.env": "A=1\n",
}


@pytest.mark.parametrize(("query", "kind"), [*zip(LISTED, ("lock", "minified", "binary", "source", "sensitive"), strict=True)])
def test_a_file_of_which_the_path_alone_is_known_is_found_by_it(tmp_path: Path, query: str, kind: str) -> None:
    git(tmp_path, "init", "-q")
    commit(tmp_path, "Begin", LISTED | {"names.py": "def lock(env, logo, png, min, js, app, empty, deploy, web):\n    pass\n"})
    with closing(IndexDatabase(None)) as database:
        search = index(tmp_path, database)
        for asked in (query, query.rpartition("/")[2]):
            hit = search.search(asked)[0]
            assert (hit.path, hit.kind, hit.lines, hit.text, hit.is_gone) == (query, kind, "", "", False)
        assert search.search(query, language="python", kind="function")[0].path == "names.py"
        (tmp_path / query).unlink()
        assert search.search(query)[0].is_gone


def test_a_path_with_a_line_past_its_end_lands_on_the_file(search: CodeSearch) -> None:
    assert search.search("app/server.py:9999")[0].path == "app/server.py"


def test_a_quoted_text_lands_where_it_stands(search: CodeSearch) -> None:
    hit = search.search('"the lock is held by another process"')[0]
    assert hit.path == "app/store/locks.py"
    assert "held by another" in hit.text


@pytest.mark.parametrize(
    "query", ["Parcel label unreadable in tray of scanner", "ScanError: parcel label unreadable in tray of scanner"]
)
def test_the_message_of_an_error_lands_where_it_stands_also_over_lines(tmp_path: Path, query: str) -> None:
    git(tmp_path, "init", "-q")
    around = "    if self.parcels.weight > self.limits.weight:\n        self.report(weight)\n" * 9
    said = 'raise ScanError(\n        "Parcel label unreadable "\n        "in tray of scanner."\n    )\n'
    labels = 'class ScannerTray:\n    def label(self, parcel):\n        """The unreadable label of a parcel in the tray."""\n'
    commit(tmp_path, "Begin", {"weigh.py": f"def weigh(self):\n{around}    {said}", "scanner/tray.py": labels})
    with closing(IndexDatabase(None)) as database:
        assert index(tmp_path, database).search(query)[0].path == "weigh.py"


@pytest.mark.parametrize(
    "query",
    [
        'File "app/server.py", line 16, in run',
        "app/server.py:16:9: error: no session is served by locks of ports",
        "server.py, line 16",
    ],
)
def test_a_line_of_a_trace_lands_on_the_chunk_that_it_names(search: CodeSearch, query: str) -> None:
    hit = search.search(query)[0]
    assert hit.path == "app/server.py"
    assert hit.start_line <= 16 <= hit.end_line


def test_an_expression_lands_where_it_matches(search: CodeSearch) -> None:
    assert "def parse_host" in search.search(r"def parse_h\w+\(")[0].text


def test_the_message_of_a_commit_finds_the_file_it_touched(search: CodeSearch) -> None:
    hits = search.search("brownout", explain=True)
    assert hits[0].path == "app/store/locks.py"
    reasons = {signal.name: signal for signal in hits[0].why}
    assert "commits" in reasons and "brownout" in reasons["commits"].detail


def test_source_ranks_before_its_tests(search: CodeSearch) -> None:
    paths = paths_of(search.search("parse port of a number"))
    assert paths.index("app/settings/ports.py") < paths.index("tests/test_ports.py")


def test_hits_say_why_when_asked(search: CodeSearch) -> None:
    hit = search.search("kernel frees lock", explain=True)[0]
    assert hit.why and hit.why[0].share == max(signal.share for signal in hit.why)
    assert not search.search("kernel frees lock")[0].why


@pytest.mark.parametrize(
    ("narrowed", "expected"),
    [
        ({"path": "app/store"}, {"app/store/locks.py"}),
        ({"path": "app/store/locks.py"}, {"app/store/locks.py"}),
        ({"path": "**/*.ts"}, {"web/client.ts"}),
        ({"path": "*.md"}, {"docs/guide.md"}),
        ({"language": "TypeScript"}, {"web/client.ts"}),
        ({"language": "ts"}, {"web/client.ts"}),
        ({"kind": "test"}, {"tests/test_ports.py"}),
        ({"kind": "docs"}, {"docs/guide.md"}),
        ({"path": "nowhere"}, set()),
    ],
)
def test_a_filter_holds_for_every_hit(search: CodeSearch, narrowed: dict[str, str], expected: set[str]) -> None:
    found = set()
    for query in ("port server lock socket address guide", "parse_port", "locks.py", "brownout"):
        found |= {hit.path for hit in search.search(query, limit=50, **narrowed)}  # type: ignore[arg-type]
    assert found <= expected
    assert bool(found) == bool(expected)


def test_a_path_that_looks_like_a_pattern_is_also_taken_as_it_is(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    commit(
        tmp_path, "Add the page", {"app/[id]/page.py": "def page():\n    pass\n", "app/i/page.py": "def page():\n    pass\n"}
    )
    with closing(IndexDatabase(None)) as database:
        search = index(tmp_path, database)
        assert "app/[id]/page.py" in {hit.path for hit in search.search("page", path="app/[id]")}
        assert database.read(lambda connection: past_commits(connection, "page", path="app/[id]"))
        assert database.read(lambda connection: past_commits(connection, "page", path="app/*/page.py"))
        assert not database.read(lambda connection: past_commits(connection, "page", path="lib/*.py"))


def test_names_are_completed_with_the_files_that_define_them(root: Path) -> None:
    with closing(IndexDatabase(None)) as database:
        index(root, database)
        reader = CodeReader(None, root, database)
        assert reader.definitions("PARSE_p", 5) == [("app/settings/ports.py", "parse_port")]
        assert [path for path, _ in reader.definitions("run", 5)] == ["app/server.py"]
        assert not reader.definitions("%", 5)


def test_a_kind_of_chunk_holds_for_every_hit(search: CodeSearch) -> None:
    hits = search.search("run the lock", kind="class", limit=50)
    assert hits and {hit.kind for hit in hits} == {"class"}


def test_the_same_question_gives_the_same_places(search: CodeSearch, root: Path) -> None:
    first = search.search("how is a port parsed by the server", limit=50, explain=True)
    database = IndexDatabase(None)
    again = index(root, database).search("how is a port parsed by the server", limit=50, explain=True)
    database.close()
    assert again == first == search.search("how is a port parsed by the server", limit=50, explain=True)


def test_a_limit_gives_the_beginning_of_what_a_larger_one_gives(search: CodeSearch) -> None:
    everything = search.search("port of the server", limit=50)
    assert search.search("port of the server", limit=2) == everything[:2]
    assert search.search("port", limit=0) == []


def test_files_rank_as_their_places_do_not_twice(search: CodeSearch) -> None:
    ranked = [path for path, _ in search.files("parse port", limit=50)]
    assert ranked[0] == "app/settings/ports.py"
    assert len(ranked) == len(set(ranked))


def test_no_index_is_nothing_found(tmp_path: Path) -> None:
    database = IndexDatabase(None)
    assert CodeSearch(database, tmp_path).search("anything") == []
    assert CodeSearch(database, tmp_path).files("anything") == []
    database.close()


def test_a_hit_says_whether_the_file_changed_since(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("def frobnicate():\n    return 1\n", encoding="utf-8")
    (tmp_path / "b.py").write_text("def frobnicate_all():\n    return 2\n", encoding="utf-8")
    database = IndexDatabase(None)
    assert CodeIndex(database, tmp_path).update().complete
    search = CodeSearch(database, tmp_path)
    assert not any(hit.changed for hit in search.search("frobnicate"))
    (tmp_path / "a.py").write_text("# new\ndef frobnicate():\n    return 10\n", encoding="utf-8")
    (tmp_path / "b.py").unlink()
    hits = {hit.path: hit for hit in search.search("frobnicate")}
    database.close()
    assert hits["a.py"].changed and "# new" in hits["a.py"].text
    assert hits["b.py"].changed and hits["b.py"].text == ""


def test_a_change_is_told_that_neither_size_nor_time_tells_of(tmp_path: Path) -> None:
    """As with a save right after the file was indexed, within one tick of the clock of the file system."""
    path = tmp_path / "a.py"
    path.write_text("def frobnicate():\n    return 1\n", encoding="utf-8")
    time = path.stat().st_mtime_ns + 3_600_000_000_000
    os.utime(path, ns=(time, time))
    with closing(IndexDatabase(None)) as database:
        assert CodeIndex(database, tmp_path).update().complete
        [(known,)] = database.read(lambda connection: connection.execute("SELECT mtime_ns FROM files").fetchall())
        assert known == -1  # too young
        search = CodeSearch(database, tmp_path)
        assert [hit.changed for hit in search.search("frobnicate")] == [False]
        path.write_text("def frobnicate():\n    return 2\n", encoding="utf-8")
        os.utime(path, ns=(time, time))
        assert [hit.changed for hit in search.search("frobnicate")] == [True]
        assert not CodeIndex(database, tmp_path).no_change()


def test_a_search_of_an_index_that_was_just_emptied_finds_nothing(tmp_path: Path) -> None:
    """Its new connection may lie where the one before it lay, and count from where that one did."""
    for number in range(40):
        (tmp_path / f"a{number}.py").write_text(f"def frobnicate_{number}():\n    return 1\n", encoding="utf-8")
    with closing(IndexDatabase(tmp_path / "index.db")) as database:
        for _ in range(5):
            assert CodeIndex(database, tmp_path).update().complete
            with closing(IndexDatabase(tmp_path / "index.db", read_only=True)) as seen:
                search = CodeSearch(seen, tmp_path)
                assert search.search("frobnicate")
                database.reset("the test has it so")
                seen.read(lambda _: seen._let_go())
                assert search.search("frobnicate") == []


def test_what_was_written_since_is_found_by_the_same_search(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("def first():\n    return 1\n", encoding="utf-8")
    database = IndexDatabase(None)
    builder = CodeIndex(database, tmp_path)
    builder.update()
    search = CodeSearch(database, tmp_path)
    assert not search.search("zwitschern")
    (tmp_path / "b.py").write_text("def zwitschern():\n    return 1\n", encoding="utf-8")
    builder.update()
    assert search.search("zwitschern")[0].path == "b.py"
    database.close()


HARD = [
    *("", " ", '"', "'", "`", '""', "(", ")", "(((", "[", "*", "NEAR(", "AND OR NOT", "a AND", "^", ":", "path:", "path : x"),
    *(
        "-",
        "--",
        "\0",
        "\ud800",
        "é",
        "日本語",
        "🙂",
        "a" * 5000,
        "a " * 5000,
        "(a+)+$",
        "(a|a)*b",
        r"\w+\s*(",
        "%",
        "_",
        "%%/..",
    ),
    *(
        "../..",
        "/",
        "//",
        "x:99999999999999999999",
        "{}",
        "\\",
        "\\1",
        "fix(: x",
        "[[:alpha:]]",
        ".*.*.*.*.*x",
        "a::b::c",
        "->",
    ),
    *("#", "#1", ".py", "..", "\n\n", "SELECT * FROM files; --", "'; DROP TABLE files; --"),
]


@pytest.mark.parametrize("query", HARD, ids=range(len(HARD)))
def test_a_hard_question_is_answered(search: CodeSearch, query: str) -> None:
    search.search(query, explain=True)
    search.search(query, path=query[:50], language=query[:50], kind=query[:50])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(query=st.text(max_size=80) | st.text(alphabet="ab.*()[]\\|^$+?\"'`:/_- {}#>", max_size=40))
def test_any_question_is_answered(search: CodeSearch, query: str) -> None:
    hits = search.search(query, limit=5, explain=True)
    assert len(hits) <= 5
    for hit in hits:
        assert 1 <= hit.start_line <= hit.end_line


def test_a_question_imports_neither_numpy_nor_a_parser(root: Path, tmp_path: Path) -> None:
    database = IndexDatabase(tmp_path / "index.db")
    index(root, database)
    database.close()
    program = (
        "import sys; from pathlib import Path\n"
        "from lcode.index.open import IndexDatabase; from lcode.index.search import CodeSearch\n"
        "database = IndexDatabase(Path(sys.argv[1]), read_only=True)\n"
        "assert CodeSearch(database, Path(sys.argv[2])).search('parse the port', explain=True)\n"
        "print([name for name in ('numpy', 'tree_sitter', 'watchdog') if name in sys.modules])\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "index.db"), str(root)]
    assert subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip() == "[]"


def test_an_expression_that_python_warns_of_is_taken_in_silence(recwarn: pytest.WarningsRecorder) -> None:
    from lcode.index.query import Query

    assert Query("[[a-z]+x").expression is not None
    assert not recwarn.list


def test_a_long_definition_is_found_once_before_other_places(tmp_path: Path) -> None:
    steps = "\n".join(f"    total += convert(amount, rate_{number}, currency)" for number in range(120))
    (tmp_path / "money.py").write_text(f"def convert_all(amount, currency):\n{steps}\n    return total\n", encoding="utf-8")
    (tmp_path / "other.py").write_text("def show(amount):\n    print(amount)\n", encoding="utf-8")
    database = IndexDatabase(None)
    assert CodeIndex(database, tmp_path).update().complete
    hits = CodeSearch(database, tmp_path).search("convert an amount of one currency")
    database.close()
    assert [hit.path for hit in hits[:2]] == ["money.py", "other.py"]
    assert len(hits) > 2 and {hit.symbol for hit in hits if hit.path == "money.py"} == {"convert_all"}
