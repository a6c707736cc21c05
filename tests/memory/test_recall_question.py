from __future__ import annotations

from string import ascii_lowercase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lcode.memory.near_words import KEPT, NearWords
from lcode.memory.recall_question import STOP_WORDS, Asks, question_of

PEOPLE = ("Caroline Weber", "Melanie")


def words(text: str, speakers: tuple[str, ...] = ()) -> list[str]:
    return [term.word for term in question_of(text, speakers).terms]


def test_what_carries_no_meaning_is_not_looked_for() -> None:
    assert words("What did you tell me about the retry limit?") == ["retry", "limit"]


def test_a_question_of_nothing_but_small_words_is_looked_for_as_it_stands() -> None:
    assert words("who was it") == ["who", "was", "it"]


def test_a_question_of_small_words_and_a_date_asks_for_that_time_alone() -> None:
    assert words("what did we do in March 2024") == []


@pytest.mark.parametrize(
    "text", ["yesterday's session", "messages between 2025-05-01 and 2025-08-01", "what did you work on last week"]
)
def test_words_for_talk_itself_say_nothing_beside_a_date(text: str) -> None:
    assert words(text) == []
    assert words("the expired session cookie of last week") == ["expired", "session", "cookie"]


def test_a_time_alone_is_asked_for_where_nobody_is_named() -> None:
    assert question_of("what did we do last week").is_time_alone
    assert not question_of("what did Melanie do last week", PEOPLE).is_time_alone
    assert not question_of("what was released last week").is_time_alone
    assert not question_of("what did we do").is_time_alone


def test_speakers_are_named_and_not_looked_for() -> None:
    question = question_of("What did Melanie's sister paint for caroline?", PEOPLE)
    assert question.names == PEOPLE
    assert [term.word for term in question.terms] == ["sister", "paint"]
    assert question.meaning == "What did sister paint for"


def test_the_beginning_of_a_name_stands_for_it_where_it_is_written_as_a_name() -> None:
    assert question_of("what does Mel paint", PEOPLE).names == ("Melanie",)
    assert question_of("a mel of colours", PEOPLE).names == ()


def test_who_is_no_speaker_is_a_word_like_others() -> None:
    assert words("What did Oscar want?", PEOPLE) == ["oscar", "want"]


def test_a_date_is_a_time_and_no_word() -> None:
    question = question_of("Which release was broken in March 2024?")
    assert [term.word for term in question.terms] == ["release", "broken"]
    assert [(date.start[:10], date.end[:10]) for date in question.dates] == [("2024-03-01", "2024-04-01")]


def test_the_parts_of_a_compound_weigh_as_one_word() -> None:
    question = question_of("which database does the ecommerce-api use")
    weights = {term.word: term.weight for term in question.terms}
    assert weights == {"database": 1.0, "ecommerce": 0.5, "api": 0.5, "use": 1.0}
    assert {"parse", "port"} <= set(words("where is parsePort defined"))


def test_irregular_forms_count_as_the_word_itself_and_words_of_like_meaning_less() -> None:
    (term,) = question_of("bought").terms
    assert set(term.own) == {"bought", "buy"}
    near = dict(term.near)
    assert near["purchased"] > 0.5 if "purchased" in near else near["purchase"] > 0.5
    assert not set(near) & set(term.own)
    assert all(0.4 <= nearness <= 1 for nearness in near.values())


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("When did we upgrade axum?", Asks.TIME),
        ("how many retries are there", Asks.NUMBER),
        ("which command opens the tunnel", Asks.CODE),
        ("Who asked for it?", Asks.NAME),
    ],
)
def test_what_sort_of_thing_is_asked_for(text: str, asked: Asks) -> None:
    assert asked in question_of(text).asks


@given(st.text(max_size=200), st.lists(st.text(max_size=20), max_size=4))
def test_any_text_is_a_question(text: str, speakers: list[str]) -> None:
    question = question_of(text, speakers)
    assert len(question.terms) <= 32
    assert len({term.word for term in question.terms}) == len(question.terms)
    assert all(term.own[0] == term.word and 0 < term.weight <= 1 for term in question.terms)
    assert set(question.names) <= set(speakers)
    of_meaning = [term.word not in STOP_WORDS and term.word not in ascii_lowercase for term in question.terms]
    assert all(of_meaning) or not any(of_meaning)


def test_a_number_or_a_month_stands_for_no_other() -> None:
    for word in ("three", "third", "hundred", "march", "tuesday"):
        assert all(not term.near for term in question_of(f"`{word}` x").terms if term.word == word)
    near = {other for term in question_of("measure first attempt count").terms for other, _ in term.near}
    assert not near & {"one", "two", "three", "third", "fourth", "monday", "april"}


def test_the_list_of_near_words_is_what_its_maker_reads() -> None:
    words = NearWords()
    (buy, nothing) = words.of(["buy", "qqqq"])
    assert nothing == ()
    assert 0 < len(buy) <= KEPT
    assert list(buy) == sorted(buy, key=lambda pair: -pair[1])
