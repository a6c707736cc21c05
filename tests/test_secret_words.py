"""Values by chance under the name of a secret are found, whatever their length; code and words are left alone."""

from __future__ import annotations

import random
import string
import sysconfig
from pathlib import Path

import pytest

from lcode.redact import Redactor
from lcode.secret_words import is_random

REDACT = Redactor({}).redact
_ALNUM = string.ascii_letters + string.digits
_HEX = string.digits + "abcdef"
_NAMES = ("API_KEY", "DB_PASSWORD", "SECRET", "TOKEN", "CLIENT_SECRET", "JWT_SECRET", "AUTH_TOKEN", "SMTP_PASS")
_FORMS = ("{}={}", "export {}='{}'", '"{}": "{}"')
_ROUNDS = 1_500


@pytest.mark.parametrize(
    ("alphabet", "length", "missed"),
    [
        *((_HEX, length, 0.001) for length in (16, 24, 32, 40, 64)),
        *((_ALNUM, length, 0.01) for length in (10, 12, 16, 20, 24, 32, 40)),
        (_ALNUM, 8, 0.015),  # a few of them are words by chance
        *((string.ascii_lowercase + string.digits, length, 0.01) for length in (16, 20, 24, 32)),
        *((string.ascii_uppercase + string.digits, length, 0.01) for length in (16, 20, 32)),
        *((_ALNUM + "+/", length, 0.01) for length in (16, 24, 40)),
        *((_ALNUM + "!@#%^*-_+=?", length, 0.02) for length in (8, 10, 12, 16)),
    ],
)
def test_hardly_any_value_made_by_chance_is_missed(alphabet: str, length: int, missed: float) -> None:
    chooser = random.Random(f"{alphabet}{length}")
    shown = 0
    for count in range(_ROUNDS):
        value = "".join(chooser.choices(alphabet, k=length))
        shown += value in REDACT(_FORMS[count % len(_FORMS)].format(_NAMES[count % len(_NAMES)], value))
    assert shown <= missed * _ROUNDS


@pytest.mark.parametrize("line", ["password: {}", "api_key = {}"])
def test_unquoted_values_of_configuration_are_found_although_they_look_like_a_name(line: str) -> None:
    chooser = random.Random(3)
    shown = 0
    for _ in range(_ROUNDS):
        value = "".join(chooser.choices(_ALNUM, k=16))
        shown += value in REDACT(line.format(value))
    assert shown <= 0.01 * _ROUNDS


def test_the_code_of_the_standard_library_is_left_alone() -> None:
    changed = []
    for path in sorted(Path(sysconfig.get_path("stdlib")).glob("*.py")):
        text = path.read_text(encoding="utf-8", errors="replace")
        pairs = zip(text.split("\n"), REDACT(text).split("\n"), strict=True)
        changed += [f"{path.name}: {before}" for before, after in pairs if before != after]
    assert len(changed) <= 2, changed


@pytest.mark.parametrize(
    "words",
    [
        "password_reset_token",
        "AES256-GCM",
        "getUserById2",
        "JSONDecoder",
        "oauth2-client",
        "projects/main/db-1",
        "20240131",
        "aaaaaaaaa",
    ],
)
def test_names_with_numbers_are_words(words: str) -> None:
    assert not is_random(words)
