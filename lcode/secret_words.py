"""Judges whether a value is made of words and numbers, as names are, or by chance, as keys are.

A measure by entropy alone cannot tell: eight random letters and digits have no more of it than a name of that length. What
tells is how much of the value words do not explain: pieces of letters whose neighbouring pairs are usual in English.
"""

from __future__ import annotations

import re
from functools import cache

_PAIRS = """
ab ac ad ag ai al am an ap ar as at au ba be bi bl bo bu ca ce ch ci ck cl co cr ct cu da de di do ds ea ec ed ee ef eg
el em en ep er es et ev ex fa fe ff fi fo ge gi gr gs ha he hi ho ia ib ic id ie if ig il im in io ip ir is it iv iz ke
la ld le li ll lo ls lt lu ly ma me mi mo mp na nc nd ne nf ng ni no ns nt nu ob oc od ol om on oo op or os ot ou ow pa
pe pi pl po pp pr pt qu ra rc rd re ri rm ro rr rs rt ru ry sa sc se sh si sl so sp ss st su ta tc te th ti tl to tr ts
tt tu ty ub ue ul um un up ur us ut va ve vi wa wi xt yp ze
"""
_PARTICLES = frozenset(("At", "By", "Db", "Id", "In", "Io", "Is", "Of", "On", "Or", "To", "Ui"))  # of camelCase
_USUAL = 0.66  # the share of usual pairs that makes letters a word
_FEWEST = 3  # characters without an explanation, at the least
_SHARE = 0.34  # of the value that words do not explain
_SINGLE = 16  # letters of one case: fewer are too like the words of other languages, unless almost no pair is usual
_UNSPOKEN = 0.2
_JUDGED = 64  # characters that are looked at
_DISTINCT = 4  # characters; fewer are a pattern
_SHORT = 7  # characters of an abbreviation with its number, such as x509, sha256 or db2
_TOKEN = r"[^\s_./:,-]+"
_ABBREVIATION = r"(?:[A-Z]?[a-z]+|[A-Z]+)?\d{0,5}"
_HEX = r"[0-9a-f]{16,}|[0-9A-F]{16,}"
_PIECE = r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^A-Za-z\d]+"


@cache
def _usual_pairs() -> frozenset[str]:
    return frozenset(_PAIRS.split())


def is_random(value: str) -> bool:
    """Whether chance made `value`: a large part of it is not explained by words and their numbers."""
    value = value[:_JUDGED]
    if value.isdigit() or len(set(value)) < _DISTINCT:
        return False
    if value.isalpha() and len(value) < _SINGLE and (value[1:].islower() or value.isupper()):
        return _usual_share(value) < _UNSPOKEN
    if re.fullmatch(_HEX, value) and re.search("[A-Fa-f]", value):
        return True
    tokens = re.findall(_TOKEN, value)
    unexplained = sum(map(_unexplained, tokens))
    return unexplained >= _FEWEST and unexplained >= _SHARE * sum(map(len, tokens))


def _unexplained(token: str) -> int:
    """How many characters of a token (a stretch without separators) are no part of a word or its number."""
    if len(token) <= _SHORT and re.fullmatch(_ABBREVIATION, token):
        return 0
    count, after_word = 0, True
    for piece in re.findall(_PIECE, token):
        number = piece.isdigit() and after_word and len(piece) <= 4
        explained = number or _is_word(piece) or (count == 0 and piece in _PARTICLES)
        count += 0 if explained else len(piece)
        after_word = explained and not piece.isdigit()
    return count


def _is_word(piece: str) -> bool:
    """Whether these letters, in one case or with a capital, may be a word or an abbreviation that can be spoken."""
    if len(piece) < 3 or not piece.isascii() or not piece.isalpha():
        return False
    return _usual_share(piece) >= _USUAL


def _usual_share(letters: str) -> float:
    """How many of the pairs of neighbours are usual, of one."""
    pairs = [letters[at : at + 2].lower() for at in range(len(letters) - 1)]
    return sum(pair in _usual_pairs() for pair in pairs) / len(pairs)
