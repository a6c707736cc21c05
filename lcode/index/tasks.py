"""Task files and continuous integration: which commands a project's people have given names to, and what CI runs."""

from __future__ import annotations

import re
from pathlib import Path

from lcode.index.facts import PURPOSES, Command, Facts
from lcode.index.text import listing, read_head

_TARGET = re.compile(r"^([A-Za-z][\w.-]*)\s*:(?![=:])[^\n]*\n((?:\t[^\n]*\n?)*)", re.MULTILINE)
_RECIPE = re.compile(r"^@?([A-Za-z][\w-]*)(?:[ \t][^:\n]*)?:(?!=)[^\n]*\n((?:[ \t]+[^\n]*\n?)*)", re.MULTILINE)
_RUN = re.compile(r"^(?P<indent>\s*)(?:- )?run:\s*(?P<rest>\S.*)$")
_CHECKS = re.compile(r"(?:tests?|ci|check|checks|lint|main|build)\b", re.IGNORECASE)
_IDLE = re.compile(
    r"(?:echo|printf|if|elif|for|while|then|case|export|set|git|gh|curl|wget|apt|apt-get|dnf|yum|brew|sudo|pip|docker"
    r"|mkdir|cp|mv|rm|ls|cat|tar|cd|chmod|ln|touch|find|test|source)\b|[^\w./$\"']|.*(?<!&)&$"
)  # parts of scripts that check nothing, and servers that they start
_VALUE = re.compile(r"\$\{\{.*?\}\}")  # what CI puts in
_ITEM = re.compile(r"^\s+-\s+(\S.*)$")
_WORTH = re.compile(
    r"\b(?:test|tests|lint|check|build|format|fmt|type|mypy|vet|clippy|pytest|tox|nox|make|just|audit|cover"
    r"|phpunit|phpstan|psalm|rspec|rake|eslint|rubocop|cabal|mvn|gradle)",
    re.IGNORECASE,
)


def read_tasks(root: Path, names: frozenset[str], facts: Facts) -> None:
    """Add the named tasks of the root folder to `facts`, before what manifests only let us infer."""
    found: list[Command] = []
    for name in ("Makefile", "makefile", "GNUmakefile"):
        if name in names:
            found += _targets(_TARGET, read_head(root, name), "make", name)
            break
    for name in ("justfile", "Justfile", ".justfile"):
        if name in names:
            found += _targets(_RECIPE, read_head(root, name), "just", name)
            break
    for name in ("Taskfile.yml", "Taskfile.yaml"):
        if name in names:
            tasks = re.findall(r"^  ([A-Za-z][\w:-]*):\s*$", read_head(root, name), re.MULTILINE)
            found += [Command(PURPOSES[task], f"task {task}", name) for task in tasks if task in PURPOSES]
    if "tox.ini" in names:
        found.append(Command("test", "tox", "tox.ini", inferred=True))
    if "noxfile.py" in names:
        sessions = re.findall(r"@nox\.session[^\n]*\n(?:@[^\n]*\n)*def (\w+)", read_head(root, "noxfile.py"))
        found += [Command(PURPOSES[name], f"nox -s {name}", "noxfile.py") for name in sessions if name in PURPOSES]
    if "pytest.ini" in names:
        found.append(Command("test", "pytest", "pytest.ini", inferred=True))
    facts.commands[:0] = found
    _hooks(root, names, facts)


def _targets(pattern: re.Pattern[str], text: str, runner: str, source: str) -> list[Command]:
    found = []
    for name, body in pattern.findall(text):
        purpose = PURPOSES.get(name.lower()) or PURPOSES.get(re.split(r"[_-]", name.lower())[0])
        steps = [line.strip().lstrip("@-") for line in body.splitlines() if line.strip()]
        if purpose and (steps or name != "all"):
            found.append(Command(purpose, f"{runner} {name}", source, "; ".join(steps[:2])))
    return found


_HOOKS = {
    name: Command(purpose, command, ".pre-commit-config.yaml", inferred=True)
    for name, purpose, command in (
        ("ruff", "lint", "ruff check"), ("ruff-check", "lint", "ruff check"), ("ruff-format", "format", "ruff format"),
        ("flake8", "lint", "flake8"), ("pylint", "lint", "pylint"), ("black", "format", "black ."),
        ("prettier", "format", "prettier --write ."), ("eslint", "lint", "eslint ."), ("rubocop", "lint", "rubocop"),
        ("golangci-lint", "lint", "golangci-lint run"), ("gofmt", "format", "gofmt -w ."), ("fmt", "format", "cargo fmt"),
        ("clippy", "lint", "cargo clippy"), ("clang-format", "format", "clang-format"),
    )
}  # fmt: skip


def _hooks(root: Path, names: frozenset[str], facts: Facts) -> None:
    if ".pre-commit-config.yaml" in names:
        hooks = re.findall(r"^[ \t]*-[ \t]+id:\s*([\w.-]+)", read_head(root, ".pre-commit-config.yaml"), re.MULTILINE)
        facts.style.append(f"pre-commit hooks (.pre-commit-config.yaml): {listing(list(dict.fromkeys(hooks)), 100)}")
        for purpose in ("lint", "format"):  # what runs at each commit is what is used, whatever else is configured
            used = [command for hook in dict.fromkeys(hooks) if (command := _HOOKS.get(hook)) and command.purpose == purpose]
            if used:
                others = [known for known in facts.commands if known.purpose != purpose or not known.inferred]
                facts.commands[:] = [*others, *used]
    if ".editorconfig" in names:
        general = re.search(r"^\[\*\][ \t]*\n(.*?)(?=^\[|\Z)", read_head(root, ".editorconfig"), re.MULTILINE | re.DOTALL)
        key_value = r"^[ \t]*(indent_style|indent_size|end_of_line|max_line_length)\s*=\s*(\w+)"
        found = re.findall(key_value, general[1] if general else "", re.MULTILINE)
        if found:
            facts.style.append(f".editorconfig: {', '.join(f'{key} {value}' for key, value in dict(found).items())}")
    for name, said in (
        ("eslint.config", "ESLint"),
        (".eslintrc", "ESLint"),
        (".prettierrc", "Prettier"),
        ("biome.json", "Biome"),
    ):
        facts.style += [f"{said} ({file})" for file in sorted(names) if file.startswith(name)][:1]


def ci_files(root: Path, names: frozenset[str]) -> list[str]:
    """The files of continuous integration, relative to the root."""
    found: list[str] = [
        name for name in (".gitlab-ci.yml", ".travis.yml", "azure-pipelines.yml", "Jenkinsfile") if name in names
    ]
    if ".github" in names:
        try:
            flows = sorted(path.name for path in (root / ".github" / "workflows").iterdir() if path.suffix in (".yml", ".yaml"))
        except OSError:
            flows = []
        flows.sort(key=lambda name: not _CHECKS.match(name))  # what checks the code before what publishes it
        found += [f".github/workflows/{name}" for name in flows[:20]]
    found += [".circleci/config.yml"] if ".circleci" in names else []
    return found


def ci_commands(root: Path, files: list[str]) -> list[tuple[str, str]]:
    """The commands that CI runs to check the code: (file, command), from the first files."""
    found: list[tuple[str, str]] = []
    for file in files[:4]:
        for command in _commands(read_head(root, file), scripts=file == ".gitlab-ci.yml"):
            if (
                _WORTH.search(_VALUE.sub("", command))
                and not _IDLE.match(command)
                and all(command != known for _, known in found)
            ):
                found.append((file, command))
    return found[:10]


def _commands(text: str, *, scripts: bool) -> list[str]:
    lines = text.splitlines()
    found: list[str] = []
    inside = False
    for number, line in enumerate(lines):
        match = _RUN.match(line)
        if match and match["rest"][0] in "|>":
            depth = len(match["indent"])
            for inner in lines[number + 1 : number + 8]:
                if inner.strip() and len(inner) - len(inner.lstrip()) <= depth:
                    break
                found += [inner.strip()] if inner.strip() and not inner.strip().startswith("#") else []
        elif match:
            found.append(match["rest"].strip("'\""))
        elif scripts and re.match(r"^\s*(?:before_|after_)?script:\s*$", line):
            inside = True
        elif scripts and inside and (item := _ITEM.match(line)):
            found.append(item[1].strip("'\""))
        elif line.strip():
            inside = False
    return found
