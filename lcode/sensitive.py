"""Which files hold secrets, and which steer other programs: touching them is asked about, even where their neighbours are free.

Decided by the path alone, so that it also holds for files that do not exist yet, and without regard to case, because
some file systems have none. Search tools leave out what `is_sensitive` names and say so.
"""

from __future__ import annotations

import re
from fnmatch import translate
from functools import cache
from pathlib import Path

_NAMES = (
    *(".env", ".env.*", "*.env", ".envrc", ".netrc", "_netrc", ".npmrc", ".pypirc", ".git-credentials", ".htpasswd", ".pgpass"),
    *("*.pem", "*.key", "*.p12", "*.pfx", "*.jks", "*.keystore", "*.kdbx", "*.ppk", "id_rsa*", "id_dsa*", "id_ecdsa*"),
    *("id_ed25519*", "kubeconfig", "*.kubeconfig", ".dockercfg", ".vault-token", ".s3cfg", ".boto", ".terraformrc"),
    *("*.tfstate", "*.tfvars", "secrets.toml", "credentials.json", "client_secret*.json", "service-account*.json"),
    *("secret", "secrets", "secret.*", "secrets.*", ".secrets*", "*[-_.]secrets", "*[-_.]secrets.*", "*credentials*"),
    *(".bash_history", ".zsh_history", ".python_history", ".psql_history", ".mysql_history"),
)
_HARMLESS = (
    "*.example",
    "*.sample",
    "*.template",
    "*.dist",
    "*.defaults",
    "*.pub",
    "example.env",
    "sample.env",
    "template.env",
)
# What is called by its subject, such as secrets.py or credentials.md: read like its neighbours.
_ABOUT = (
    r".*(?:secret|credential)s?[^.]*(?:\.(?:test|spec|d|stories))?\.(?:pyi?|ipynb|[cm]?[jt]sx?|vue|svelte|go|rs|java|kts?"
    r"|scala|[ch]|cc|cpp|hpp|cs|rb|php|swift|lua|exs?|hs|dart|proto|graphql|mdx?|rst|adoc|html?|s?css|svg|png)"
)
_FOLDERS = (".ssh", ".gnupg", ".aws", ".azure", ".kube", ".oci", ".password-store")  # of anybody's home
_HOME_FOLDERS = (
    *(".config/gcloud", ".config/gh", ".config/op", ".docker", ".local/share/keyrings", ".mozilla", ".config/google-chrome"),
    *("library/keychains", "library/application support/google/chrome", ".config/lcode"),
)
# Written to, these make git, an editor, a build server or lcode itself run or allow something later.
_STEERING = (
    *(".git", ".lcode", ".vscode", ".idea", ".husky", ".devcontainer", ".github/workflows", ".github/actions", ".circleci"),
    *(".gitlab-ci.yml", ".gitmodules", ".pre-commit-config.yaml", ".envrc", ".mcp.json", ".claude", ".cursor", ".gemini"),
)


@cache
def _any_of(patterns: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(map(translate, patterns)))


def is_sensitive(path: Path, home: Path) -> bool:
    """Whether `path` (resolved) holds, or is made to hold, secrets."""
    return bool(why_sensitive(path, home))


def why_sensitive(path: Path, home: Path) -> str:
    """A few words on why `path` (resolved) is asked about even for reading; '' where it is not."""
    parts = _folded(path)
    name = parts[-1] if parts else ""
    if _any_of(_NAMES).match(name) and not _any_of(_HARMLESS).match(name) and not re.fullmatch(_ABOUT, name):
        return f"{path.name} may hold secrets"
    for folder in _FOLDERS:
        if folder in parts:
            return f"{folder} holds keys"
    below = _below(parts, _folded(home))
    if below is not None:
        for known in _HOME_FOLDERS:
            if _starts(below, known):
                return f"~/{known} holds credentials"
    if (parts[:2] == ("/", "proc") and name in ("environ", "mem")) or parts in (
        ("/", "etc", "shadow"),
        ("/", "etc", "gshadow"),
    ):
        return f"{path} holds secrets"
    return ""


def why_steering(path: Path, root: Path) -> str:
    """A few words on why writing to `path` (resolved) is asked about although it is inside `root`; '' where it is not."""
    below = _below(_folded(path), _folded(root))
    if below is None:
        return ""
    if ".git" in below:  # also that of a nested repository
        return "a change inside .git can make git run programs"
    for known in _STEERING:
        if _starts(below, known):
            return f"{known} steers other programs"
    return ""


def _folded(path: Path) -> tuple[str, ...]:
    # NTFS drops dots and spaces at the end of a name, HFS+ ignores zero-width characters in it.
    return tuple(part.casefold().rstrip(". ").replace("\u200c", "").replace("\u200d", "") or part for part in path.parts)


def _below(parts: tuple[str, ...], folder: tuple[str, ...]) -> tuple[str, ...] | None:
    return parts[len(folder) :] if parts[: len(folder)] == folder else None


def _starts(parts: tuple[str, ...], known: str) -> bool:
    wanted = tuple(known.split("/"))
    return parts[: len(wanted)] == wanted
