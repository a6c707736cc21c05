"""The manifests of the usual ecosystems, read without trust: broken, huge or odd ones yield less, never an error."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lcode.index.facts import PURPOSES, Command, Facts, table, texts
from lcode.index.text import constraint, label, listing, read_whole

_LOCKS = {"pnpm-lock.yaml": "pnpm", "yarn.lock": "yarn", "bun.lockb": "bun", "bun.lock": "bun", "package-lock.json": "npm"}
_PYTHON_LOCKS = {"uv.lock": "uv", "poetry.lock": "poetry", "pdm.lock": "pdm", "Pipfile.lock": "pipenv"}


def read_manifests(root: Path, names: frozenset[str]) -> Facts:
    """What the manifests in the root folder, whose entries are `names`, tell."""
    facts = Facts()
    for name, reader in _READERS.items():
        if name in names:
            text = read_whole(root, name)
            if not text.strip():
                facts.unreadable.append(name)
                continue
            try:
                reader(text, names, facts)
            except (ValueError, RecursionError):  # not what the name says
                facts.unreadable.append(name)
    return facts


def _pyproject(text: str, names: frozenset[str], facts: Facts) -> None:
    import tomllib

    data = tomllib.loads(text)
    project, poetry, tools = table(data, "project"), table(data, "tool", "poetry"), table(data, "tool")
    facts.project(
        project.get("name") or poetry.get("name"),
        project.get("version") or poetry.get("version"),
        "pyproject.toml",
        project.get("description") or poetry.get("description"),
    )
    wanted = project.get("requires-python") or table(poetry, "dependencies").get("python")
    facts.requires += [f"Python {constraint(wanted)}"] if isinstance(wanted, str) else []
    facts.dependencies += [re.split(r"[\s<>=!~;\[(@]", item, maxsplit=1)[0] for item in texts(project.get("dependencies"))]
    facts.dependencies += [name for name in table(poetry, "dependencies") if name != "python"]
    for scripts in (table(project, "scripts"), table(poetry, "scripts")):
        facts.entry_points += [
            f"{label(name, 30)} = {label(target)}" for name, target in scripts.items() if isinstance(target, str)
        ]
    dynamic = table(tools, "hatch", "version").get("path")
    facts.version_file = dynamic if isinstance(dynamic, str) and "version" in texts(project.get("dynamic")) else ""
    backend = table(data, "build-system").get("build-backend")
    if isinstance(backend, str):
        facts.tools.append(f"build backend {label(backend)}")
    facts.tools += [f"Python packages by {tool} ({lock})" for lock, tool in _PYTHON_LOCKS.items() if lock in names]
    _python_tools(tools, facts)


def _python_tools(tools: Any, facts: Facts) -> None:
    source = "pyproject.toml"
    if "pytest" in tools:
        facts.commands.append(Command("test", "pytest", source, inferred=True))
    if "ruff" in tools:
        facts.commands.append(Command("lint", "ruff check", source, inferred=True))
        ruff = tools["ruff"]
        width, target = table(tools, "ruff").get("line-length"), table(tools, "ruff").get("target-version")
        rules = [rule for rule in texts(table(ruff, "lint").get("select")) if rule.isalnum()]
        details = [f"line length {width}" if isinstance(width, int) else "", f"target {label(target, 12)}" if target else ""]
        details += [f"rules {','.join(rules)}"] if rules else []
        facts.style.append(f"ruff: {', '.join(filter(None, details)) or 'defaults'} (pyproject.toml)")
    if "black" in tools:
        facts.commands.append(Command("format", "black .", source, inferred=True))
    if "mypy" in tools:
        facts.commands.append(Command("types", "mypy", source, inferred=True))
        facts.style += ["mypy is strict (pyproject.toml)"] if table(tools, "mypy").get("strict") is True else []
    if "pyright" in tools:
        facts.commands.append(Command("types", "pyright", source, inferred=True))
    for keys, runner in ((("poe", "tasks"), "poe"), (("pdm", "scripts"), "pdm run"), (("taskipy", "tasks"), "task")):
        for name, what in table(tools, *keys).items():
            _named(name, f"{runner} {name}", source, what if isinstance(what, str) else "", facts)


_RUNS = {  # what a task is for by what it runs, whatever it is called
    "types": re.compile(r"(?:npx )?(?:tsc|vue-tsc|mypy|pyright|ty|flow)\b"),
    "lint": re.compile(r"(?:npx )?(?:eslint|biome lint|oxlint|ruff check|flake8|pylint|stylelint|rubocop|golangci-lint)\b"),
}


def _named(name: str, command: str, source: str, runs: str, facts: Facts) -> None:
    """A task whose name says what it is for."""
    purpose = PURPOSES.get(name.lower()) or PURPOSES.get(re.split(r"[:_-]", name.lower())[0])
    if purpose in ("format", "build") and "check" in name.lower():
        return  # it looks whether that was done
    if purpose == "lint" and "fix" in name.lower():
        return  # it changes files
    if purpose in ("test", "lint", "types"):
        purpose = next((of for of, form in _RUNS.items() if form.match(runs)), purpose)
    if purpose and re.fullmatch(r"[\w:.-]{1,40}", name):
        facts.commands.append(Command(purpose, command, source, runs))


def _setup_cfg(text: str, _: frozenset[str], facts: Facts) -> None:
    import configparser

    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(text)
    except configparser.Error as error:
        raise ValueError("not an ini file") from error

    def get(section: str, key: str) -> str:
        return parser.get(section, key, fallback="")

    if not facts.projects:
        facts.project(get("metadata", "name"), get("metadata", "version"), "setup.cfg", get("metadata", "description"))
    if parser.has_section("tool:pytest"):
        facts.commands.append(Command("test", "pytest", "setup.cfg", inferred=True))
    if parser.has_section("flake8"):
        facts.commands.append(Command("lint", "flake8", "setup.cfg", inferred=True))
    scripts = get("options.entry_points", "console_scripts")
    pairs = [line.partition("=") for line in scripts.splitlines()]
    facts.entry_points += [f"{label(name, 30)} = {label(target)}" for name, _, target in pairs if target]


def _setup_py(text: str, _: frozenset[str], facts: Facts) -> None:
    if not facts.projects:
        found = [re.search(rf"\b{key} ?= ?['\"]([^'\"\n]{{1,300}})", text) for key in ("name", "version", "description")]
        name, version, summary = (match[1] if match else "" for match in found)
        facts.project(name, version, "setup.py", summary)


def _package_json(text: str, names: frozenset[str], facts: Facts) -> None:
    data = json.loads(text)
    if not isinstance(data, dict):
        raise ValueError("not an object")
    source = "package.json"
    facts.project(data.get("name"), data.get("version"), source, data.get("description"))
    named = data.get("packageManager")
    manager = (
        named.split("@")[0] if isinstance(named, str) else next((tool for lock, tool in _LOCKS.items() if lock in names), "npm")
    )
    manager = manager if manager in ("npm", "pnpm", "yarn", "bun") else "npm"
    facts.tools.append(f"JavaScript packages by {manager} (package.json)")
    engines = table(data, "engines")
    facts.requires += [
        f"{label(name, 20)} {constraint(version)}" for name, version in engines.items() if isinstance(version, str)
    ]
    facts.dependencies += list(table(data, "dependencies"))
    main, binaries = data.get("main"), data.get("bin")
    facts.entry_points += [f"main {label(main)}"] if isinstance(main, str) else []
    facts.entry_points += [f"bin {label(binaries)}"] if isinstance(binaries, str) else []
    facts.entry_points += [
        f"{label(name, 30)} = {label(target)}" for name, target in table(data, "bin").items() if isinstance(target, str)
    ]
    exports = data.get("exports")
    facts.entry_points += [f"exports {label(exports)}"] if isinstance(exports, str) else []
    facts.entry_points += [
        f"exports {label(key, 30)} = {label(target)}"
        for key, target in table(data, "exports").items()
        if isinstance(target, str)
    ]
    for name, what in table(data, "scripts").items():
        if isinstance(what, str):
            short = manager == "npm" and name in ("test", "start")
            _named(
                name,
                f"{manager} {name}" if short or manager in ("yarn", "pnpm") else f"{manager} run {name}",
                source,
                what,
                facts,
            )
    workspaces = texts(data.get("workspaces")) or texts(table(data, "workspaces").get("packages"))
    facts.tools += [f"workspaces {listing([label(item, 40) for item in workspaces])}"] if workspaces else []


def _tsconfig(text: str, _: frozenset[str], facts: Facts) -> None:
    options = [
        name
        for name in ("strict", "noUncheckedIndexedAccess", "exactOptionalPropertyTypes")
        if re.search(rf'"{name}"\s*:\s*true', text)
    ]
    target = re.search(r'"target"\s*:\s*"(\w+)"', text)
    details = [*(f"target {match[1]}" for match in [target] if match), *options]
    facts.style += [f"TypeScript: {', '.join(details)} (tsconfig.json)"] if details else []


def _go_mod(text: str, names: frozenset[str], facts: Facts) -> None:
    module = re.search(r"^module\s+(\S+)", text, re.MULTILINE)
    version = re.search(r"^go\s+(\S+)", text, re.MULTILINE)
    facts.project(module[1] if module else "", "", "go.mod")
    facts.requires += [f"Go {constraint(version[1])}"] if version else []
    facts.dependencies += [line.split()[0] for line in re.findall(r"^[ \t]+(\S+ v\S+)(?!.*// indirect)", text, re.MULTILINE)]
    pairs = [("build", "go build ./..."), ("test", "go test ./..."), ("lint", "go vet ./...")]
    facts.commands += [Command(purpose, command, "go.mod", inferred=True) for purpose, command in pairs]
    if ".golangci.yml" in names or ".golangci.yaml" in names:
        facts.commands.append(Command("lint", "golangci-lint run", ".golangci.yml", inferred=True))


def _cargo(text: str, _: frozenset[str], facts: Facts) -> None:
    import tomllib

    data = tomllib.loads(text)
    package = table(data, "package")
    facts.project(package.get("name"), package.get("version"), "Cargo.toml", package.get("description"))
    wanted = package.get("rust-version")
    facts.requires += [f"Rust {constraint(wanted)}"] if isinstance(wanted, str) else []
    facts.dependencies += list(table(data, "dependencies"))
    members = texts(table(data, "workspace").get("members"))
    facts.tools += [f"workspace members {listing([label(item, 40) for item in members])}"] if members else []
    binaries = data.get("bin")
    for item in binaries if isinstance(binaries, list) else []:
        facts.entry_points += (
            [f"bin {label(item['name'])}"] if isinstance(item, dict) and isinstance(item.get("name"), str) else []
        )
    pairs = [("build", "cargo build"), ("test", "cargo test"), ("lint", "cargo clippy"), ("format", "cargo fmt")]
    facts.commands += [Command(purpose, command, "Cargo.toml", inferred=True) for purpose, command in pairs]


def _pom(text: str, _: frozenset[str], facts: Facts) -> None:
    outside = text
    for tag in ("parent", "dependencyManagement", "dependencies", "build"):
        outside = _without(outside, tag)
    found = [re.search(rf"<{tag}>([^<]+)</{tag}>", outside) for tag in ("artifactId", "version", "description")]
    name, version, summary = (match[1].strip() if match else "" for match in found)
    facts.project(name, version, "pom.xml", summary)
    facts.dependencies += re.findall(r"<dependency>\s*<groupId>[^<]+</groupId>\s*<artifactId>([^<$]+)</artifactId>", text)
    facts.commands += [
        Command("build", "mvn package", "pom.xml", inferred=True),
        Command("test", "mvn test", "pom.xml", inferred=True),
    ]


def _without(text: str, tag: str) -> str:
    """`text` without its elements `tag`."""
    kept: list[str] = []
    at = 0
    while (start := text.find(f"<{tag}>", at)) >= 0 and (end := text.find(f"</{tag}>", start)) >= 0:
        kept.append(text[at:start])
        at = end
    return "".join([*kept, text[at:]])


def _gradle(text: str, names: frozenset[str], facts: Facts) -> None:
    runner = "./gradlew" if "gradlew" in names else "gradle"
    version = re.search(r"^[ \t]*version\s*=?\s*['\"]([^'\"]+)", text, re.MULTILINE)
    facts.tools.append(f"Gradle build{f', version {label(version[1], 30)}' if version else ''}")
    facts.commands += [Command(purpose, f"{runner} {purpose}", "build.gradle", inferred=True) for purpose in ("build", "test")]


def _gemfile(text: str, names: frozenset[str], facts: Facts) -> None:
    gems = re.findall(r"^[ \t]*gem\s+['\"]([^'\"]+)", text, re.MULTILINE)
    facts.dependencies += gems
    test = "bundle exec rspec" if "rspec" in " ".join(gems) or "spec" in names else "bundle exec rake test"
    facts.commands.append(Command("test", test, "Gemfile", inferred=True))
    if "rubocop" in gems:
        facts.commands.append(Command("lint", "bundle exec rubocop", "Gemfile", inferred=True))


def _composer(text: str, _: frozenset[str], facts: Facts) -> None:
    data = json.loads(text)
    facts.project(table(data).get("name"), table(data).get("version"), "composer.json", table(data).get("description"))
    facts.dependencies += [name for name in table(data, "require") if name != "php"]
    for name, what in table(data, "scripts").items():
        _named(name, f"composer {name}", "composer.json", what if isinstance(what, str) else "", facts)


def _cmake(text: str, _: frozenset[str], facts: Facts) -> None:
    project = re.search(
        r"^[ \t]*project\s*\(\s*(\w[\w.-]*)(?:[^)]{0,300}?VERSION\s+([\d.]+))?", text, re.IGNORECASE | re.MULTILINE
    )
    if project:
        facts.project(project[1], project[2], "CMakeLists.txt")
    facts.commands.append(Command("build", "cmake -B build && cmake --build build", "CMakeLists.txt", inferred=True))
    if re.search(r"\benable_testing\b|\badd_test\b", text, re.IGNORECASE):
        facts.commands.append(Command("test", "ctest --test-dir build", "CMakeLists.txt", inferred=True))


_READERS: dict[str, Callable[[str, frozenset[str], Facts], None]] = {
    "pyproject.toml": _pyproject,
    "setup.cfg": _setup_cfg,
    "setup.py": _setup_py,
    "package.json": _package_json,
    "tsconfig.json": _tsconfig,
    "go.mod": _go_mod,
    "Cargo.toml": _cargo,
    "pom.xml": _pom,
    "build.gradle": _gradle,
    "build.gradle.kts": _gradle,
    "Gemfile": _gemfile,
    "composer.json": _composer,
    "CMakeLists.txt": _cmake,
}
