import pytest
from hypothesis import given
from hypothesis import strategies as st

from lcode.memory.citation import Citation, parse


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("lcode/app.py", Citation("lcode/app.py")),
        ("./lcode//app.py", Citation("lcode/app.py")),
        ("app.py:12", Citation("app.py", first=12, last=12)),
        ("app.py:12-20", Citation("app.py", first=12, last=20)),
        ("app.py:20-12", Citation("app.py", first=12, last=20)),
        ("app.py:12:5", Citation("app.py", first=12, last=12)),
        ("app.py#L12-L20", Citation("app.py", first=12, last=20)),
        ("`app.py#Session.send`", Citation("app.py", "Session.send")),
        ("(src/a.rs#Session::send())", Citation("src/a.rs", "Session.send")),
        ("lib/a.rb#Session#send", Citation("lib/a.rb", "Session.send")),
        ("tests/test_a.py::TestA::test_b", Citation("tests/test_a.py", "TestA.test_b")),
        ("README.md#Getting started", Citation("README.md", "Getting started")),
        ("C#/app.cs#Main", Citation("C#/app.cs", "Main")),
        ("Makefile", Citation("Makefile")),
        ("app.py:0", Citation("app.py:0")),
        ("", Citation("")),
    ],
)
def test_a_text_is_the_citation_that_it_means(text: str, wanted: Citation) -> None:
    assert parse(text) == wanted


@pytest.mark.parametrize("text", ["passage:0123abcd", "passage-0123abcd", "0123abcd", "passage:passage-0123abcd"])
def test_a_passage_is_a_dependency(text: str) -> None:
    assert (str(parse(text)), parse(text).depends_on) == ("passage:0123abcd", "0123abcd")


@pytest.mark.parametrize("text", ["src/0123abcd", "0123abcd.py", "passages.md", "0123abcd#f"])
def test_code_is_no_dependency(text: str) -> None:
    assert parse(text).depends_on == ""


def test_a_citation_of_lines_keeps_the_symbol_around_them_to_itself() -> None:
    cited = Citation("a.py", "Session.send", 12, 13, "l1:0:2:ff")
    assert (str(cited), cited.is_lines, cited.name) == ("a.py:12-13", True, "send")
    assert str(Citation("a.py", "Session.send", 12, 30, "s1:0:2:ff")) == "a.py#Session.send"


@given(st.text(max_size=40))
def test_what_a_citation_says_is_the_same_citation_again(text: str) -> None:
    cited = parse(text)
    assert parse(str(parse(str(cited)))) == parse(str(cited))
