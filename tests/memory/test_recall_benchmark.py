"""The small form of `python -m benchmarks.recall`: what its set promises, and that the program finds more than full text."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from benchmarks import recall, recall_loaders
from benchmarks.recall_baselines import full_text
from benchmarks.recall_figures import Answer, area, judged, paired, summary
from benchmarks.recall_generator import REPORT, TUNING, Dialogue, is_unseen, ours
from benchmarks.recall_script import inventories, scenes
from benchmarks.recall_sets import Conversation, Question, content_stems

SEEDS = (1001, 1002, 1003)  # solo and named and a pair; neither tuned on nor reported


@pytest.fixture(scope="module")
def made() -> list[Conversation]:
    return ours(SEEDS)


def test_the_same_seed_makes_the_same_dialogue_in_any_process(made: list[Conversation]) -> None:
    code = (
        "from benchmarks.recall_generator import ours; print(hash(repr(ours([1001])[0].questions)) and repr(ours([1001])[0]))"
    )
    again = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": "7"}, capture_output=True, text=True, check=True
    )
    assert again.stdout.strip() == repr(made[0])


def test_a_fifth_of_the_questions_has_no_answer_and_all_others_have_evidence_that_is_there(made: list[Conversation]) -> None:
    for conversation in made:
        known = {turn.id for turn in conversation.turns}
        assert len(known) == len(conversation.turns)
        assert sum(not question.answerable for question in conversation.questions) == len(conversation.questions) / 5
        assert all(set(question.evidence) <= known for question in conversation.questions)
        assert len({question.text for question in conversation.questions}) == len(conversation.questions)


def test_what_is_called_a_paraphrase_shares_no_content_word_with_its_evidence(made: list[Conversation]) -> None:
    found = 0
    for conversation in made:
        turns = {turn.id: turn for turn in conversation.turns}
        for question in conversation.questions:
            if question.shared == 0:
                found += 1
                stems = content_stems(question.text)
                assert not any(stems & content_stems(turns[each].text) for each in question.evidence), question.text
    assert found > 0.25 * sum(question.answerable for each in made for question in each.questions)


def test_no_message_holds_all_words_of_a_question_without_an_answer(made: list[Conversation]) -> None:
    for conversation in made:
        said = [content_stems(turn.text) for turn in conversation.turns]
        for question in conversation.questions:
            if not question.answerable:
                stems = content_stems(question.text)
                assert not any(stems <= each for each in said), question.text


def test_nothing_gives_evidence_away(made: list[Conversation]) -> None:
    """Neither its place in the session, nor who says it, nor how long it is."""
    places, roles, longer = [], set(), []
    for conversation in made:
        turns = {turn.id: turn for turn in conversation.turns}
        middle = sorted(len(turn.text) for turn in turns.values())[len(turns) // 2]
        for question in conversation.questions:
            for each in question.evidence:
                places.append(int(each.partition(":")[2]))
                roles.add(turns[each].role)
                longer.append(len(turns[each].text) > middle)
    assert roles == {"user", "assistant", "tool"}
    assert min(places) == 1
    assert max(places) > 20
    assert 0.25 < sum(longer) / len(longer) < 0.75


def test_questions_are_of_many_kinds_and_some_need_several_sessions(made: list[Conversation]) -> None:
    asked = [question for conversation in made for question in conversation.questions]
    kinds = {question.kind for question in asked}
    assert kinds >= {"fact", "why", "said", "command", "error", "identifier", "dated", "when", "multi", "update", "person"}
    assert sum(len(question.sessions) > 1 for question in asked) > 20


def test_tuning_and_reporting_have_no_seed_in_common_and_a_quarter_of_the_scenes_is_not_tuned_on() -> None:
    assert not set(TUNING) & set(REPORT)
    unseen = {scene.name for scene in scenes() if is_unseen(scene) and scene.asks}
    assert 0.15 < len(unseen) / sum(bool(scene.asks) for scene in scenes()) < 0.4
    played = {instance.scene.name for instance in Dialogue(TUNING[0], 20, 60).instances}
    assert not played & unseen


def test_every_scene_can_be_played_and_every_evidence_asked_for_is_said() -> None:
    for scene in scenes():
        said = {line.evidence for part in scene.parts for line in part if line.evidence}
        asked = {label for ask in scene.asks for label in ask.evidence}
        assert asked <= said, scene.name
        assert all(
            name == "ident" or name in inventories() or name in scene.kinds or name in ("path", "version") for name in scene.key
        )
        assert len(scene.later) == len(scene.parts) - 1


# -- the program --------------------------------------------------------------------------------------------------------


def test_search_finds_more_than_plain_full_text() -> None:
    answers, _ = recall.run(ours([1001], sessions=14, count=50, questions=60), ("search", "fts"))
    ours_, plain = (summary(answers[name])["all"] for name in ("search", "fts"))
    for figure in ("recall@5", "recall@10", "MRR"):
        assert ours_[figure][0] > plain[figure][0], figure


def test_a_run_prints_its_tables_writes_its_answers_and_fails_below_what_was_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recall, "REPORT", (1002,))
    file = tmp_path / "run.json"
    assert recall.main(["--retrievers", "fts", "--json", str(file), "--min", "recall@10=.999"]) == 1
    out = capsys.readouterr()
    assert "recall@10 is" in out.err
    assert "no word shared" in out.out
    assert len(json.loads(file.read_text())["retrievers"]["fts"]["answers"]) == 200
    assert recall.main(["--compare", str(file), str(file), "--retrievers", "fts"]) == 0
    assert "recall@10                 +0.0  [+0.0, +0.0]" in capsys.readouterr().out


# -- the sets of others -------------------------------------------------------------------------------------------------


def test_locomo_is_read_with_its_evidence_mended(tmp_path: Path) -> None:
    talk = {
        "speaker_a": "Ann",
        "speaker_b": "Bob",
        "session_1_date_time": "1:56 pm on 8 May, 2023",
        "session_1": [
            {"speaker": "Ann", "dia_id": "D1:1", "text": "Look!", "blip_caption": "a red kite"},
            {"speaker": "Bob", "dia_id": "D1:2", "text": "Nice."},
        ],
        "session_2_date_time": "9:00 am on 1 June, 2023",
        "session_2": [{"speaker": "Bob", "dia_id": "D2:1", "text": "Hello again."}],
        "session_3_date_time": "9:00 am on 2 June, 2023",
    }
    asked = [
        {"question": "one?", "evidence": ["D1:01; D2:1"], "category": 1},
        {"question": "two?", "evidence": ["D:1:2", "D9:9"], "category": 4},
        {"question": "none?", "evidence": ["D7:1"], "category": 2},
        {"question": "trap?", "evidence": ["D2:1"], "category": 5},
    ]
    file = tmp_path / "locomo10.json"
    file.write_text(json.dumps([{"conversation": talk, "qa": []}, {"conversation": talk, "qa": asked}]))
    (found,) = recall_loaders.locomo(file, [1])
    assert [(turn.role, turn.name, turn.text) for turn in found.turns] == [
        ("user", "Ann", "Look! [a red kite]"), ("assistant", "Bob", "Nice."), ("assistant", "Bob", "Hello again."),
    ]  # fmt: skip
    assert [(question.evidence, question.kind) for question in found.questions] == [
        (("D1:1", "D2:1"), "multi-hop"), (("D1:2",), "single-hop"), (("D2:1",), "adversarial"),
    ]  # fmt: skip
    assert found.sessions[0].time == datetime(2023, 5, 8, 13, 56, tzinfo=UTC)


def test_longmemeval_is_read_with_its_marked_turns_and_its_dates(tmp_path: Path) -> None:
    entry = {
        "question_id": "q1", "question_type": "temporal", "question": "When?", "question_date": "2023/05/30 (Tue) 23:40",
        "haystack_session_ids": ["b", "a"], "haystack_dates": ["2023/05/21 (Sun) 02:21", "2023/05/20 (Sat) 02:21"],
        "haystack_sessions": [
            [{"role": "user", "content": "x"}], [{"role": "assistant", "content": "y", "has_answer": True}, {}],
        ],
        "answer_session_ids": ["a"],
    }  # fmt: skip
    file = tmp_path / "longmemeval_s.json"
    file.write_text(json.dumps([entry, {**entry, "question_id": "q1_abs"}, {"question_id": "broken"}, 7]))
    first, absent = recall_loaders.longmemeval(file)
    assert [session.id for session in first.sessions] == ["a#1", "b#0"]
    assert first.questions[0].evidence == ("a#1:1",)
    assert first.questions[0].sessions == ("a#1",)
    assert first.questions[0].asked == datetime(2023, 5, 30, 23, 40, tzinfo=UTC)
    assert not absent.questions[0].answerable


def test_a_dialogue_of_ones_own_is_read_from_what_the_import_reads(tmp_path: Path, made: list[Conversation]) -> None:
    messages, questions = tmp_path / "m.jsonl", tmp_path / "q.jsonl"
    recall_loaders.write_jsonl(made[1], messages)
    with questions.open("w") as file:
        for question in made[1].questions:
            file.write(json.dumps({"question": question.text, "evidence": question.evidence, "id": question.id}) + "\n")
    (found,) = recall_loaders.jsonl(messages, questions)
    assert [turn.text for turn in found.turns] == [turn.text for turn in made[1].turns]
    assert [question.evidence for question in found.questions] == [question.evidence for question in made[1].questions]


# -- figures ------------------------------------------------------------------------------------------------------------


def test_figures_count_the_evidence_among_the_first() -> None:
    question = Question("q", "?", ("a:1", "b:1"), "multi", datetime(2025, 1, 1, tzinfo=UTC), ("a", "b"))
    ranked = ["c:1", "a:1", "c:2", "c:3", "c:4", "c:5", "b:1"]
    values = judged(question, ranked, {key: key[0] for key in ranked}).values
    assert (values["recall@1"], values["recall@5"], values["recall@10"], values["all@10"], values["MRR"]) == (0, 0.5, 1, 1, 0.5)
    assert (values["any@1 of sessions"], values["share@3 of sessions"]) == (0, 1)


def test_adversarial_questions_are_shown_apart() -> None:
    answers = [Answer("1", "single-hop", True, {"recall@10": 1.0}), Answer("2", "adversarial", True, {"recall@10": 0.0})]
    groups = summary(answers)
    assert groups["all"]["recall@10"][0] == 1.0
    assert groups["adversarial"]["recall@10"][0] == 0.0


def test_the_area_counts_equal_scores_half() -> None:
    assert area([3.0, 2.0], [1.0]) == 1.0
    assert area([1.0], [1.0]) == 0.5
    assert area([0.0], [1.0, 2.0]) == 0.0


def test_the_paired_interval_holds_the_difference() -> None:
    middle, low, high = paired({"a": 0.0, "b": 1.0, "c": 0.0}, {"a": 1.0, "b": 1.0, "c": 0.0, "d": 1.0})
    assert low <= middle <= high
    assert middle == pytest.approx(1 / 3)


def test_plain_full_text_is_what_it_says(made: list[Conversation]) -> None:
    rank = full_text(made[0])
    turn = next(turn for turn in made[0].turns if len(content_stems(turn.text)) > 12 and turn.kind == "said")
    assert rank(Question("q", turn.text, (turn.id,), "fact", turn.time), 3)[0] == turn.id
