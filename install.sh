#!/bin/sh
# Installs lcode for the current user. Needs Python 3.11 or newer; never needs root. Safe to run again: it upgrades.
#
# Each install is a fresh environment, $prefix/env-<time>; the command is a symlink to it. The symlink is switched only
# when the new environment works, so a failed upgrade leaves the old program as it was.

set -eu

package=lcode-memory # its name on the package index, where `lcode` is another project

usage() {
    cat <<'TEXT'
usage: sh install.sh [--dev | --uninstall [--purge-memory]] [--help]

Run from a checkout, installs that checkout; run alone, installs the newest release from the package index.
Run it again to upgrade.

  --dev            prepare this checkout for development: .venv in it, with lcode (editable) and the tools
  --uninstall      remove the program; memory and settings stay
  --purge-memory   with --uninstall: delete the memory of all agents too, and say what was deleted
  --help           show this text

environment:
  LCODE_PYTHON     the Python to use (default: the newest of python3.14 … python3.11, python3, python)
  LCODE_PREFIX     where the program goes (default: ~/.local/lib/lcode)
  LCODE_BIN        where the command goes (default: ~/.local/bin)
TEXT
}

say() { printf '%s\n' "$*"; }

# fail MESSAGE HINT [STATUS]
fail() {
    printf 'install.sh: %s\n' "$1" >&2
    [ -z "$2" ] || printf 'hint: %s\n' "$2" >&2
    exit "${3:-1}"
}

# absolute NAME PATH: the path, which must not depend on the folder at hand.
absolute() {
    case $2 in
    /*) printf '%s\n' "$2" ;;
    *) fail "$1 must be an absolute path: $2" "" 2 ;;
    esac
}

# ---------------------------------------------------------------------------------------------------------- Python

# Whether $1 runs and is Python 3.11 or newer.
is_recent() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

# Whether $1 can make an environment with pip in it: Debian packs these modules apart from Python.
makes_environments() {
    "$1" -c 'import ensurepip, venv' >/dev/null 2>&1
}

# Sets `python` to the first candidate that is recent and can make environments, or explains what is missing.
find_python() {
    if [ -n "${LCODE_PYTHON:-}" ]; then
        command -v "$LCODE_PYTHON" >/dev/null 2>&1 ||
            fail "there is no Python at LCODE_PYTHON=$LCODE_PYTHON" "set it to a python3 program, or unset it"
        is_recent "$LCODE_PYTHON" ||
            fail "LCODE_PYTHON=$LCODE_PYTHON is older than Python 3.11, or does not run" "name a newer one, or unset it"
        set -- "$LCODE_PYTHON"
    else
        set -- python3.14 python3.13 python3.12 python3.11 python3 python
    fi
    incomplete=
    for candidate in "$@"; do
        is_recent "$candidate" || continue
        if makes_environments "$candidate"; then
            python=$candidate
            return
        fi
        incomplete=${incomplete:-$candidate}
    done
    if [ -n "$incomplete" ]; then
        version=$("$incomplete" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        fail "$incomplete lacks the modules venv and ensurepip, which make isolated environments" \
            "Debian and Ubuntu: sudo apt install python$version-venv; or set LCODE_PYTHON to a complete Python"
    fi
    fail "Python 3.11 or newer was not found" \
        "install it (apt install python3 python3-venv, dnf install python3, brew install python) or set LCODE_PYTHON"
}

# Makes the environment $1.
make_environment() {
    mkdir -p "$1" || fail "cannot write to $1" "check its owner, or set LCODE_PREFIX"
    "$python" -m venv "$1" >"$1/install.log" 2>&1 ||
        give_up "$1/install.log" "the environment could not be made in $1" "is there room on the disk? the log's end is above"
}

# pip_install ENVIRONMENT PACKAGE [EXTRA]: installs with pip; on failure shows the end of its log. The extra `vectors` is tried
# first and left out where it fails: sqlite-vec has no build for musl, and without it lcode finds the same, slower.
pip_install() {
    run_pip "$1" "$2[${3:+$3,}vectors]" || run_pip "$1" "$2${3:+[$3]}" ||
        give_up "$1/install.log" "pip could not install lcode" \
            "pip's last words are above; behind a proxy set HTTPS_PROXY, for another package index PIP_INDEX_URL"
    rm -f "$1/install.log"
}

# run_pip ENVIRONMENT PACKAGE: whether pip installed it; a package in development is linked.
run_pip() {
    "$1/bin/python" -m pip install --no-input --disable-pip-version-check --progress-bar off ${editable:+--editable} "$2" \
        >"$1/install.log" 2>&1
}

# give_up LOG MESSAGE HINT: shows the end of the log, then fails.
give_up() {
    tail -n 15 "$1" | sed 's/^/    /' >&2
    fail "$2" "$3"
}

# --------------------------------------------------------------------------------------------------------- install

# Sets `checkout` to the checkout that holds this script, or to nothing when the script runs alone (`curl … | sh`).
find_checkout() {
    checkout=
    case $0 in
    */install.sh | install.sh) folder=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd) || return 0 ;;
    *) return 0 ;;
    esac
    if grep -q "^name = \"$package\"\$" "$folder/pyproject.toml" 2>/dev/null; then
        checkout=$folder
    fi
}

# Whether the command at $1 is a symlink into our prefix.
is_ours() {
    [ -h "$1" ] || return 1
    case $(readlink "$1") in
    "$prefix"/env-*) return 0 ;;
    *) return 1 ;;
    esac
}

# One installer at a time: a folder is a lock that any system makes atomically.
lock() {
    mkdir -p "$prefix" "$bin" || fail "cannot write to $prefix or $bin" "check their owners, or set LCODE_PREFIX and LCODE_BIN"
    if ! mkdir "$prefix/lock" 2>/dev/null; then
        owner=$(cat "$prefix/lock/owner" 2>/dev/null || true)
        if [ -z "$owner" ] || kill -0 "$owner" 2>/dev/null; then
            fail "another install is running${owner:+ (process $owner)}" "wait for it; if there is none: rm -r $prefix/lock" 75
        fi
    fi
    printf '%s\n' "$$" >"$prefix/lock/owner"
    unfinished=
    trap 'rm -rf "$prefix/lock" ${unfinished:+"$unfinished"}; rmdir "$prefix" 2>/dev/null || true' EXIT
    trap 'exit 130' INT
    trap 'exit 143' HUP PIPE TERM
}

install_program() {
    command=$bin/lcode
    if { [ -e "$command" ] || [ -h "$command" ]; } && ! is_ours "$command"; then
        fail "$command is there already and was not made by this script" "move it away, or set LCODE_BIN"
    fi
    find_python
    find_checkout
    lock
    before=
    if is_ours "$command"; then
        before=$(dirname -- "$(readlink "$command")")
    fi
    environment=$prefix/env-$(date +%Y%m%d%H%M%S)-$$
    unfinished=$environment
    say "Installing lcode ${checkout:+from $checkout }with $("$python" --version 2>&1) …"
    make_environment "$environment"
    pip_install "$environment" "${checkout:-$package}"
    # An upgrade makes a new environment, so this one needs pip no more: a third of its size.
    "$environment/bin/python" -m pip uninstall --yes --quiet setuptools pip >/dev/null 2>&1 || true
    make_launcher "$environment"
    version=$("$environment/lcode" --version 2>/dev/null) ||
        fail "the installed program does not start" "try another Python: LCODE_PYTHON=…"

    ln -s "$environment/lcode" "$bin/.lcode.$$"
    mv -f "$bin/.lcode.$$" "$command"
    unfinished=

    # The environment before this one stays until the next install: sessions that are still running load from it.
    for old in "$prefix"/env-*; do
        [ "$old" = "$environment" ] || [ "$old" = "$before" ] || rm -rf "$old"
    done
    say "$version is installed: $command"
    explain_path
}

# Makes the command of the environment $1. Python runs isolated (-I): a PYTHONPATH that is meant for the project at hand
# must not put that project's modules in the place of ours.
make_launcher() {
    quoted=$(printf '%s\n' "$1" | sed "s/'/'\\\\''/g")
    printf "#!/bin/sh\nexec '%s/bin/python' -I -m lcode \"\$@\"\n" "$quoted" >"$1/lcode"
    chmod 755 "$1/lcode"
}

# Says how to put the command on the PATH, in the words of the user's shell.
explain_path() {
    case :$PATH: in
    *:"$bin":*)
        found=$(command -v lcode || true)
        if [ -n "$found" ] && [ "$found" != "$bin/lcode" ]; then
            say "Another lcode stands before it on your PATH: $found"
        fi
        return
        ;;
    esac
    say "$bin is not on your PATH. Add it with:"
    case ${SHELL:-sh} in
    */fish) say "    fish_add_path $bin" ;;
    */zsh) say "    echo 'export PATH=\"$bin:\$PATH\"' >> ~/.zshrc && exec zsh" ;;
    */bash) say "    echo 'export PATH=\"$bin:\$PATH\"' >> ~/.bashrc && exec bash" ;;
    *) say "    echo 'export PATH=\"$bin:\$PATH\"' >> ~/.profile && . ~/.profile" ;;
    esac
}

# ----------------------------------------------------------------------------------------------------- development

develop() {
    find_checkout
    [ -n "$checkout" ] || fail "--dev prepares a checkout, and this script is not in one" "git clone the repository first"
    environment=$checkout/.venv
    if ! is_recent "$environment/bin/python" || ! "$environment/bin/python" -c 'import pip' >/dev/null 2>&1; then
        find_python
        rm -rf "$environment"
        make_environment "$environment"
    fi
    say "Preparing $environment …"
    editable=yes
    pip_install "$environment" "$checkout" dev
    say "ready: .venv/bin/lcode, .venv/bin/python -m pytest"
}

# ------------------------------------------------------------------------------------------------------- uninstall

uninstall() {
    command=$bin/lcode
    if is_ours "$command"; then
        rm -f "$command"
        say "removed $command"
    fi
    if [ -d "$prefix" ]; then
        lock
        rm -rf "$prefix"/env-*
        say "removed the program in $prefix"
    else
        say "no program in $prefix"
    fi
    memory=$(memory_home)
    if [ "$purge_memory" = yes ]; then
        delete_memory "$memory"
    elif [ -e "$memory/user.db" ]; then
        say "memory stays in $memory (delete it with: sh install.sh --uninstall --purge-memory)"
    fi
}

# Where the program keeps memory: the same rule as in lcode/store/paths.py.
memory_home() {
    if [ -n "${LCODE_HOME:-}" ]; then
        case $LCODE_HOME in
            /*) say "$LCODE_HOME" ;;
            *) say "$HOME/$LCODE_HOME" ;;
        esac
    elif [ "$(uname -s)" = Darwin ]; then
        say "$HOME/Library/Application Support/lcode"
    else
        say "${XDG_DATA_HOME:-$HOME/.local/share}/lcode"
    fi
}

# Deletes what lcode keeps in $1 and nothing else, should that folder be shared with other things.
delete_memory() {
    if [ ! -e "$1/user.db" ] && [ ! -d "$1/agents" ]; then
        say "no memory in $1"
        return
    fi
    agents=$(find "$1/agents" -name memory.db 2>/dev/null | wc -l | tr -d ' ')
    size=$(du -sh "$1" | cut -f1)
    rm -rf "$1/agents" "$1"/user.db "$1"/user.db-wal "$1"/user.db-shm "$1/locks" "$1/log"
    rmdir "$1" 2>/dev/null || true
    say "deleted the memory in $1: every session, block and passage of $agents agent(s), $size"
}

# ------------------------------------------------------------------------------------------------------------ main

main() {
    action=install_program
    purge_memory=no
    editable=
    for argument in "$@"; do
        case $argument in
        --dev) action=develop ;;
        --uninstall) action=uninstall ;;
        --purge-memory) purge_memory=yes ;;
        -h | --help) action=usage ;;
        *) fail "unknown option: $argument" "sh install.sh --help" 2 ;;
        esac
    done
    if [ "$purge_memory" = yes ] && [ "$action" != uninstall ] && [ "$action" != usage ]; then
        fail "--purge-memory goes with --uninstall" "sh install.sh --help" 2
    fi
    [ -n "${HOME:-}" ] || fail "HOME is not set" "set it to your home folder"
    prefix=$(absolute LCODE_PREFIX "${LCODE_PREFIX:-$HOME/.local/lib/lcode}")
    bin=$(absolute LCODE_BIN "${LCODE_BIN:-$HOME/.local/bin}")
    # What would send pip or Python to another place than the environment.
    unset PYTHONHOME PYTHONPATH PIP_USER PIP_TARGET PIP_PREFIX PIP_REQUIRE_VIRTUALENV VIRTUAL_ENV
    $action
}

main "$@"
