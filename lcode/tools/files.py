"""Files as text and back, byte for byte: which encoding, what is not text, and what may not be opened at all.

Nothing here can hang: a pipe, socket or device is refused by its kind before it is opened, a huge file by its size.
"""

from __future__ import annotations

import codecs
import os
import stat
from dataclasses import dataclass, replace
from pathlib import Path

from lcode.tools.base import ToolContext, ToolError
from lcode.tools.truncate import size

SIZE_LIMIT = 10_000_000  # bytes of a file that is read or edited as text
_SNIFFED = 8_192  # git's measure: a NUL in the first 8 KB means binary

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_MAGIC = (
    (b"\x89PNG", "PNG image"),
    (b"\xff\xd8\xff", "JPEG image"),
    (b"GIF8", "GIF image"),
    (b"RIFF", "RIFF media file"),
    (b"%PDF", "PDF document"),
    (b"PK\x03\x04", "ZIP archive"),
    (b"\x1f\x8b", "gzip archive"),
    (b"BZh", "bzip2 archive"),
    (b"\xfd7zXZ", "xz archive"),
    (b"(\xb5/\xfd", "zstd archive"),
    (b"\x7fELF", "ELF program or library"),
    (b"MZ", "Windows program"),
    (b"\xca\xfe\xba\xbe", "Java class or Mach-O binary"),
    (b"\xcf\xfa\xed\xfe", "Mach-O binary"),
    (b"SQLite format 3\x00", "SQLite database"),
    (b"\x00asm", "WebAssembly module"),
)
_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


@dataclass(frozen=True)
class TextFile:
    """A file as it is on disk. `text` has its newlines as they are and no BOM. Bytes that are no UTF-8 are kept as
    surrogates (`surrogateescape`), so that `encoded(text)` gives the very same bytes."""

    path: Path
    data: bytes
    text: str
    encoding: str = "utf-8"
    bom: bytes = b""
    note: str = ""

    def encoded(self, text: str) -> bytes:
        """`text` in this file's encoding, with its BOM. Raises UnicodeEncodeError where it does not fit."""
        return self.bom + text.encode(self.encoding, "surrogateescape" if self.encoding == "utf-8" else "strict")


def read(context: ToolContext, path: Path) -> TextFile:
    """The regular text file `path`. Raises ToolError that says what it is instead."""
    data = read_bytes(context, path)
    file = decoded(path, data)
    if file is None:
        raise ToolError(f"{context.shown(path)} is not text: {binary_kind(data)}, {size(len(data))}.")
    return file


def read_bytes(context: ToolContext, path: Path) -> bytes:
    """The bytes of the regular file `path`, at most SIZE_LIMIT of them. Raises ToolError."""
    data, length = _read(context, path, SIZE_LIMIT)
    if length > SIZE_LIMIT:
        raise ToolError(
            f"{context.shown(path)} is too large to read as a whole: {size(length)} (limit {size(SIZE_LIMIT)}"
            f"{', ' + binary_kind(data) if is_binary(data) else ''}). "
            "Look at parts of it: grep for what you need, or sed -n '1,100p' through shell."
        )
    return data


def head(context: ToolContext, path: Path) -> bytes:
    """The first bytes of the regular file `path`: enough to tell text from binary. Raises ToolError."""
    return _read(context, path, 0)[0]


def _read(context: ToolContext, path: Path, most: int) -> tuple[bytes, int]:
    """The bytes of a file that holds at most `most`, else only its head; and its size."""
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):  # never opened: a pipe would wait for a writer
            advice = " Use list_dir to see what is in it." if stat.S_ISDIR(mode) else ""
            raise ToolError(f"{context.shown(path)} is {kind(mode)}, not a file.{advice}")
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with open(descriptor, "rb") as file:  # noqa: PTH123 (a descriptor)
            length = os.fstat(descriptor).st_size
            data = file.read(_SNIFFED if length > most else most + 1)
            return data, max(length, len(data))
    except FileNotFoundError:
        raise ToolError(missing(context, path)) from None
    except OSError as error:
        raise ToolError(f"{context.shown(path)} cannot be read: {error.strerror or error}.") from None


def exists(path: Path) -> bool:
    """Whether something is at `path`; a broken link counts as nothing. Raises ToolError where that cannot be told."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise ToolError(f"{path} cannot be used: {error.strerror or error}.") from None
    return True


def is_folder(path: Path) -> bool:
    """Whether `path` is a folder, as far as one may look."""
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except OSError:
        return False


def check_listable(context: ToolContext, folder: Path) -> None:
    """Raises ToolError where `folder` may not be looked into."""
    try:
        next(folder.iterdir(), None)
    except OSError as error:
        raise ToolError(f"{context.shown(folder)} cannot be listed: {error.strerror}.") from None


def decoded(path: Path, data: bytes) -> TextFile | None:
    """`data` as text, or None where it is binary."""
    for bom, encoding in _BOMS:
        if data.startswith(bom):
            try:
                text = data[len(bom) :].decode(encoding)
            except UnicodeDecodeError:
                continue
            return TextFile(path, data, text, encoding, bom, "" if encoding == "utf-8" else f"{encoding[:6].upper()} with BOM")
    if b"\0" in data[:_SNIFFED]:
        return None
    try:
        return TextFile(path, data, data.decode("utf-8"))
    except UnicodeDecodeError:
        return _not_utf8(path, data)


def _not_utf8(path: Path, data: bytes) -> TextFile:
    """Latin-1, unless parts of it are good UTF-8: then the stray bytes are kept as they are."""
    text = data.decode("utf-8", "surrogateescape")
    file = TextFile(path, data, text, note="UTF-8 with invalid bytes, shown as \ufffd")
    strays = sum(1 for char in text if "\udc80" <= char <= "\udcff")
    if any(char > "\x7f" and not "\udc80" <= char <= "\udcff" for char in text) and strays < len(text) / 10:
        return file
    return replace(file, text=data.decode("latin-1"), encoding="latin-1", note="not UTF-8: read as Latin-1")


def is_binary(data: bytes) -> bool:
    """Whether the head of a file (its first 8 KB or more) says that it is no text."""
    return not any(data.startswith(bom) for bom, _ in _BOMS) and b"\0" in data[:_SNIFFED]


def binary_kind(data: bytes) -> str:
    return next((kind for magic, kind in _MAGIC if data.startswith(magic)), "binary data")


def kind(mode: int) -> str:
    """What is at a path that is no regular file."""
    return next((name for test, name in _KINDS if test(mode)), "not a regular file")


def missing(context: ToolContext, path: Path) -> str:
    """Says where the path breaks off and which names come near."""
    from difflib import get_close_matches

    parent = path.parent
    while not is_folder(parent) and parent != parent.parent:
        parent = parent.parent
    wanted, *rest = path.relative_to(parent).parts
    try:
        names = sorted(os.listdir(parent))[:5_000]  # noqa: PTH208 (names only)
    except OSError:
        names = []
    folded = {name.casefold(): name for name in names}
    near = [folded[name] for name in get_close_matches(wanted.casefold(), list(folded), 3, 0.6)]
    found = [context.shown(parent.joinpath(name, *rest)) for name in near if _is_there(parent.joinpath(name, *rest))]
    found += [shown for shown in _same_name(context, path.name) if shown not in found]
    where = "" if parent == path.parent else f" ({context.shown(parent)} holds no {wanted})"
    advice = f" Did you mean {' or '.join(found[:4])}?" if found else ""
    return f"There is no {context.shown(path)}{where}.{advice}"


def _is_there(path: Path) -> bool:
    try:
        return exists(path)
    except ToolError:
        return False


def _same_name(context: ToolContext, name: str) -> list[str]:
    """Where in the tree a file of that name is; looks at a bounded number of entries."""
    from itertools import islice

    from lcode.tools.walk import walk

    entries = islice(walk(context.root, context.root), 3_000)
    return [context.shown(entry.path) for entry in entries if entry.name == name and not entry.is_dir][:3]
