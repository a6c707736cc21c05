"""A large history of coding sessions, made up: what is said by people and the agent, what tools print, questions about it.

Words are English ones that fall off as in real text (Zipf), a session keeps to a few topics, and identifiers and paths stand
among them; half of a user's messages have 30 words, of an agent's 70, of a tool's 150, and some have far more.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate

from lcode import clock
from lcode.memory.near_words import near_words
from lcode.memory.terms import STOP

_CODING_WORDS = """
test file error run code function change fix import return value build class module check set new add line call fail
type branch commit server client request response timeout retry cache queue worker config token user database table index
query port host path deploy release version package lock thread memory log message parser session key secret migration schema
"""
_VOCABULARY = 12_000
_BEGAN = datetime(2024, 1, 8, 9, tzinfo=UTC)
_LENGTHS = {"user": (30, 0.7), "assistant": (70, 0.7), "tool": (150, 1.0)}  # words in the middle, and how far they spread
_LONGEST = 3_000  # words


@dataclass(frozen=True)
class Made:
    """A message as it is made."""

    session: int
    role: str
    kind: str
    time: str
    text: str
    tool: str = ""
    path: str = ""


class Volume:
    """A history that `seed` decides."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self._coding = coding = _CODING_WORDS.split()
        listed = [word for word in near_words().listed(_VOCABULARY) if word not in STOP]
        self.words = [*sorted(STOP), *coding, *listed]
        self._weights = list(accumulate(1 / (place + 3) for place in range(len(self.words))))

    def some(self, count: int) -> list[str]:
        return self.random.choices(self.words, cum_weights=self._weights, k=count)

    def messages(self, count: int) -> Iterator[Made]:
        """`count` messages, session by session."""
        session = made = 0
        moment = _BEGAN
        while made < count:
            session += 1
            moment += timedelta(hours=self.random.expovariate(1 / 5))
            topics = [self.random.choice(self.words[100:]) for _ in range(25)]
            for number in range(self.random.choice((15, 40, 80, 150))):
                moment += timedelta(seconds=self.random.randint(5, 90))
                made += 1
                role = ("user", "assistant", "tool", "assistant", "tool")[number % 5]
                yield self._message(session, role, clock.stamp(moment), topics)
                if made == count:
                    return

    def _message(self, session: int, role: str, time: str, topics: list[str]) -> Made:
        middle, spread = _LENGTHS[role]
        words = self.some(max(3, min(_LONGEST, int(middle * self.random.lognormvariate(0, spread)))))
        for _ in range(1 + len(words) // 10):
            words[self.random.randrange(len(words))] = self.random.choice(topics)
        for _ in range(len(words) // 25):
            words[self.random.randrange(len(words))] = self._identifier(topics)
        path = f"src/{self.random.choice(topics)}/{self.random.choice(topics)}.py"
        if role != "tool":
            words[self.random.randrange(len(words))] = path
            return Made(session, role, role, time, " ".join(words))
        lines = [" ".join(words[at : at + 12]) for at in range(0, len(words), 12)]
        text = "\n".join(f"{path}:{number}: {line}" for number, line in enumerate(lines, 1))
        return Made(session, role, role, time, text, self.random.choice(("shell", "read_file", "grep")), path)

    def _identifier(self, topics: list[str]) -> str:
        one, other = self.random.choice(topics), self.random.choice(self.words[60:2_000])
        return self.random.choice((f"{one}_{other}", f"{one}{other.title()}", f"{one}.{other}()"))

    def questions(self, texts: list[str], count: int) -> list[str]:
        """As people ask: of `texts` that were said two to five words in a sentence, an identifier or a path alone, a time, and
        every sixth of nothing but common words."""
        made = []
        for number in range(count):
            said = [word for word in self.random.choice(texts).split() if word not in STOP]
            rare = self.random.sample(said, min(len(said), self.random.randint(2, 5)))
            names = [word for word in said if not word.isalpha()] or said
            made.append(
                (
                    f"why did we {' '.join(rare)}?",
                    f"which {rare[0]} did we choose for the {' '.join(rare[1:])} last month",
                    f"where is {self.random.choice(names)}",
                    " ".join(self.random.sample(self._coding, self.random.randint(1, 4))),
                    f"what was the error when {' and '.join(rare)} failed in the test",
                    f"how do we run the {rare[-1]} tests with a new {self.random.choice(self._coding)}",
                )[number % 6]
            )
        return made


def content(text: str) -> str:
    """The stored form of a message that says `text`."""
    return json.dumps([{"type": "text", "text": text}])
