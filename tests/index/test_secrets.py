"""Secrets in code and in commit messages never reach the index: neither as text, nor as words, nor by what defines them."""

from __future__ import annotations

import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from lcode.git.command import Git
from lcode.index.build import CodeIndex
from lcode.index.history import update_history
from lcode.index.open import index_path, open_index
from lcode.index.reader import CodeReader
from lcode.index.words import document_words
from lcode.redact import Redactor
from lcode.store.paths import AgentPaths

TOKEN = "ghp_" + "Zq8Vt2Lk9Xw4Rb7Nc1Hs6Jd3Fg5Mp0Ya"
PASSWORD = "kV9mzQ4rTx7pLw2s"
CODE = f'''"""Talks to the forge."""

FORGE_TOKEN = "{TOKEN}"


def connect(password="{PASSWORD}"):
    """Open the forge with {TOKEN}."""
    return FORGE_TOKEN, password
'''
KEY = (
    "-----BEGIN RSA PRIVATE KEY-----\n"
    + "MIIEpAIBAAKCAQEA7bq3KvX9sLw2Zt8RmYc4HfJd6NgPoQ1u\n" * 6
    + "-----END RSA PRIVATE KEY-----\n"
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    (folder / "config").mkdir(parents=True)
    (folder / "forge.py").write_text(CODE)
    (folder / "key.txt").write_text(f"A key:\n{KEY}and the end\n")
    (folder / ".env").write_text("HARMLESS_LOOKING=quietwordhere\n")
    (folder / "config/credentials.json").write_text('{"note": "quietwordhere"}\n')
    (folder / "credentials.py").write_text("def load_credentials():\n    return None\n")
    git = ("git", "-c", "user.name=A", "-c", "user.email=a@example.com")
    for words in (["init", "-q"], ["add", "-Af"], ["commit", "-q", "-m", f"Use {TOKEN}\n\npassword = '{PASSWORD}'"]):
        subprocess.run([*git, *words], cwd=folder, check=True)
    return folder


@pytest.fixture
def reader(root: Path, tmp_path: Path) -> CodeReader:
    paths = AgentPaths(tmp_path / "agent")
    with closing(open_index(paths)) as database:
        assert CodeIndex(database, root).update().complete
        assert update_history(database, Git(root), str(root)) == 1
    return CodeReader(paths, root)


def matches(reader: CodeReader, word: str) -> int:
    """In how many chunks full text has the word."""
    sql = "SELECT count(*) FROM code_fts_1 WHERE code_fts_1 MATCH ?"
    return int(reader.database.read(lambda connection: list(connection.execute(sql, (f'"{word}"',))))[0][0])


def test_the_file_of_the_index_holds_no_secret_and_no_word_of_one(reader: CodeReader, tmp_path: Path) -> None:
    with closing(reader):
        assert reader.search("connect forge")[0].path == "forge.py"
    path = index_path(AgentPaths(tmp_path / "agent"))
    stored = b"".join(file.read_bytes() for file in path.parent.glob("index.db*")).lower()
    for secret in (TOKEN, PASSWORD, "quietwordhere", KEY.split("\n")[1]):
        assert secret.lower().encode() not in stored
        assert secret.removeprefix("ghp_").lower().encode() not in stored
    assert b"credentials" in stored


def test_a_secret_is_found_neither_in_code_nor_in_commits(reader: CodeReader) -> None:
    with closing(reader):
        assert reader.search("quietwordhere") == []
        assert matches(reader, "forge") > 0
        for secret in (TOKEN, PASSWORD, *KEY.split("\n")[1:3]):
            assert not any(matches(reader, word) for word in document_words(secret) if len(word) > 10)
        assert "redacted" in reader.commits("use")[0].subject
        assert TOKEN not in reader.commits("use")[0].subject
        assert reader.commits(PASSWORD) == []


def test_files_that_are_made_to_hold_secrets_are_known_by_their_path_alone(reader: CodeReader) -> None:
    with closing(reader):
        assert {".env", "config/credentials.json", "credentials.py"} <= set(reader.files())
        assert [hit.path for hit in reader.search("load_credentials")][:1] == ["credentials.py"]
        kinds = dict(reader.database.read(lambda connection: list(connection.execute("SELECT path, kind FROM files"))))
        assert (kinds[".env"], kinds["config/credentials.json"], kinds["credentials.py"]) == (
            "sensitive",
            "sensitive",
            "source",
        )


def test_what_stands_beside_a_secret_stays_where_it_was() -> None:
    data = f"ä {KEY} ß\npassword = '{PASSWORD}ü'\r\n\xff".encode("latin-1") + CODE.encode()
    found = Redactor({}).blank(data)
    assert len(found) == len(data) and found.count(b"\n") == data.count(b"\n")
    assert PASSWORD.encode() not in found and TOKEN.encode() not in found and b"MIIE" not in found
    assert all(new in (old, 0x20) for old, new in zip(data, found, strict=True))
    assert Redactor({}).blank(found) == found
    assert Redactor({}).blank(b"nothing \xff here") == b"nothing \xff here"
