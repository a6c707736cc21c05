"""The modules of a repository: its source folders at the level that says most, and who depends on whom among them.

A folder that holds most of the source is told by what is in it. One module depends on another where its files import, or
see by the rules of their language, files of the other; tests are not counted.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lcode.index.shape import Shape

MOST = 14
_LARGE = 0.12  # share of the source from which on a folder is told by what is in it
_DEEPEST = 12
_FEW = 2  # imports below which a module is not said to depend on another


@dataclass
class Module:
    """`folder` '' holds the files at the root; `own`: only what stands right in the folder. `uses` and `used_by` name the other
    modules, by how many of the importing module's files import one of theirs."""

    folder: str
    own: bool
    files: list[str] = field(default_factory=list)
    lines: int = 0
    uses: Counter[str] = field(default_factory=Counter)
    used_by: Counter[str] = field(default_factory=Counter)

    @property
    def name(self) -> str:
        return f"{self.folder}/" if self.folder else "./"


def modules(shape: Shape) -> list[Module]:
    """The largest first."""
    sources = {path: file.lines for path, file in shape.files.items() if file.kind == "source" and file.language != "text"}
    whole = sum(sources.values()) or 1
    found = _split(Module("", False, sorted(sources), whole), sources)
    while len(found) < MOST:
        large = [module for module in found if not module.own and module.lines > _LARGE * whole and _depth(module) < _DEEPEST]
        parts = next(
            (parts for module in sorted(large, key=lambda one: -one.lines) if len(parts := _split(module, sources)) > 1), []
        )
        if not parts or len(found) - 1 + len(parts) > 2 * MOST:
            break
        inside = {path for part in parts for path in part.files}
        found = [module for module in found if module.files and module.files[0] not in inside] + parts
    _link(shape, found)
    found.sort(key=lambda module: (-module.lines, module.folder))
    return found


def _depth(module: Module) -> int:
    return module.folder.count("/") + 1


def _split(module: Module, sources: dict[str, int]) -> list[Module]:
    """A module by the folders in it; what stands right in it is one of its own. A folder that is alone is passed through."""
    below = f"{module.folder}/" if module.folder else ""
    parts: dict[str, Module] = {}
    for path in module.files:
        inner, slash, _ = path.removeprefix(below).partition("/")
        folder = f"{below}{inner}" if slash else module.folder
        part = parts.setdefault(folder, Module(folder, folder == module.folder))
        part.files.append(path)
        part.lines += sources[path]
    found = list(parts.values())
    return _split(found[0], sources) if len(found) == 1 and not found[0].own else found


def _link(shape: Shape, found: list[Module]) -> None:
    of = {path: module for module in found for path in module.files}
    by_name = {module.name: module for module in found}
    users: dict[tuple[str, str], set[str]] = defaultdict(set)
    for source, targets in shape.uses.items():
        here = of.get(source)
        for target in targets if here is not None else ():
            there = of.get(target)
            if there is not None and here is not None and there is not here:
                users[here.name, there.name].add(source)
    for (one, other), files in users.items():
        if len(files) >= min(_FEW, len(by_name[one].files)):
            by_name[one].uses[other] = len(files)
            by_name[other].used_by[one] = len(files)
