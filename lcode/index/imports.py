"""What a file says that it imports: each import as one short text that `import_targets` resolves to files of the checkout.

Found by patterns over the source, comments and doc strings aside: an import is a line of its own in every language here, and a
pattern costs a hundredth of a look at the syntax tree. What a language finds by itself (constants that are loaded by their
name) is told by how such a name is spelt. Languages that are not in `LANGUAGES` tell nothing here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

MOST = 400  # imports of a file
_LONGEST = 200  # characters of one

_TRIPLE = re.compile(r"(\"\"\"|''').*?\1", re.DOTALL)
_SLASHES = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
_SLASH_LINES = re.compile(r"^[ \t]*//[^\n]*|/\*.*?\*/", re.DOTALL | re.MULTILINE)  # `//` stands in addresses too
_HASHES = re.compile(r"^[ \t]*#[^\n]*", re.MULTILINE)
_DASHES = re.compile(r"--[^\n]*")

_PY_FROM = re.compile(r"^[ \t]*from[ \t]+(\.*[\w.]*)[ \t]+import[ \t]+(\([^)]*\)|[^\n;#]+)", re.MULTILINE)
_PY_IMPORT = re.compile(r"^[ \t]*import[ \t]+([\w., \t]+)", re.MULTILINE)
_JS = re.compile(
    r"\b(?:from|import)[ \t]*['\"]([^'\"\n]+)['\"]|\b(?:require|import)[ \t]*\([ \t]*['\"]([^'\"\n]+)['\"][ \t]*\)"
)
_GO_BLOCK = re.compile(r"^import[ \t]*\(([^)]*)\)", re.MULTILINE)
_GO_ONE = re.compile(r"^import[ \t]+(?:[\w.]+[ \t]+)?\"([^\"\n]+)\"", re.MULTILINE)
_QUOTED = re.compile(r"\"([^\"\n]+)\"")
_RUST_USE = re.compile(r"\buse[ \t]+([^;]{1,4000});")
_RUST_PATH = re.compile(r"\b(?:crate|super|self)(?:::\w+)+")
_RUST_MOD = re.compile(r"^[ \t]*(?:pub(?:\([^)]*\))?[ \t]+)?mod[ \t]+(\w+)[ \t]*;", re.MULTILINE)
_DOTTED = re.compile(r"^[ \t]*import[ \t]+(?:static[ \t]+)?([\w.]+(?:\.\*|\._)?)", re.MULTILINE)
_SCALA = re.compile(r"^[ \t]*import[ \t]+([\w.]+)(?:\.\{([^}]*)\})?", re.MULTILINE)
_INCLUDE = re.compile(r"^[ \t]*#[ \t]*(?:include|import)[ \t]*[<\"]([^>\"\n]+)[>\"]", re.MULTILINE)
_RUBY = re.compile(r"\b(require_relative|require|load|autoload[ \t]+:\w+,)[ \t(]*['\"]([^'\"\n]+)['\"]")
_RUBY_NAME = re.compile(r"(?<![:\w])((?:::)?[A-Z]\w*(?:::[A-Z]\w*)+)")
_PHP_USE = re.compile(
    r"^[ \t]*use[ \t]+(?:function[ \t]+|const[ \t]+)?\\?([\w\\]+?)(?:\\\{([^}]*)\})?[ \t]*(?:;|as\b|,)", re.MULTILINE
)
_PHP_FILE = re.compile(r"\b(?:require|include)(?:_once)?\b[^;'\"\n]*['\"]/?([^'\"\n]+)['\"]")
_HASKELL = re.compile(r"^import[ \t]+(?:qualified[ \t]+)?(?:\"[^\"]*\"[ \t]+)?([A-Z][\w.]*)", re.MULTILINE)
_LUA = re.compile(r"\brequire[ \t(]*['\"]([^'\"\n]+)['\"]")
_SHELL = re.compile(r"^[ \t]*(?:\.|source)[ \t]+[\"']?(?:\$\{?\w+\}?/|\$\([^)]*\)/)*([\w./-]+)", re.MULTILINE)
_STYLE = re.compile(r"@(?:import|use|forward)[ \t]+(?:url\()?['\"]([^'\"\n]+)['\"]")


def imports(language: str, data: bytes) -> tuple[str, ...]:
    """The imports of a source, each once, in order; () for a language that tells nothing here."""
    find = _FINDERS.get(language)
    if find is None:
        return ()
    found: dict[str, None] = {}
    for name in find(data.decode("utf-8", "replace")):
        if name and len(name) <= _LONGEST and "\n" not in name:
            found[name] = None
            if len(found) >= MOST:
                break
    return tuple(found)


def _python(text: str) -> Iterator[str]:
    text = _TRIPLE.sub('""', text)
    for module, names in _PY_FROM.findall(text):
        dot = "" if module.endswith(".") else "."
        bare = [re.split(r"\s+as\s+", name.split("#")[0].strip())[0] for name in re.split(r"[,\n]", names.strip("()"))]
        yield from (f"{module}{dot}{name}" for name in bare if re.fullmatch(r"\w+|\*", name))
    for listed in _PY_IMPORT.findall(text):
        yield from (re.split(r"\s+as\s+", name.strip())[0] for name in listed.split(","))


def _javascript(text: str) -> Iterator[str]:
    for plain, called in _JS.findall(_SLASH_LINES.sub("", text)):
        yield plain or called


def _go(text: str) -> Iterator[str]:
    text = _SLASH_LINES.sub("", text)
    for block in _GO_BLOCK.findall(text):
        yield from _QUOTED.findall(block)
    yield from _GO_ONE.findall(text)


def _rust(text: str) -> Iterator[str]:
    text = _SLASHES.sub("", text)
    for tree in _RUST_USE.findall(text):
        yield from _use_tree("", tree)
    yield from _RUST_PATH.findall(text)
    yield from (f"self::{name}" for name in _RUST_MOD.findall(text))


def _use_tree(prefix: str, tree: str) -> Iterator[str]:
    """The paths of `a::{b, c::{d, e}}`."""
    tree = " ".join(tree.split())
    head, brace, rest = tree.partition("{")
    if not brace:
        path = f"{prefix}{head.split(' as ')[0].strip()}".replace(" ", "").removeprefix("::")
        yield path.removesuffix("::*").removesuffix("::self")
        return
    depth, start = 0, 0
    inner = rest[: rest.rfind("}")] if "}" in rest else rest
    for at, letter in enumerate(inner + ","):
        depth += (letter == "{") - (letter == "}")
        if letter == "," and depth <= 0:
            if part := inner[start:at].strip():
                yield from _use_tree(f"{prefix}{head.strip()}", part)
            start = at + 1


def _dotted(text: str) -> Iterator[str]:
    yield from (name.removesuffix("._").removesuffix(".*") for name in _DOTTED.findall(_SLASHES.sub("", text)))


def _scala(text: str) -> Iterator[str]:
    for path, names in _SCALA.findall(_SLASHES.sub("", text)):
        if names:
            yield from (f"{path}.{re.split(r'=>|,| as ', name)[0].strip()}" for name in names.split(","))
        else:
            yield path.removesuffix("._").removesuffix(".*")


def _c(text: str) -> Iterator[str]:
    yield from _INCLUDE.findall(_SLASHES.sub("", text))


def _ruby(text: str) -> Iterator[str]:
    text = _HASHES.sub("", text)
    for how, name in _RUBY.findall(text):
        yield f"./{name}" if how == "require_relative" else name
    for name in _RUBY_NAME.findall(text):
        yield "/".join(map(_underscored, name.removeprefix("::").split("::")))


def _underscored(name: str) -> str:
    """`HTTPRequest` as `http_request`: how a constant's file is called."""
    return re.sub(r"(?<=[a-z\d])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def _php(text: str) -> Iterator[str]:
    text = _SLASHES.sub("", text)
    for path, names in _PHP_USE.findall(text):
        inner = [f"{path}\\{name.split(' as ')[0].strip()}" for name in names.split(",")] if names else [path]
        yield from (name.replace("\\", "/") for name in inner)
    yield from (f"./{name}" for name in _PHP_FILE.findall(text))


def _of(pattern: re.Pattern[str], comments: re.Pattern[str]) -> Callable[[str], Iterator[str]]:
    return lambda text: iter(pattern.findall(comments.sub("", text)))


_FINDERS: dict[str, Callable[[str], Iterator[str]]] = {
    "python": _python,
    **dict.fromkeys(("javascript", "typescript", "tsx", "vue", "svelte"), _javascript),
    "go": _go,
    "rust": _rust,
    **dict.fromkeys(("java", "kotlin"), _dotted),
    "scala": _scala,
    **dict.fromkeys(("c", "cpp"), _c),
    "ruby": _ruby,
    "php": _php,
    "haskell": _of(_HASKELL, _DASHES),
    "lua": _of(_LUA, _DASHES),
    "bash": _of(_SHELL, _HASHES),
    **dict.fromkeys(("css", "scss", "less"), _of(_STYLE, _SLASH_LINES)),
}
LANGUAGES = frozenset(_FINDERS)
