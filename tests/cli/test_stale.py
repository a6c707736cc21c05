"""`lcode memory stale`, and how stale memories are shown to their owner."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Lcode


def test_what_no_longer_fits_the_code_is_listed_marked_and_given_as_json(lcode: Lcode, repository: Path) -> None:
    assert lcode("remember", "ports are integers", "--cite", "app.py#parse_port").code == 0
    assert lcode("remember", "nothing is cited").code == 0
    assert lcode("memory", "append", "architecture", "ports: app.py#parse_port").code == 0
    assert lcode("memory", "stale").out == "nothing: all that memory cites is as it was cited\n"
    (repository / "app.py").write_text("def parse_port(text):\n    return float(text)\n")
    words = "STALE: parse_port() changed (app.py:1-2 now)"
    listed = lcode("memory", "stale").out
    assert listed.count(words) == 2
    assert "block architecture" in listed and "1 fact, 1 line of blocks" in listed
    shown = lcode("memory", "stale", "--json").json()
    assert [fact["text"] for fact in shown["facts"]] == ["ports are integers"]
    assert {key: shown["lines"][0][key] for key in ("label", "line", "standing", "since")} == {
        "label": "architecture", "line": "ports: app.py#parse_port", "standing": "stale", "since": "",
    }  # fmt: skip
    assert f"  ! ports: app.py#parse_port\n      {words}" in lcode("memory", "show", "architecture").out
    assert lcode("memory", "show", "architecture", "--json").json()["stale"][0]["reason"] == "parse_port() changed"
    assert words in lcode("search", "ports", "--scope", "facts").out
    fact = lcode("search", "ports", "--scope", "facts", "--json").json()["facts"][0]
    assert (fact["standing"], fact["reason"]) == ("stale", "parse_port() changed")
