"""Which files of the checkout an import means, by the rules of its language: by paths alone, and the few manifests that name
packages. What is not in the checkout (the standard library, dependencies) means none.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence

FOLDER = 40  # files of a package that an import of all of it may mean
_MANIFESTS = ("go.mod", "Cargo.toml", "package.json")
_SCRIPT = ("ts", "tsx", "d.ts", "js", "jsx", "mjs", "cjs", "mts", "cts", "vue", "svelte", "json", "css", "scss")
_SOURCES = ("c", "cc", "cpp", "cxx", "m", "mm")
# One file of these sees what stands in its folder without naming it.
OPEN_FOLDERS = frozenset({"go", "java", "kotlin", "scala", "c", "cpp", "csharp", "swift", "php"})


class Targets:
    """The files at `paths`; `read` gives the text of a manifest."""

    def __init__(self, paths: Iterable[str], read: Callable[[str], str]) -> None:
        self._paths = frozenset(paths)
        self._folders: dict[str, list[str]] = defaultdict(list)
        self._named: dict[str, list[str]] = defaultdict(list)  # by the name without what follows its first dot
        for path in sorted(self._paths):
            folder, _, name = path.rpartition("/")
            self._folders[folder].append(path)
            self._named[name.partition(".")[0]].append(path)
        self._go: dict[str, str] = {}  # name to folder, of what the manifests name
        self._crates: dict[str, str] = {}
        self._packages: dict[str, str] = {}
        for path in sorted(self._paths, key=lambda path: (path.count("/"), path)):
            if path.rpartition("/")[2] in _MANIFESTS:
                self._manifest(path, read(path))

    def of(self, source: str, language: str, name: str) -> list[str]:
        """The files that `name`, imported in the file `source`, means."""
        find = _RESOLVERS.get(language)
        found = find(self, source, name) if find is not None else ()
        return [path for path in found if path != source]

    # -- what paths and manifests tell ------------------------------------------------------------------------------

    def _manifest(self, path: str, text: str) -> None:
        folder, _, kind = path.rpartition("/")
        if kind == "go.mod":
            found = re.search(r"^module[ \t]+(\S+)", text, re.MULTILINE)
            if found:
                self._go.setdefault(found[1].strip('"'), folder)
        elif kind == "Cargo.toml":
            for section in ("package", "lib"):
                found = re.search(rf"^\[{section}\][^\[]*?^name[ \t]*=[ \t]*\"([^\"\n]+)", text, re.MULTILINE | re.DOTALL)
                if found:
                    self._crates.setdefault(found[1].replace("-", "_"), folder)
        else:
            try:
                data = json.loads(text)
            except (ValueError, RecursionError):
                return
            named = data.get("name") if isinstance(data, dict) else None
            if isinstance(named, str) and folder:
                self._packages.setdefault(named, folder)

    def _first(self, *candidates: str) -> list[str]:
        return next(([path] for path in candidates if path in self._paths), [])

    def _ending(self, tail: str, extensions: Sequence[str], source: str) -> list[str]:
        """The file whose path ends with `tail` and one of the extensions: the nearest to `source` where there are several."""
        name = tail.rpartition("/")[2]
        wanted = {f"{tail}.{extension}" if extension else tail for extension in extensions}
        found = [
            path
            for path in self._named.get(name.partition(".")[0], ())
            if any(path == end or path.endswith(f"/{end}") for end in wanted)
        ]
        return [min(found, key=lambda path: (-_shared(path, source), path.count("/"), path))] if found else []

    def _below(self, folder: str, extension: str) -> list[str]:
        """The files right in a folder, where they are few enough to mean something."""
        found = [path for path in self._folders.get(folder, ()) if path.endswith(extension)]
        return found if len(found) <= FOLDER else []

    def _package_of(self, source: str, manifest: str) -> str | None:
        """The innermost folder around `source` that holds a manifest."""
        folder = source
        while folder:
            folder = folder.rpartition("/")[0]
            if _join(folder, manifest) in self._paths:
                return folder
        return None

    # -- languages --------------------------------------------------------------------------------------------------

    def _python(self, source: str, name: str) -> Iterable[str]:
        dots = len(name) - len(name.lstrip("."))
        parts = [part for part in name.lstrip(".").split(".") if part and part != "*"]
        if dots:
            folder = source.rpartition("/")[0]
            for _ in range(dots - 1):
                folder = folder.rpartition("/")[0]
            return self._python_in(folder, parts) or self._first(_join(folder, "__init__.py"))
        for size in range(len(parts), 0, -1):
            tail = "/".join(parts[:size])
            for end in (tail, f"{tail}/__init__"):
                found = [path for path in self._python_named(end) if self._is_root(path.removesuffix(f"{end}.py"), source)]
                if found:
                    return [min(found, key=lambda path: (-_shared(path, source), path.count("/"), path))]
        return ()

    def _python_named(self, end: str) -> list[str]:
        name = f"{end}.py"
        of = self._named.get(end.rpartition("/")[2], ())
        return [path for path in of if path == name or path.endswith(f"/{name}")]

    def _python_in(self, folder: str, parts: Sequence[str]) -> list[str]:
        for size in range(len(parts), 0, -1):
            tail = _join(folder, "/".join(parts[:size]))
            if found := self._first(f"{tail}.py", f"{tail}.pyi", f"{tail}/__init__.py"):
                return found
        return []

    def _is_root(self, prefix: str, source: str) -> bool:
        """Whether modules are imported from the folder `prefix` by their plain names."""
        folder = prefix.rstrip("/")
        if f"{folder}/__init__.py" in self._paths:
            return False
        return folder in ("", "src", "lib", "python") or source.startswith(f"{folder}/") or folder.endswith(("/src", "/lib"))

    def _script(self, source: str, name: str) -> Iterable[str]:
        if name.startswith("."):
            return self._script_at(posixpath.normpath(_join(source.rpartition("/")[0], name)))
        if name.startswith(("@/", "~/")):
            package = self._package_of(source, "package.json")
            return self._script_at(_join(_join(package or "", "src"), name[2:]))
        for size in (2, 1) if name.startswith("@") else (1,):
            package_name, _, rest = _split(name, size)
            folder = self._packages.get(package_name)
            if folder is not None and not source.startswith(f"{folder}/"):
                if rest:
                    return self._script_at(_join(folder, rest)) or self._script_at(_join(folder, f"src/{rest}"))
                return self._script_at(_join(folder, "src")) or self._script_at(folder)
        return ()

    def _script_at(self, base: str) -> list[str]:
        bare = re.sub(r"\.(?:js|mjs|cjs|jsx)$", "", base)
        return self._first(
            base,
            *(f"{stem}.{extension}" for stem in dict.fromkeys((base, bare)) for extension in _SCRIPT),
            *(f"{base}/index.{extension}" for extension in _SCRIPT),
        )

    def _go_package(self, source: str, name: str) -> Iterable[str]:
        for module, folder in self._go.items():
            if name == module or name.startswith(f"{module}/"):
                inside = _join(folder, name[len(module) + 1 :])
                return [path for path in self._below(inside, ".go") if not path.endswith("_test.go")]
        return ()

    def _rust(self, source: str, name: str) -> Iterable[str]:
        crate = self._package_of(source, "Cargo.toml")
        top = _join(crate or "", "src")
        inside = source.startswith(f"{top}/")
        folder, _, file = source.rpartition("/")
        own = folder if file in ("mod.rs", "lib.rs", "main.rs") or not inside else source.removesuffix(".rs")
        parts = name.split("::")
        if parts[0] == "crate":
            return self._rust_in(top, parts[1:]) if inside else ()
        if parts[0] in ("self", "super"):
            while parts and parts[0] == "super":
                own, parts = own.rpartition("/")[0], parts[1:]
            return self._rust_in(own, parts[1:] if parts and parts[0] == "self" else parts)
        other = self._crates.get(parts[0])
        if other is not None:
            return self._rust_in(_join(other, "src"), parts[1:])
        return self._rust_in(own, parts, whole=False)

    def _rust_in(self, folder: str, parts: Sequence[str], *, whole: bool = True) -> list[str]:
        for size in range(len(parts), 0, -1):
            tail = _join(folder, "/".join(parts[:size]))
            if found := self._first(f"{tail}.rs", f"{tail}/mod.rs"):
                return found
        return self._first(f"{folder}.rs", f"{folder}/mod.rs", f"{folder}/lib.rs", f"{folder}/main.rs") if whole else []

    def _dotted(self, source: str, name: str) -> Iterable[str]:
        parts = name.split(".")
        for size in range(len(parts), 1, -1):
            tail = "/".join(parts[:size])
            if found := self._ending(tail, ("java", "kt", "scala"), source):
                return found
        return self._package_folder("/".join(parts), source) or self._package_folder("/".join(parts[:-1]), source)

    def _package_folder(self, tail: str, source: str) -> list[str]:
        if "/" not in tail:
            return []
        folders = [folder for folder in self._folders if folder == tail or folder.endswith(f"/{tail}")]
        files = [path for folder in folders for path in self._folders[folder] if path.endswith((".java", ".kt", ".scala"))]
        return files if len(files) <= FOLDER else []

    def _c(self, source: str, name: str) -> Iterable[str]:
        beside = posixpath.normpath(_join(source.rpartition("/")[0], name))
        found = self._first(beside) or self._ending(name.removeprefix("./").removeprefix("../"), ("",), source)
        stem = found[0].rpartition(".")[0] if found else ""
        return [*found, *(self._first(*(f"{stem}.{extension}" for extension in _SOURCES)) if stem else ())]

    def _ruby(self, source: str, name: str) -> Iterable[str]:
        bare = name.removesuffix(".rb")
        if bare.startswith("."):
            return self._first(f"{posixpath.normpath(_join(source.rpartition('/')[0], bare))}.rb")
        if "/" in bare:
            parts = bare.split("/")
            tails = ("/".join(parts[:size]) for size in range(len(parts), 1, -1))
            return next((found for tail in tails if (found := self._ending(tail, ("rb",), source))), [])
        return [path for path in self._named.get(bare, ()) if path.endswith((f"/lib/{bare}.rb",)) or path == f"lib/{bare}.rb"]

    def _php(self, source: str, name: str) -> Iterable[str]:
        if name.startswith("."):
            beside = posixpath.normpath(_join(source.rpartition("/")[0], name))
            return self._first(beside) or self._ending(name.removeprefix("./"), ("",), source)
        parts = name.split("/")
        tails = ("/".join(parts[at:]) for at in range(len(parts) - 1))
        return next((found for tail in tails if (found := self._ending(tail, ("php",), source))), [])

    def _haskell(self, source: str, name: str) -> Iterable[str]:
        return self._ending(name.replace(".", "/"), ("hs", "lhs"), source) if "." in name else ()

    def _lua(self, source: str, name: str) -> Iterable[str]:
        tail = name.replace(".", "/")
        return self._ending(tail, ("lua",), source) or self._ending(f"{tail}/init", ("lua",), source)

    def _beside(self, source: str, name: str) -> Iterable[str]:
        """Shell scripts and style sheets: relative paths."""
        at = posixpath.normpath(_join(source.rpartition("/")[0], name))
        folder, _, file = at.rpartition("/")
        extensions = ("", ".scss", ".sass", ".less", ".css", ".sh")
        found = self._first(*(f"{at}{end}" for end in extensions), *(_join(folder, f"_{file}{end}") for end in extensions))
        return found or (self._ending(name.removeprefix("./"), ("",), source) if "/" in name and ".." not in name else ())


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder and name else folder or name


def _split(name: str, size: int) -> tuple[str, str, str]:
    """The first `size` parts of a path, and the rest."""
    parts = name.split("/")
    return "/".join(parts[:size]), "/", "/".join(parts[size:])


def _shared(one: str, other: str) -> int:
    """How many folders two paths share."""
    pairs: Iterator[tuple[str, str]] = zip(one.split("/")[:-1], other.split("/")[:-1], strict=False)
    count = 0
    for a, b in pairs:
        if a != b:
            break
        count += 1
    return count


_RESOLVERS: dict[str, Callable[[Targets, str, str], Iterable[str]]] = {
    "python": Targets._python,
    **dict.fromkeys(("javascript", "typescript", "tsx", "vue", "svelte"), Targets._script),
    "go": Targets._go_package,
    "rust": Targets._rust,
    **dict.fromkeys(("java", "kotlin", "scala"), Targets._dotted),
    **dict.fromkeys(("c", "cpp"), Targets._c),
    "ruby": Targets._ruby,
    "php": Targets._php,
    "haskell": Targets._haskell,
    "lua": Targets._lua,
    **dict.fromkeys(("bash", "css", "scss", "less"), Targets._beside),
}
