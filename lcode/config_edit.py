"""Changes one key of the user's settings file, for `lcode config set` and `unset`: everything else in it stays as it was.

The file is edited by lines, so that comments and order stay, and the result is read back before it is written: where it
does not say exactly what was meant, the file is left alone and the user is told to edit it.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from lcode.config import config_path, read_toml
from lcode.config_keys import KEYS, Value, parsed, unknown
from lcode.errors import ConfigError
from lcode.sanitize import encodable

_TABLE = re.compile(r"^[ \t]*\[")
_VALUE = re.compile(r"""(?:"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|[^\s#"'\[{][^#\n]*?)(?P<rest>[ \t]*(?:\#.*)?)$""")


def set_value(key: str, value: str, environ: Mapping[str, str]) -> Path:
    """Set `key` to what `value` stands for; returns the file. Raises ConfigError."""
    _known(key)
    try:
        meant = parsed(key, encodable(value))
    except ValueError as error:
        raise ConfigError(str(error), KEYS[key].help) from None
    return _edit(key, meant, environ)


def unset(key: str, environ: Mapping[str, str]) -> Path:
    """Take `key` out of the file, so that the default holds again; returns the file. Raises ConfigError."""
    _known(key)
    return _edit(key, None, environ)


def _known(key: str) -> None:
    if key in KEYS:
        return
    table = key.partition(".")[0]
    if table in ("providers", "models"):
        raise ConfigError(f"{table} are not set from here", "edit the file that `lcode config path` names")
    raise ConfigError(unknown(key), f"keys: {', '.join(KEYS)}")


def _edit(key: str, value: Value, environ: Mapping[str, str]) -> Path:
    file = config_path(environ)
    tables, text = read_toml(file)
    wanted = {name: its for name, its in tables.items() if name != key} | ({} if value is None else {key: value})
    if wanted == tables and all(type(wanted[name]) is type(tables[name]) for name in wanted):
        return file
    changed = _changed(text, key, value)
    if changed is None or not _says(changed, wanted):
        raise ConfigError(f"{file} is written in a way that cannot be edited from here", f"set {key} in the file by hand")
    try:
        _write(file.resolve(), changed)
    except OSError as error:
        raise ConfigError(f"{file} cannot be written: {error.strerror or error}", "correct its permissions") from None
    return file


def _changed(text: str, key: str, value: Value) -> str | None:
    """`text` with the line of `key` replaced, added or left out; None where the line is of a form not known here."""
    newline = "\r\n" if "\r\n" in text else "\n"
    lines = text.split(newline)
    top = next((at for at, line in enumerate(lines) if _TABLE.match(line)), len(lines))
    name = re.compile(rf"""^(?P<start>[ \t]*["']?{re.escape(key)}["']?[ \t]*=[ \t]*)""")
    for at in range(top):
        found = name.match(lines[at])
        if found is None:
            continue
        if value is None:
            del lines[at]
        else:
            old = _VALUE.match(lines[at], found.end())
            if old is None:
                return None
            lines[at] = f"{found['start']}{_toml(value)}{old['rest']}"
        return newline.join(lines)
    if value is None:
        return text
    at = _end_of_top(lines, top)
    gap = [""] if at == len(lines) or (at == top and top < len(lines)) else []
    return newline.join([*lines[:at], f"{key} = {_toml(value)}", *gap, *lines[at:]])


def _end_of_top(lines: list[str], top: int) -> int:
    """Where a key can be added: after the last key, above the comment on the first table and the blank lines there."""
    at = top
    while top < len(lines) and at > 0 and lines[at - 1].lstrip().startswith("#"):
        at -= 1
    while at > 0 and not lines[at - 1].strip():
        at -= 1
    return at


def _toml(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


def _says(text: str, wanted: dict[str, Any]) -> bool:
    import tomllib

    try:
        return tomllib.loads(text) == wanted
    except tomllib.TOMLDecodeError:
        return False


def _write(file: Path, text: str) -> None:
    """All or nothing, with the mode that the file has (0600 for a new one: its addresses may be confidential)."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    mode = file.stat().st_mode & 0o7777 if file.exists() else 0o600
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as stream:
            stream.write(text)
            stream.flush()
            os.fchmod(stream.fileno(), mode) if hasattr(os, "fchmod") else None
            os.fsync(stream.fileno())
        Path(name).replace(file)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise
