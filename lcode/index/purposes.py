"""What a folder or file is for, from the first words it says of itself, and the languages of a tree."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from lcode.index.text import read_head
from lcode.index.walk import Files
from lcode.redact import of_process

_LANGUAGES = {
    "Python": "py pyi", "TypeScript": "ts tsx mts cts", "JavaScript": "js jsx mjs cjs", "Go": "go", "Rust": "rs",
    "Java": "java", "Kotlin": "kt kts", "C": "c h", "C++": "cc cpp cxx hpp hh", "C#": "cs", "Ruby": "rb", "PHP": "php",
    "Swift": "swift", "Scala": "scala", "Shell": "sh bash zsh", "HTML": "html htm", "CSS": "css scss sass less",
    "Vue": "vue", "Svelte": "svelte", "SQL": "sql", "Lua": "lua", "Elixir": "ex exs", "Haskell": "hs",
    "Markdown": "md mdx", "reStructuredText": "rst", "Protocol Buffers": "proto", "Dart": "dart", "Zig": "zig",
    "R": "r", "Perl": "pl pm", "Clojure": "clj cljs", "OCaml": "ml mli", "Erlang": "erl", "Julia": "jl", "Nix": "nix",
    "Terraform": "tf",
}  # fmt: skip
_BY_SUFFIX = {suffix: language for language, suffixes in _LANGUAGES.items() for suffix in suffixes.split()}
_PROSE = frozenset({"Markdown", "reStructuredText"})
CODE_SUFFIXES = frozenset(suffix for suffix, language in _BY_SUFFIX.items() if language not in _PROSE | {"HTML", "CSS"})
KNOWN = {
    "tests": "tests", "test": "tests", "spec": "tests", "docs": "documentation", "doc": "documentation",
    "examples": "examples", "scripts": "scripts", "benchmarks": "benchmarks", "fixtures": "fixtures",
    ".github": "GitHub settings", "vendor": "vendored code", "third_party": "vendored code", "migrations": "migrations",
    "assets": "assets", "static": "static files", "public": "public files", "cmd": "programs", "bin": "programs",
    "internal": "internal packages", "pkg": "packages", "packages": "packages", "apps": "applications",
    "crates": "crates", "config": "configuration", "deploy": "deployment", "infra": "infrastructure", "src": "sources",
    "lib": "sources",
}  # fmt: skip
_TARGET = r"(?:\([^()\n]{0,300}\)|\(\n[^()\n]{0,300}\)|\[[^\]\n]{0,200}\])"  # of a link, also begun on the next line
_IMAGE = rf"!\[[^\]]{{0,200}}\]{_TARGET}"
_PROSE_SHORTEST = 40  # characters of a README's paragraph that says what it is
_DOCSTRING = re.compile(r'\A(?:\s*#[^\n]*\n)*\s*[rRuU]?("""|\'\'\')\s*(?P<text>[^\n]*(?:\n(?!\s*\n)[^\n]*)?)')
_BLOCK = re.compile(r"\A\s*(?:#![^\n]*\n\s*)?/\*+!?\s*\*?\s*(?P<text>[^\n]+)")
_MARK = r"(?://[/!]?|#(?!include|define|if|pragma|import|!?\[)|--|;)"
_LINES = re.compile(rf"\A\s*(?:#![^\n]*\n\s*)?(?P<text>(?:[ \t]*{_MARK}[^\n]*\n?)+)")
_COMMENT = re.compile(rf"\A\s*(?:#![^\n]*\n\s*)?(?:/\*.*?(?:\*/|\Z)|(?:[ \t]*{_MARK}[^\n]*(?:\n|\Z))+)", re.DOTALL)
# After one of these a comment holds terms of use, whose later sentences look like any other.
_TERMS = re.compile(
    r"copyright|licen[cs]e|redistribut|warrant|all rights reserved|SPDX|permission is hereby|free software|is part of",
    re.IGNORECASE,
)
_NOISE = re.compile(
    r"copyright|licen[cs]e|redistribution|warrant|all rights reserved|SPDX|coding[:=]|eslint|prettier|@ts-|noqa"
    r"|type: ignore|generated|go:build|\+build|pylint|use strict|frozen_string_literal|:markup:|vim:"
    r"|mypy:|pyright:|isort:|flake8|-\*-|rubocop",
    re.IGNORECASE,
)


def suffix_of(path: str) -> str:
    name = path.rpartition("/")[2]
    return name.rpartition(".")[2].lower() if "." in name[1:] else ""


def languages(files: Files) -> tuple[str, list[tuple[str, int]]]:
    """`bytes` or `files`, and each language's share of them in per cent, prose last."""
    counts: Counter[str] = Counter()
    for index, path in enumerate(files.paths):
        if language := _BY_SUFFIX.get(suffix_of(path)):
            counts[language] += files.sizes[index] if files.sizes else 1
    total = sum(counts.values())
    shares = [(language, round(100 * count / total)) for language, count in counts.most_common(8)] if total else []
    shares.sort(key=lambda share: share[0] in _PROSE)
    return ("bytes" if files.sizes else "files"), [share for share in shares if share[1] >= 1]


def first_words(root: Path, path: str) -> str:
    """The first sentence or line with which a source file describes itself; '' if it does not."""
    head = read_head(root, path, 4_000, raw=True)
    suffix = suffix_of(path)
    patterns = (_DOCSTRING, _LINES) if suffix in ("py", "pyi") else (_BLOCK, _LINES)
    for _ in range(3):
        for pattern in patterns:
            if match := pattern.match(head):
                text = _bare(of_process().redact(match["text"]))
                if len(text) > 3 and not _NOISE.search(text):
                    return text
        comment = _COMMENT.match(head)
        if comment is None or not (_TERMS.search(comment[0]) or _NOISE.search(comment[0])):
            break
        head = head[comment.end() :]  # what the file is for may stand in the next comment
    return ""


def _bare(text: str) -> str:
    """Comment marks off; up to the end of the first sentence, or to where terms of use begin."""
    terms = _TERMS.search(text)
    text = text[: text.rfind("\n", 0, terms.start()) + 1] if terms else text
    lines = [
        re.sub(r"^[ \t]*(?://[/!]?|#+!?|--|;+|\*)[ \t]?", "", line).rstrip(" */\"'")
        for line in text.splitlines()
        if not line.startswith("#!")
    ]
    lines = [line for line in lines if line.strip() and not _NOISE.search(line)]
    joined = " ".join(" ".join(lines).split()).removeprefix("\\ ")  # reStructuredText's empty mark
    first, *rest = re.split(r"(?<=[.!?])\s", joined, maxsplit=1)
    return joined if rest and len(first) < 20 else first


def folder_words(root: Path, folder: str, children: list[str]) -> str:
    """What a folder is for: its package's first words, else what its name means."""
    names = {child.rpartition("/")[2]: child for child in children}
    for name in (
        "__init__.py",
        "mod.rs",
        "lib.rs",
        "index.ts",
        "index.js",
        "doc.go",
        f"{folder.rstrip('/').rpartition('/')[2]}.go",
    ):
        if name in names and (text := first_words(root, names[name])):
            return text
    for child in [child for child in children if child.endswith(".go") and not child.endswith("_test.go")][:3]:
        text = first_words(root, child)
        if text.startswith("Package "):
            return text
    return ""


def readme_words(text: str) -> str:
    """The first paragraph of a README that is prose; a motto only where nothing longer follows."""
    motto = ""
    text = re.sub(r"<!--.*?(?:-->|\Z)|```.*?(?:```|\Z)", "\n\n", text[:16_384], flags=re.DOTALL)
    text = re.sub(rf"\[{_IMAGE}\]{_TARGET}|{_IMAGE}", " ", text)
    for block in re.split(r"\n[ \t]*\n", text):
        lines = [line.strip() for line in block.strip().splitlines()]
        lines = [line for line in lines if line and not re.match(r"#|=+$|-{3,}$|\[?!\[|<|\||\.\. |:[\w-]+:", line)]
        if len(lines) == 1 and block.strip().splitlines()[-1].strip(" =-~") == "" and len(block.strip().splitlines()) > 1:
            continue  # an underlined title
        words = re.sub(r"!?\[([^\]\n]{0,200})\]\([^)\n]{0,300}\)", r"\1", " ".join(lines))
        words = re.sub(r"<[^>\n]{1,200}>|[*_`]{1,3}", "", words).strip()
        if len(words) >= _PROSE_SHORTEST and re.search(r"[^\W\d_]{3}", words):
            return words
        motto = motto or (words if len(words) >= 20 and re.match(r"\w", words) else "")
    return motto
