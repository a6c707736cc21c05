"""Compares the symbols that the code index finds in repositories with those that universal-ctags finds. By hand:

    python -m benchmarks.symbols REPOSITORY... [--language NAME] [--gaps 10] [--spots 20]

A tag of ctags is right where the index defines its name in a chunk that holds its line. Not compared is what the index leaves
out by design: fields, locals, parameters, imports, packages and namespaces, declarations without a body in C and C++.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import subprocess
import sys
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lcode.index.chunking import chunk
from lcode.index.grammars import parseable
from lcode.index.languages import LANGUAGES, language_of

LEFT_OUT = {
    "*": "local parameter module package namespace header label prototype externvar anonMember target heredoc script data",
    "python": "unknown",
    "javascript": "property getter setter generator field",
    "typescript": "property alias",
    "tsx": "property alias",
    "go": "member packageName",
    "rust": "field implementation",
    "java": "field",
    "c": "member",
    "cpp": "member using",
    "csharp": "field event typedef",
    "php": "variable alias",
    "kotlin": "variable",
    "ruby": "describe context",
    "css": "selector",
    "html": "anchor heading1 heading2 heading3",
    "sql": "field column variable cursor",
}
LEFT_OUT_AFTER_ALL = {("rust", "module")}  # these are symbols: a module of Rust has a body


@dataclass
class Score:
    """What came of one language."""

    files: int = 0
    lines: int = 0
    seconds: float = 0.0
    tags: int = 0
    right: int = 0
    elsewhere: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)
    ours: int = 0
    ours_alone: list[str] = field(default_factory=list)


def tags_of(root: Path, paths: list[str]) -> dict[str, list[dict[str, Any]]]:
    """What ctags finds, by file."""
    command = ["ctags", "-L", "-", "-f", "-", "--output-format=json", "--fields=+nKzZs", "--sort=no"]
    done = subprocess.run(command, cwd=root, input="\n".join(paths).encode(), capture_output=True, check=True)
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for line in done.stdout.splitlines():
        tag = json.loads(line.decode("utf-8", "replace"))
        if tag.get("_type") == "tag":
            found[tag["path"]].append(tag)
    return found


def wanted(language: str, tag: dict[str, Any]) -> bool:
    """Whether a tag names what the index means to find."""
    kind, scope = tag.get("kind", ""), tag.get("scopeKind", "")
    if kind in f"{LEFT_OUT['*']} {LEFT_OUT.get(language, '')}".split() and (language, kind) not in LEFT_OUT_AFTER_ALL:
        return False
    if tag["name"].startswith(("__anon", "Anonymous", "<")) or not tag["name"].strip():
        return False
    pattern = tag.get("pattern", "/^")
    if language in ("c", "cpp") and (
        (kind == "function" and tag["name"].isupper()) or (kind == "variable" and ");" in pattern)
    ):
        return False  # a use of a macro, a declaration behind one
    indented = pattern.removeprefix("/^")[:1].isspace()
    value = kind in ("variable", "constant", "unknown", "object")
    return not (value and (scope or indented) and language != "ruby")  # a local or a field


def bare(name: str) -> str:
    """The last part of a name, without spaces: as ctags and the index both can be understood."""
    name = name.replace(" ", "").strip("`'\"").lstrip("#")
    return name if not name[-1:].isalnum() else re.split(r"[.:]+", name)[-1]


def compare(root: Path, scores: dict[str, Score], only: str) -> None:
    """Add one repository to the scores."""
    listed = subprocess.run(["git", "-C", str(root), "ls-files", "-z"], capture_output=True, check=True).stdout
    paths = [path for path in listed.decode("utf-8", "replace").split("\0") if path and (root / path).is_file()]
    tags = tags_of(root, paths)
    for path in paths:
        if not tags.get(path) or (root / path).is_symlink():
            continue
        data = (root / path).read_bytes()
        language = language_of(path, data)
        row = LANGUAGES.get(language)
        if (only and language != only) or row is None or not row.defines or not parseable(data):
            continue
        score = scores[language]
        started = time.process_time()
        parsed = chunk(path, data)
        score.seconds += time.process_time() - started
        score.files += 1
        score.lines += data.count(b"\n")
        score.ours += len(parsed.definitions)
        places: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for name, number in parsed.definitions:
            places[bare(name)].append((parsed.chunks[number].start_line, parsed.chunks[number].end_line))
        named = set()
        for tag in tags[path]:
            name = tag["name"]
            named.add(bare(name))
            if not wanted(language, tag):
                continue
            score.tags += 1
            found = places.get(bare(name))
            spot = f"{root.name}/{path}:{tag['line']} {tag['kind']} {name}"
            if not found:
                score.missing.append(spot)
                score.kinds[tag["kind"]] += 1
            elif any(first <= tag["line"] <= last for first, last in found):
                score.right += 1
            else:
                score.elsewhere.append(spot)
        score.ours_alone += [f"{root.name}/{path} {name}" for name in places if name not in named]


def report(scores: dict[str, Score], gaps: int, spots: int) -> None:
    """The table, and the gaps of each language."""
    chooser = random.Random(7)
    heads = f"{'language':12} {'files':>6} {'kLOC':>7} {'kLOC/s':>7} {'tags':>7} {'right':>7} {'%':>6}"
    print(f"{heads} {'line':>6} {'missing':>8} {'ours alone':>10}")
    for language, score in sorted(scores.items()):
        share = 100 * score.right / max(score.tags, 1)
        speed = score.lines / 1000 / max(score.seconds, 1e-9)
        print(
            f"{language:12} {score.files:6} {score.lines / 1000:7.1f} {speed:7.0f} {score.tags:7} {score.right:7} {share:6.1f} "
            f"{len(score.elsewhere):6} {len(score.missing):8} {len(score.ours_alone):10}"
        )
    for language, score in sorted(scores.items()):
        if gaps and score.missing:
            print(f"\n{language}, missing by kind: {dict(score.kinds.most_common(8))}")
            print("\n".join(f"  {spot}" for spot in chooser.sample(score.missing, min(gaps, len(score.missing)))))
        if gaps and score.elsewhere:
            print(f"{language}, at another line")
            print("\n".join(f"  {spot}" for spot in chooser.sample(score.elsewhere, min(gaps, len(score.elsewhere)))))
        if spots and score.ours_alone:
            print(f"{language}, found by the index alone")
            print("\n".join(f"  {spot}" for spot in chooser.sample(score.ours_alone, min(spots, len(score.ours_alone)))))


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("repositories", nargs="+", type=Path)
    parser.add_argument("--language", default="", help="only files in this language")
    parser.add_argument("--gaps", type=int, default=5, help="how many gaps of each language to show")
    parser.add_argument("--spots", type=int, default=0, help="how many symbols that ctags does not know to show")
    options = parser.parse_args(arguments)
    scores: dict[str, Score] = defaultdict(Score)
    for root in options.repositories:
        compare(root.resolve(), scores, options.language)
    report(scores, options.gaps, options.spots)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
