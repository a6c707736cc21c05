"""Permissions: what each mode runs, asks about and refuses, and what no grant covers."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lcode.safety.permission import Mode, Permission, Verdict

ROOT = Path("/home/me/project")
HOME = Path("/home/me")
STORE = Path("/home/me/.local/share/lcode")
EFFECTS = ("read", "memory", "write", "execute", "network")


def permission(mode: Mode, **more: object) -> Permission:
    return Permission(mode, home=HOME, store=STORE, **more)  # type: ignore[arg-type]


def verdict(mode: Mode, effect: str, *paths: str, grants: set[str] | None = None, grant: str = "") -> Verdict:
    """`grants` were given for this very effect on these very paths."""
    given, resolved = permission(mode), [ROOT / path for path in paths]
    for name in grants or ():
        given.remember(effect, resolved, ROOT, name)
    return given.decide(effect, resolved, ROOT, grant)[0]


def after(effect: str, path: str, grant: str) -> Callable[[str, str, str], Verdict]:
    """The verdict on another call, once `grant` was given for the session when asked about the first one."""
    given = permission(Mode.ASK)
    given.remember(effect, [ROOT / path] if path else [], ROOT, grant)
    return lambda effect, path, grant: given.decide(effect, [ROOT / path] if path else [], ROOT, grant)[0]


TABLE = {
    ("ask", "read"): Verdict.ALLOW,
    ("ask", "memory"): Verdict.ALLOW,
    ("ask", "write"): Verdict.ASK,
    ("ask", "execute"): Verdict.ASK,
    ("ask", "network"): Verdict.ASK,
    ("accept-edits", "read"): Verdict.ALLOW,
    ("accept-edits", "memory"): Verdict.ALLOW,
    ("accept-edits", "write"): Verdict.ALLOW,
    ("accept-edits", "execute"): Verdict.ASK,
    ("accept-edits", "network"): Verdict.ASK,
    ("plan", "read"): Verdict.ALLOW,
    ("plan", "memory"): Verdict.ALLOW,
    ("plan", "write"): Verdict.REFUSE,
    ("plan", "execute"): Verdict.REFUSE,
    ("plan", "network"): Verdict.REFUSE,
    **{("yolo", effect): Verdict.ALLOW for effect in EFFECTS},
}


@pytest.mark.parametrize(("mode", "effect"), list(product(Mode, EFFECTS)))
def test_each_mode_inside_the_repository(mode: Mode, effect: str) -> None:
    assert verdict(mode, effect, "src/app.py") is TABLE[mode.value, effect]


@pytest.mark.parametrize("mode", [Mode.ASK, Mode.ACCEPT_EDITS, Mode.PLAN])
@pytest.mark.parametrize("path", ["/etc/hosts", "/home/me/project2/a.py", "/home/me", "/home/me/projec"])
def test_reading_outside_the_repository_asks(mode: Mode, path: str) -> None:
    assert verdict(mode, "read", path) is Verdict.ASK
    assert verdict(Mode.YOLO, "read", path) is Verdict.ALLOW


def test_one_path_outside_is_enough_to_ask() -> None:
    assert verdict(Mode.ACCEPT_EDITS, "write", "a.py", "/tmp/b.py") is Verdict.ASK


def test_a_write_that_names_no_path_asks_and_a_read_that_names_none_runs() -> None:
    assert verdict(Mode.ACCEPT_EDITS, "write") is Verdict.ASK
    assert verdict(Mode.ASK, "read") is Verdict.ALLOW


def test_an_unknown_effect_asks() -> None:
    assert verdict(Mode.ACCEPT_EDITS, "teleport", "a.py") is Verdict.ASK


def test_a_grant_of_the_session_covers_what_it_names_and_nothing_else() -> None:
    assert verdict(Mode.ASK, "execute", grants={"shell:pytest"}, grant="shell:pytest") is Verdict.ALLOW
    assert verdict(Mode.ASK, "execute", grants={"shell:pytest"}, grant="shell:rm") is Verdict.ASK
    assert verdict(Mode.ASK, "execute", grants={""}, grant="") is Verdict.ASK
    assert verdict(Mode.PLAN, "execute", grants={"shell:pytest"}, grant="shell:pytest") is Verdict.REFUSE


def test_a_grant_for_the_repository_covers_nothing_outside() -> None:
    decide = after("write", "src/app.py", "edits")
    assert decide("write", "other.py", "edits") is Verdict.ALLOW
    for path in ("/home/me/.bashrc", "/etc/hosts", "/home/me/project2/a.py", "/home/me"):
        assert decide("write", path, "edits") is Verdict.ASK
    decide = after("read", "src/app.py", "read_file")
    assert decide("read", "/home/me/.bashrc", "read_file") is Verdict.ASK


@pytest.mark.parametrize("effect", ["read", "write"])
def test_a_grant_outside_covers_that_very_folder(effect: str) -> None:
    decide = after(effect, "/srv/data/a", "it")
    assert decide(effect, "/srv/data/b", "it") is Verdict.ALLOW
    for path in ("/srv/a", "/srv/data/deep/a", "/srv/data2/a", "/etc/a"):
        assert decide(effect, path, "it") is Verdict.ASK
    assert after("write", "/srv/data/a", "edits")("write", "src/app.py", "edits") is Verdict.ASK


def test_a_grant_holds_for_its_effect_alone() -> None:
    decide = after("write", "src/app.py", "edits")
    assert decide("execute", "", "edits") is Verdict.ASK
    assert decide("network", "", "edits") is Verdict.ASK
    assert after("execute", "", "edits")("write", "src/app.py", "edits") is Verdict.ASK


def test_no_grant_covers_a_write_that_names_no_path() -> None:
    assert after("write", "", "edits")("write", "", "edits") is Verdict.ASK


SECRET = [
    ".env", ".env.local", ".ENV.Production", "prod.env", ".envrc", "deploy/server.pem", "tls/private.key", "id_rsa", "cert.p12",
    ".npmrc", ".pypirc", ".netrc", ".git-credentials", "kubeconfig", "/home/me/.ssh/config", "/home/me/.aws/credentials",
    "/home/me/.gnupg/x", "/home/me/.config/gcloud/a.db", "/home/me/.config/gh/hosts.yml", "/home/me/.kube/config",
    "/home/other/.ssh/id_ed25519", "/home/me/.docker/config.json", "terraform.tfstate", "/proc/self/environ", "/etc/shadow",
    "/home/me/.ssh", "/home/me/.local/share/lcode/agents/1/memory.db",
]  # fmt: skip
OPEN = [".env.example", ".env.sample", ".env.template", "keys.py", "environment.py", "src/env.ts", "id_rsa.pub", "monkey.keys"]


@pytest.mark.parametrize("mode", [Mode.ASK, Mode.ACCEPT_EDITS, Mode.PLAN])
@pytest.mark.parametrize("path", SECRET)
def test_secret_files_ask_even_for_reading_whatever_was_granted(mode: Mode, path: str) -> None:
    assert verdict(mode, "read", path, grants={"read_file"}, grant="read_file") is Verdict.ASK
    if mode is not Mode.PLAN:
        assert verdict(mode, "write", path, grants={"edit"}, grant="edit") is Verdict.ASK
    assert verdict(Mode.YOLO, "read", path) is Verdict.ALLOW


@pytest.mark.parametrize("path", OPEN)
def test_samples_public_keys_and_likely_names_are_read_freely(path: str) -> None:
    assert verdict(Mode.ASK, "read", path) is Verdict.ALLOW


@pytest.mark.parametrize(
    "path",
    [".git/config", ".git/hooks/pre-commit", ".GIT/config", ".git./config", "vendor/lib/.git/config", ".lcode/config.toml",
     ".github/workflows/ci.yml", ".vscode/tasks.json", ".git", ".husky/pre-push"],
)  # fmt: skip
def test_files_that_steer_other_programs_ask_before_they_are_written(path: str) -> None:
    assert verdict(Mode.ACCEPT_EDITS, "write", path, grants={"edit"}, grant="edit") is Verdict.ASK
    assert verdict(Mode.ASK, "read", path) is Verdict.ALLOW
    assert verdict(Mode.YOLO, "write", path) is Verdict.ALLOW


def test_git_ignore_files_are_ordinary_files() -> None:
    assert verdict(Mode.ACCEPT_EDITS, "write", ".gitignore", ".github/README.md") is Verdict.ALLOW


def test_readable_folders_are_read_freely_also_inside_the_store_but_not_written() -> None:
    outputs = STORE / "agents/1/outputs"
    given = permission(Mode.ASK, readable=(outputs, Path("/opt/docs")))
    assert given.decide("read", [outputs / "7.txt"], ROOT, "")[0] is Verdict.ALLOW
    assert given.decide("read", [Path("/opt/docs/a")], ROOT, "")[0] is Verdict.ALLOW
    assert given.decide("read", [STORE / "user.db"], ROOT, "")[0] is Verdict.ASK
    given.mode = Mode.ACCEPT_EDITS
    assert given.decide("write", [outputs / "7.txt"], ROOT, "")[0] is Verdict.ASK


def test_every_verdict_but_allow_says_why() -> None:
    for mode, effect, path in product(Mode, EFFECTS, [*SECRET, *OPEN, "/tmp/x"]):
        found, reason = permission(mode).decide(effect, [ROOT / path], ROOT, "")
        assert bool(reason) is (found is not Verdict.ALLOW)


@given(st.text(), st.sampled_from(EFFECTS), st.sampled_from([Mode.ASK, Mode.ACCEPT_EDITS]))
def test_no_path_outside_ever_runs_unasked(name: str, effect: str, mode: Mode) -> None:
    path = Path("/home/me") / f"x{name}".replace("\0", "").replace("/", "_")
    found = permission(mode).decide(effect, [path], ROOT, "")[0]
    assert effect == "memory" or found is Verdict.ASK


def test_the_defaults_are_this_user_and_this_store(isolated_environment: Path) -> None:
    given = Permission(Mode.ASK)
    assert given.home == isolated_environment.resolve()
    assert given.decide("read", [given.store / "user.db"], given.store, "")[0] is Verdict.ASK
