"""Parts that tests share: a strict model server, and its scripts."""
