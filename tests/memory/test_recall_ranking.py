from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lcode.memory.recall_question import Question, question_of
from lcode.memory.recall_ranking import Candidate, Corpus, Counts, rank, signals

NONE = (0.0, 0.0)
ONCE = (1.0, 1.0)


def corpus(question: Question, found: int = 3) -> Corpus:
    return Corpus(100, 1_000, 10, (found,) * len(question.terms), (min(found, 10),) * len(question.terms))


def candidate(seq: int, counts: Counts, text: str = "so it is", **values: object) -> Candidate:
    one = Candidate(seq, "s1", "user", "user", "", "2026-01-05T10:00:00.000Z", text, 10, counts, topic=counts, topic_length=100)
    return replace(one, **values)  # type: ignore[arg-type]


def order(
    text: str, candidates: Sequence[Candidate], cosines: dict[int, float] | None = None, speakers: Sequence[str] = ()
) -> list[int]:
    question = question_of(text, speakers)
    return [seq for seq, _ in rank(question, corpus(question), candidates, cosines).order]


def test_what_says_more_of_the_question_comes_first() -> None:
    assert order("retry limit", [candidate(1, (ONCE, NONE)), candidate(2, (ONCE, ONCE)), candidate(3, (NONE, NONE))]) == [
        2,
        1,
        3,
    ]


def test_an_answer_is_found_by_the_question_before_it() -> None:
    answer = candidate(1, (NONE, NONE), before=((ONCE, ONCE),), asked=True)
    assert order("retry limit", [candidate(2, (NONE, NONE), before=((ONCE, ONCE),)), answer]) == [1, 2]


def test_at_equal_words_a_statement_comes_before_a_question_and_what_is_said_before_calls_and_notices() -> None:
    said = candidate(1, (ONCE, ONCE))
    asked = candidate(2, (ONCE, ONCE), "what is the retry limit?")
    called = candidate(3, (ONCE, ONCE), "→ shell retry limit")
    noticed = candidate(4, (ONCE, ONCE), kind="notice")
    assert order("retry limit", [asked, called, noticed, said])[0] == 1


def test_the_same_question_asked_before_answers_nothing_and_gives_no_trust() -> None:
    question = question_of("which retry limit?")
    again = candidate(2, (ONCE, ONCE), "Which is the retry limit?")
    said = candidate(1, (ONCE, NONE), "the retry is 3")
    found = rank(question, corpus(question), [again, said])
    assert [seq for seq, _ in found.order] == [1, 2]
    assert found.best == rank(question, corpus(question), [said]).best
    assert order("retry limit", [again, said]) == [1, 2]
    words = [replace(again, text="retry limit"), said]  # words to look for may be those of what is meant
    assert order("retry limit", words) == [2, 1]


def test_what_was_compacted_away_is_preferred_to_the_same_said_elsewhere() -> None:
    assert order("retry limit", [candidate(1, (ONCE, ONCE), compacted=True), candidate(2, (ONCE, ONCE))])[0] == 1


def test_where_a_number_or_a_name_is_asked_for_what_holds_one_comes_first() -> None:
    both = [candidate(1, (ONCE, ONCE), "it is 12"), candidate(2, (ONCE, ONCE), "it is for Berta")]
    assert order("how many retry limit", both)[0] == 1
    assert order("who retry limit", both)[0] == 2


def test_what_is_said_elsewhere_in_a_session_speaks_for_a_message() -> None:
    found = [candidate(1, (ONCE, NONE)), candidate(2, (ONCE, NONE), session="s2"), candidate(3, (NONE, NONE))]
    assert order("retry limit", found)[0] == 2
    ranked = order("retry limit", found, {3: 0.9})
    assert ranked.index(1) < ranked.index(2)


def test_what_a_tool_printed_passes_no_speech_unless_it_is_asked_for() -> None:
    said = candidate(1, (ONCE, NONE), length=30)
    printed = candidate(2, (ONCE, ONCE), kind="tool", before=((ONCE, ONCE),))
    assert (
        order("why redis", [replace(said, counts=(ONCE,), topic=(ONCE,)), replace(printed, counts=(ONCE,), topic=(ONCE,))])[0]
        == 1
    )
    assert order("which error in redis", [said, printed])[0] == 2


def test_who_was_named_comes_first() -> None:
    both = [candidate(1, (ONCE,), name="Ada"), candidate(2, (ONCE,), name="Bo")]
    assert order("what limit has Ada", both, speakers=("Ada", "Bo"))[0] == 1
    assert order("what limit has Bo", both, speakers=("Ada", "Bo"))[0] == 2


def test_a_date_prefers_its_time_and_leaves_nothing_out() -> None:
    then = candidate(1, (ONCE,), time="2025-03-10T10:00:00.000Z")
    later = candidate(2, (ONCE,), time="2025-10-10T10:00:00.000Z")
    assert order("the limit in March 2025", [then, later]) == [1, 2]
    assert order("the limit in October 2025", [then, later]) == [2, 1]


def test_what_was_said_soon_after_a_date_counts_in_part() -> None:
    question = question_of("the limit in March 2025")
    times = ("2025-03-10", "2025-04-10", "2025-09-10")
    rows = [candidate(seq, (ONCE,), time=f"{day}T10:00:00.000Z") for seq, day in enumerate(times)]
    within, after, long_after = (row["date"] for row in signals(question, corpus(question), rows, {}))
    assert within > after > long_after >= 0
    assert long_after < 0.05


def test_a_time_without_its_year_is_the_same_time_of_any_year() -> None:
    question = question_of("the limit in March")
    rows = [candidate(seq, (ONCE,), time=f"{day}T10:00:00.000Z") for seq, day in enumerate(("2019-03-10", "2019-08-10"))]
    then, another = (row["date"] for row in signals(question, corpus(question), rows, {}))
    assert then == 1.0
    assert another < 0.05


def test_of_an_open_time_its_end_means_most_and_all_of_it_something() -> None:
    question = question_of("the limit before 16 November 2023")
    times = ("2023-11-12", "2023-02-01", "2024-06-01")
    rows = [candidate(seq, (ONCE,), time=f"{day}T10:00:00.000Z") for seq, day in enumerate(times)]
    near, far, outside = (row["date"] for row in signals(question, corpus(question), rows, {}))
    assert near > far > outside


def test_words_of_like_meaning_count_less_than_the_words_themselves() -> None:
    assert order(
        "retry limit", [candidate(1, ((0.0, 0.6), (0.0, 0.6))), candidate(2, (ONCE, ONCE)), candidate(3, (NONE, NONE))]
    ) == [2, 1, 3]


counts = st.tuples(st.floats(0, 5), st.floats(0, 1)).map(lambda pair: (pair[0], 1.0 if pair[0] else pair[1]))
candidates = st.lists(
    st.builds(
        candidate,
        st.integers(0, 10_000),
        st.tuples(counts, counts),
        st.text(max_size=50),
        before=st.lists(st.tuples(counts, counts), max_size=2).map(tuple),
        after=st.lists(st.tuples(counts, counts), max_size=2).map(tuple),
        asked=st.booleans(),
        name=st.sampled_from(["", "Ada", "Bo"]),
        kind=st.sampled_from(["user", "assistant", "tool"]),
        length=st.integers(0, 500),
    ),
    max_size=8,
    unique_by=lambda one: one.seq,
)


@given(candidates, st.dictionaries(st.integers(0, 10_000), st.floats(-1, 1), max_size=5))
def test_nothing_found_is_lost_and_the_order_does_not_depend_on_how_it_came(
    found: list[Candidate], cosines: dict[int, float]
) -> None:
    ranked = order("retry limit", found, cosines)
    assert sorted(ranked) == sorted(one.seq for one in found)
    assert order("retry limit", found[::-1], cosines) == ranked


@given(candidates)
def test_vectors_that_are_not_there_and_vectors_that_say_nothing_are_the_same(found: list[Candidate]) -> None:
    assert order("retry limit", found) == order("retry limit", found, {one.seq: -0.1 for one in found})


@given(candidates, st.sampled_from(["Ada", "Bo", ""]))
def test_a_name_and_a_time_that_no_question_gives_change_nothing(found: list[Candidate], name: str) -> None:
    moved = [replace(one, name=name, time="2020-01-01T00:00:00.000Z") for one in found]
    assert order("retry limit", moved, speakers=("Ada", "Bo")) == order("retry limit", found, speakers=("Ada", "Bo"))


@given(candidates)
def test_signals_lie_between_nothing_and_all(found: list[Candidate]) -> None:
    question = question_of("when was the retry limit set in March", ())
    for row in signals(replace(question, terms=question.terms[:2]), Corpus(100, 1_000, 10, (1, 2), (1, 2)), found, {}):
        assert all(0 <= value <= 1.0 + 1e-9 for value in row.values())


def test_a_question_without_candidates_finds_nothing() -> None:
    ranked = rank(question_of("retry limit"), Corpus(0, 0, 0, (0, 0), (0, 0)), [])
    assert ranked.order == ()
    assert ranked.confidence == "none"


def confidence(text: str, found: Sequence[Candidate], cosines: dict[int, float] | None = None) -> tuple[str, float]:
    question = question_of(text)
    ranked = rank(question, corpus(question), found, cosines)
    return ranked.confidence, ranked.best


def test_what_says_all_of_the_question_is_good_and_what_only_means_something_like_it_is_weak() -> None:
    assert confidence("retry limit", [candidate(1, (ONCE, ONCE))])[0] == "good"
    assert confidence("unicorn", [candidate(1, ((0.0, 0.6),))])[0] == "weak"
    assert confidence("unicorn", [candidate(1, ((0.0, 0.6),))], {1: 0.5})[0] == "weak"


def test_what_was_said_at_the_time_that_alone_was_asked_for_is_good() -> None:
    assert confidence("what did we do on 5 January 2026", [candidate(1, ())])[0] == "good"
    assert confidence("what did we do on 5 January 2024", [candidate(1, ())])[0] == "weak"


@given(candidates, st.dictionaries(st.integers(0, 10_000), st.floats(-1, 1), max_size=5))
def test_scores_fall_from_the_best_and_lie_between_0_and_1(found: list[Candidate], cosines: dict[int, float]) -> None:
    question = question_of("retry limit")
    ranked = rank(question, corpus(question), found, cosines)
    scores = [score for _, score in ranked.order]
    assert scores == sorted(scores, reverse=True)
    assert scores[:1] == ([ranked.best] if found else [])
    assert all(0 <= score <= 1 for score in scores)


@pytest.mark.parametrize("text", ["", "?", "the"])
def test_a_question_of_nothing_ranks_the_newest_first(text: str) -> None:
    assert order(
        text,
        [candidate(1, ()), candidate(2, ())] if not question_of(text).terms else [candidate(1, (NONE,)), candidate(2, (NONE,))],
    ) == [2, 1]
