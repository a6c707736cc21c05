"""Makes the parsers of a process, and of its helpers, crash over certain files, as a fault in native code does."""

from __future__ import annotations

import ctypes
from typing import Any

WORD = b"fatal_to_parsers"
START = "from lcode.index.parsing import serve"


def install() -> None:
    from lcode.index import grammars, parsing

    parse = grammars.Grammar.parse

    def crashing(self: grammars.Grammar, data: bytes, ranges: Any = None) -> Any:
        return ctypes.string_at(0) if WORD in data else parse(self, data, ranges)

    grammars.Grammar.parse = crashing  # type: ignore[method-assign]
    assert START in parsing._PROGRAM
    parsing._PROGRAM = parsing._PROGRAM.replace(START, f"from {__name__} import install; install(); {START}")
