"""The one background process of an agent: it keeps the index current while sessions live, and nobody waits for it."""
