"""The modules of a repository, and who depends on whom among them."""

from __future__ import annotations

from lcode.index.modules import modules
from lcode.index.shape import FileShape, Shape


def shape(files: dict[str, int], uses: dict[str, list[str]] | None = None) -> Shape:
    made = Shape(
        {path: FileShape(at, path, at, _kind(path), "python", lines) for at, (path, lines) in enumerate(files.items())}
    )
    for source, targets in (uses or {}).items():
        for target in targets:
            made.uses.setdefault(source, {})[target] = 1.0
            made.used_by.setdefault(target, {})[source] = 1.0
    return made


def _kind(path: str) -> str:
    return "test" if path.startswith("tests/") else "source"


def test_a_folder_that_holds_most_is_told_by_what_is_in_it() -> None:
    files = {f"src/pkg/{part}/{name}.py": 100 for part in ("net", "db", "ui") for name in "abc"}
    found = modules(shape({**files, "src/pkg/__init__.py": 20, "tools/run.py": 30, "tests/test_a.py": 500}))
    assert [(module.name, len(module.files)) for module in found] == [
        ("src/pkg/db/", 3), ("src/pkg/net/", 3), ("src/pkg/ui/", 3), ("tools/", 1), ("src/pkg/", 1),
    ]  # fmt: skip
    assert [module.folder for module in found if module.own] == ["src/pkg"]


def test_a_module_uses_another_where_its_files_import_it_more_than_once() -> None:
    files = {f"{part}/{name}.py": 100 for part in ("net", "db", "ui") for name in "abc"}
    uses = {
        "ui/a.py": ["net/a.py"],
        "ui/b.py": ["net/b.py", "db/a.py"],
        "tests/test_a.py": ["ui/a.py"],
        "net/a.py": ["net/b.py"],
    }
    found = {module.name: module for module in modules(shape({**files, "tests/test_a.py": 10}, uses))}
    assert dict(found["ui/"].uses) == {"net/": 2}
    assert dict(found["net/"].used_by) == {"ui/": 2}
    assert not found["net/"].uses and not found["ui/"].used_by


def test_files_at_the_root_are_one_module() -> None:
    assert [module.name for module in modules(shape({"a.py": 10, "b.py": 10}))] == ["./"]
    assert modules(shape({})) == []
