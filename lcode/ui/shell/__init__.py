"""The terminal session: one prompt_toolkit application that owns the bottom of the screen."""
