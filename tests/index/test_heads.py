"""What a name and a signature hold of a question: whole words, shortened ones, and words run together."""

from __future__ import annotations

from lcode.index.heads import Head, Word, in_signature, of_name, question
from lcode.index.words import document_words, query_words, stem


def _asked(text: str) -> list[Word]:
    words = query_words(text)
    return question(words, {stem(word): 1.0 for word in words})


def _head(name: str, signature: str) -> Head:
    letters = "".join(filter(str.isalnum, signature.lower()))
    return Head("function", "", name.replace("_", "").lower(), letters, frozenset(map(stem, document_words(signature))))


def test_a_signature_that_holds_more_of_the_question_is_worth_more() -> None:
    asked = _asked("change the working directory")
    none, some, more = (
        in_signature(asked, _head(name, f"def {name}(self)")) for name in ("close", "change", "change_directory")
    )
    assert none == 0.0 < some < more <= 1.0


def test_shortened_words_and_words_run_together_are_found_and_worth_less_than_whole_ones() -> None:
    asked = _asked("directory")
    whole = in_signature(asked, _head("set", "def set(directory)"))
    shortened = in_signature(asked, _head("set", "def set(dir)"))
    inside = in_signature(asked, _head("rmdirectory", "def rmdirectory()"))
    assert whole == 1.0 and 0.0 < shortened == inside < whole


def test_a_name_that_the_question_makes_up_whole_is_worth_most() -> None:
    asked = _asked("whether both are the same file")
    assert of_name(asked, _head("samefile", "")) == 1.0
    assert 0.0 < of_name(asked, _head("samefile_nofollow", "")) < 1.0
    assert of_name(asked, _head("fnmatch", "")) == 0.0


def test_words_of_one_stem_count_once() -> None:
    assert [word.stem for word in _asked("parse parsing parsed port")] == ["pars", "port"]
