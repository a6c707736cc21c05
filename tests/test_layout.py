"""The shape of the program, kept by reading its syntax trees: nothing of it is imported here."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "lcode"

# Imports point downwards or sideways, never up. Files directly in lcode/ stand at the bottom.
LEVELS = {
    "__main__": 7,
    "cli": 7,
    "ui": 6,
    "agent": 5,
    "worker": 5,
    "tools": 4,
    "llm": 3,
    "memory": 3,
    "safety": 3,
    "ext": 3,
    "index": 2,
    "git": 1,
    "store": 1,
}
MODULE_LINES, FUNCTION_LINES = 400, 60
SQL = re.compile(
    r"\b(SELECT\s.+\sFROM|INSERT\s+(OR\s+\w+\s+)?INTO|UPDATE\s+\w+\s+SET|DELETE\s+FROM|CREATE\s+(VIRTUAL\s+)?TABLE)\b", re.S
)
MAY_HOLD_SQL = {"memory", "index", "store"}
MAY_PRINT = {"cli", "ui"}


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def shown(path: Path) -> str:
    return path.relative_to(PACKAGE.parent).as_posix()


def part(path: Path) -> str:
    """The sub-package of a module, or the name of a file directly in lcode/."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")


def runtime_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes below `node` but those that only a type checker sees."""
    for child in ast.iter_child_nodes(node):
        if is_type_checking(child):
            continue
        yield child
        yield from runtime_nodes(child)


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Line and full name of everything that the module imports when it runs, at the top or inside a function."""
    for node in runtime_nodes(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{shown(path)}:{node.lineno}: imports are absolute"
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def report(faults: list[str]) -> None:
    assert not faults, "\n" + "\n".join(faults)


def test_imports_never_point_upwards() -> None:
    faults = []
    for path in modules():
        level = LEVELS.get(part(path), 0)
        for line, name in imports(path):
            words = name.split(".")
            if words[0] == "lcode" and len(words) > 1 and LEVELS.get(words[1], 0) > level:
                faults.append(f"{shown(path)}:{line}: imports {name}, which stands above it")
    report(faults)


def test_every_sub_package_has_its_place_in_the_order() -> None:
    packages = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert packages <= set(LEVELS), f"say in LEVELS where these stand: {packages - set(LEVELS)}"


DEFINITIONS = (
    ast.Import,
    ast.ImportFrom,
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.ClassDef,
    ast.Assign,
    ast.AnnAssign,
    ast.Pass,
)


def runs_code(node: ast.stmt) -> bool:
    """Whether a statement of a module or class body does more than define."""
    if isinstance(node, DEFINITIONS):
        return isinstance(node, ast.ClassDef) and any(runs_code(inner) for inner in node.body)
    if isinstance(node, ast.Expr):  # a docstring, or the `...` of a protocol
        return not isinstance(node.value, ast.Constant)
    if isinstance(node, ast.If):  # if TYPE_CHECKING, if __name__ == "__main__", if sys.platform == …
        names = {inner.id for inner in ast.walk(node.test) if isinstance(inner, ast.Name)}
        return not names & {"TYPE_CHECKING", "__name__", "sys"}
    if isinstance(node, ast.Try):  # an import that may be missing on a system
        return any(runs_code(inner) for inner in node.body)
    return True


def test_no_code_runs_at_import() -> None:
    report(
        [
            f"{shown(path)}:{node.lineno}: {ast.unparse(node)[:80]}"
            for path in modules()
            for node in tree_of(path).body
            if runs_code(node)
        ]
    )


FORBIDDEN_AT_START = {"open", "run", "Popen", "connect", "Connection", "read_text", "read_bytes", "getenv", "now", "monotonic"}


def test_no_constant_reads_the_world_at_import() -> None:
    faults = []
    for path in modules():
        for node in tree_of(path).body:
            if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
                for call in ast.walk(node.value):
                    if isinstance(call, ast.Call) and ast.unparse(call.func).rpartition(".")[2] in FORBIDDEN_AT_START:
                        faults.append(f"{shown(path)}:{node.lineno}: {ast.unparse(node)[:80]}")
    report(faults)


def test_only_the_command_line_and_the_faces_print() -> None:
    faults = []
    for path in modules():
        if part(path) in MAY_PRINT:
            continue
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("print", "input"):
                faults.append(f"{shown(path)}:{node.lineno}")
    report(faults)


def test_sql_stands_only_in_memory_index_and_store() -> None:
    faults = []
    for path in modules():
        if part(path) in MAY_HOLD_SQL:
            continue
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and SQL.search(node.value):
                faults.append(f"{shown(path)}:{node.lineno}: {node.value[:60]!r}")
    report(faults)


def test_sqlite_comes_from_apsw_alone() -> None:
    report(
        [
            f"{shown(path)}:{line}: {name}"
            for path in modules()
            for line, name in imports(path)
            if name.split(".")[0] == "sqlite3"
        ]
    )


def test_times_come_from_the_one_clock() -> None:
    reads = re.compile(r"^(datetime\.)?(datetime\.(now|utcnow|today)|date\.today)$|^time\.(time|time_ns|localtime|gmtime)$")
    faults = []
    for path in modules():
        if path.name == "clock.py":
            continue
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Call) and reads.match(ast.unparse(node.func)):
                faults.append(f"{shown(path)}:{node.lineno}: {ast.unparse(node)}")
    report(faults)


def test_modules_and_functions_stay_short() -> None:
    faults = []
    for path in modules():
        lines = len(path.read_text(encoding="utf-8").splitlines())
        if lines > MODULE_LINES:
            faults.append(f"{shown(path)}: {lines} lines, at most {MODULE_LINES}")
        for node in ast.walk(tree_of(path)):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.end_lineno is not None:
                length = node.end_lineno - node.lineno + 1
                if length > FUNCTION_LINES and path.name != "migrations.py":  # a schema is one long text
                    faults.append(f"{shown(path)}:{node.lineno}: {node.name} has {length} lines, at most {FUNCTION_LINES}")
    report(faults)


def test_every_module_says_why_it_exists() -> None:
    report([shown(path) for path in modules() if not ast.get_docstring(tree_of(path))])


def tool_names() -> Iterator[tuple[Path, str]]:
    """Module and name of every tool: a class of lcode/tools whose body sets `name` to a text."""
    for path in sorted((PACKAGE / "tools").glob("*.py")):
        for node in tree_of(path).body:
            if isinstance(node, ast.ClassDef):
                for inner in node.body:
                    if isinstance(inner, (ast.Assign, ast.AnnAssign)) and isinstance(inner.value, ast.Constant):
                        target = inner.targets[0] if isinstance(inner, ast.Assign) else inner.target
                        if ast.unparse(target) == "name":
                            yield path, str(inner.value.value)


def test_every_tool_has_a_module_and_a_description_of_its_name() -> None:
    found = list(tool_names())
    if not found:
        pytest.skip("there are no tools yet")
    faults = [f"{shown(path)}: {name} has no {name}.md" for path, name in found if not path.with_name(f"{name}.md").is_file()]
    faults += [f"{shown(path)}: holds the tool {name}" for path, name in found if path.stem != name]
    descriptions = {path.stem for path in (PACKAGE / "tools").glob("*.md")}
    faults += [f"lcode/tools/{name}.md describes no tool" for name in sorted(descriptions - {name for _, name in found})]
    report(faults)


HEAVY = {
    "urllib3",
    "prompt_toolkit",
    "rich",
    "pathspec",
    "openai",
    "anthropic",
    "pydantic",
    "httpx",
    "numpy",
    "git",
    "watchdog",
}
MAY_LOAD = {"ui": {"prompt_toolkit", "rich"}}  # modules of ui/shell, which are themselves imported where they are needed


def test_heavy_modules_are_imported_where_they_are_needed() -> None:
    faults = []
    for path in modules():
        for node in tree_of(path).body:
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
                for name in names:
                    root = name.split(".")[0]
                    if root in HEAVY - MAY_LOAD.get(part(path), set()):
                        faults.append(
                            f"{shown(path)}:{node.lineno}: {name} at the top; import it in the function that needs it"
                        )
    report(faults)
