"""What recall search is measured against: plain full text, vectors alone, and both fused by rank."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from benchmarks.recall_sets import Conversation, Question, Turn, plain_terms

Ranking = Callable[[Question, int], list[str]]  # a question and how many → ids of turns, best first
_RRF = 60


def spoken(turn: Turn) -> str:
    """A message with its speaker, where the set names them."""
    return f"{turn.name}: {turn.text}" if turn.name else turn.text


def full_text(conversation: Conversation) -> Ranking:
    """FTS5 as it comes: BM25 over the messages with their speakers' names, stemmed by porter, any word but stop words."""
    import apsw

    connection = apsw.Connection(":memory:")
    connection.execute("CREATE VIRTUAL TABLE t USING fts5(text, tokenize='porter unicode61')")
    turns = conversation.turns
    connection.executemany("INSERT INTO t(rowid, text) VALUES (?, ?)", enumerate(map(spoken, turns)))

    def rank(question: Question, limit: int) -> list[str]:
        expression = " OR ".join(f'"{word}"' for word in plain_terms(question.text))
        found = connection.execute("SELECT rowid FROM t WHERE t MATCH ? ORDER BY bm25(t), rowid LIMIT ?", (expression, limit))
        return [turns[number].id for (number,) in found]

    return rank


def vectors(conversation: Conversation) -> Ranking:
    """The embedding in the package over the messages with their speakers' names, by cosine."""
    import numpy as np

    from lcode.index.embedding import StaticEmbedder

    embedder, turns = StaticEmbedder(), conversation.turns
    nothing = bytes(embedder.dimension)  # what holds no word has no vector
    made = [vector or nothing for vector in embedder.documents([spoken(turn) for turn in turns])]
    matrix = np.frombuffer(b"".join(made), dtype=np.int8).reshape(len(turns), -1).astype(np.float32)

    def rank(question: Question, limit: int) -> list[str]:
        asked = np.frombuffer(embedder.query(question.text) or nothing, dtype=np.int8).astype(np.float32)
        order = np.argsort(-(matrix @ asked), kind="stable")[:limit]
        return [turns[int(number)].id for number in order]

    return rank


def fused(rankings: Sequence[Ranking], depth: int = 100) -> Ranking:
    """Reciprocal rank fusion."""

    def rank(question: Question, limit: int) -> list[str]:
        scores: dict[str, float] = {}
        for ranking in rankings:
            for place, identity in enumerate(ranking(question, depth)):
                scores[identity] = scores.get(identity, 0.0) + 1 / (_RRF + place + 1)
        return sorted(scores, key=lambda identity: (-scores[identity], identity))[:limit]

    return rank
