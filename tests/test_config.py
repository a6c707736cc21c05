"""Settings: which source wins, what a repository may set, what a fault says, and edits that keep the rest of the file."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lcode import config
from lcode.config_edit import set_value, unset
from lcode.config_keys import KEYS
from lcode.errors import ConfigError
from lcode.provider_settings import ModelSettings, ProviderSettings


@pytest.fixture
def user_file(tmp_path: Path) -> Path:
    file = tmp_path / "user" / "config.toml"
    file.parent.mkdir()
    return file


@pytest.fixture
def environ(user_file: Path) -> dict[str, str]:
    return {"LCODE_CONFIG": str(user_file), "HOME": "/nonexistent"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "repo" / ".lcode").mkdir(parents=True)
    return tmp_path / "repo"


def write(root: Path, text: str) -> Path:
    file = root / ".lcode" / "config.toml"
    file.write_text(text)
    return file


def test_without_any_file_all_is_built_in(root: Path, environ: Mapping[str, str]) -> None:
    found = config.load(root, environ, {})
    assert (found.model, found.permission_mode, found.max_steps, found.thinking) == ("", "ask", 50, "off")
    assert {origin for _, _, origin in found.rows()} == {"built-in"}
    assert found.warnings == ()
    assert [key for key, _, _ in found.rows()] == list(KEYS)


def test_the_dataclass_and_the_table_of_keys_agree() -> None:
    defaults = config.Settings()
    assert all(getattr(defaults, key) == rule.default for key, rule in KEYS.items())


def test_each_source_outranks_the_one_before(root: Path, user_file: Path, environ: dict[str, str]) -> None:
    file = write(root, "max_steps = 1\n")
    assert (config.load(root, environ, {}).max_steps, config.load(root, environ, {}).origin("max_steps")) == (
        1,
        f"repository: {file}",
    )
    user_file.write_text("max_steps = 2\n")
    assert (config.load(root, environ, {}).max_steps, config.load(root, environ, {}).origin("max_steps")) == (
        2,
        f"user: {user_file}",
    )
    environ["LCODE_MAX_STEPS"] = "3"
    found = config.load(root, environ, {})
    assert (found.max_steps, found.origin("max_steps")) == (3, "environment: LCODE_MAX_STEPS")
    found = config.load(root, environ, {"max_steps": 4, "model": None})
    assert (found.max_steps, found.origin("max_steps")) == (4, "command line")
    assert found.origin("model") == "built-in"


HARMLESS = {"max_steps", "block_limit", "core_memory_tokens", "shell_timeout"}


def test_only_these_keys_are_taken_from_a_repository() -> None:
    assert {key for key, rule in KEYS.items() if rule.from_repository} == HARMLESS


@pytest.mark.parametrize("key", sorted(set(KEYS) - HARMLESS))
def test_no_other_key_is_taken_from_a_repository_and_the_user_is_told(root: Path, environ: Mapping[str, str], key: str) -> None:
    value = {
        "model": '"evil/x"',
        "permission_mode": '"yolo"',
        "thinking": '"high"',
        "vi_mode": "true",
        "history": "false",
    }
    write(root, f"{key} = {value.get(key, 1234)}\n")
    found = config.load(root, environ, {})
    assert getattr(found, key) == KEYS[key].default
    assert len(found.warnings) == 1 and key in found.warnings[0]


def test_hooks_commands_addresses_and_credentials_of_a_repository_are_ignored_and_named(
    root: Path, environ: Mapping[str, str]
) -> None:
    write(
        root,
        'base_url = "http://evil"\n'
        'api_key = "sk-1"\n[hooks]\nstart = "rm"\n[providers.openai]\nbase_url = "http://evil"\n[env]\nX = "1"\n',
    )
    found = config.load(root, environ, {})
    assert not found.providers
    assert all(name in found.warnings[0] for name in ("base_url", "api_key", "hooks", "providers", "env"))
    assert "evil" not in found.warnings[0] and "sk-1" not in found.warnings[0]


@pytest.mark.parametrize(
    "text",
    [
        "max_steps = ",
        "\x00",
        "max_steps = 'many'",
        "max_steps = 0",
        "max_steps = 99999999",
        "[" * 5_000,
        '"\x1b[31m" = 1',
        "x" * 300_000,
    ],
)
def test_a_bad_repository_file_is_a_warning_and_never_an_error(root: Path, environ: Mapping[str, str], text: str) -> None:
    write(root, text)
    found = config.load(root, environ, {})
    assert found.max_steps == 50
    assert len(found.warnings) == 1
    assert "\x1b" not in found.warnings[0] and len(found.warnings[0]) < 600


def test_a_repository_file_that_is_no_file_is_a_warning(root: Path, environ: Mapping[str, str]) -> None:
    os.mkfifo(root / ".lcode" / "config.toml")
    assert config.load(root, environ, {}).warnings


def test_bytes_that_are_not_text_in_a_repository_file_are_a_warning(root: Path, environ: Mapping[str, str]) -> None:
    (root / ".lcode" / "config.toml").write_bytes(b"max_steps = 3\nx = '\xff'\n")
    assert "line 2" in config.load(root, environ, {}).warnings[0]


def test_the_users_own_file_is_not_read_as_the_repositorys(root: Path) -> None:
    file = write(root, 'model = "openai/x"\n')
    found = config.load(root, {"LCODE_CONFIG": str(file)}, {})
    assert found.model == "openai/x" and not found.warnings


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('max_step = 3\n', ["line 1", "unknown key 'max_step'", "max_steps"]),
        ('# a\n\nmax_steps = "3"\n', ["line 3", "max_steps must be a whole number"]),
        ("max_steps = true\n", ["line 1", "whole number"]),
        ("vi_mode = 1\n", ["vi_mode must be true or false"]),
        ("max_steps = 0\n", ["from 1 to 1000"]),
        ("idle_timeout = nan\n", ["from 1 to 3600"]),
        ('permission_mode = "all"\n', ["one of ask, accept-edits, plan, yolo"]),
        ('model = "a\\nb"\n', ["one line"]),
        ("model = x\n", ["not valid TOML", "line 1"]),
        ("[provider.x]\n", ["line 1", "unknown key 'provider'", "providers"]),
        ("providers = 3\n", ["must be tables"]),
        ('[providers.x]\napi = "openai"\n', ["line 1", "providers.x.base_url"]),
        ('[providers.x]\nbase_url = "ftp://h"\n', ["https://"]),
        ('[providers.x]\nbase_url = "https://h"\napi = "soap"\n', ["openai or anthropic"]),
        ('[providers.x]\nbase_url = "https://h"\nurl = "x"\n', ["unknown key 'url'", "base_url"]),
        ('[providers.x]\nbase_url = "https://h"\nheaders = {a = 1}\n', ["table of texts"]),
        ('[providers.x]\nbase_url = "https://h"\ncontext_window = 1.5\n', ["whole number"]),
        ('[providers."x y"]\nbase_url = "https://h"\n', ["letters, digits"]),
    ],
)  # fmt: skip
def test_a_fault_in_the_users_file_says_where_and_what(
    user_file: Path, environ: Mapping[str, str], text: str, words: list[str]
) -> None:
    user_file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        config.load(None, environ, {})
    assert all(word in caught.value.message for word in [str(user_file), *words]), caught.value.message
    assert caught.value.hint


def test_a_key_in_the_file_is_refused_without_being_quoted(user_file: Path, environ: Mapping[str, str]) -> None:
    for line in ('api_key = "sk-verysecret"', 'key_env = "sk-verysecret"'):
        user_file.write_text(f'[providers.x]\nbase_url = "https://h"\n{line}\n')
        with pytest.raises(ConfigError) as caught:
            config.load(None, environ, {})
        assert "verysecret" not in f"{caught.value} {caught.value.hint}"
        assert "environment variable" in caught.value.message


@pytest.mark.parametrize(("name", "value"), [("LCODE_MAX_STEPS", "many"), ("LCODE_RETRIES", "-1"), ("LCODE_VI_MODE", "maybe")])
def test_a_fault_in_the_environment_names_the_variable(environ: dict[str, str], name: str, value: str) -> None:
    environ[name] = value
    with pytest.raises(ConfigError, match=name) as caught:
        config.load(None, environ, {})
    assert value not in caught.value.message.split()


def test_a_fault_on_the_command_line_is_an_error(environ: Mapping[str, str]) -> None:
    with pytest.raises(ConfigError, match="permission_mode"):
        config.load(None, environ, {"permission_mode": "all"})


def test_an_empty_variable_counts_as_unset(environ: dict[str, str]) -> None:
    assert config.load(None, environ | {"LCODE_MODEL": " "}, {}).origin("model") == "built-in"


def test_providers_of_the_users_own(user_file: Path, environ: Mapping[str, str]) -> None:
    user_file.write_text(
        '[providers.work]\napi = "anthropic"\nbase_url = "https://m.example/v1"\nkey_env = "WORK_KEY"\n'
        'headers = { x-team = "confidential" }\ncontext_window = 128000\n[providers.home]\nbase_url = "http://127.0.0.1:1/v1"\n'
    )
    found = config.load(None, environ, {})
    assert found.providers["work"] == ProviderSettings(
        "anthropic", "https://m.example/v1", "WORK_KEY", {"x-team": "confidential"}, 128_000
    )
    assert found.providers["home"] == ProviderSettings("openai", "http://127.0.0.1:1/v1")
    assert ("providers.work", "anthropic at https://m.example/v1", f"user: {user_file}") in found.rows()
    assert "confidential" not in str(found.rows())
    with pytest.raises(TypeError):
        found.providers["evil"] = found.providers["home"]  # type: ignore[index]


def test_models_as_the_user_knows_them(user_file: Path, environ: Mapping[str, str]) -> None:
    user_file.write_text('[models."work/m"]\ncontext_window = 9000\nprice_input = 0.5\nprice_output = 2\n')
    found = config.load(None, environ, {})
    assert found.models["work/m"] == ModelSettings(9_000, price_input=0.5, price_output=2)
    told = "context_window 9000, price_input 0.5, price_output 2"
    assert ("models.work/m", told, f"user: {user_file}") in found.rows()


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[models.m]\nprice_input = 1", "a model is named with its provider"),
        ('[models."a/m"]\nprice_input = 1', "a price needs both price_input and price_output"),
        ('[models."a/m"]\nprice_in = 1', "unknown key 'price_in', did you mean price_input"),
        ('[models."a/m"]\nprice_input = -1\nprice_output = 1', "must be dollars for a million tokens"),
        ('[models."a/m"]\nprice_input = true\nprice_output = 1', "must be dollars for a million tokens"),
        ('[models."a/m"]\ncontext_window = 10', "must be a whole number of at least 1000"),
        ("models = 3", "models must be tables"),
    ],
)
def test_a_fault_in_a_model_is_named(user_file: Path, environ: Mapping[str, str], text: str, fault: str) -> None:
    user_file.write_text(text)
    with pytest.raises(ConfigError, match=re.escape(fault)):
        config.load(None, environ, {})


def test_the_file_lies_in_the_platforms_folder_or_where_the_variable_says() -> None:
    assert config.config_path({"XDG_CONFIG_HOME": "/x/c"}) == Path("/x/c/lcode/config.toml")
    assert config.config_path({"LCODE_CONFIG": "/a/b.toml", "XDG_CONFIG_HOME": "/x"}) == Path("/a/b.toml")
    assert config.config_path({}) == Path.home() / ".config/lcode/config.toml"


FILE = """# my settings
model = "openai/x"  # the quick one
'max_steps' = 30

# where I work
[providers.work]
base_url = "https://m.example/v1"
model = "not this one"
"""


def test_setting_a_key_keeps_all_else_in_the_file(user_file: Path, environ: Mapping[str, str]) -> None:
    user_file.write_text(FILE)
    user_file.chmod(0o640)
    assert set_value("model", "anthropic/y", environ) == user_file
    assert user_file.read_text() == FILE.replace('"openai/x"', '"anthropic/y"')
    set_value("max_steps", "31", environ)
    set_value("vi_mode", "yes", environ)
    expected = FILE.replace('"openai/x"', '"anthropic/y"').replace("= 30\n", "= 31\nvi_mode = true\n")
    assert user_file.read_text() == expected
    unset("vi_mode", environ)
    assert user_file.read_text() == expected.replace("vi_mode = true\n", "")
    assert user_file.stat().st_mode & 0o777 == 0o640
    assert [path.name for path in user_file.parent.iterdir()] == ["config.toml"]


def test_the_first_key_makes_the_file_private(tmp_path: Path) -> None:
    environ = {"LCODE_CONFIG": str(tmp_path / "new" / "deep" / "config.toml")}
    file = set_value("retries", "0", environ)
    assert file.read_text() == "retries = 0\n"
    assert file.stat().st_mode & 0o777 == 0o600
    unset("retries", environ)
    assert config.load(None, environ, {}).retries == 5


def test_a_link_to_the_file_stays_a_link(user_file: Path, environ: dict[str, str], tmp_path: Path) -> None:
    user_file.write_text("max_steps = 3\n")
    link = tmp_path / "link.toml"
    link.symlink_to(user_file)
    set_value("max_steps", "4", {"LCODE_CONFIG": str(link)})
    assert link.is_symlink() and user_file.read_text() == "max_steps = 4\n"


@pytest.mark.parametrize(
    ("key", "value", "word"), [("modle", "x", "model"), ("max_steps", "x", "whole number"), ("providers.x", "y", "providers")]
)
def test_what_cannot_be_set_is_refused_with_the_reason(
    user_file: Path, environ: Mapping[str, str], key: str, value: str, word: str
) -> None:
    user_file.write_text(FILE)
    with pytest.raises(ConfigError, match=word):
        set_value(key, value, environ)
    assert user_file.read_text() == FILE


def test_a_file_of_a_form_that_cannot_be_edited_is_left_alone(user_file: Path, environ: Mapping[str, str]) -> None:
    text = 'model = """\nopenai/x"""\n'
    user_file.write_text(text)
    with pytest.raises(ConfigError, match="cannot be edited"):
        set_value("model", "a/b", environ)
    assert user_file.read_text() == text


_lines = st.sampled_from(
    [
        'model = "a"',
        "retries = 2 # two",
        "",
        "# note",
        "  max_steps=7",
        "[providers.x]",
        'base_url = "http://h"',
        '"model" = "q"',
    ]
)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(_lines, max_size=8),
    st.sampled_from(["\n", "\r\n"]),
    st.text(st.characters(min_codepoint=32, blacklist_categories=("C",))),
)
def test_an_edit_changes_that_key_alone_or_nothing(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], newline: str, value: str
) -> None:
    file = tmp_path_factory.mktemp("edit") / "config.toml"
    file.write_bytes(newline.join(lines).encode())
    try:
        before = tomllib.loads(newline.join(lines))
    except tomllib.TOMLDecodeError:
        with pytest.raises(ConfigError):
            set_value("model", value, {"LCODE_CONFIG": str(file)})
        return
    set_value("model", value, {"LCODE_CONFIG": str(file)})
    assert tomllib.loads(file.read_bytes().decode()) == before | {"model": value.strip()}
    unset("model", {"LCODE_CONFIG": str(file)})
    before.pop("model", None)
    assert tomllib.loads(file.read_bytes().decode()) == before
