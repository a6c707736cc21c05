"""Single-valued subjects: things of which a project has one at a time, such as its test command.

A fact about such a thing ends what was known of it before. So this is strict: only a short plain statement of the thing as a
whole, with a value that looks like one, has a subject. One with a condition ("on Windows", "in CI", "for the frontend"), a
denial or a story has none, and nothing ends.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

NO_SUBJECT = "none"  # as a subject: there is none, whatever the words say
_LONGEST = 300  # characters of a statement
_WORDS = 6  # of a value that is no command

_COMMANDS = {
    "test command": r"(?:unit )?tests?",
    "lint command": r"lint(?:er|ing)?",
    "format command": r"format(?:ter|ting)?",
    "type check command": r"type[- ]?check(?:er|ing)?",
    "build command": r"build",
    "start command": r"(?:start|run|dev(?:elopment)? server)",
    "deploy command": r"deploy(?:ment)?",
    "install command": r"(?:install|set-?up)",
}
_THINGS = {
    "package manager": r"(?:(?:python|node|javascript|js) )?package manager",
    "build tool": r"build (?:tool|system)",
    "test framework": r"tests? (?:framework|runner)",
    "linter": r"linter",
    "formatter": r"(?:code )?formatter",
    "type checker": r"type[- ]?checker",
    "default branch": r"(?:default|main) branch",
    "database": r"database(?: engine)?",
    "web framework": r"web framework",
    "license": r"licen[cs]e",
    "line length": r"(?:max(?:imum)? )?line[- ]length(?: limit)?",
    "ci system": r"ci (?:system|service|provider)",
}
_LANGUAGES = {
    name: rf"{name}" for name in ("python", "go", "rust", "java", "ruby", "php", "typescript", "kotlin", "swift", "elixir")
} | {"node": r"node(?:\.?js)?"}
_KNOWN = re.compile(  # values that are written small
    r"ant|bash|bazel|biome|black|brew|bun|bundle|bundler|cargo|cmake|composer|conda|ctest|deno|django|docker|dotnet"
    r"|eslint|express|fastapi|flake8|flask|gin|git|go|golangci-lint|gradle|gradlew|hatch|invoke|isort|jest|jq|junit"
    r"|just|laravel|lerna|main|make|mariadb|master|maven|meson|mix|mocha|mongodb|mvn|mypy|mysql|nextest|nginx|ninja"
    r"|node|nox|npm|npx|nx|pdm|phpunit|pip|pipenv|pnpm|podman|poetry|postgres|postgresql|pre-commit|prettier|pylint"
    r"|pyright|pytest|python|python3|rails|rake|redis|rspec|rubocop|ruff|sbt|sh|spring|sqlite|standard|svelte|swift"
    r"|task|tox|trunk|tsc|turbo|unittest|uv|vite|vitest|webpack|yarn|zig"
)
_OF_IT = r"(?:the|this|our) (?:project|repository|repo|codebase)"
_OWNER = rf"(?:(?:the|our|this|its|{_OF_IT}(?:['’]s)?) )?"
_IS = rf"(?: (?:of|for|in) {_OF_IT})?(?: (?:is|are)(?: now)?:? | ?[:=] | (?:has )?(?:changed|switched|moved) (?:from .+? )?to )"
_USES = rf"(?:we|it|{_OF_IT}) (?:now )?(?:use|uses|(?:have |has )?(?:changed|switched|moved|migrated) (?:from .+? )?to)"
_VALUE = r"(?P<value>`[^`]+`.*?|\S.*?)"
_NUMBER = r"(?P<value>(?:>=|≥|~=|==|v)? ?\d[\w.+-]*(?: or (?:newer|later|higher|above))?)"
_CONDITION = re.compile(
    r"\b(?:on|in|for|when|if|unless|except|under|inside|within|until|while|or|but|only|locally|also|either|not)\b", re.I
)


def subject_of(text: str, kind: str = "fact", tags: Sequence[str] = ()) -> str:
    """The single-valued thing that a passage states; '' for none. A tag `subject:NAME` names it; a tag that is itself the name
    of one (`test-command`) lets other words stand before the statement."""
    labels = [" ".join(re.sub(r"[-_]", " ", tag.strip().lower()).split()) for tag in tags]
    for label in labels:
        if label.startswith("subject:"):
            return label.removeprefix("subject:").strip()
    bare = " ".join(text.split())
    if kind != "fact" or len(bare) > _LONGEST:
        return ""
    return next((subject for subject, pattern in _patterns() if _states(bare, pattern, named=subject in labels)), "")


def _states(text: str, pattern: str, *, named: bool) -> bool:
    """Whether the first sentence of a text states the thing as a whole."""
    found = re.match(rf"(?P<before>{'[^.;]*?' if named else ''}){pattern}(?=[.;!]?$|[.;!] )", text, re.I)
    if found is None:
        return False
    if _NUMBER in pattern:
        return not _CONDITION.search(found["before"])
    return _is_value(found["value"]) and not _CONDITION.search(re.sub("`[^`]*`", "", found["before"] + found["value"]))


def _is_value(text: str) -> bool:
    """Whether it is a command or a name, rather than something that is said of the thing."""
    first = text.split(maxsplit=1)[0].strip("'\",")
    if text.startswith("`") or _KNOWN.fullmatch(first.lower()) or re.match(r"\.{0,2}/", first):
        return True
    return bool(re.search(r"[A-Z0-9]", first)) and len(text.split()) <= _WORDS


def _patterns() -> Iterator[tuple[str, str]]:
    """Subjects, each with a statement that names it."""
    for subject, name in _COMMANDS.items():
        yield subject, rf"{_OWNER}{name} command{_IS}{_VALUE}"
    yield "test command", rf"(?:run (?:the |all )?tests|(?:the )?tests are run) (?:with|using|by):? {_VALUE}"
    yield "test command", r"(?:the |all )?tests run (?:with|by):? (?P<value>`[^`]+`)"
    yield "build command", rf"build (?:the project )?(?:with|using):? {_VALUE}"
    for subject, name in _THINGS.items():
        yield subject, rf"{_OWNER}{name}{_IS}{_VALUE}"
        yield subject, rf"{_USES} {_VALUE} as (?:its |our |the |a )?{name}(?: now)?"
    for language, name in _LANGUAGES.items():
        yield f"{language} version", rf"{_OWNER}(?:(?:minimum|supported|required) )?{name} version{_IS}{_NUMBER}"
        needs = rf"(?:(?:it|{_OF_IT}) (?:needs|requires|uses|targets|runs on) )?"
        yield f"{language} version", rf"{needs}{name} {_NUMBER}(?: is (?:needed|required|used))?"
