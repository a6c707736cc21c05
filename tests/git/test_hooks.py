"""Hooks stand beside what is there, tell the worker, and cost git nothing: real git, real shells."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest

from lcode.errors import UserError
from lcode.git import hooks
from lcode.git.hooks import State
from lcode.git.repository import find
from lcode.store.paths import AgentPaths
from lcode.worker import nudge
from tests.git.repositories import commit, git, make

ALL = [State.INSTALLED] * 4


@pytest.fixture
def paths(tmp_path: Path) -> AgentPaths:
    """An agent's folder; its name is not kind to shells."""
    found = AgentPaths(tmp_path / 'it\'s $HOME "a" `b`')
    nudge.folder(found).mkdir(parents=True)
    return found


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    return make(tmp_path / "a 'quoted' $folder")


def install(repo: Path, paths: AgentPaths) -> hooks.Hooks:
    return hooks.install(find(repo), nudge.folder(paths))


def states(found: hooks.Hooks) -> list[State]:
    return [hook.state for hook in found.hooks]


def kinds(paths: AgentPaths) -> list[str]:
    return sorted(told.kind for told in nudge.take(paths))


def script(path: Path, text: str, mode: int = 0o755) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def snapshot(folder: Path) -> dict[str, tuple[object, int]]:
    """Every file, folder and link below, with what it holds and its mode."""
    found: dict[str, tuple[object, int]] = {}
    for path in sorted(folder.rglob("*")):
        held: object = path.readlink() if path.is_symlink() else path.read_bytes() if path.is_file() else None
        found[str(path.relative_to(folder))] = (held, stat.S_IMODE(path.lstat().st_mode))
    return found


def test_each_hook_tells_of_its_worktree_and_commit(repo: Path, paths: AgentPaths) -> None:
    assert states(install(repo, paths)) == ALL
    head = commit(repo, "more.txt", "more\n")
    assert nudge.take(paths) == [nudge.Nudge(repo, "post-commit", head)]
    git(repo, "checkout", "-q", "-b", "side")
    assert kinds(paths) == ["post-checkout"]
    commit(repo, "side.txt", "side\n")
    git(repo, "commit", "-q", "--amend", "-m", "Amended")
    assert kinds(paths) == ["post-commit", "post-commit", "post-rewrite"]
    git(repo, "checkout", "-q", "main")
    git(repo, "merge", "-q", "side")
    assert kinds(paths) == ["post-checkout", "post-merge"]


def test_a_linked_worktree_and_a_submodule_tell_of_themselves(repo: Path, paths: AgentPaths, tmp_path: Path) -> None:
    install(repo, paths)
    other = tmp_path / "other"
    git(repo, "worktree", "add", "-q", str(other))
    nudge.take(paths)
    head = commit(other, "there.txt", "there\n")
    assert nudge.take(paths) == [nudge.Nudge(other, "post-commit", head)]
    assert states(hooks.look(find(other))) == ALL

    git(repo, "submodule", "--quiet", "add", str(make(tmp_path / "library")), "lib")
    nudge.take(paths)
    commit(repo / "lib", "inside.txt", "inside\n")
    assert nudge.take(paths) == []  # a repository of its own, with hooks of its own
    assert states(install(repo / "lib", paths)) == ALL
    head = commit(repo / "lib", "again.txt", "again\n")
    assert nudge.take(paths) == [nudge.Nudge(repo / "lib", "post-commit", head)]


def test_a_bare_repository_tells_of_its_worktrees(repo: Path, paths: AgentPaths, tmp_path: Path) -> None:
    bare = tmp_path / "bare.git"
    git(repo, "clone", "-q", "--bare", str(repo), str(bare))
    assert states(install(bare, paths)) == ALL
    git(bare, "worktree", "add", "-q", str(tmp_path / "tree"), "main")
    nudge.take(paths)
    head = commit(tmp_path / "tree", "there.txt", "there\n")
    assert nudge.take(paths) == [nudge.Nudge(tmp_path / "tree", "post-commit", head)]


SHELL = [
    '#!/bin/sh\necho "$@" >>ran\n',
    '#!/usr/bin/env bash\nset -euo pipefail\necho "$@" >>ran\nexec true\n',
    '#!/bin/sh -eu\necho "$@" >>ran; exit 3',
    'echo "$@" >>ran\n',
]
OTHERS = [
    "#!/usr/bin/env python3\nimport sys\nopen('ran', 'a').write(' '.join(sys.argv[1:]) + '\\n')\n",
    "#!/usr/bin/perl\nopen(my $f, '>>', 'ran'); print $f join(' ', @ARGV) . \"\\n\";\n",
    "#!/bin/sh\n''''exec python3 \"$0\" \"$@\" # '''\nimport sys\nopen('ran', 'a').write(' '.join(sys.argv[1:]) + '\\n')\n",
    '#!/bin/sh\ntail -n +4 "$0" | sh -s -- "$@"\nexit\necho "$@" >>ran\n',
]


@pytest.mark.parametrize("text", SHELL + OTHERS)
def test_a_hook_that_is_there_runs_as_before_and_is_left_as_it_was(repo: Path, paths: AgentPaths, text: str) -> None:
    folder = repo / ".git/hooks"
    script(folder / "post-checkout", text)
    before = snapshot(folder)
    assert states(install(repo, paths)) == ALL
    git(repo, "checkout", "-q", "-b", "side", check=False)
    head = git(repo, "rev-parse", "HEAD")
    assert (repo / "ran").read_text() == f"{head} {head} 1\n"
    assert kinds(paths) == ["post-checkout"]
    once = snapshot(folder)
    install(repo, paths)
    assert snapshot(folder) == once
    assert states(hooks.uninstall(find(repo))) == [State.ABSENT] * 4
    assert snapshot(folder) == before and not (repo / ".git" / hooks.SCRIPT).exists()


READS_INPUT = [
    "#!/bin/sh\ncat >stdin\nexit 7\n",
    "#!/usr/bin/env python3\nimport sys\nopen('stdin', 'w').write(sys.stdin.read())\nsys.exit(7)\n",
]


@pytest.mark.parametrize("text", READS_INPUT)
def test_input_and_exit_code_of_a_hook_are_its_own(repo: Path, paths: AgentPaths, text: str) -> None:
    hook = script(repo / ".git/hooks/post-rewrite", text)
    install(repo, paths)
    done = subprocess.run([str(hook), "rebase"], cwd=repo, input=b"old new\n", check=False)
    assert done.returncode == 7 and (repo / "stdin").read_text() == "old new\n"
    assert kinds(paths) == ["post-rewrite"]


def test_hooks_ask_for_their_name_and_their_folder(repo: Path, paths: AgentPaths) -> None:
    folder = repo / ".git/hooks"
    script(folder / "helper.py", "WORD = 'found'\n", 0o644)
    text = (
        "#!/usr/bin/env python3\nimport os, sys, helper\nopen('ran', 'w').write(os.path.basename(sys.argv[0]) + helper.WORD)\n"
    )
    script(folder / "post-commit", text)
    install(repo, paths)
    commit(repo, "a.txt", "a")
    assert (repo / "ran").read_text() == "post-commitfound"


def test_a_link_is_moved_aside_and_what_it_leads_to_is_not_written(repo: Path, paths: AgentPaths) -> None:
    target = script(repo / "scripts/notify", "#!/bin/sh\necho ran >>ran\n")
    (repo / ".git/hooks/post-commit").symlink_to("../../scripts/notify")
    before = snapshot(repo / ".git/hooks")
    install(repo, paths)
    commit(repo, "a.txt", "a")
    assert (repo / "ran").read_text() == "ran\n" and kinds(paths) == ["post-commit"]
    assert target.read_text() == "#!/bin/sh\necho ran >>ran\n"
    hooks.uninstall(find(repo))
    assert snapshot(repo / ".git/hooks") == before


def test_a_hook_that_git_does_not_run_is_not_run_by_us(repo: Path, paths: AgentPaths) -> None:
    script(repo / ".git/hooks/post-commit", "#!/bin/sh\necho ran >>ran\n", 0o644)
    before = snapshot(repo / ".git/hooks")
    install(repo, paths)
    commit(repo, "a.txt", "a")
    assert not (repo / "ran").exists() and kinds(paths) == ["post-commit"]
    hooks.uninstall(find(repo))
    assert snapshot(repo / ".git/hooks") == before


def test_what_was_added_to_a_hook_meanwhile_stays(repo: Path, paths: AgentPaths) -> None:
    hook = script(repo / ".git/hooks/post-commit", "#!/bin/sh\necho one\n")
    install(repo, paths)
    hook.write_text(hook.read_text() + "echo two\n")
    hooks.uninstall(find(repo))
    assert hook.read_text() == "#!/bin/sh\necho one\necho two\n"


# -- other programs that keep hooks -----------------------------------------------------------------------------------


def test_a_tracked_folder_is_not_written_to(repo: Path, paths: AgentPaths) -> None:
    script(repo / ".husky/pre-commit", "exit 0\n")
    git(repo, "add", ".husky")
    git(repo, "commit", "-q", "-m", "Add husky")
    git(repo, "config", "core.hooksPath", ".husky")
    before = snapshot(repo / ".husky")
    found = install(repo, paths)
    assert found.tracked and states(found) == [State.BY_HAND] * 4
    assert snapshot(repo / ".husky") == before
    script(repo / ".husky/post-commit", f"#!/bin/sh\nset -eu\n{hooks.line('post-commit')}\n")  # what the user is told to add
    head = commit(repo, "a.txt", "a")
    assert nudge.take(paths) == [nudge.Nudge(repo, "post-commit", head)]
    assert states(hooks.look(find(repo))) == [State.INSTALLED] + [State.BY_HAND] * 3
    hooks.uninstall(find(repo))
    commit(repo, "b.txt", "b")  # the line is still there, and says nothing
    assert kinds(paths) == []


HUSKY_9 = '#!/usr/bin/env sh\n. "$(dirname "$0")/h"'
HUSKY_9_H = """#!/usr/bin/env sh
[ "$HUSKY" = "2" ] && set -x
n=$(basename "$0")
s=$(dirname "$(dirname "$0")")/$n
[ ! -f "$s" ] && exit 0
[ "${HUSKY-}" = "0" ] && exit 0
export PATH="node_modules/.bin:$PATH"
sh -e "$s" "$@"
c=$?
[ $c != 0 ] && echo "husky - $n script failed (code $c)"
exit $c
"""


def test_beside_husky_9(repo: Path, paths: AgentPaths) -> None:
    script(repo / ".husky/post-commit", "echo ran >>ran\n", 0o644)
    git(repo, "add", ".husky")
    git(repo, "commit", "-q", "-m", "Add husky")

    def husky() -> None:
        script(repo / ".husky/_/.gitignore", "*", 0o644)
        script(repo / ".husky/_/h", HUSKY_9_H, 0o644)
        for name in ("pre-commit", *hooks.NAMES):
            script(repo / f".husky/_/{name}", HUSKY_9)
        git(repo, "config", "core.hooksPath", ".husky/_")

    husky()
    before = snapshot(repo / ".husky")
    assert states(install(repo, paths)) == ALL
    commit(repo, "a.txt", "a")
    assert (repo / "ran").read_text() == "ran\n" and kinds(paths) == ["post-commit"]
    husky()  # as `npm install` does
    assert states(hooks.look(find(repo))) == [State.ABSENT] * 4
    assert states(install(repo, paths)) == ALL
    hooks.uninstall(find(repo))
    assert snapshot(repo / ".husky") == before


LEFTHOOK = """#!/bin/sh

if [ "$LEFTHOOK_VERBOSE" = "1" -o "$LEFTHOOK_VERBOSE" = "true" ]; then
  set -x
fi

call_lefthook()
{
  dir="$(git rev-parse --show-toplevel)"
  echo "$@" >>"$dir/ran"
}

call_lefthook run "post-commit" "$@"
"""


def test_beside_lefthook_which_moves_hooks_aside(repo: Path, paths: AgentPaths) -> None:
    folder = repo / ".git/hooks"
    before = snapshot(folder)
    install(repo, paths)
    (folder / "post-commit").rename(folder / "post-commit.old")  # as `lefthook install` does
    script(folder / "post-commit", LEFTHOOK)
    assert states(hooks.look(find(repo))) == [State.ABSENT] + [State.INSTALLED] * 3
    assert states(install(repo, paths)) == ALL
    commit(repo, "a.txt", "a")
    assert (repo / "ran").read_text() == "run post-commit\n" and kinds(paths) == ["post-commit"]
    hooks.uninstall(find(repo))
    after = snapshot(folder)
    assert after.pop("post-commit") == (LEFTHOOK.encode(), 0o755) and after == before


PRE_COMMIT = """#!/usr/bin/env bash
# File generated by pre-commit: https://pre-commit.com
# ID: 138fd403232d2ddd5efb44317e38bf03

# start templated
INSTALL_PYTHON={python}
ARGS=(hook-impl --config=.pre-commit-config.yaml --hook-type=post-commit)
# end templated

HERE="$(cd "$(dirname "$0")" && pwd)"
ARGS+=(--hook-dir "$HERE" -- "$@")

if [ -x "$INSTALL_PYTHON" ]; then
    exec "$INSTALL_PYTHON" -mpre_commit "${{ARGS[@]}}"
else
    echo '`pre-commit` not found.  Did you forget to activate your virtualenv?' 1>&2
    exit 1
fi
"""


def test_beside_pre_commit_which_execs(repo: Path, paths: AgentPaths, tmp_path: Path) -> None:
    python = script(tmp_path / "python", '#!/bin/sh\necho "$@" >>ran\n')
    folder = repo / ".git/hooks"
    script(folder / "post-commit", PRE_COMMIT.format(python=python))
    before = snapshot(folder)
    assert states(install(repo, paths)) == ALL
    commit(repo, "a.txt", "a")
    assert "-mpre_commit" in (repo / "ran").read_text() and kinds(paths) == ["post-commit"]
    hooks.uninstall(find(repo))
    assert snapshot(folder) == before


def test_pre_commit_over_ours_runs_ours(repo: Path, paths: AgentPaths, tmp_path: Path) -> None:
    folder = repo / ".git/hooks"
    install(repo, paths)
    (folder / "post-commit").rename(folder / "post-commit.legacy")
    python = script(tmp_path / "python", '#!/bin/sh\nexec .git/hooks/post-commit.legacy "$@"\n')  # which it calls first
    script(folder / "post-commit", PRE_COMMIT.format(python=python))
    assert states(hooks.look(find(repo))) == ALL
    commit(repo, "a.txt", "a")
    assert kinds(paths) == ["post-commit"]


def test_one_folder_of_hooks_for_all_repositories(repo: Path, paths: AgentPaths, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    other = make(tmp_path / "other")
    for one in (repo, other):
        git(one, "config", "core.hooksPath", str(shared))
    assert states(install(repo, paths)) == ALL
    commit(other, "a.txt", "a")
    assert kinds(paths) == []  # nothing was installed there
    commit(repo, "a.txt", "a")
    assert kinds(paths) == ["post-commit"]


def test_hooks_that_are_switched_off_stay_so(repo: Path, paths: AgentPaths) -> None:
    git(repo, "config", "core.hooksPath", os.devnull)
    with pytest.raises(UserError, match="switched off"):
        install(repo, paths)


def test_without_a_repository_there_are_none(paths: AgentPaths, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not in a git repository"):
        install(tmp_path, paths)


# -- git never fails --------------------------------------------------------------------------------------------------


def quiet_commit(repo: Path, **environ: str) -> None:
    """A commit that succeeds and says nothing."""
    done = subprocess.run(
        ["git", "commit", "--allow-empty", "-q", "-m", "Try"],
        cwd=repo, env={**os.environ, **environ}, stdin=subprocess.DEVNULL, capture_output=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_git_is_not_disturbed_by_an_environment(repo: Path, paths: AgentPaths, tmp_path: Path) -> None:
    install(repo, paths)
    script(repo / "mv", "#!/bin/sh\ntouch hostile\n")
    script(repo / "pwd", "#!/bin/sh\ntouch hostile\n")
    for environ in (
        {"PATH": f".:{os.environ['PATH']}"},
        {"IFS": "/nudge.git"},
        {"CDPATH": "/", "ENV": "/nowhere", "BASH_ENV": "/nowhere", "TMPDIR": "/nowhere"},
        {"LC_ALL": "C.UTF-8", "LANG": "tr_TR.UTF-8"},
        {"GIT_DIR": str(repo / ".git"), "GIT_WORK_TREE": str(repo)},
    ):
        quiet_commit(repo, **environ)
        assert [told.root for told in nudge.take(paths)] == [repo], environ
        assert not (repo / "hostile").exists()
    other = make(tmp_path / "other")
    quiet_commit(repo, GIT_DIR=str(other / ".git"), GIT_WORK_TREE=str(other))
    assert nudge.take(paths) == []


def test_git_is_not_disturbed_where_nothing_can_be_told(repo: Path, paths: AgentPaths) -> None:
    install(repo, paths)
    spool = nudge.folder(paths)
    spool.rename(paths.folder / "away")
    spool.symlink_to("/proc")  # in which not even root can make a file
    quiet_commit(repo)
    spool.unlink()
    quiet_commit(repo)
    spool.write_text("no folder\n")
    quiet_commit(repo)
    spool.unlink()
    paths.folder.rename(paths.folder.with_name("gone"))
    quiet_commit(repo)
    (repo / ".git" / hooks.SCRIPT).write_bytes(b"\0\xff((((\n")
    quiet_commit(repo)
    (repo / ".git" / hooks.SCRIPT).unlink()
    quiet_commit(repo)


def test_files_that_nobody_reads_do_not_grow_without_bound(repo: Path, paths: AgentPaths) -> None:
    install(repo, paths)
    for _ in range(3):
        quiet_commit(repo)
    names = [path.name for path in nudge.folder(paths).iterdir()]
    assert names and all(0 <= int(name.split(".")[1]) < 1_000 for name in names)


def test_what_anybody_may_have_dropped_is_checked(paths: AgentPaths) -> None:
    spool = nudge.folder(paths)
    good = b"post-commit " + b"a" * 40 + b"\n/some/where\n"
    bad = [b"", b"\n", good[:-1], good.replace(b"/some", b"some"), good.replace(b"a" * 40, b"a" * 41), b"x" * 20_000,
           good.replace(b"where", b"\0"), b"POST " + good, good.replace(b"post-commit", b"../../x")]  # fmt: skip
    for number, data in enumerate([*bad, good]):
        (spool / f"{number}.nudge").write_bytes(data)
    (spool / "link.nudge").symlink_to("/etc/passwd")
    (spool / "folder.nudge").mkdir()
    assert nudge.take(paths) == [nudge.Nudge(Path("/some/where"), "post-commit", "a" * 40)]
    assert nudge.take(paths) == [] and sorted(path.name for path in spool.iterdir()) == ["folder.nudge", "link.nudge"]
