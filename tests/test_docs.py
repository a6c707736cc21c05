"""The documents say what is there: links lead somewhere, commands and settings exist, each dependency has its reason."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from lcode.cli.main import TABLE, root
from lcode.config_keys import KEYS
from lcode.ui.shell import slash

CHECKOUT = Path(__file__).resolve().parent.parent
DOCUMENTS = [CHECKOUT / "README.md", CHECKOUT / "CONTRIBUTING.md", *sorted((CHECKOUT / "docs").glob("*.md"))]


def found(pattern: str) -> Iterator[tuple[str, re.Match[str]]]:
    """Every match in a document, with the document's name."""
    for document in DOCUMENTS:
        yield from ((document.name, match) for match in re.finditer(pattern, document.read_text(encoding="utf-8")))


def test_links_between_documents_lead_somewhere() -> None:
    for document in DOCUMENTS:
        for target in re.findall(r"\]\((?!https?://)([^)#]+)", document.read_text(encoding="utf-8")):
            assert (document.parent / target).exists(), f"{document.name}: {target}"


def test_commands_in_the_documents_exist() -> None:
    named = [(name, match[1]) for name, match in found(r"(?m)(?:^|`)lcode ([a-z]+)\b")]
    assert named
    assert not [(name, word) for name, word in named if word not in TABLE]


def test_sub_commands_in_the_documents_exist() -> None:
    context = root.make_context("lcode", [], resilient_parsing=True)
    for name, match in found(r"(?m)(?:^|`)lcode (memory|sessions|agents|config) ([a-z]+)\b"):
        group = root.get_command(context, match[1])
        assert group is not None
        assert match[2] in group.to_info_dict(context)["commands"], f"{name}: {match[0]}"


def test_every_command_is_described() -> None:
    usage = (CHECKOUT / "docs/usage.md").read_text(encoding="utf-8")
    assert not [name for name in TABLE if f"`lcode {name}" not in usage]


def test_every_option_is_described() -> None:
    usage = (CHECKOUT / "docs/usage.md").read_text(encoding="utf-8")
    longest = [max(parameter.opts, key=len) for parameter in root.params]
    assert not [option for option in longest if option not in usage]


def test_every_setting_is_described_with_its_default() -> None:
    usage = (CHECKOUT / "docs/usage.md").read_text(encoding="utf-8")
    usage = usage[usage.index("## Settings") :]
    rows = dict(re.findall(r"(?m)^\| `([a-z_]+)` \| (\S+) \|", usage))
    words: dict[object, str] = {"": "empty", None: "unset", True: "true", False: "false"}
    expected = {}
    for name, key in KEYS.items():
        value = f"{key.default:g}" if isinstance(key.default, float) else str(key.default)
        expected[name] = words.get(key.default, f"`{value}`" if key.type is str else value)
    assert rows == expected
    marked = set(re.findall(r"(?m)^\| `([a-z_]+)` \|.*\| yes \|$", usage))
    assert marked == {name for name, key in KEYS.items() if key.from_repository}


def test_terminal_commands_in_the_documents_exist() -> None:
    named = {match[1] for _, match in found(r"`/([a-z]+)`")}
    assert named <= set(slash.COMMANDS)


def test_every_dependency_has_its_reason() -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = [
        *project["project"]["dependencies"],
        *project["project"]["optional-dependencies"]["dev"],
        *project["project"]["optional-dependencies"]["vectors"],
        *project["build-system"]["requires"],
    ]
    decisions = (CHECKOUT / "docs/decisions.md").read_text(encoding="utf-8")
    names = [re.split(r"[<>=\[ ]", requirement)[0] for requirement in wanted]
    assert not [name for name in names if name not in decisions]


def test_the_gate_runs_the_command_that_the_first_page_names() -> None:
    readme = (CHECKOUT / "README.md").read_text(encoding="utf-8")
    command = "sh install.sh --dev && .venv/bin/python -m pytest -n 2"
    assert command in readme
    assert command in (CHECKOUT / ".ci/run").read_text(encoding="utf-8")


def test_the_long_forms_of_tests_run_only_when_they_are_asked_for() -> None:
    options = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["pytest"]["ini_options"]
    assert "-m 'not slow'" in options["addopts"]
    assert "pytest -m slow" in (CHECKOUT / "CONTRIBUTING.md").read_text(encoding="utf-8")
