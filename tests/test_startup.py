"""What a start may not load. Counted in modules, not in time, so that it holds on any machine.

The list comes from Python's own import log, which is complete however the program ends.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.imports import headless_imports, parse

CHECKOUT = Path(__file__).resolve().parent.parent
SDKS = {"openai", "anthropic", "pydantic", "httpx", "requests"}
INTERFACE = {"prompt_toolkit", "rich", "pygments"}
INDEXING = {"numpy", "git", "watchdog", "tree_sitter"}
NEVER = SDKS | INTERFACE | INDEXING | {"sqlite3"}


def loaded(folder: Path, *arguments: str) -> set[str]:
    """Names of all modules that `lcode ARGUMENTS` imports before it ends with success."""
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    command = [sys.executable, "-X", "importtime", "-m", "lcode", *arguments]
    done = subprocess.run(
        command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return {row.module for row in parse(done.stderr.splitlines())}


def roots(modules: set[str]) -> set[str]:
    return {module.partition(".")[0] for module in modules}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    (tmp_path / "app.py").write_text("def parse_port(text):\n    return int(text)\n")
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "Begin"]):
        subprocess.run(["git", *arguments], cwd=tmp_path, check=True)
    return tmp_path


def test_the_version_loads_nothing_but_the_interpreter(tmp_path: Path) -> None:
    modules = loaded(tmp_path, "--version")
    assert {module for module in modules if module.startswith("lcode")} <= {"lcode", "lcode.__main__"}
    assert not roots(modules) & (NEVER | {"click", "re", "asyncio", "json", "apsw", "urllib3"})


def test_the_help_loads_no_store_and_no_network(tmp_path: Path) -> None:
    assert not roots(loaded(tmp_path, "--help")) & (NEVER | {"apsw", "urllib3", "ssl", "asyncio"})


def test_a_headless_run_without_a_model_loads_nothing_heavy(repository: Path) -> None:
    modules = loaded(repository, "-p", "where is the port parsed?")
    assert not roots(modules) & (NEVER | {"urllib3"})


def test_a_headless_run_with_a_model_loads_nothing_heavy() -> None:
    modules = {row.module for row in headless_imports()}
    assert any(module.startswith("lcode.agent.") for module in modules)
    assert not roots(modules) & NEVER


def test_showing_memory_loads_no_interface_and_no_network(repository: Path) -> None:
    assert not roots(loaded(repository, "memory", "show")) & (NEVER | {"urllib3"})


def test_searching_the_code_loads_nothing_heavy(repository: Path) -> None:
    assert loaded(repository, "index")
    modules = loaded(repository, "search", "parse_port", "--scope", "code")
    assert "lcode.index.search" in modules
    assert not roots(modules) & (NEVER | {"urllib3"})
