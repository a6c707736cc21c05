"""The one caller of the git program. A hostile repository must not run code through it.

A repository's own configuration can name programs that git runs even for `status` and `diff` (file system monitor, filters,
text converters, external diffs, hooks, signature checks, transports). All are switched off for each call, by settings that
outrank the repository's; filters have names of the repository's choosing, so its settings are read first, which runs nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from lcode.errors import UserError

if TYPE_CHECKING:
    from subprocess import Popen

_TIMEOUT = 20.0  # seconds
_SETTINGS = {
    "core.fsmonitor": "false",
    "core.hooksPath": os.devnull,
    "core.pager": "cat",
    "core.editor": "true",
    "core.askPass": "true",
    "core.sshCommand": "false",
    "core.gitProxy": "",
    "core.quotePath": "false",
    "credential.helper": "",
    "diff.autoRefreshIndex": "false",  # else `diff` writes the index; a touched file is listed without changes instead
    "diff.external": "",
    "diff.submodule": "short",
    "diff.ignoreSubmodules": "dirty",
    "log.showSignature": "false",
    "commit.gpgSign": "false",
    "tag.gpgSign": "false",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "protocol.allow": "never",
    "protocol.ext.allow": "never",
    "safe.bareRepository": "explicit",
    "status.submoduleSummary": "false",
    "submodule.recurse": "false",
    "color.ui": "false",
    "column.ui": "never",
}
_VARIABLES = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_PAGER": "cat",
    "GIT_EDITOR": "true",
    "GIT_ASKPASS": "true",
    "LC_ALL": "C",
    "LANGUAGE": "C",
}
# The only variables of git's that are taken over from the caller: who commits, and which files the user's settings are in.
_KEPT = frozenset(
    f"GIT_{name}"
    for name in (
        *("AUTHOR_NAME", "AUTHOR_EMAIL", "AUTHOR_DATE", "COMMITTER_NAME", "COMMITTER_EMAIL", "COMMITTER_DATE"),
        *(
            "CONFIG_GLOBAL",
            "CONFIG_SYSTEM",
            "CONFIG_NOSYSTEM",
            "CEILING_DIRECTORIES",
            "DISCOVERY_ACROSS_FILESYSTEM",
            "EXEC_PATH",
        ),
    )
)
_OPTIONS: dict[str, tuple[str, ...]] = {  # what no setting can switch off
    **dict.fromkeys(("diff", "log", "show", "diff-tree", "format-patch", "whatchanged"), ("--no-ext-diff", "--no-textconv")),
    **dict.fromkeys(("diff-files", "diff-index"), ("--no-ext-diff", "--no-textconv")),
    "grep": ("--no-textconv",),
    "blame": ("--no-textconv",),
    "status": ("--ignore-submodules=dirty",),
}
_SUBMODULES = frozenset(("diff", "diff-files", "diff-index"))  # these enter submodules, which have settings of their own
_UNFILTERED = frozenset(  # commands that do not look into the files of the worktree, and so run no filter
    (
        "rev-parse",
        "rev-list",
        "cat-file",
        "for-each-ref",
        "symbolic-ref",
        "show-ref",
        "merge-base",
        "version",
        "config",
        "log",
        "patch-id",
    )
)


class GitError(UserError):
    """git is not there, refused, or took too long."""


class Git:
    """git in the worktree at `root` (None: the current folder). A bare repository must be named by `git_dir`."""

    def __init__(self, root: Path | None, *, git_dir: Path | None = None, environ: Mapping[str, str] | None = None) -> None:
        self._root = root
        self._git_dir = git_dir
        self._environ = os.environ if environ is None else environ

    def run(self, *arguments: str, timeout: float = _TIMEOUT, check: bool = True, stdin: bytes = b"") -> str:
        """The standard output of `git ARGUMENTS` (with `stdin` as its input); bytes that are not UTF-8 are replaced. Raises
        GitError (with `check` also where git says that it failed)."""
        return self.run_bytes(*arguments, timeout=timeout, check=check, stdin=stdin).decode("utf-8", "replace")

    def run_bytes(self, *arguments: str, timeout: float = _TIMEOUT, check: bool = True, stdin: bytes = b"") -> bytes:
        """The same, as bytes: for file names and contents."""
        settings = dict(_SETTINGS)
        if arguments and arguments[0] not in _UNFILTERED:
            settings |= self._switched_off(timeout)
        code, output, problem = self._call(_guarded(arguments), settings, timeout, stdin)
        if check and code:
            raise GitError(f"git {arguments[0] if arguments else ''} failed: {_first_line(problem) or f'exit code {code}'}")
        return output

    def _switched_off(self, timeout: float) -> dict[str, str]:
        """Settings that take the place of the programs which the repository's own settings name."""
        code, listing, _ = self._call(("config", "--list", "--show-scope", "--name-only", "-z"), _SETTINGS, timeout)
        if code:  # outside a repository, or an old git: then nothing is known, and what follows fails or runs unfiltered
            code, listing, _ = self._call(("config", "--list", "--name-only", "-z"), _SETTINGS, timeout)
            return _overrides(listing.split(b"\0"))
        fields = listing.split(b"\0")
        return _overrides(
            name for scope, name in zip(fields[::2], fields[1::2], strict=False) if scope in (b"local", b"worktree")
        )

    def _call(
        self, arguments: Sequence[str], settings: Mapping[str, str], timeout: float, stdin: bytes = b""
    ) -> tuple[int, bytes, bytes]:
        from subprocess import DEVNULL, PIPE, Popen, TimeoutExpired

        environment = _environment(self._environ, settings)
        program = _program(environment.get("PATH", os.defpath))
        where = [f"--git-dir={self._git_dir}"] if self._git_dir is not None else []
        command = [program, "--no-pager", "--literal-pathspecs", *where, *arguments]
        try:
            source = PIPE if stdin else DEVNULL
            process = Popen(
                command, cwd=self._root, env=environment, stdin=source, stdout=PIPE, stderr=PIPE, start_new_session=True
            )
        except (OSError, ValueError) as error:
            raise GitError(f"cannot run git in {self._root or Path.cwd()}: {error}") from error
        try:
            output, problem = process.communicate(stdin or None, timeout=timeout)
        except TimeoutExpired as error:
            _kill(process)
            raise GitError(f"git {arguments[0]} took longer than {timeout:g} s and was stopped") from error
        except BaseException:
            _kill(process)
            raise
        return process.returncode, output, problem


def _guarded(arguments: Sequence[str]) -> tuple[str, ...]:
    if not arguments:
        return ()
    name, *rest = arguments
    extra = _OPTIONS.get(name, ()) + (("--ignore-submodules=dirty",) if name in _SUBMODULES else ())
    return name, *extra, *rest


def _overrides(names: Iterable[bytes]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name in names:
        section, _, rest = os.fsdecode(name).partition(".")
        driver, _, key = rest.rpartition(".")
        if section.lower() == "filter" and driver:
            found |= {f"filter.{driver}.{program}": "" for program in ("clean", "smudge", "process")}
            found[f"filter.{driver}.required"] = "false"
        elif section.lower() == "merge" and driver and key.lower() == "driver":
            found[f"merge.{driver}.driver"] = "false"
    return found


def _environment(environ: Mapping[str, str], settings: Mapping[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in environ.items() if not name.startswith("GIT_") or name in _KEPT}
    kept.pop("SSH_ASKPASS", None)
    # An entry that is empty or relative would find a program in the repository.
    folders = [folder for folder in kept.get("PATH", os.defpath).split(os.pathsep) if Path(folder).is_absolute()]
    kept["PATH"] = os.pathsep.join(folders)
    kept |= _VARIABLES
    kept["GIT_CONFIG_COUNT"] = str(len(settings))
    for number, (name, value) in enumerate(settings.items()):
        kept[f"GIT_CONFIG_KEY_{number}"], kept[f"GIT_CONFIG_VALUE_{number}"] = name, value
    return kept


def _program(path: str) -> str:
    from shutil import which

    found = which("git", path=path)
    if found is None:
        raise GitError("git is not installed, or not on the PATH", "install git, or work in a folder without a repository")
    return found


def _kill(process: Popen[bytes]) -> None:
    """End the whole group: a helper of git's may hold the pipes open."""
    import signal

    try:
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    except (ProcessLookupError, PermissionError):
        pass
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            with suppress(BrokenPipeError):
                pipe.close()
    process.wait()


def _first_line(problem: bytes) -> str:
    lines = problem.decode("utf-8", "replace").strip().splitlines()
    return next((line for line in lines if line.startswith(("fatal:", "error:"))), lines[0] if lines else "")[:300]
