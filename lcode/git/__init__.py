"""Repository identity and the hardened git caller."""
