"""The installer, run for real where that needs no network; the environments it makes are stood in for by a small one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parent.parent
SCRIPT = CHECKOUT / "install.sh"

# A Python that makes an environment at once: its `-m venv` writes bin/python, whose `-m pip` does what $FAKE_PIP says
# and whose `-m lcode` is this checkout's program.
FAKE_PYTHON = """#!/bin/sh
case "$*" in
"-m venv "*)
    mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
*"-m pip "*)
    printf '%s\\n' "$*" >>"$PIP_CALLS"
    case "${{FAKE_PIP:-works}} $*" in
    works* | "plain "*[!]]) ;;
    *) echo "No matching distribution found"; exit 1 ;;
    esac ;;
*"-m lcode "*)
    [ "${{FAKE_LCODE:-works}}" = works ] || exit 1
    cd {checkout} && exec {python} "-m" "lcode" "$4" ;;
*)
    exec {python} "$@" ;;
esac
"""


class Installer:
    """The script with a home, a PATH and a Python of its own."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "my home"
        self.bin = self.home / ".local/bin"
        self.prefix = self.home / ".local/lib/lcode"
        self.command = self.bin / "lcode"
        self.pip_calls = folder / "pip-calls"
        self.python = folder / "python3"
        self.home.mkdir()
        self.python.write_text(FAKE_PYTHON.format(python=sys.executable, checkout=CHECKOUT))
        self.python.chmod(0o755)
        self.alone = folder / "alone" / "install.sh"
        self.alone.parent.mkdir()
        shutil.copy(SCRIPT, self.alone)

    def run(self, *arguments: str, script: Path = SCRIPT, **environment: str) -> subprocess.CompletedProcess[str]:
        inherited = {"PATH": os.environ["PATH"], "HOME": str(self.home), "PIP_CALLS": str(self.pip_calls), "SHELL": "/bin/sh"}
        given = {**inherited, "LCODE_PYTHON": str(self.python), **environment}
        return subprocess.run(
            ["sh", str(script), *arguments], env=given, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )

    def environments(self) -> list[Path]:
        return sorted(self.prefix.glob("env-*"))


@pytest.fixture
def installer(tmp_path: Path) -> Installer:
    return Installer(tmp_path)


def test_the_script_is_valid_for_the_plainest_shell() -> None:
    shells = [shell for shell in ("sh", "dash", "bash", "busybox") if shutil.which(shell)]
    for shell in shells:
        command = ["busybox", "sh"] if shell == "busybox" else [shell]
        subprocess.run([*command, "-n", str(SCRIPT)], check=True)
    assert SCRIPT.stat().st_mode & 0o111


def test_an_install_puts_a_working_command_into_place(installer: Installer) -> None:
    done = installer.run()
    assert done.returncode == 0, done.stderr
    assert str(CHECKOUT) in installer.pip_calls.read_text()
    shown = subprocess.run(
        [installer.command, "--version"], env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=True
    )
    assert shown.stdout.startswith("lcode ")
    assert f"{shown.stdout.strip()} is installed: {installer.command}" in done.stdout
    assert not (installer.prefix / "lock").exists()


def test_run_alone_it_installs_the_released_package(installer: Installer) -> None:
    name = next(line for line in (CHECKOUT / "pyproject.toml").read_text().splitlines() if line.startswith("name = "))
    done = installer.run(script=installer.alone)
    assert done.returncode == 0, done.stderr
    assert installer.pip_calls.read_text().splitlines()[0].split()[-1] == name.split('"')[1] + "[vectors]"


def test_where_a_part_has_no_build_the_install_goes_on_without_it(installer: Installer) -> None:
    done = installer.run(FAKE_PIP="plain")
    assert done.returncode == 0, done.stderr
    calls = installer.pip_calls.read_text().splitlines()
    assert calls[0].endswith(f" {CHECKOUT}[vectors]") and calls[1].endswith(f" {CHECKOUT}")
    assert "No matching distribution" not in done.stdout + done.stderr


def test_the_command_runs_isolated_from_the_project_at_hand(installer: Installer) -> None:
    installer.run()
    assert " -I -m lcode " in installer.command.read_text()


@pytest.mark.parametrize(
    ("shell", "line"),
    [("/bin/bash", ".bashrc"), ("/usr/bin/zsh", ".zshrc"), ("/usr/bin/fish", "fish_add_path"), ("/bin/sh", ".profile")],
)
def test_it_says_how_to_reach_the_command_in_the_users_shell(installer: Installer, shell: str, line: str) -> None:
    assert line in installer.run(SHELL=shell).stdout


def test_it_is_silent_about_the_path_when_the_command_is_on_it(installer: Installer) -> None:
    done = installer.run(PATH=f"{installer.bin}{os.pathsep}{os.environ['PATH']}")
    assert "PATH" not in done.stdout


def test_an_upgrade_keeps_the_one_environment_that_may_still_be_in_use(installer: Installer) -> None:
    for _ in range(3):
        before = installer.command.resolve()
        assert installer.run().returncode == 0
    kept = installer.environments()
    assert len(kept) == 2
    assert {before.parent, installer.command.resolve().parent} == set(kept)


@pytest.mark.parametrize("fault", ["FAKE_PIP", "FAKE_LCODE"])
def test_a_failed_upgrade_leaves_the_old_program(installer: Installer, fault: str) -> None:
    installer.run()
    before = installer.command.resolve()
    done = installer.run(script=SCRIPT, **{fault: "fails"})
    assert done.returncode == 1
    assert done.stderr.splitlines()[-2].startswith("install.sh: ")
    assert done.stderr.splitlines()[-1].startswith("hint: ")
    assert installer.command.resolve() == before
    assert before.exists()
    assert installer.environments() == [before.parent]


def test_a_failure_of_pip_shows_its_last_words(installer: Installer) -> None:
    done = installer.run(FAKE_PIP="fails")
    assert "    No matching distribution found" in done.stderr
    assert not installer.command.exists()


def test_a_command_of_somebody_else_is_not_overwritten(installer: Installer) -> None:
    installer.bin.mkdir(parents=True)
    installer.command.write_text("mine")
    done = installer.run()
    assert done.returncode == 1
    assert "was not made by this script" in done.stderr
    assert installer.command.read_text() == "mine"


def test_a_second_installer_at_the_same_time_is_turned_away(installer: Installer) -> None:
    (installer.prefix / "lock").mkdir(parents=True)
    (installer.prefix / "lock/owner").write_text(f"{os.getpid()}\n")
    assert installer.run().returncode == 75
    assert (installer.prefix / "lock/owner").exists()


def test_the_lock_of_a_killed_installer_is_taken_over(installer: Installer) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    (installer.prefix / "lock").mkdir(parents=True)
    (installer.prefix / "lock/owner").write_text(f"{gone.pid}\n")
    (installer.prefix / "env-half-made").mkdir()
    assert installer.run().returncode == 0
    assert not (installer.prefix / "env-half-made").exists()


def test_a_python_without_venv_is_explained(installer: Installer, tmp_path: Path) -> None:
    incomplete = tmp_path / "incomplete"
    incomplete.write_text(f'#!/bin/sh\ncase "$*" in *ensurepip*) exit 1 ;; esac\nexec {sys.executable} "$@"\n')
    incomplete.chmod(0o755)
    done = installer.run(LCODE_PYTHON=str(incomplete))
    assert done.returncode == 1
    assert f"apt install python{sys.version_info[0]}.{sys.version_info[1]}-venv" in done.stderr


def test_an_old_python_is_explained(installer: Installer, tmp_path: Path) -> None:
    old = tmp_path / "old"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    assert "older than Python 3.11" in installer.run(LCODE_PYTHON=str(old)).stderr
    assert "there is no Python at" in installer.run(LCODE_PYTHON=str(tmp_path / "nothing")).stderr


def test_no_python_at_all_is_explained(installer: Installer, tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in ("sh", "dirname", "mkdir", "rm", "rmdir", "cat", "grep", "sed", "tail", "readlink", "date"):
        (tools / tool).symlink_to(shutil.which(tool) or pytest.skip(f"no {tool}"))
    done = installer.run(PATH=str(tools), LCODE_PYTHON="")
    assert done.returncode == 1
    assert "Python 3.11 or newer was not found" in done.stderr


def test_wrong_words_are_a_usage_error(installer: Installer) -> None:
    assert installer.run("--wat").returncode == 2
    assert installer.run("--purge-memory").returncode == 2
    assert installer.run(LCODE_PREFIX="relative/path").returncode == 2


def make_memory(folder: Path) -> None:
    (folder / "agents/one").mkdir(parents=True)
    for name in ("user.db", "agents/one/memory.db", "notes-of-the-user.txt"):
        (folder / name).write_text("x")


def test_uninstall_removes_the_program_and_leaves_memory(installer: Installer) -> None:
    memory = installer.home / ".local/share/lcode"
    installer.run()
    make_memory(memory)
    done = installer.run("--uninstall", XDG_DATA_HOME=str(memory.parent), LCODE_HOME=str(memory))
    assert done.returncode == 0, done.stderr
    assert not installer.command.is_symlink()
    assert not installer.prefix.exists()
    assert (memory / "agents/one/memory.db").exists()
    assert f"memory stays in {memory}" in done.stdout


def test_purging_deletes_memory_and_only_that_and_says_so(installer: Installer) -> None:
    memory = installer.home / "elsewhere"
    make_memory(memory)
    done = installer.run("--uninstall", "--purge-memory", LCODE_HOME=str(memory))
    assert done.returncode == 0, done.stderr
    assert f"deleted the memory in {memory}: every session, block and passage of 1 agent" in done.stdout
    assert [path.name for path in memory.iterdir()] == ["notes-of-the-user.txt"]


def test_dev_prepares_a_checkout(installer: Installer, tmp_path: Path) -> None:
    checkout = tmp_path / "a checkout"
    checkout.mkdir()
    for name in ("install.sh", "pyproject.toml"):
        shutil.copy(CHECKOUT / name, checkout)
    for _ in range(2):
        done = installer.run("--dev", script=checkout / "install.sh")
        assert done.returncode == 0, done.stderr
    assert (checkout / ".venv/bin/python").exists()
    assert f"--editable {checkout}[dev,vectors]" in installer.pip_calls.read_text()
    assert installer.run("--dev", script=installer.alone).returncode == 1
