"""Editing a block in the user's editor: what was typed is never lost, and nobody's edit is overwritten by it."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from lcode.errors import MemoryEditError, UserError

if TYPE_CHECKING:
    from lcode.memory.blocks import Blocks
    from lcode.memory.model import Block, Provenance


def edit_block(blocks: Blocks, label: str, by: Provenance) -> Block | None:
    """Let the user edit `label`; None if the text was left as it is. Where the edit is refused (the block was changed in the
    meantime, or is too long), the edited text stays in a file that the error names."""
    block = blocks.get(label)
    folder = Path(tempfile.mkdtemp(prefix="lcode-"))  # 0700
    path = folder / f"{label.replace('/', '-')}.md"
    path.write_text(block.value + "\n" if block.value else "", encoding="utf-8")
    before = path.read_bytes()
    keep = False
    try:
        code = _run_editor(path)
        after = path.read_bytes()
        keep = after != before
        if code:
            raise UserError(f"the editor ended with code {code}; nothing was changed", _kept(path) if keep else "")
        if not keep:
            return None
        text = after.decode("utf-8", "replace").replace("\r\n", "\n").removesuffix("\n")
        if text == block.value:
            keep = False
            return None
        edited = blocks.rethink(label, text, by, base_version=block.version)
        keep = False
        return edited
    except MemoryEditError as error:
        raise MemoryEditError(error.message, f"{_kept(path)}\n{error.hint}".strip()) from error
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


def _kept(path: Path) -> str:
    return f"your text is kept in {path}"


def _run_editor(path: Path) -> int:
    """The exit code of $VISUAL, $EDITOR or what there is, run on `path`. Raises UserError."""
    command = os.environ.get("VISUAL") or os.environ.get("EDITOR") or _found()
    try:
        words = shlex.split(command, posix=sys.platform != "win32")
        return subprocess.run([*words, str(path)], check=False).returncode
    except (OSError, ValueError) as error:
        raise UserError(f"cannot run the editor `{command}`: {error}", "set VISUAL or EDITOR") from error


def _found() -> str:
    names = ("notepad",) if sys.platform == "win32" else ("sensible-editor", "nano", "vim", "vi")
    for name in names:
        if shutil.which(name):
            return name
    raise UserError("there is no editor", "set VISUAL or EDITOR, or use `lcode memory set`")
