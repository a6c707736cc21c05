"""Databases, migrations, locks, atomic files, paths."""
