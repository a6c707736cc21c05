"""Where memory is kept: never inside the place where a command happens to run."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from lcode.errors import EXIT_ERROR, EXIT_TEMPORARY, StoreUnwritable
from lcode.store.paths import home, private_folder, unwritable


def test_a_relative_home_is_taken_from_the_users_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert home({"LCODE_HOME": "memory"}) == Path.home() / "memory"
    assert home({"LCODE_HOME": "~/memory"}) == Path.home() / "memory"
    assert home({"LCODE_HOME": str(tmp_path)}) == tmp_path
    assert home({"XDG_DATA_HOME": "data"}).is_absolute()


def test_only_what_passes_by_itself_is_temporary(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnwritable) as caught:
        private_folder(tmp_path / "file" / "store")
    assert caught.value.exit_code == EXIT_ERROR
    assert "LCODE_HOME" in caught.value.hint
    for number in (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS):
        assert unwritable("x", OSError(number, "fault"), "").exit_code == EXIT_TEMPORARY
    assert unwritable("x", OSError(errno.EACCES, "denied"), "").exit_code == EXIT_ERROR
