"""Hooks of git that tell the worker of new commits, beside whatever hooks are there.

A hook gets one line of shell, at its top, so that it runs even where the script execs or exits. It reads a small script in
the repository's git folder, which drops a file for the worker and returns: in a subshell, silent, without the input of the
hook, and always with success. The line is the same everywhere and does nothing in a repository without that script, so that
it may also be committed. A folder of hooks that a repository tracks is never written to.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from lcode.errors import UserError
from lcode.git.command import GitError
from lcode.git.repository import Place, find
from lcode.store.atomic import write_bytes

NAMES = ("post-commit", "post-merge", "post-checkout", "post-rewrite")
SCRIPT = "lcode-hook"  # in the git folder that all worktrees share

_BEGIN, _END = "# >>> lcode: `lcode hooks uninstall` removes these lines >>>", "# <<< lcode <<<"
_BLOCK = re.compile(rb"# >>> lcode: [^\n]*\n(?:[^\n]*\n){0,3}?# <<< lcode <<<(?:\n|\Z)")
_KEPT = ".before-lcode"  # what a hook that is no shell script is called while it is chained
_CHAIN = "lcode.d"  # holds links under the hooks' own names: some of them ask what they are called
_RENAMED = (".old", ".legacy")  # what lefthook and pre-commit call the hook that was there before theirs
_LEGACY = b"pre-commit"  # whose hook runs the one that it renamed
_SHELLS = frozenset(("sh", "bash", "dash", "ash", "ksh", "ksh93", "mksh", "zsh", "yash"))
_READS_ITSELF = re.compile(rb"\b(?:exec|tail|sed|awk|head|perl|python3?)\b[^\n]*\$\{?0|''''|^''?':'", re.MULTILINE)


class State(StrEnum):
    INSTALLED = "installed"
    ABSENT = "not installed"
    BY_HAND = "to be added by hand"


@dataclass(frozen=True)
class Hook:
    """One hook: the file in which it is, or would be."""

    name: str
    path: Path
    state: State


@dataclass(frozen=True)
class Hooks:
    """How a repository's hooks stand. `tracked`: their folder is the repository's own, and not written to. `told` is the
    folder that they tell; None where nothing is installed."""

    folder: Path
    tracked: bool
    told: Path | None
    hooks: tuple[Hook, ...]

    def complete(self, spool: Path) -> bool:
        """Whether every hook tells the worker that reads `spool`."""
        return self.told == spool and all(hook.state == State.INSTALLED for hook in self.hooks)


def line(name: str) -> str:
    """The line that makes the hook `name` tell the worker. It may stand in a hook that is committed."""
    return f'(h=$(git rev-parse --git-common-dir) && set -- {name} "$@" && . "$h/{SCRIPT}") </dev/null >/dev/null 2>&1 || :'


def look(place: Place) -> Hooks:
    """How the hooks stand. Raises UserError where there can be none."""
    folder = _folder(place)
    tracked = _is_tracked(folder)
    missing = State.BY_HAND if tracked else State.ABSENT
    hooks = (Hook(name, folder / name, State.INSTALLED if _runs(folder / name, name) else missing) for name in NAMES)
    return Hooks(folder, tracked, _told(_script(place)), tuple(hooks))


def install(place: Place, spool: Path) -> Hooks:
    """Have the hooks drop their files in `spool`, which exists; how they stand then. May be repeated, and mends what another
    program wrote over. Raises UserError."""
    before = look(place)
    try:
        write_bytes(_script(place), _script_text(spool), mode=0o644)
        for hook in before.hooks:
            if hook.state == State.ABSENT:
                hook.path.parent.mkdir(parents=True, exist_ok=True)
                _add(hook.path, hook.name)
    except OSError as error:
        raise _unwritable(error) from error
    return look(place)


def uninstall(place: Place) -> Hooks:
    """Take out what `install` put in, and leave every hook as it was. Raises UserError."""
    before = look(place)
    try:
        if not before.tracked:
            for hook in before.hooks:
                _take_out(hook.path, hook.name)
            with suppress(OSError):  # something else is in it
                (before.folder / _CHAIN).rmdir()
        _script(place).unlink(missing_ok=True)
    except OSError as error:
        raise _unwritable(error) from error
    return look(place)


def _unwritable(error: OSError) -> UserError:
    return UserError(f"hooks cannot be changed: {error.strerror or error} ({error.filename})", "nothing else needs them")


# -- where ----------------------------------------------------------------------------------------------------------


def _script(place: Place) -> Path:
    if place.common_dir is None:
        raise UserError(f"{place.root} is not in a git repository", "hooks are git's: `git init` makes a repository")
    return place.common_dir / SCRIPT


def _folder(place: Place) -> Path:
    """Where git looks for the hooks of this worktree."""
    default = _script(place).parent / "hooks"
    named = _setting(place)
    if not named:
        return default
    folder = place.root / Path(named).expanduser()
    if folder.exists() and not folder.is_dir():
        raise UserError(
            f"hooks are switched off here: core.hooksPath is {named}", "nothing needs them; `git config` changes it"
        )
    return folder


def _setting(place: Place) -> str:
    """`core.hooksPath` of the settings; our own calls of git have another one on top."""
    fields = place.git().run_bytes("config", "--list", "--show-scope", "-z").split(b"\0")
    found = ""
    for scope, entry in zip(fields[::2], fields[1::2], strict=False):
        key, _, value = entry.partition(b"\n")
        if scope != b"command" and key.lower() == b"core.hookspath":
            found = os.fsdecode(value)
    return found


def _is_tracked(folder: Path) -> bool:
    """Whether a repository tracks what is in the folder, this one or another."""
    try:
        real = folder.resolve()
        place = find(next(one for one in (real, *real.parents) if one.is_dir()))
        if place.common_dir is None or place.is_bare or not real.is_relative_to(place.root):
            return False
        relative = real.relative_to(place.root).as_posix()
        return bool(place.git().run_bytes("ls-files", "-z", "--", relative))
    except (GitError, OSError):  # not to be known: as if it were
        return True


# -- the script -----------------------------------------------------------------------------------------------------


def _script_text(spool: Path) -> bytes:
    """Nothing in it is slow or may wait: a folder is looked at, git says its commit, a file is written and renamed. Names
    repeat after a thousand, so that nothing grows where no worker reads them."""
    mover = shutil.which("mv")
    folders = dict.fromkeys(["/usr/bin", "/bin", *([str(Path(mover).parent)] if mover and os.name == "posix" else [])])
    return os.fsencode(
        "# Made by `lcode hooks install`, read by hooks of this repository; it may be deleted.\n"
        f"spool={shlex.quote(spool.as_posix())}\n"
        '[ -d "$spool" ] || exit 0\n'
        "umask 077\n"
        "head=$(git rev-parse -q --verify HEAD)\n"
        "root=$(pwd -W || pwd -P)\n"  # the first is that of Git for Windows
        f"PATH={shlex.quote(':'.join(folders))}\n"
        "part=$spool/.git.$$.tmp name=git.$(($$ % 1000)).nudge\n"
        'printf \'%s\\n\' "$1 ${head:--}" "$root" >"$part" && mv -f "$part" "$spool/$name" || rm -f "$part"\n'
    )


def _told(script: Path) -> Path | None:
    with suppress(OSError, ValueError):
        for text in os.fsdecode(script.read_bytes()).splitlines():
            if text.startswith("spool="):
                return Path("".join(shlex.split(text.removeprefix("spool="))))
    return None


# -- one hook -------------------------------------------------------------------------------------------------------


def _block(name: str) -> bytes:
    return f"{_BEGIN}\n{line(name)}\n{_END}\n".encode()


def _made(name: str) -> bytes:
    """A hook where there was none."""
    return b"#!/bin/sh\n" + _block(name)


def _chained(name: str, kept: str) -> bytes:
    """A hook in front of one that is no shell script: it is called as before, if it can be."""
    run = (
        f'r=${{0%/*}}/{kept}\n[ -x "$r" ] || exit 0\nl=${{0%/*}}/{_CHAIN}/{name}\n'
        '[ -x "$l" ] && exec "$l" "$@"\nexec "$r" "$@"\n'
    )
    return _made(name) + run.encode()


def _runs(path: Path, name: str) -> bool:
    """Whether the hook at `path` tells the worker, itself or through the one that it took the place of."""
    data = _content(path) if _executable(path) else None
    if data is None:
        return False
    wanted = line(name).encode()
    if wanted in data:
        return True
    legacy = path.with_name(name + ".legacy")
    return _LEGACY in data and _executable(legacy) and wanted in (_content(legacy) or b"")


def _add(path: Path, name: str) -> None:
    data = _content(path)
    if data is None:
        write_bytes(path, _made(name), expected=None, mode=0o755)
    elif _executable(path) and path.stat().st_nlink == 1 and not path.is_symlink() and _is_shell(data):
        write_bytes(path, _with(_BLOCK.sub(b"", data), _block(name)), expected=data)
    else:
        _put_before(path, name)


def _put_before(path: Path, name: str) -> None:
    """Move the hook aside, within its folder so that relative links still lead where they did, and stand in front of it."""
    names = (f"{name}{_KEPT}{number or ''}" for number in range(100))
    kept = next(path.with_name(one) for one in names if not os.path.lexists(path.with_name(one)))
    links = path.parent / _CHAIN
    path.rename(kept)
    try:
        write_bytes(path, _chained(name, kept.name), expected=None, mode=0o755)
    except BaseException:
        kept.rename(path)
        raise
    with suppress(OSError):  # a system without links: it is called by the name that it was given
        links.mkdir(exist_ok=True)
        (links / name).unlink(missing_ok=True)
        (links / name).symlink_to(f"../{kept.name}")


def _take_out(path: Path, name: str) -> None:
    for one in (path, *(path.with_name(name + end) for end in _RENAMED)):
        data = _content(one)
        if data is None or one.is_symlink() or not _BLOCK.search(data):
            continue
        kept = _kept(one, name, data)
        if kept is not None and os.path.lexists(kept):
            kept.replace(one)
            (path.parent / _CHAIN / name).unlink(missing_ok=True)
        elif data == _made(name) or kept is not None:
            one.unlink()
        else:
            write_bytes(one, _without(data), expected=data)


def _kept(path: Path, name: str, data: bytes) -> Path | None:
    """The hook that is called by the one that holds `data`, if that is one of ours, unchanged."""
    found = re.search(rb"^r=\$\{0%/\*\}/([^/\n]+)$", data, re.MULTILINE)
    kept = os.fsdecode(found[1]) if found else ""
    return path.with_name(kept) if kept.startswith(name + _KEPT) and data == _chained(name, kept) else None


def _with(data: bytes, block: bytes) -> bytes:
    """`data` with the block behind its first line where that names the interpreter, else in front."""
    if not data.startswith(b"#!"):
        return block + data
    first, newline, rest = data.partition(b"\n")
    return first + newline + block + rest if newline else first + b"\n" + block[:-1]


def _without(data: bytes) -> bytes:
    """What `_with` was given."""
    found = _BLOCK.search(data)
    if found is None:
        return data
    before = data[: found.start()]
    if not found[0].endswith(b"\n"):  # the line before it had no end
        before = before[:-1]
    return before + data[found.end() :]


def _is_shell(data: bytes) -> bool:
    """Whether a line of shell may be put at the top: a shell reads it, from its beginning on, and nothing else does."""
    if b"\0" in data[:4_096] or _READS_ITSELF.search(data):
        return False
    if not data.startswith(b"#!"):
        return True  # as git sees it
    words = list(_words(data))
    program = words[0] if words else ""
    if program == "env":
        program = next((word for word in words[1:] if not word.startswith("-") and "=" not in word), "")
    return program.removesuffix(".exe") in _SHELLS


def _words(data: bytes) -> Iterator[str]:
    """The words of the first line, paths without their folders."""
    for word in data.partition(b"\n")[0][2:].decode("utf-8", "replace").split():
        yield word.rpartition("/")[2]


def _content(path: Path) -> bytes | None:
    """None where there is nothing, not even a link that leads nowhere."""
    if not os.path.lexists(path):
        return None
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


def _executable(path: Path) -> bool:
    """As git asks: on Windows every file is."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return stat.S_ISREG(mode) and (os.name != "posix" or os.access(path, os.X_OK))
