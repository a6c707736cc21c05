"""`lcode config`: what holds and why."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Lcode


def origin_of(lcode: Lcode, key: str, *before: str) -> tuple[object, str]:
    row = next(row for row in lcode(*before, "config", "--json").json() if row["key"] == key)
    return row["value"], row["origin"].partition(":")[0]


def test_every_key_is_listed_with_value_and_origin(lcode: Lcode, repository: Path) -> None:
    rows = lcode("config", "--json").json()
    assert {"model", "permission_mode", "max_steps"} <= {row["key"] for row in rows}
    assert all(set(row) == {"key", "value", "origin", "help"} for row in rows)
    text = lcode("config").out
    assert all(row["key"] in text for row in rows)


def test_a_value_is_set_and_unset_in_the_users_file(lcode: Lcode, repository: Path) -> None:
    path = Path(lcode("config", "path").out.strip())
    assert lcode("config", "set", "max_steps", "7").code == 0
    assert origin_of(lcode, "max_steps") == (7, "user")
    assert "max_steps = 7" in path.read_text()
    assert lcode("config", "unset", "max_steps").code == 0
    assert origin_of(lcode, "max_steps") == (50, "built-in")


def test_flags_win_over_the_environment_over_the_file_over_the_repository(
    lcode: Lcode, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (repository / ".lcode").mkdir()
    (repository / ".lcode/config.toml").write_text("max_steps = 3\n")
    assert origin_of(lcode, "max_steps") == (3, "repository")
    lcode("config", "set", "max_steps", "4")
    assert origin_of(lcode, "max_steps") == (4, "user")
    monkeypatch.setenv("LCODE_MAX_STEPS", "5")
    assert origin_of(lcode, "max_steps") == (5, "environment")
    assert origin_of(lcode, "max_steps", "--max-turns", "6") == (6, "command line")
    assert "comes from the environment" in lcode("config", "set", "max_steps", "8").err


def test_what_a_repository_may_not_set_is_said(lcode: Lcode, repository: Path) -> None:
    (repository / ".lcode").mkdir()
    (repository / ".lcode/config.toml").write_text('permission_mode = "yolo"\n')
    done = lcode("config")
    assert done.code == 0
    assert "permission_mode" in done.err
    assert origin_of(lcode, "permission_mode") == ("ask", "built-in")


@pytest.mark.parametrize(("key", "value"), [("max_stps", "3"), ("max_steps", "many"), ("permission_mode", "always")])
def test_a_wrong_key_or_value_is_refused_with_a_hint(lcode: Lcode, repository: Path, key: str, value: str) -> None:
    done = lcode("config", "set", key, value)
    assert done.code == 1
    assert "hint: " in done.err
