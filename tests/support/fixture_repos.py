"""The fixture projects as git repositories, for tests: made once in a process, then copied."""

from __future__ import annotations

import atexit
import importlib.util
import shutil
import tempfile
from functools import cache
from pathlib import Path
from types import ModuleType

RECIPE = Path(__file__).resolve().parents[2] / "fixtures" / "repos" / "make.py"


@cache
def recipe() -> ModuleType:
    """The module `fixtures/repos/make.py`."""
    spec = importlib.util.spec_from_file_location("lcode_fixture_recipe", RECIPE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def _made(name: str) -> Path:
    folder = Path(tempfile.mkdtemp(prefix=f"fixture-{name}-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    made: Path = recipe().make(name, folder / "repo")
    return made


def names() -> list[str]:
    """`python`, `typescript`, `go`."""
    found: list[str] = recipe().names()
    return found


def make(name: str, target: Path) -> Path:
    """The repository `name` with its whole history at `target`, which must not exist or be empty."""
    shutil.copytree(_made(name), target, symlinks=True, dirs_exist_ok=True)
    return target


def seed_bug(name: str, target: Path, commit: bool = False) -> dict[str, str]:
    """Break one line (`path`, `good`, `bad`), so that `test` fails; committed if told."""
    bug: dict[str, str] = recipe().seed_bug(name, target, commit)
    return bug
