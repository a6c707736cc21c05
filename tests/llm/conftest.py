"""Property tests here judge results, not the time that a busy machine took."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("llm", deadline=None)
settings.load_profile("llm")
