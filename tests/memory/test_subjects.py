"""Only a plain statement of a thing that a project has one of has a subject: a wrong one would end a true fact."""

from __future__ import annotations

import pytest

from lcode.memory.subjects import subject_of

STATED = {
    "The test command is `pytest -q`.": "test command",
    "test command: pytest -q": "test command",
    "Run the tests with `tox -e py`; it takes a minute.": "test command",
    "Tests are run with make check.": "test command",
    "The project's lint command is now ruff check .": "lint command",
    "The build command of this repository is ./build.sh": "build command",
    "The package manager is pnpm.": "package manager",
    "The package manager changed from npm to pnpm.": "package manager",
    "Our Python package manager is uv": "package manager",
    "The default branch is trunk": "default branch",
    "The database is PostgreSQL 15.": "database",
    "The linter is ruff": "linter",
    "The max line length is 120.": "line length",
    "Python 3.12": "python version",
    "The project needs Python 3.11 or newer.": "python version",
    "Python >= 3.11 is required": "python version",
    "The Go version is 1.22": "go version",
    "Node.js version: 20": "node version",
    "The license is MIT.": "license",
    "The CI system is GitHub Actions": "ci system",
    "We use uv as package manager": "package manager",
    "The project has switched from npm to pnpm as its package manager.": "package manager",
    "This repo now uses PostgreSQL as the database": "database",
    "Tests run with `just test`": "test command",
}
NONE = (
    "The test command is slow",
    "The test command of the frontend is `npm test`.",
    "The test command is `pytest` on Windows, `tox` elsewhere",
    "On Windows the test command is `pytest`.",
    "The test command is not `npm test`.",
    "The test command needs Docker.",
    "The test command was `nose` until 2020.",
    "The linter is strict",
    "The linter is `ruff` but only for src",
    "The database is seeded by make seed",
    "The database is in /var/lib/app",
    "The build is broken",
    "Python 3.12 breaks the parser",
    "pnpm's lock file is committed",
    "Retries live in transport.py",
    "We use pip as package manager for the docs",
    "We do not use npm as package manager",
    "We use SQLite in memory as database",
    "We use a queue as database",
    "Tests run with Postgres",
    "Tests run with `pytest -n4` on Windows",
    "Slow tests run with `pytest -m slow`",
    "Tests are run with pytest in CI",
    "",
)


@pytest.mark.parametrize("text", STATED)
def test_a_plain_statement_has_a_subject(text: str) -> None:
    assert subject_of(text) == STATED[text]


@pytest.mark.parametrize("text", NONE)
def test_anything_else_has_none(text: str) -> None:
    assert subject_of(text) == ""


def test_only_facts_state_and_only_short_ones() -> None:
    assert subject_of("The linter is ruff", "attempt") == ""
    assert subject_of("The linter is ruff. " + "It found much. " * 30) == ""


def test_a_tag_names_the_subject() -> None:
    assert subject_of("Deploys go to Paris", tags=["subject:Deploy_Region"]) == "deploy region"
    assert subject_of("Since March the test command is `tox`", tags=["test-command"]) == "test command"
    assert subject_of("Since March the test command is `tox`") == ""
    assert subject_of("On Windows the test command is `tox`", tags=["test-command"]) == ""
    assert subject_of("The linter is ruff", tags=["subject:none"]) == "none"
