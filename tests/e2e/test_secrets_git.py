"""Nothing that is secret in a repository, its history or a session stays in what lcode keeps or exports."""

from __future__ import annotations

from pathlib import Path

from benchmarks.secrets_git import Planted, Secret, leaks, measure


def test_no_planted_secret_is_kept_or_exported() -> None:
    made, found, sizes = measure(seed=3)
    assert len(made.secrets) >= 60
    assert len({secret.place for secret in made.secrets}) > 30
    assert sizes["placeholders"] > 300  # they were met
    assert found == []


def test_what_is_kept_would_be_found(tmp_path: Path) -> None:
    made = Planted(tmp_path, tmp_path / "home", [Secret("body", "npm", "npm_" + "a1B2c3D4e5F6" * 3, "")])
    made.home.mkdir()
    (made.home / "words.db").write_bytes(b"\0\0 d4e5f6a1b2c3 \0")
    export = tmp_path / "export.txt"
    export.write_text("clean")
    assert [leak.where for leak in leaks(made, [export])] == ["words.db"]
