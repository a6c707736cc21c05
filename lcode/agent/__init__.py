"""The turn: loop, prompt, compaction, limits."""
