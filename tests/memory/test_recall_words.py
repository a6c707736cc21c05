"""How often the words of a question stand in a text: as full text would find them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lcode.memory.recall_question import Term
from lcode.memory.recall_words import Words, any_of
from lcode.store.connect import connect

TERMS = (Term("go", ("go", "went")), Term("retry", ("retry",), (("backoff", 0.6),)), Term("parser", ("parser",)))


def words() -> Words:
    return Words(connect(None), TERMS)


def test_inflections_and_irregular_forms_count_as_the_word_and_near_ones_as_near() -> None:
    counts = words().counts("We went and go on; the backoff doubles.")
    assert counts == ((2.0, 1.0), (0.0, 0.6), (0.0, 0.0))
    assert words().counts("retries, retrying")[1] == (2.0, 1.0)


def test_the_parts_of_identifiers_tell_what_the_text_itself_does_not() -> None:
    assert words().counts("see fastParser", "fast parser")[2] == (1.0, 1.0)
    assert words().counts("a parser, a parser", "parser")[2] == (2.0, 1.0)


def test_of_a_long_text_the_lines_that_hold_a_word_are_counted() -> None:
    filler = "nothing of it here\n" * 2_000
    assert words().counts(f"{filler}Retries went\n{filler}the PARSERS\n{filler}") == ((1.0, 1.0), (1.0, 1.0), (1.0, 1.0))


@given(st.text(max_size=100))
def test_any_text_is_counted(text: str) -> None:
    for whole in (text, text * 100):
        counts = words().counts(whole, text)
        assert len(counts) == len(TERMS)
        assert all(count >= 0 and 0 <= near <= 1 for count, near in counts)


def test_an_expression_matches_any_of_the_words_and_nothing_else() -> None:
    connection = connect(None)
    connection.execute("CREATE VIRTUAL TABLE texts USING fts5 (text)")
    connection.executemany("INSERT INTO texts VALUES (?)", [("a b",), ('say "b"',), ("NOT c",)])
    sql = "SELECT count(*) FROM texts WHERE texts MATCH ?"
    for forms, count in ((("b",), 2), (("a", "NOT"), 2), (('"b"',), 2), (("x",), 0)):
        assert connection.execute(sql, (any_of(forms),)).fetchall() == [(count,)], forms
    assert any_of(()) == any_of(("",)) == ""
