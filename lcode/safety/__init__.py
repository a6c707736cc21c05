"""Permission rules and what counts as sensitive."""
