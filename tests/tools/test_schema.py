from __future__ import annotations

import json

import pytest

from lcode.tools import schema
from lcode.tools.base import ToolError
from lcode.tools.registry import all_tools, file_tools

TOOLS = {tool.name: tool for tool in file_tools()}


def arguments(name: str, **given: object) -> dict[str, object]:
    return schema.arguments(TOOLS[name], given)


def test_tools_are_sorted_and_offered_once() -> None:
    names = [tool.name for tool in all_tools()]
    assert names == sorted(set(names)) and set(TOOLS) <= set(names)
    assert list(TOOLS) == ["edit_file", "glob", "grep", "list_dir", "read_file", "read_result", "shell", "write_file"]


def test_file_tools_are_described_in_few_bytes() -> None:
    specs = [schema.spec(tool) for tool in TOOLS.values()]
    assert sum(len(json.dumps([spec.name, spec.description, spec.parameters])) for spec in specs) < 4_500


def test_descriptions_name_only_file_tools() -> None:
    others = {tool.name for tool in all_tools()} - set(TOOLS)
    for tool in TOOLS.values():
        assert not [name for name in others if name in schema.description(type(tool))]


def test_an_optional_field_of_an_item_is_optional() -> None:
    item = schema.parameters(type(TOOLS["edit_file"]))["properties"]["edits"]["items"]
    assert item["required"] == ["old", "new"]
    assert item["properties"]["all"] == {"type": "boolean"}


def test_harmless_slips_are_mended() -> None:
    assert arguments("read_file", file_path="a", offset="3", limit=5.0) == {"path": "a", "offset": 3, "limit": 5}
    assert arguments("grep", pattern="x", glob=None, ignore_case="true") == {"pattern": "x", "ignore_case": True}
    assert arguments("grep", pattern="x", context=2) == {"pattern": "x", "context_lines": 2}
    edit = {"old": "a", "new": "b"}
    for given in (
        edit,
        [edit],
        json.dumps(edit),
        json.dumps([edit]),
        [json.dumps(edit)],
        {"old_string": "a", "new_string": "b"},
    ):
        assert arguments("edit_file", path="p", edits=given) == {"path": "p", "edits": [edit]}
    assert arguments("edit_file", path="p", old_string="a", new_string="b") == {"path": "p", "edits": [edit]}


@pytest.mark.parametrize(
    ("name", "given", "fault"),
    [
        ("read_file", {}, "missing parameter 'path'"),
        ("read_file", {"path": 3}, "'path' must be text"),
        ("read_file", {"path": "a", "offset": "x"}, "'offset' must be an integer"),
        ("read_file", {"path": "a", "ofset": 1}, "did you mean 'offset'?"),
        ("grep", {"pattern": "x", "mode": "all"}, "must be one of lines, files, count"),
        ("edit_file", {"path": "a", "edits": [{"old": "x"}]}, "'edits[0]' lacks 'new'"),
        ("edit_file", {"path": "a", "edits": ["x"]}, "'edits[0]' must be an object"),
        ("edit_file", {"path": "a", "edits": [{"old": "x", "new": "y", "z": 1}]}, "has unknown 'z'"),
    ],
)
def test_faults_are_named_with_what_is_wanted(name: str, given: dict[str, object], fault: str) -> None:
    with pytest.raises(ToolError) as caught:
        arguments(name, **given)
    assert fault in str(caught.value) and "Parameters are {" in str(caught.value)
