"""`python -m tests.store.stores`: make the store of the newest schema. See the package."""

from __future__ import annotations

from lcode.store import migrations
from tests.store.stores import HERE, make

if __name__ == "__main__":
    newest = HERE / f"schema{len(migrations.MEMORY.migrations)}"
    make(newest)
    print(f"{newest}: {sum(file.stat().st_size for file in newest.iterdir())} bytes")
