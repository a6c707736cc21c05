from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lcode.tokens import approximate_tokens, calibrate, content_tokens


@given(st.text(), st.text())
def test_more_text_is_never_fewer_tokens(one: str, two: str) -> None:
    assert approximate_tokens("") == 0
    assert approximate_tokens(one + two) >= approximate_tokens(one)


@given(st.text(min_size=1))
def test_no_text_takes_more_tokens_than_bytes_or_none_at_all(text: str) -> None:
    assert approximate_tokens(text) <= 2 * len(text.encode("utf-8", "replace"))


def test_kinds_of_text_of_the_same_length_are_told_apart() -> None:
    """What a quarter of the bytes gets wrong by half."""
    prose = "The parser reads one line after the other and never holds the whole file in memory. " * 10
    hashes = "b8f3a1c94e7d2065 91d0c7e2a4f85b36 0a1b2c3d4e5f6789 77c0ffee12345678 4be2 90af31c5 " * 10
    table = "| 10.25 | 11.40 | 99.99 | -3.1 | 0.007 | 1e-9 | 12:30:59 | 2026-11-21 | [x] | {} | ok | " * 10
    # what four public vocabularies count: 171 each; 531 to 761; 481 to 701
    assert 155 <= approximate_tokens(prose) <= 185
    assert 531 <= approximate_tokens(hashes) <= 761
    assert 430 <= approximate_tokens(table) <= 701


def test_other_scripts_are_counted_by_the_character() -> None:
    chinese = "请把解析器改成流式读取，不要一次把整个文件读进内存。"
    russian = "Пожалуйста, перепиши разбор так, чтобы файл читался потоком."
    assert 0.7 < approximate_tokens(chinese) / len(chinese) < 1.1
    assert 0.25 < approximate_tokens(russian) / len(russian) < 0.6


def test_a_call_counts_its_name_and_arguments_and_a_result_its_text() -> None:
    call = {"type": "tool_call", "id": "c1", "name": "read_file", "arguments": {"path": "lcode/agent/session.py"}}
    result = {"type": "tool_result", "call_id": "c1", "name": "read_file", "text": "one line of text\n" * 100}
    assert 20 < content_tokens([call]) < 45
    assert content_tokens([result]) > approximate_tokens("one line of text\n" * 100)


@given(st.floats(0.6, 1.8), st.lists(st.integers(1_000, 200_000), min_size=5, max_size=80))
def test_a_calibration_finds_the_factor_of_a_model(factor: float, estimates: list[int]) -> None:
    found = calibrate([(estimate, round(estimate * factor)) for estimate in estimates])
    assert abs(found.factor - factor) < 0.01
    assert found.requests == len(estimates)


def test_requests_that_were_counted_otherwise_do_not_turn_a_calibration() -> None:
    """A server that reports nothing, only what its cache lacked, or a sum of several requests."""
    odd = [(10_000, 0), (10_000, 400), (10_000, 90_000), (0, 10_000)]
    found = calibrate([*odd, *[(10_000, 11_000)] * 5])
    assert abs(found.factor - 1.1) < 1e-9
    assert calibrate(odd).factor == 1.0
