"""What bounds a run: the same call again and again, steps of nothing but faulty calls, empty replies."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

SAME_CALL = 3  # the third identical call is answered instead of run
FAULTY_STEPS = 4  # steps in a row in which every call was faulty
EMPTY_REPLIES = 2  # replies in a row without a word or a call


class Limits:
    """Counts within one run. A call that changed something makes looking again worthwhile, so it clears the looks; so does what
    was looked at when it leaves the prompt."""

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}
        self._last = ""
        self.faulty_steps = 0
        self.empty_replies = 0

    def repeated(self, name: str, arguments: Mapping[str, Any], *, changes: bool) -> str:
        """Note a call; the text to answer it with if it is one too many, else ''."""
        key = f"{name} {json.dumps(arguments, sort_keys=True, default=str)}"
        if changes and key != self._last:
            self._seen.clear()
        self._last = key
        self._seen[key] = self._seen.get(key, 0) + 1
        if self._seen[key] < SAME_CALL:
            return ""
        return (
            f"This is the {self._seen[key]}. identical call of {name} with nothing changed in between; it was not"
            " run, its result"
            " stands above. Change the arguments, try another way, or answer with what you know."
        )

    def out_of_sight(self) -> None:
        """Results left the prompt."""
        self._seen.clear()

    def step(self, calls: int, faulty: int) -> bool:
        """Note a step's calls; whether faulty ones alone have filled too many steps."""
        self.faulty_steps = self.faulty_steps + 1 if calls and faulty == calls else 0
        return self.faulty_steps >= FAULTY_STEPS

    def empty(self) -> bool:
        """Note an empty reply; whether it was one too many."""
        self.empty_replies += 1
        return self.empty_replies > EMPTY_REPLIES
