"""Whatever a model sends: a result or a ToolError, as text that can be sent, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lcode.tools.base import ToolError
from tests.tools.conftest import Caller, make_caller

_TEXT = st.text(alphabet="ab.*?[](){}|\\^$+-!, \n\0\t\ud800\udcffé😀\u2028", max_size=10)
_ANY = st.one_of(
    _TEXT, st.integers(-5, 5), st.booleans(), st.none(), st.lists(_TEXT, max_size=2), st.dictionaries(_TEXT, _TEXT, max_size=2)
)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Caller:
    folder = tmp_path_factory.mktemp("any").resolve()
    (folder / "root").mkdir()
    caller = make_caller(folder / "root", folder / "outputs")
    caller.write("a", "ab\nba\n")
    caller.write("b/ab.a", "a.b\n")
    return caller


@given(data=st.data(), name=st.sampled_from(["read_file", "glob", "grep", "list_dir", "edit_file"]))
@settings(max_examples=200, deadline=None)
def test_every_call_is_answered(tree: Caller, data: Any, name: str) -> None:
    arguments = {
        "read_file": {"path": _TEXT, "offset": _ANY, "limit": _ANY},
        "glob": {"pattern": _TEXT, "path": _TEXT},
        "grep": {
            "pattern": _TEXT,
            "path": st.sampled_from([".", "a", "b"]),
            "glob": _TEXT,
            "context_lines": st.integers(-1, 3),
        },
        "list_dir": {"path": _TEXT, "depth": _ANY},
        "edit_file": {
            "path": st.sampled_from(["a", "b/ab.a"]),
            "edits": _ANY | st.lists(st.fixed_dictionaries({"old": _TEXT, "new": _TEXT})),
        },
    }[name]
    given_arguments = {key: data.draw(strategy, label=key) for key, strategy in arguments.items()}
    try:
        output = tree.call(name, **given_arguments)
        text = output.text + output.summary + output.diff
    except ToolError as error:
        text = str(error)
    text.encode("utf-8")
