"""Files that are named after the secrets in them are asked about; source code and documents about secrets are not."""

from __future__ import annotations

from pathlib import Path

import pytest

from lcode.sensitive import is_sensitive

HOME = Path("/home/somebody")


@pytest.mark.parametrize(
    "name",
    [
        *(
            "secrets.yaml",
            "secrets.yml",
            "secrets.json",
            "secrets.toml",
            "secret.yaml",
            "Secrets.prod.yaml",
            "secrets",
            ".secrets",
        ),
        *("db_secrets.yaml", "app-secrets.ini", "prod.secrets.json", "secrets.txt", "secrets.sh", "secrets.enc.yaml"),
        *(
            "credentials",
            ".aws_credentials",
            "credentials.json",
            "gcp-credentials.json",
            "my_credentials.txt",
            "credentials.yml.enc",
        ),
        *(".git-credentials", ".env", "id_ed25519", "credentials.csv", "aws_credentials.bak"),
    ],
)
def test_files_named_after_secrets_are_sensitive(name: str) -> None:
    assert is_sensitive(Path("/repo/config") / name, HOME)


@pytest.mark.parametrize(
    "name",
    [
        *(
            "secrets.py",
            "credentials.py",
            "test_credentials.py",
            "credentials_provider.go",
            "Credentials.java",
            "secrets.test.ts",
        ),
        *("credentials.md", "secrets.rst", "secrets.d.ts", "useCredentials.tsx", "secrets.example", "credentials.json.sample"),
        *("secrets.yaml.template", "secretary.txt", "secretsanta.csv", "main.py"),
    ],
)
def test_code_and_documents_about_secrets_are_not(name: str) -> None:
    assert not is_sensitive(Path("/repo/src") / name, HOME)
