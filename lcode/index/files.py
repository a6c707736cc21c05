"""Which files the code index knows, and of which kind each is.

A file of the working tree counts if git tracks it or would: ignore rules of the repository and of the user hold, and those of
`.lcodeignore` (gitignore syntax, in any folder) beside them. Without git it is what a walk finds outside of caches and
environments. Nothing is followed through a symbolic link. What is of little use to a search is not dropped but kept with its
kind: vendored and generated code is found by path and names alone, minified files, lock files and binaries are listed.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from lcode.errors import UserError
from lcode.git.command import Git
from lcode.git.ignore_rules import Rules
from lcode.git.repository import find
from lcode.index.walk import HIDDEN, SKIPPED
from lcode.redact import names_secret

WHOLE = frozenset({"source", "test", "docs", "config", "large"})  # searched by all that they hold, and by meaning
NAMES = frozenset({"vendored", "generated"})  # searched by path and names
LISTED = frozenset({"minified", "lock", "binary", "sensitive"})  # known by their path alone
IGNORE = ".lcodeignore"
HEAD = 8_192  # bytes that tell whether a file is text
LIST_TIME = 600.0  # seconds that git may take for a list of very many files
_DEPTH = 5  # of submodules within submodules

_BINARY_TYPES = (
    "png jpg jpeg gif bmp ico webp tif tiff psd svgz heic avif mp3 mp4 m4a m4v wav ogg oga ogv flac aac avi mov mkv webm "
    "wmv woff woff2 ttf otf eot pdf doc docx xls xlsx ppt pptx odt ods odp zip gz tgz bz2 xz zst lz4 7z rar tar jar war ear "
    "whl egg apk aab ipa deb rpm dmg iso img bin exe dll so dylib a o obj lib pyc pyo pyd class wasm node nupkg gem db "
    "sqlite sqlite3 mdb parquet arrow feather npy npz pkl pickle pt pth onnx safetensors h5 hdf5 tflite pb mo gmo keystore "
    "jks p12 pfx der swf fla blend fbx glb stl ttc dat idx pack rdb aof cur icns"
)
_LOCK_NAMES = (
    "package-lock.json npm-shrinkwrap.json yarn.lock pnpm-lock.yaml bun.lock bun.lockb cargo.lock poetry.lock uv.lock "
    "pdm.lock pipfile.lock composer.lock gemfile.lock go.sum go.work.sum flake.lock mix.lock pubspec.lock podfile.lock "
    "packages.lock.json project.assets.json gradle.lockfile deno.lock package.resolved conan.lock"
)
_CONFIG_TYPES = (
    "json jsonc json5 yaml yml toml ini cfg conf properties xml plist env editorconfig lock csv tsv svg gradle tf tfvars"
)
_DOC_TYPES = "md markdown mdx rst adoc asciidoc txt tex org pod rdoc texi man"
_CODE_TYPES = "py js ts tsx jsx go rs java c h cc cpp rb php sh kt cs"
_BINARY, _LOCKS, _CONFIG = (frozenset(words.split()) for words in (_BINARY_TYPES, _LOCK_NAMES, _CONFIG_TYPES))
_DOCS, _CODE = (frozenset(words.split()) for words in (_DOC_TYPES, _CODE_TYPES))
_VENDORED = re.compile(
    r"(?:^|/)(?:vendor|vendors|node_modules|bower_components|third[-_]?party|3rd[-_]?party|godeps|site-packages|\.yarn)(?:/|$)"
    r"|^(?:deps|extern|external|externals|dependencies)(?:/|$)",
    re.IGNORECASE,
)
_TESTS = re.compile(
    r"(?:^|/)(?:tests?|testing|__tests__|specs?|testdata|test-data|fixtures?|e2e|__mocks__|mocks?)(?:/|$)", re.I
)
_DOC_FOLDER = re.compile(r"^(?:docs?|documentation|changelogs?)(?:/|$)", re.IGNORECASE)
_TEST_NAME = re.compile(
    r"^tests?[._-]|[._-](?:tests?|spec|specs)\.\w+$|^conftest\.py$|(?<=[a-z0-9])(?:Test|Tests|TestCase|Spec|IT)\.\w+$"
)
_GENERATED_NAME = re.compile(
    r"\.(?:pb|pb2|g|generated|gen|designer|freezed)\.\w+$|\.pb\.(?:go|cc|h)$|_pb2(?:_grpc)?\.pyi?$|\.snap$|_generated\.\w+$"
    r"|^zz_generated|\.(?:map|bundle\.js)$",
    re.IGNORECASE,
)
_MINIFIED_NAME = re.compile(r"[.-]min\.(?:js|css|mjs|cjs|html)$", re.IGNORECASE)
_GENERATED = re.compile(  # a comment that says so of the file, not one that speaks of something generated
    rb"^[^\S\n]{0,12}(?://[/!]?|#+|/?\*+|--|<!--|;+|%+|\"\"\"|'''|\(\*|\{-|rem )[^\S\n]*(?:"
    rb"[^\n]{0,160}(?:@generated\b|\bcode generated [^\n]{0,160}do not (?:edit|modify|change)|"
    rb"\b(?:file|code|module|header|is|was|been) (?:auto-?matically |auto-?)generated (?:by|from|file|using|with|via|at)\b|"
    rb"\bgenerated [^\n]{0,160}do not (?:edit|modify|change)|"
    rb"do not (?:edit|modify|change) (?:this file|by hand|manually|directly))"
    rb"|(?:auto-?matically |auto-?)generated (?:by|from|using|with|via|at)\b|"
    rb"do not (?:edit|modify|change)[ \t]*(?:[^\w\s]|$))",
    re.IGNORECASE | re.MULTILINE,
)
_MARKED = 1_024  # bytes at the beginning where a generator says that it was there
_LONG = 400  # mean bytes a line from which on a file was not written by hand
_SMALL = 4_096  # bytes below which long lines prove nothing


Found = tuple[str, os.stat_result]


class Listing:
    """The regular files below `root`, one by one: path relative to it, with `/`, and what the file is now. A path is given
    once. Names that are not UTF-8 come as Python decodes them. `total` is about how many there are; 0 where nobody knows."""

    def __init__(self, root: Path) -> None:
        self.total = 0
        self._files = self._list(root)

    def __iter__(self) -> Iterator[Found]:
        return self._files

    def _list(self, root: Path) -> Iterator[Found]:
        place = find(root)
        if place.is_bare:
            return iter(())
        if place.common_dir is not None:
            try:
                names = _git_list(root)
            except UserError:  # git is not there, or it refuses a repository of somebody else's
                pass
            else:
                self.total = names.count(b"\0")
                return _allowed(root, _from_git(f"{root}/", "", names, 0), IGNORE.encode() in names)
        return (file for file in _walk(root) if not names_secret(file[0]))


def listed(root: Path, paths: Sequence[str]) -> Iterator[Found]:
    """Those of `paths`, and of the files below them, that count. Raises GitError; without git nothing is known of a part."""
    names = Git(root).run_bytes("ls-files", "-z", "-co", "--exclude-standard", "--", *paths)
    return _allowed(root, _from_git(f"{root}/", "", names, 0), True)


def _allowed(root: Path, files: Iterator[Found], nested: bool) -> Iterator[Found]:
    """Those that `.lcodeignore` does not name, and that no secret names; `nested`: there may be one below the root."""
    files = (file for file in files if not names_secret(file[0]))
    if not nested and not (root / IGNORE).is_file():
        return files
    rules = _Rules(str(root), (IGNORE,))
    return (file for file in files if not rules.ignores(file[0]))


def _git_list(root: Path) -> bytes:
    return Git(root).run_bytes("ls-files", "-z", "-co", "--exclude-standard", timeout=LIST_TIME)


def _names(listing: bytes) -> Iterator[bytes]:
    """The names in a list that ends each with a NUL, one by one: a list of a million is not copied into as many objects."""
    at = 0
    while (end := listing.find(b"\0", at)) >= 0:
        yield listing[at:end]
        at = end + 1


def _from_git(base: str, prefix: str, names: bytes, depth: int) -> Iterator[Found]:
    folders = Folders(base)
    before = b""
    for name in _names(names):
        if name == before or name.endswith(b"/"):  # a conflict has three stages; a repository that is not ours to track
            continue
        before = name
        path = prefix + os.fsdecode(name)
        try:
            status = os.lstat(base + path)
        except OSError:  # deleted, and git was not told
            continue
        if stat.S_ISREG(status.st_mode):
            if folders.inside(path):
                yield path, status
        elif stat.S_ISDIR(status.st_mode) and depth < _DEPTH and folders.inside(f"{path}/"):
            yield from _submodule(base, path, depth + 1)


def _submodule(base: str, path: str, depth: int) -> Iterator[Found]:
    """The files of a submodule are part of the tree, by its own rules; one that is not there has none."""
    if not os.path.lexists(f"{base}{path}/.git"):
        return
    try:
        names = _git_list(Path(base + path))
    except UserError:
        return
    yield from _from_git(base, f"{path}/", names, depth)


# -- rules of .lcodeignore ---------------------------------------------------------------------------------------------


class _Rules:
    """What the ignore files of these names say of paths below the root. Each folder is looked at once."""

    def __init__(self, root: str, names: tuple[str, ...]) -> None:
        self._root = root
        self._known: dict[str, Rules | None] = {"": Rules(names=names).within(root)}

    def ignores(self, path: str) -> bool:
        """Whether the file is left out, or a folder that it is in."""
        rules = self._of(path.rpartition("/")[0])
        return rules is None or (bool(rules.files) and rules.ignores(f"{self._root}/{path}", is_dir=False))

    def enters(self, folder: str) -> bool:
        return self._of(folder) is not None

    def _of(self, folder: str) -> Rules | None:
        """What holds in a folder; None where it is left out itself."""
        if folder in self._known:
            return self._known[folder]
        above, path = self._of(folder.rpartition("/")[0]), f"{self._root}/{folder}"
        out = above is None or (above.files and above.ignores(path, is_dir=True))
        found = self._known[folder] = None if above is None or out else above.within(path)
        return found


def _walk(root: Path) -> Iterator[Found]:
    """Without git: everything but caches, environments and what ignore files name; links are not followed."""
    rules = _Rules(str(root), (".gitignore", IGNORE))
    pending = [""]
    while pending:
        prefix = pending.pop()
        try:
            with os.scandir(root / prefix) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except OSError:
            continue
        folders = []
        for entry in found:
            path = prefix + entry.name
            try:
                if entry.is_dir(follow_symlinks=False):
                    if _enters(entry.name) and rules.enters(path):
                        folders.append(f"{path}/")
                elif entry.is_file(follow_symlinks=False) and not rules.ignores(path):
                    yield path, entry.stat(follow_symlinks=False)
            except OSError:
                continue
        pending += reversed(folders)


def _enters(name: str) -> bool:
    hidden = name.startswith(".") and name not in HIDDEN
    return not hidden and name not in SKIPPED and not name.endswith(".egg-info")


# -- kinds -------------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=4_096)
def _kind_of_folder(folder: str) -> str:
    if _VENDORED.search(folder):
        return "vendored"
    if _TESTS.search(folder):
        return "test"
    return "docs" if _DOC_FOLDER.search(folder) else ""


def kind_of_path(path: str) -> str:
    """The kind of a file as far as its path tells it."""
    folder, _, name = path.rpartition("/")
    lower = name.lower()
    stem, _, extension = lower.rpartition(".")
    if extension in _BINARY and stem:
        return "binary"
    if lower in _LOCKS:
        return "lock"
    if _MINIFIED_NAME.search(name):
        return "minified"
    around = _kind_of_folder(folder)
    if around == "vendored":
        return around
    if _GENERATED_NAME.search(name):
        return "generated"
    if around == "test" or _TEST_NAME.search(name):
        return "test"
    if extension in _DOCS or (around == "docs" and extension not in _CONFIG and extension not in _CODE):
        return "docs"
    return "config" if extension in _CONFIG or name.startswith(".") else "source"


def kind_of_content(kind: str, data: bytes) -> str:
    """The kind of a file whose path says `kind` and that begins with `data`."""
    if b"\0" in data[:HEAD] and not data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "binary"
    if kind in LISTED:
        return kind
    if len(data) > _SMALL and len(data) > _LONG * (data.count(b"\n") + 1):
        return "minified"
    return "generated" if kind not in ("vendored", "docs") and _says_generated(data[:_MARKED]) else kind


def _says_generated(head: bytes) -> bool:
    lower = head.lower()
    return (b"generated" in lower or b"do not " in lower) and _GENERATED.search(head) is not None


# -- reading -----------------------------------------------------------------------------------------------------------


class Folders:
    """Whether a path leads through folders alone, and not through a symbolic link out of the root; each is looked at once."""

    def __init__(self, base: str) -> None:
        self._root = base
        self._known: dict[str, bool] = {"": True}

    def inside(self, path: str) -> bool:
        folder = path.rpartition("/")[0]
        known = self._known.get(folder)
        return self._look(folder) if known is None else known

    def _look(self, folder: str) -> bool:
        if folder in self._known:
            return self._known[folder]
        found = self._look(folder.rpartition("/")[0]) and not os.path.islink(self._root + folder)  # noqa: PTH114 - one call
        self._known[folder] = found
        return found


def read_regular(path: str, limit: int, start: int = 0) -> tuple[bytes, os.stat_result] | None:
    """At most `limit` bytes of a regular file, from `start` on, and what it was when they were read; None for anything else, or
    unreadable."""
    flags = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        descriptor = os.open(path, flags | getattr(os, "O_BINARY", 0))
    except (OSError, ValueError):
        return None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            return None
        if start:
            os.lseek(descriptor, start, os.SEEK_SET)
        parts: list[bytes] = []
        left = min(limit, max(status.st_size - start, 0) + 1)
        while left > 0 and (part := os.read(descriptor, left)):
            parts.append(part)
            left -= len(part)
        return b"".join(parts), status
    except OSError:
        return None
    finally:
        os.close(descriptor)
