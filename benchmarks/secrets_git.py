"""Secrets that a repository, its history and a session with it hold, and what of them lcode keeps: it has to be nothing.

Sixty secrets of many kinds are planted: in messages, authors, branches, tags, notes, stashes, diffs, files (removed ones too)
and their names, remote addresses, instruction files, environment values, prompts, replies, calls, outputs and edits of memory.
Then everything runs that reads git: the first look, init, the index with its history, the digests, sessions, a backup, exports.
Told is in which file below LCODE_HOME, also while a session runs, or in which export one is found, be it a part, in any case.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import random
import re
import string
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[1]
PART = 10  # characters of a secret that count as it
_ALNUM = string.ascii_letters + string.digits
_HEX = "0123456789abcdef"
_UPPER = string.ascii_uppercase + string.digits
# put together from parts, so that no scanner of this repository takes them for real ones
_KINDS: tuple[tuple[str, str, int, str], ...] = (
    ("aws", "AKIA", 16, _UPPER), ("github", "ghp" + "_", 36, _ALNUM), ("gitlab", "glpat" + "-", 20, _ALNUM),
    ("slack", "xoxb" + "-", 36, _ALNUM), ("openai", "sk-proj" + "-", 60, _ALNUM),
    ("anthropic", "sk-ant" + "-api03-", 93, _ALNUM),
    ("google", "AIza", 35, _ALNUM), ("stripe", "sk_live" + "_", 24, _ALNUM), ("npm", "npm" + "_", 36, _ALNUM),
    ("pypi", "pypi" + "-", 80, _ALNUM), ("huggingface", "hf" + "_", 34, _ALNUM), ("digitalocean", "dop_v1" + "_", 64, _HEX),
    ("twilio", "SK", 32, _HEX), ("vault", "hvs" + ".", 90, _ALNUM), ("github-fine", "github_pat" + "_", 82, _ALNUM),
)  # fmt: skip


@dataclass(frozen=True)
class Secret:
    """`text` is what was planted, as it stands there; `value` the part of it that is secret."""

    place: str
    kind: str
    value: str
    text: str


@dataclass
class Planted:
    """A repository with secrets, and the environment in which they are met."""

    root: Path
    home: Path
    secrets: list[Secret] = field(default_factory=list)
    environ: dict[str, str] = field(default_factory=dict)
    seed: int = 0

    def __post_init__(self) -> None:
        self.chooser = random.Random(self.seed)

    def secret(self, place: str, *, bare: bool = False, kind: str = "") -> str:
        """A new secret for a place, as it stands there: `bare` ones are known by themselves, others also by a name."""
        number = len(self.secrets) + self.seed
        if bare or kind or number % 3:
            known = next((one for one in _KINDS if one[0] == kind), _KINDS[number % len(_KINDS)])
            kind, prefix, length, letters = known
            value = prefix + self._letters(length, letters)
            text = value
        else:
            kind, value = "password", self._letters(20, _ALNUM)
            text = (f"password={value}", f"DB_PASSWORD: '{value}'", f'"api_key": "{value}"')[number // 3 % 3]
        self.secrets.append(Secret(place, kind, value, text))
        return text

    def url(self, place: str) -> str:
        value = self._letters(22, _ALNUM)
        self.secrets.append(Secret(place, "url", value, value))
        return f"https://deploy:{value}@git.example/shop.git"

    def variable(self, name: str) -> str:
        value = self._letters(24, _ALNUM)
        self.environ[name] = value
        self.secrets.append(Secret("environment", name, value, value))
        return value

    def _letters(self, count: int, letters: str) -> str:
        while True:
            text = "".join(self.chooser.choice(letters) for _ in range(count))
            if any(char.isdigit() for char in text) and any(char.isalpha() for char in text):
                return text

    def git(self, *words: str, **environ: str) -> str:
        done = subprocess.run(
            ["git", "-c", "init.defaultBranch=main", *words], cwd=self.root, check=True,
            capture_output=True, text=True,
            env={**os.environ, **_PEOPLE, "LCODE_HOME": str(self.home), **environ},
        )  # fmt: skip
        return done.stdout.strip()

    def write(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def commit(self, message: str, **environ: str) -> None:
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message, **environ)


_PEOPLE = {
    **{f"GIT_{role}_NAME": "Ada" for role in ("AUTHOR", "COMMITTER")},
    **{f"GIT_{role}_EMAIL": "ada@example.org" for role in ("AUTHOR", "COMMITTER")},
    "GIT_EDITOR": "true",
}


def plant(root: Path, home: Path, seed: int = 0) -> Planted:
    """A repository whose every corner holds secrets."""
    root.mkdir(parents=True)
    made = Planted(root, home, seed=seed)
    made.git("init", "-q")
    made.write("shop/pay.py", '"""Takes payments."""\n\n\ndef pay(amount):\n    return amount\n')
    made.write("Makefile", "test:\n\tpython -m unittest\n")
    made.commit("Begin")
    _plant_commits(made)
    _plant_files(made)
    _plant_refs(made)
    return made


def _plant_commits(made: Planted) -> None:
    for number in range(6):
        made.commit(f"Use {made.secret('subject')} for part {number}")
    for number in range(6):
        made.commit(f"Change part {number}\n\nThe service wants\n{made.secret('body')}\nsince May.")
    for _ in range(3):
        made.commit("Mend a thing", GIT_AUTHOR_NAME=f"Bob {made.secret('author name', bare=True)}")
        made.commit("Mend another", GIT_AUTHOR_EMAIL=f"{made.secret('author e-mail', bare=True)}@example.org")
    made.commit(f"Pair on it\n\nCo-authored-by: Eve {made.secret('trailer', bare=True)} <eve@example.org>")
    made.write("shop/tried.py", "TRIED = 1\n")
    made.commit(f"Try {made.secret('reverted subject')}")
    made.git("revert", "--no-edit", "HEAD")


def _plant_files(made: Planted) -> None:
    for number in range(3):
        made.write(f"config/old{number}.py", f"SETTINGS = '''\n{made.secret('removed file')}\n'''\n")
        made.commit(f"Add settings {number}")
        (made.root / f"config/old{number}.py").unlink()
        made.commit(f"Remove settings {number}")
    for number in range(3):
        made.write(f"shop/part{number}.py", f"def part{number}():\n    # {made.secret('comment')}\n    return {number}\n")
    for number in range(2):
        made.write(f"shop/{made.secret('file name', bare=True)}.py", f"NUMBER = {number}\n")
    made.write("shop/odd.py", f"def call_{made.secret('symbol', kind='github')}():\n    return 1\n")
    made.write("README.md", f"# Shop\n\nA shop that sells all things to everybody, with {made.secret('README')} inside.\n")
    made.write("AGENTS.md", f"# Agents\n\nLog in with {made.secret('AGENTS.md')}.\n")
    made.write("Makefile", f"test:\n\tenv X={made.secret('Makefile', bare=True)} python -m unittest\n")
    made.write(
        ".github/workflows/ci.yml", f"jobs:\n  t:\n    steps:\n      - run: pytest --key {made.secret('CI', bare=True)}\n"
    )
    made.write("package.json", json.dumps({"name": "shop", "description": f"Sells with {made.secret('manifest', bare=True)}"}))
    made.commit("Say more")


def _plant_refs(made: Planted) -> None:
    for _ in range(3):
        made.git("branch", f"fix-{made.secret('branch', bare=True)}")
    made.git("tag", f"v1-{made.secret('tag', bare=True)}")
    made.git("tag", "-a", "v2", "-m", f"Release with {made.secret('tag message')}")
    made.git("checkout", "-q", "-b", f"work-{made.secret('branch at hand', bare=True)}")
    made.write("shop/merged.py", "MERGED = 1\n")
    made.commit("Add what is merged")
    made.git("checkout", "-q", "main")
    made.git("merge", "-q", "--no-ff", "-", "-m", f"Merge {made.secret('merge message')}")
    made.git("checkout", "-q", "-")
    made.git("commit", "-q", "--allow-empty", "-m", f"Say {made.secret('amended subject')}")
    made.git("commit", "-q", "--amend", "--allow-empty", "-m", "Say it better")
    made.git("notes", "add", "-m", f"Seen with {made.secret('git note')}")
    made.git("remote", "add", "origin", made.url("remote"))
    made.git("remote", "add", "mirror", f"https://{made.secret('remote token', bare=True)}@git.example/shop.git")
    made.git("config", "http.extraHeader", f"Authorization: Bearer {made.secret('git config', bare=True)}")
    made.write("shop/pay.py", f"def pay(amount):\n    return '{made.secret('uncommitted', bare=True)}'\n")
    made.git("stash", "push", "-q", "-m", f"Keep {made.secret('stash')}")


# -- what runs -----------------------------------------------------------------------------------------------------------


class Script:
    """A recorded model that shows, says and keeps secrets."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.lines: list[str] = []

    def calls(self, *calls: tuple[str, dict[str, Any]], text: str = "") -> None:
        parts: list[dict[str, Any]] = [{"type": "text", "text": text}] if text else []
        start = len(self.lines)
        for number, (name, arguments) in enumerate(calls):
            parts.append({"type": "tool_call", "id": f"call_{start}_{number}", "name": name, "arguments": arguments})
        self._add(parts, "tool_calls")

    def says(self, text: str) -> None:
        self._add([{"type": "text", "text": text}], "stop")

    def _add(self, parts: list[dict[str, Any]], finish: str) -> None:
        self.lines.append(json.dumps({"request": {}, "reply": {"parts": parts, "finish": finish}}))

    def model(self) -> str:
        self.file.write_text("\n".join(self.lines) + "\n")
        return f"replay:{self.file}"


def work(made: Planted, outside: Path) -> list[Path]:
    """Run all that reads git and all that keeps what is said; the exports. `outside` is for what is not lcode's."""
    made.variable("SHOP_API_TOKEN")
    made.variable("PAYMENT_SECRET")
    lcode = _program(made)
    lcode("init")
    lcode("index")
    lcode("hooks", "install")
    made.git("commit", "-q", "--allow-empty", "-m", f"After the hooks {made.secret('hooked subject')}")
    _digest(made)
    lcode(
        "-p",
        f"Our key is {made.secret('prompt')}, look around.",
        "--model",
        _looking(made, outside),
        "--permission-mode",
        "yolo",
    )
    made.git("commit", "-q", "--allow-empty", "-m", f"Meanwhile {made.secret('away')}")
    lcode("-p", "-c", "Go on.", "--model", _going_on(outside), "--permission-mode", "yolo")
    lcode("-p", "What is new?", "--model", _going_on(outside), "--permission-mode", "yolo")
    lcode("remember", f"The key is {made.secret('remember')}")
    lcode("memory", "append", "human", f"Has {made.secret('memory append')}")
    _digest(made)
    lcode("init")
    lcode("backup", "create")
    return _exports(lcode, outside)


def _looking(made: Planted, outside: Path) -> str:
    script = Script(outside / "looking.jsonl")
    edit = {"path": "shop/new.py", "content": f"X = '{made.secret('written file')}'\n"}
    script.calls(
        ("shell", {"command": "git log --all -p --format=fuller; git branch -a; git tag -n; git remote -v"}),
        ("shell", {"command": "git stash list -p; git notes show; git show-ref; cat .git/config"}),
        ("shell", {"command": "env; git config --list; git reflog; ls shop"}),
        ("read_file", {"path": "AGENTS.md"}),
        ("read_file", {"path": "shop/part0.py"}),
        ("grep", {"pattern": "AKIA|_|password", "path": "."}),
        ("list_dir", {"path": "shop"}),
        ("code_map", {}),
        text=f"I look with {made.secret('reply')}.",
    )
    script.calls(
        ("shell", {"command": f"echo {made.secret('command', bare=True)}; exit 3"}),
        ("write_file", edit),
        ("shell", {"command": "printenv SHOP_API_TOKEN PAYMENT_SECRET"}),
        ("core_memory_append", {"label": "current_work", "content": "Looking around."}),
        ("core_memory_append", {"label": "architecture", "content": f"Keys: {made.secret('core memory')}"}),
        ("archival_memory_insert", {"content": f"Key {made.secret('archival memory')}", "citations": ["shop/pay.py"]}),
        ("archival_memory_search", {"query": "use service part change"}),
        ("shell", {"command": f"cp -r '{made.home}' '{outside / 'live'}'"}),
    )
    script.says("I have looked.")
    return script.model()


def _going_on(outside: Path) -> str:
    script = Script(outside / "going.jsonl")
    script.calls(("conversation_search", {"query": "key token password"}), ("shell", {"command": "git log -3"}))
    script.says("Done.")
    return script.model()


def _program(made: Planted) -> Callable[..., str]:
    environ = {**os.environ, **made.environ, "LCODE_HOME": str(made.home), "PYTHONPATH": str(CHECKOUT), "LCODE_WORKER": "false"}

    def run(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "lcode", *words], cwd=made.root, env=environ, capture_output=True, text=True,
            stdin=subprocess.DEVNULL, timeout=300, check=False,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"lcode {words[0]} ended with {done.returncode}: {done.stderr[-2_000:]}")
        return done.stdout

    return run


def _digest(made: Planted) -> None:
    """What the worker does, with what the hooks dropped."""
    code = (
        "import sys; from pathlib import Path; from contextlib import closing\n"
        "from lcode.git.repository import find; from lcode.store.paths import AgentPaths; from lcode.worker.jobs import Turn\n"
        "from lcode.worker.table import Table\n"
        "with closing(Table(AgentPaths(Path(sys.argv[1])))) as table:\n"
        "    for job in table.jobs:\n"
        "        job.run(find(Path(sys.argv[2])), Turn(lambda a, b: None, lambda: False, lambda n: None, ()))\n"
    )
    environ = {**os.environ, **made.environ, "LCODE_HOME": str(made.home), "PYTHONPATH": str(CHECKOUT)}
    for agent in (made.home / "agents").iterdir():
        if (agent / "memory.db").exists():
            subprocess.run([sys.executable, "-c", code, str(agent), str(made.root)], env=environ, check=True, timeout=300)


def _exports(lcode: Callable[..., str], outside: Path) -> list[Path]:
    sessions = json.loads(lcode("sessions", "--json"))
    listed = sessions if isinstance(sessions, list) else sessions.get("sessions", [])
    texts = {f"session{number}": lcode("sessions", "export", row["id"]) for number, row in enumerate(listed)}
    commands: dict[str, Sequence[str]] = {
        "memory": ("memory", "--json"), "log": ("memory", "log", "--json"), "facts": ("memory", "facts"),
        "search": ("search", "--json"), "commits": ("search", "--kind", "commit", "--limit", "100", "use"), "map": ("map",),
        "recall": ("recall", "--json", "key"), "attempts": ("search", "--kind", "attempt"), "sessions": ("sessions", "--json"),
    }  # fmt: skip
    for name, words in commands.items():
        with suppress(RuntimeError):  # nothing to show
            texts[name] = lcode(*words)
    paths = [file for file in (outside / "live").rglob("*") if file.is_file()]
    for name, text in texts.items():
        paths.append(outside / f"export-{name}.txt")
        paths[-1].write_text(text)
    return paths


# -- what is found -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Leak:
    secret: Secret
    where: str
    part: str


def leaks(made: Planted, exports: Sequence[Path]) -> list[Leak]:
    """Every file that holds a secret, or a part of one."""
    files = [file for file in sorted(made.home.rglob("*")) if file.is_file() and not file.is_symlink()]
    found = []
    for file in [*files, *exports]:
        data = file.read_bytes().lower()
        name = str(file.relative_to(made.home)) if file.is_relative_to(made.home) else f"outside/{file.parent.name}/{file.name}"
        for secret in made.secrets:
            part = next((part for part in parts(secret.value) if part in data or part in name.lower().encode()), None)
            if part is not None:
                found.append(Leak(secret, name, part.decode()))
    return found


def parts(value: str) -> Iterator[bytes]:
    """What counts as the secret: its runs of letters and digits from PART on, at both ends of each, without case; in base64."""
    for run in re.findall(r"[A-Za-z0-9]+", value):
        if len(run) >= PART:
            for start in range(0, len(run) - PART + 1, 3):
                yield run[start : start + PART].lower().encode()
    yield base64.b64encode(value.encode())[: len(value)].lower()


def measure(seed: int = 0) -> tuple[Planted, list[Leak], Mapping[str, int]]:
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder).resolve()
        made = plant(base / "shop", base / "home", seed)
        (base / "outside").mkdir()
        exports = work(made, base / "outside")
        files = [file for file in made.home.rglob("*") if file.is_file()]
        sizes = {"files": len(files), "bytes": sum(file.stat().st_size for file in files), "exports": len(exports)}
        placeholders = sum(file.read_bytes().count(b"[redacted:") for file in files)
        return made, leaks(made, exports), {**sizes, "placeholders": placeholders}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.secrets_git", description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="which kind stands in which place")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    made, found, sizes = measure(options.seed)
    places = sorted({secret.place for secret in made.secrets})
    if options.json:
        told = [{"place": leak.secret.place, "kind": leak.secret.kind, "where": leak.where} for leak in found]
        print(json.dumps({"secrets": len(made.secrets), "places": places, "leaks": told, **sizes}))
        return
    print(f"{len(made.secrets)} secrets in {len(places)} places: {', '.join(places)}")
    print(
        f"{sizes['files']} files, {sizes['bytes']:,} bytes, {sizes['placeholders']:,} placeholders, {sizes['exports']} exports"
    )
    for leak in found:
        print(f"  {leak.secret.place} ({leak.secret.kind}): {leak.part} in {leak.where}")
    print(f"found: {len({leak.secret for leak in found})} secrets in {len(found)} files")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    with closing(sys.stdout):
        main()
