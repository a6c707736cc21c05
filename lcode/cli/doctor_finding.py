"""One line of `lcode doctor`'s report, with the repair that it offers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """`state`: ok, fixed, warn or fail. `mend` repairs it and says what was done; with `asks` only after a yes to that."""

    check: str
    state: str
    text: str
    hint: str = ""
    mend: Callable[[], str] | None = None
    asks: str = ""

    def shown(self) -> dict[str, object]:
        """As it is printed as JSON."""
        return {
            "check": self.check,
            "state": self.state,
            "text": self.text,
            "hint": self.hint,
            "fixable": self.mend is not None,
        }
