"""What a shell command checks: its program and what that is given, so that two runs can be told to be of the same check."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

_ENVIRONMENT = re.compile(r"[A-Za-z_]\w*=.*")
_RUNNERS = (
    ("uv", "run"), ("poetry", "run"), ("pdm", "run"), ("hatch", "run"), ("pipenv", "run"), ("bundle", "exec"), ("npx",),
    ("pnpm", "exec"), ("bunx",), ("time",), ("nice",), ("python", "-m"), ("python3", "-m"), ("env",), ("sudo",),
)  # fmt: skip
# programs whose verdict is about code, with their sub-commands that are the check ('' for any)
_CHECKING = {
    "pytest": "", "tox": "", "nox": "", "unittest": "", "mypy": "", "ruff": "", "flake8": "", "pylint": "", "pyright": "",
    "black": "", "cargo": "test build check clippy run fmt bench", "go": "test build vet run", "npm": "test run t", "make": "",
    "pnpm": "test run build lint", "yarn": "test run build lint", "bun": "test run build", "deno": "test check lint",
    "jest": "", "vitest": "", "mocha": "", "tsc": "", "eslint": "", "gradle": "", "gradlew": "", "mvn": "", "ctest": "",
    "cmake": "", "ninja": "", "bazel": "test build", "rspec": "", "rake": "", "rails": "test", "dotnet": "test build run",
    "mix": "test compile", "phpunit": "", "swift": "test build", "stack": "test build", "cabal": "test build", "just": "",
    "gcc": "", "g++": "", "clang": "", "clang++": "", "javac": "", "rustc": "", "sbt": "", "prettier": "", "shellcheck": "",
}  # fmt: skip
# whose failure is an answer, and tells nothing of an attempt
_ASKING = """
    grep rg egrep fgrep ls cat find diff cmp test [ which command type git cd head tail sed awk stat file curl wget ping jq
    pgrep kill pkill ps rm cp mv mkdir touch echo true false sleep
"""
_WHOLE = "pytest unittest jest vitest mocha rspec phpunit cargo mypy"  # which look at everything where nothing is named


@dataclass(frozen=True)
class Check:
    """`targets` are what the program was told to look at, in `folder`; options do not count. `line` is the command on one
    line."""

    folder: str
    program: str
    task: str
    targets: tuple[str, ...]
    line: str

    @property
    def judges(self) -> bool:
        """Whether it is known to judge code: a test runner, a linter, a build."""
        return self.program in _CHECKING

    def covers(self, other: Check) -> bool:
        """Whether this one, passing, shows that the other one would: the same, or the same of more."""
        if (self.folder, self.program, self.task) != (other.folder, other.program, other.task):
            return False
        if self.program not in _CHECKING:
            return self.line == other.line
        if self.program not in _WHOLE.split() and not self.task:
            return self.targets == other.targets
        return not self.targets or (
            bool(other.targets) and all(any(_holds(mine, wanted) for mine in self.targets) for wanted in other.targets)
        )


def check_of(command: str) -> Check | None:
    """What a command checks; None where its end says nothing about code, or of which part of it."""
    line = " ".join(command.split())
    try:
        lexer = shlex.shlex(command.replace("\n", " ; "), posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        words = list(lexer)
    except ValueError:
        return None
    words = _without_redirection(words)
    folder = ""
    while "&&" in words and words[0] in ("cd", "export", "source", "."):
        folder = words[1] if words[0] == "cd" else folder
        words = words[words.index("&&") + 1 :]
    if not words or any(set(word) <= set(";&|()<>") for word in words):
        return None  # of several commands
    words = _bare(words)
    program = words[0].rpartition("/")[2] if words else ""
    if not program or program in _ASKING.split():
        return None
    given = [word for word in words[1:] if not word.startswith("-") and not _ENVIRONMENT.fullmatch(word)]
    tasks = _CHECKING.get(program, "")
    if tasks and (not given or given[0] not in tasks.split()):
        return None
    task, targets = (given[0], given[1:]) if tasks else ("", given)
    return Check(folder, program, task, tuple(targets), line)


def _without_redirection(words: list[str]) -> list[str]:
    """`2>&1` and `> file` say nothing of what is run."""
    kept: list[str] = []
    skip = False
    for at, word in enumerate(words):
        if skip:
            skip = False
        elif set(word) <= set("<>&") and word not in ("&", "&&"):
            skip = True
            if kept and kept[-1] in ("1", "2"):
                kept.pop()
        elif not (at and word in ("1", "2") and set(words[at - 1]) <= set("<>&")):
            kept.append(word)
    return kept


def _bare(words: list[str]) -> list[str]:
    """Without what only starts the program."""
    while words:
        if _ENVIRONMENT.fullmatch(words[0]):
            words = words[1:]
        elif words[0] == "timeout":
            words = words[2:]
        elif runner := next((one for one in _RUNNERS if _starts(words, one)), None):
            words = words[len(runner) :]
        else:
            break
    return words


def _starts(words: list[str], runner: tuple[str, ...]) -> bool:
    first = words[0].rpartition("/")[2]
    return (re.sub(r"^(python)[\d.]*$", r"\1", first), *words[1 : len(runner)]) == runner


def _holds(mine: str, wanted: str) -> bool:
    """Whether one target is the other, or the file or folder that it is in."""
    mine, wanted = (text.removeprefix("./").rstrip("/") for text in (mine, wanted))
    return mine in ("", ".", "./...") or wanted == mine or wanted.startswith((f"{mine}/", f"{mine}::", f"{mine}."))
