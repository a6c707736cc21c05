"""Redaction: every planted secret goes, harmless text stays, the result is stable, and no text makes it slow."""

from __future__ import annotations

import base64
import json
import random
import string
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lcode import secret_rules
from lcode.redact import PLACEHOLDER, Redactor, _prefixed, cut, has_placeholder

REDACT = Redactor({}).redact
_ALNUM = string.ascii_letters + string.digits


def _random(count: int, alphabet: str = _ALNUM, seed: int = 7) -> str:
    chooser = random.Random(f"{seed}{count}{alphabet}")
    while True:  # one that has a digit and a letter, as nearly all have
        text = "".join(chooser.choice(alphabet) for _ in range(count))
        if any(char.isdigit() for char in text) and any(char.isalpha() for char in text):
            return text


_HEX = "0123456789abcdef"
_UPPER = string.ascii_uppercase + string.digits
# Put together here so that no scanner of this repository takes them for real keys.
KEYS = {
    "aws": "AKIA" + _random(16, _UPPER),
    "aws-session": "ASIA" + _random(16, _UPPER),
    "github": "ghp_" + _random(36),
    "github-app": "ghs_" + _random(36),
    "github-oauth": "gho_" + _random(36),
    "github-fine": "github_pat_" + _random(22) + "_" + _random(59),
    "gitlab": "glpat-" + _random(20),
    "slack-bot": "xoxb-" + _random(12, string.digits + "a") + "-" + _random(24),
    "slack-app": "xapp-1-A" + _random(10, _UPPER) + "-" + _random(64, _HEX),
    "slack-hook": "https://hooks.slack.com/services/T" + _random(8, _UPPER) + "/B" + _random(8, _UPPER) + "/" + _random(24),
    "discord": "https://discord.com/api/webhooks/123456789012345678/" + _random(68),
    "openai": "sk-" + _random(20) + "T3BlbkFJ" + _random(20),
    "openai-project": "sk-proj-" + _random(60) + "_" + _random(20),
    "anthropic": "sk-ant-api03-" + _random(93) + "AA",
    "openrouter": "sk-or-v1-" + _random(64, _HEX),
    "deepseek": "sk-" + _random(32, _HEX),
    "groq": "gsk_" + _random(52),
    "xai": "xai-" + _random(80),
    "perplexity": "pplx-" + _random(48),
    "replicate": "r8_" + _random(37),
    "huggingface": "hf_" + _random(34),
    "stripe": "sk_live_" + _random(24),
    "stripe-restricted": "rk_live_" + _random(24),
    "stripe-webhook": "whsec_" + _random(32),
    "google": "AIza" + _random(35),
    "google-oauth": "ya29." + _random(60),
    "google-client": "GOCSPX-" + _random(28),
    "npm": "npm_" + _random(36),
    "pypi": "pypi-AgEIcHlwaS5vcmc" + _random(80),
    "sendgrid": "SG." + _random(22) + "." + _random(43),
    "twilio": "SK" + _random(32, _HEX),
    "digitalocean": "dop_v1_" + _random(64, _HEX),
    "shopify": "shpat_" + _random(32, _HEX),
    "databricks": "dapi" + _random(32, _HEX),
    "linear": "lin_api_" + _random(40),
    "notion": "ntn_" + _random(46),
    "postman": "PMAK-" + _random(24, _HEX) + "-" + _random(34, _HEX),
    "newrelic": "NRAK-" + _random(27, _UPPER),
    "grafana": "glsa_" + _random(32) + "_" + _random(8, _HEX),
    "doppler": "dp.pt." + _random(43),
    "vault": "hvs." + _random(90),
    "pulumi": "pul-" + _random(40, _HEX),
    "figma": "figd_" + _random(40),
    "atlassian": "ATATT3xFfGF0" + _random(60),
    "square": "sq0atp-" + _random(22),
    "telegram": "123456789:AA" + _random(33),
    "age": "AGE-SECRET-KEY-1" + _random(58, _UPPER),
    "sentry": "sntrys_" + _random(60),
    "docker": "dckr_pat_" + _random(27),
    "tailscale": "tskey-auth-" + _random(17) + "-" + _random(32),
    "supabase": "sbp_" + _random(40, _HEX),
    "jwt": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0." + _random(43),
}
VALUE = "q7Rk2pWz9TnB4xYv"  # a password nobody would call a word
FORMS = {
    "env": f"DB_PASSWORD={VALUE}",
    "env-export": f'export API_TOKEN="{VALUE}"',
    "env-symbols": "DB_PASS=h7!kQ#2z)$pL9",
    "yaml": f"  password: {VALUE}",
    "yaml-quoted": f"client_secret: '{VALUE}'",
    "json": f'{{"api_key": "{VALUE}"}}',
    "json-in-json": json.dumps(json.dumps({"token": VALUE})),
    "toml": f'secret-key = "{VALUE}"',
    "ini": f"passwd={VALUE}",
    "python": f'password = "{VALUE}"',
    "python-typed": f'token: str | None = "{VALUE}"',
    "python-keyword": f'connect(user="me", password="{VALUE}", port=1)',
    "javascript": f"const apiKey = `{VALUE}`;",
    "go": f'authToken := "{VALUE}"',
    "php": f"'secret' => '{VALUE}',",
    "xml": f"<password>{VALUE}</password>",
    "option": f"mysql --password {VALUE} -u root",
    "option-equals": f"tool --api-key={VALUE}",
    "django": f'SECRET_KEY_BASE="{VALUE}"',
    "aws-secret": "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYzz7q9Tw1K2",
    "npmrc": f"//registry.npmjs.org/:_authToken={VALUE}",
    "connection": f"Server=db;User Id=sa;Password={VALUE};Encrypt=yes",
    "azure": "AccountKey=" + base64.b64encode(random.Random(3).randbytes(64)).decode() + ";",
    "bearer": f"Authorization: Bearer {VALUE}{VALUE}",
    "bearer-curl": f"curl -H 'Authorization: Bearer {VALUE}' https://x.example",
    "basic": "Authorization: Basic " + base64.b64encode(f"me:{VALUE}".encode()).decode(),
    "bearer-escaped": f'"GET / HTTP/1.1\\nAuthorization: Bearer {VALUE}{VALUE}\\n"',
    "header-proxy": f"Proxy-Authorization: Bearer {VALUE}{VALUE}",
    "header-key": f"X-Api-Key: {VALUE}",
    "header-python": f'{{"Authorization": "Bearer {VALUE}"}}',
    "url": f"postgres://app:{VALUE}@db.internal:5432/app",
    "url-token": f"https://{VALUE}{VALUE}@git.internal/x.git",
}
HARMLESS = [
    "commit 9f2c1b7e4d3a5f60718293a4b5c6d7e8f9012345",
    "id: 123e4567-e89b-12d3-a456-426614174000",
    '"integrity": "sha512-9Jf2+Zk1mQ7d8XoYb3Lr5TqWcEvNnA0pRs4UuHhGgFfDdSsAaQqWwEeRrTtYyUuIiOoPpLlKkJjHhGgFfDdSg==",',
    'hash = "sha256:b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9"',
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
    "token = next(tokens)",
    '"NextToken": "eyJNYXJrZXIiOiBudWxsLCAiYm90b190cnVuY2F0ZV9hbW91bnQiOiAzfQ=="',
    "tool --change-token 12cs345-67cd-890b-1cd2-c3a4567d89f1",
    '"arn:cloud:secretsmanager:us-west-2:123456789012:secret:MyTestSecret-a1b2c3"',
    '"Cloud::EndpointAuthorization": "e72be424d109da1d"',
    "private_key: x25519.X25519PrivateKey",
    "new URL('https://abc:xyz@host')",
    "token = tokens[index + 1]",
    "token = tokens[idx]",
    "def step(self, shrink_pass: ShrinkPass) -> bool: ...",
    "password:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "api_key: str = DEFAULT_API_KEY",
    "TOKEN=$GITHUB_TOKEN_2",
    'password = "your-api-key"',
    'token_type = "id_token_v2"',
    "secret: x509Certificate",
    'auth_token = "sha256-hash"',
    "password: str",
    "password: str = Field(min_length=8)",
    "password = get_password_from_vault(name)",
    "api_key = settings.PAYMENT_API_KEY_2",
    "secret = self._secret_provider.current_secret",
    'password = os.environ["DB_PASSWORD"]',
    "password: ${DB_PASSWORD}",
    "token: ${{ secrets.GITHUB_TOKEN }}",
    "password: <your-password-here>",
    'api_key = "your-api-key-goes-here"',
    "DB_PASSWORD=changeme123456",
    "SECRET_KEY=xxxxxxxxxxxxxxxxxxxx",
    "API_TOKEN=example-token-0123456789abcdef",
    'password: "{{ vault_db_password }}"',
    '"password": "Please enter your password (at least 12 characters)"',
    '"token": "password_reset_token_invalid"',
    'token_url = "https://auth.service.io/oauth2/v1/token"',
    "secret: projects/billing/secrets/db-main",
    "PWD=/home/someone/projects/lcode2/src1/a1b2",
    "max_tokens: 16384",
    "total_tokens=1048576",
    "if token == Token.IDENTIFIER2:",
    "tokens = tokenizer.encode(text, add_special_tokens=False)",
    "primary_key=True, foreign_key='users.id'",
    "cache-key: v2-deps-9f2c1b7e4d3a5f60",
    "<Token>value</Token>",
    "https://user@example.org/path and https://example.org:8443/a@b",
    "postgres://postgres:postgres@localhost/test",
    "git@github.com:owner/repo.git",
    "Bearer authentication is required by this endpoint",
    "Authorization: Bearer ${ACCESS_TOKEN}",
    "Authorization: Bearer <token>",
    "task-list-implementation-of-the-thing, disk-usage-report-generator-2024",
    "class='sk-folding-cube sk-estimator-doc-link-fitted'",
    'if line.startswith("-----BEGIN RSA PRIVATE KEY-----"):',
    'between "-----BEGIN PRIVATE KEY-----" and "-----END PRIVATE KEY-----" stands base64',
    "-" * 200,
    "def authorize(token: Token, secret: Secret) -> None: ...",
    "passed 12 tests, pass=12; bypass: false",
    "compass = Compass(heading=12.5)",
]


@pytest.mark.parametrize("name", KEYS)
def test_a_key_with_a_known_prefix_is_replaced_wherever_it_stands(name: str) -> None:
    for shape in ("{}", "key is {}, ok", 'x="{}"', "a\\n{}\\nb", "({})", "/path?k={}&b=1"):
        clean = REDACT(shape.format(KEYS[name]))
        assert KEYS[name][-16:] not in clean
        assert has_placeholder(clean)


@pytest.mark.parametrize("name", FORMS)
def test_a_value_under_a_secret_name_is_replaced_and_the_name_stays(name: str) -> None:
    clean = REDACT(f"first line\n{FORMS[name]}\nlast line\n")
    assert has_placeholder(clean), clean
    assert VALUE not in clean
    assert clean.startswith("first line\n") and clean.endswith("\nlast line\n")


@pytest.mark.parametrize("text", HARMLESS)
def test_harmless_text_is_left_alone(text: str) -> None:
    assert REDACT(text) == text


def _private_key(kind: str = "RSA PRIVATE KEY", newline: str = "\n", lines: int = 12) -> str:
    body = [_random(64, _ALNUM + "+/", seed) for seed in range(lines)]
    return newline.join([f"-----BEGIN {kind}-----", *body, _random(30) + "==", f"-----END {kind}-----"])


@pytest.mark.parametrize(
    "kind", ["RSA PRIVATE KEY", "PRIVATE KEY", "EC PRIVATE KEY", "OPENSSH PRIVATE KEY", "PGP PRIVATE KEY BLOCK"]
)
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\\n", "\n12→", "\n    ", '\\n" +\n  "'])
def test_a_private_key_goes_whole_however_it_is_quoted(kind: str, newline: str) -> None:
    clean = REDACT(f"before\n{_private_key(kind, newline)}\nafter")
    assert clean == "before\n[redacted:private-key]\nafter"


@pytest.mark.parametrize("newline", ["\n", "\\n", "\n  7\t"])
def test_a_private_key_cut_off_at_either_end_goes_too(newline: str) -> None:
    key = _private_key(newline=newline)
    lines = key.split(newline)
    head, tail = newline.join(lines[:6]), newline.join(lines[5:])
    assert all(line not in REDACT(f"a\n{head}") for line in lines[1:6])
    assert all(line not in REDACT(f"{tail}\nb") for line in lines[5:13])
    assert REDACT(f"{tail}\nb").endswith("\nb")


def test_an_encrypted_private_key_with_headers_goes_whole() -> None:
    lines = _private_key().split("\n")
    lines[1:1] = ["Proc-Type: 4,ENCRYPTED", "DEK-Info: AES-256-CBC,0123", ""]
    assert REDACT("\n".join(lines)) == "[redacted:private-key]"
    assert lines[6] not in REDACT("\n".join(lines[:9]))


ENVIRON = {
    "MY_SERVICE_KEY": "plain-words-only",
    "DB_PASSWORD": "tr0ub4dor",
    "HOME": "/home/somebody",
    "KEYMAP": "german",
    "A_TOKEN": "1234567",
}


def test_values_of_secret_environment_variables_are_replaced_exactly() -> None:
    redact = Redactor(ENVIRON).redact
    assert redact("is plain-words-only, tr0ub4dor!") == "is [redacted:environment], [redacted:environment]!"
    assert redact("/home/somebody german 1234567") == "/home/somebody german 1234567"


@pytest.mark.parametrize("before", ["", "u:", "me:", "user:"])
def test_base64_of_a_secret_environment_variable_is_replaced_at_any_alignment(before: str) -> None:
    encoded = base64.b64encode(f"{before}plain-words-only:and more".encode()).decode()
    assert "[redacted:environment]" in Redactor(ENVIRON).redact(f"x {encoded} y")


def test_files_and_folders_in_the_environment_are_not_secrets() -> None:
    assert list(Redactor({"SSL_KEY_FILE": "/etc/ssl/private.crt", "TOKEN_URL": "https://a.example/t"})._exact) == []


_pieces = st.one_of(
    st.text(max_size=12),
    st.sampled_from([*KEYS.values(), *FORMS.values(), _private_key(lines=3)]),
    st.sampled_from(
        ["[redacted:value]", "[redacted:private-key]", "[redacted:", "]", "password=", "token: ", '"', "\\n", "-----", "://a:"]
    ),
    st.sampled_from(list(ENVIRON.values())),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(_pieces, max_size=12).map("".join))
def test_redacting_twice_changes_nothing(text: str) -> None:
    redact = Redactor(ENVIRON).redact
    once = redact(text)
    assert redact(once) == once


_PLAIN = [line for line in HARMLESS if "PRIVATE KEY" not in line]  # a key right after the head of a block is taken for its body


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(_PLAIN), max_size=8).map("\n".join), st.sampled_from(sorted(KEYS)))
def test_a_key_between_harmless_lines_is_all_that_changes(text: str, name: str) -> None:
    clean = REDACT(f"{text}\n{KEYS[name]}\n{text}")
    assert KEYS[name] not in clean
    assert clean.startswith(f"{text}\n") and clean.endswith(f"\n{text}")


_joints = st.sampled_from(["", " ", "\n", "\\n", '"', "'", "(", "@", "é", "\u2028", "x", "-", "/", "=", ".", "q" * 20])
_whole_keys = st.sampled_from(list(KEYS.values()))
_parts_of_keys = st.tuples(_whole_keys, st.integers(0, 60)).map(lambda cut: cut[0][: cut[1]])


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(_whole_keys, _parts_of_keys, _joints), max_size=8).map("".join))
def test_looking_for_literals_in_long_runs_alone_misses_no_key(text: str) -> None:
    rules = [(kind, pattern) for _, kind, pattern in secret_rules.PREFIXES if kind != "model-key"]  # those are judged further
    kinds = {kind for kind, _ in rules}
    found = {(start, end) for start, end, kind in _prefixed(text) if kind in kinds}
    assert found == {match.span() for _, pattern in rules for match in secret_rules.keys(text, pattern)}


HOSTILE = [
    "a", "-", "=", ":", "'", '"', "\\", "A", " ", "[redacted:", "password=", "password = ", "token: ", '"secret": "', "key=",
    "sk-", "eyJ", "eyJaaaaaaaaaaaa.", "ghp_", "xoxb-", "://", "://a:", "://a:b", "Bearer ", "authorization: ", "--password ",
    "-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----", "-----BEGIN PRIVATE KEY-----\n", "-----BEGIN ", "AKIA", "_v1_",
    "pul-" + "a1" * 20, "password=Ab1!Cd2?Ef3;", "api_", "1234567890:AA", "hooks.slack.com/services/", "SG.", "dp.pt.", "\n",
    "-----BEGIN PRIVATE KEY-----" + "A" * 64 + "\\n", "discord.com/api/webhooks/1",
]  # fmt: skip


@pytest.mark.parametrize("unit", HOSTILE)
def test_no_line_makes_it_slow(unit: str) -> None:
    text = unit * (200_000 // len(unit))
    start = time.process_time()
    clean = REDACT(text)
    assert time.process_time() - start < 5  # quadratic ones take minutes
    assert REDACT(clean[:20_000]) is not None


def test_every_placeholder_matches_the_exported_expression() -> None:
    clean = REDACT("\n".join([*KEYS.values(), *FORMS.values(), _private_key()]))
    assert clean.count("[redacted:") == len(PLACEHOLDER.findall(clean))
    assert not has_placeholder("[redacted] nothing here")


def test_lone_surrogates_and_odd_letters_do_not_disturb_the_places() -> None:
    clean = REDACT(f"\ud800İSTANBUL ß password={VALUE} İ")
    assert clean == "\ufffdİSTANBUL ß password=[redacted:value] İ"


@given(st.text(st.characters(), max_size=40))
def test_what_comes_out_can_always_be_encoded(text: str) -> None:
    text = text.replace("x", "\udce9")
    REDACT(text).encode()


def test_a_secret_that_is_not_utf_8_is_found_as_it_is_read() -> None:
    redact = Redactor({"DB_PASSWORD": "caf\udce9-staple-battery-horse"}).redact
    assert redact("it is caf\udce9-staple-battery-horse") == redact("it is caf\ufffd-staple-battery-horse")
    assert "staple" not in redact("it is caf\udce9-staple-battery-horse")


def test_a_cut_leaves_no_part_of_a_placeholder() -> None:
    text = "one [redacted:github-token] two"
    for limit in range(len(text) + 1):
        kept = cut(text, limit)
        assert text.startswith(kept) and len(kept) <= limit
        assert kept.count("[") == kept.count("]") == len(PLACEHOLDER.findall(kept))
    assert cut(text, 26) == "one "
    assert cut(text, 27) == "one [redacted:github-token]"
    assert cut("[redac", 3) == "[re"
