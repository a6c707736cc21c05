"""The table of what secrets look like: the literal prefixes that services give their keys, and names of secrets.

Data and compiled expressions only; `lcode.redact` uses them. Expressions must be linear: bounded, or greedy over one class.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

# literal that every match holds (20 characters or more without white space), kind, expression; `~`: not inside a word
PREFIXES: tuple[tuple[str, str, str], ...] = (
    ("AKIA", "aws", r"AKIA[A-Z0-9]{16}(?![A-Z0-9])"),
    ("ASIA", "aws", r"ASIA[A-Z0-9]{16}(?![A-Z0-9])"),
    ("ghp_", "github", r"ghp_[A-Za-z0-9]{30,}"),
    ("gho_", "github", r"gho_[A-Za-z0-9]{30,}"),
    ("ghu_", "github", r"ghu_[A-Za-z0-9]{30,}"),
    ("ghs_", "github", r"ghs_[A-Za-z0-9]{30,}"),
    ("ghr_", "github", r"ghr_[A-Za-z0-9]{30,}"),
    ("github_pat_", "github", r"github_pat_[A-Za-z0-9_]{22,}"),
    ("gl", "gitlab", r"gl(?:pat|dt|rt|cbt|ptt|ft|soat|imt|agent|oas|ffct)-[\w-]{20,}"),
    ("gl", "grafana", r"~gl(?:sa|c)_[A-Za-z0-9+/=_]{32,}"),
    ("xox", "slack", r"xox[abceoprs]-[A-Za-z0-9-]{10,}"),
    ("xapp-", "slack", r"xapp-\d-[A-Za-z0-9-]{20,}"),
    ("hooks.slack", "slack", r"hooks\.slack\.com/(?:services|workflows|triggers)/[\w/-]{20,}"),
    ("/webhooks/", "discord", r"discord(?:app)?\.com/api/webhooks/\d+/[\w-]{40,}"),
    ("sk-", "model-key", r"~sk-[\w-]{20,}"),
    ("gsk_", "groq", r"~gsk_[A-Za-z0-9]{40,}"),
    ("xai-", "xai", r"~xai-[A-Za-z0-9]{40,}"),
    ("pplx-", "perplexity", r"~pplx-[A-Za-z0-9]{40,}"),
    ("r8_", "replicate", r"~r8_[A-Za-z0-9]{37,}"),
    ("hf_", "huggingface", r"~hf_[A-Za-z0-9]{30,}"),
    ("k_live_", "stripe", r"[sr]k_live_[A-Za-z0-9]{16,}"),
    ("k_test_", "stripe", r"[sr]k_test_[A-Za-z0-9]{16,}"),
    ("whsec_", "stripe", r"~whsec_[A-Za-z0-9+/=]{32,}"),
    ("AIza", "google", r"AIza[\w-]{35}"),
    ("ya29.", "google", r"~ya29\.[\w-]{20,}"),
    ("GOCSPX-", "google", r"GOCSPX-[\w-]{20,}"),
    ("npm_", "npm", r"~npm_[A-Za-z0-9]{36,}"),
    ("pypi-", "pypi", r"~pypi-[\w-]{50,}"),
    ("SG.", "sendgrid", r"~SG\.[\w-]{16,}\.[\w-]{16,}"),
    ("SK", "twilio", r"~SK[0-9a-f]{32}(?![\w-])"),
    ("AC", "twilio", r"~AC[0-9a-f]{32}(?![\w-])"),
    ("_v1_", "digitalocean", r"do[oprt]_v1_[0-9a-f]{40,}"),
    ("shp", "shopify", r"~shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32,}"),
    ("dapi", "databricks", r"~dapi[0-9a-f]{32}(?![\w])"),
    ("lin_api_", "linear", r"lin_api_[A-Za-z0-9]{32,}"),
    ("ntn_", "notion", r"~ntn_[A-Za-z0-9]{40,}"),
    ("secret_", "notion", r"~secret_[A-Za-z0-9]{43}(?![A-Za-z0-9])"),
    ("PMAK-", "postman", r"PMAK-[0-9a-f]{24}-[0-9a-f]{34,}"),
    ("NRAK-", "newrelic", r"~NRAK-[A-Za-z0-9]{27,}"),
    ("dp.", "doppler", r"~dp\.(?:pt|st|ct|sa|scim|audit)\.[\w.-]{40,}"),
    ("hv", "vault", r"~hv[sbr]\.[\w-]{24,}"),
    ("pul-", "pulumi", r"~pul-[0-9a-f]{40}(?![\w-])"),
    ("figd_", "figma", r"figd_[\w-]{38,}"),
    ("ATATT3", "atlassian", r"ATATT3[\w=-]{50,}"),
    ("sq0", "square", r"~sq0(?:atp|csp)-[\w-]{22,}"),
    (":AA", "telegram", r"\d{8,10}:AA[\w-]{33}(?![\w-])"),
    ("AGE-SECRET-", "age", r"AGE-SECRET-KEY-1[A-Z0-9]{50,}"),
    ("sntry", "sentry", r"sntry[su]_[\w+/=]{40,}"),
    ("dckr_pat_", "docker", r"dckr_pat_[\w-]{20,}"),
    ("tskey-", "tailscale", r"~tskey-[\w-]{20,}"),
    ("sbp_", "supabase", r"~sbp_[0-9a-f]{40}(?![\w-])"),
    ("sb_secret_", "supabase", r"~sb_secret_[\w-]{20,}"),
    ("pscale_", "planetscale", r"pscale_(?:tkn|pw|oauth)_[\w.=-]{32,}"),
    ("eyJ", "jwt", r"(?:(?<![\w-])|(?<=\\[nrt]))eyJ[\w-]{10,}\.eyJ[\w-]{10,}(?:\.[\w-]*)?"),
)

# Words that names of secrets hold; each with what follows it in the name. Matched on lower-case text.
_NAMES = {
    "pass": r"pass(?:word|wd|phrase|code)?",
    "pwd": r"pwd",
    "secret": r"secret",
    "token": r"token",
    "key": r"key",  # after one of KEY_OWNERS
    "credential": r"credentials?",
    "auth": r"auth",
}
NAME_WORDS = tuple(_NAMES)
KEY_OWNERS = (
    *("api", "access", "private", "secret", "auth", "account", "app", "encryption", "signing", "master", "storage"),
    *("service", "license", "ssh", "shared", "webhook", "session", "admin", "deploy"),
)
OPEN_TOKENS = ("next", "page", "change", "lock", "idempotency", "continuation", "pagination", "cancellation", "starting")
_SUFFIX = r"(?:[_-]?(?:access[_-]?)?(?:key|value|base|[0-9]{1,3}))?(?:[_-](?:base|prod|dev|test|staging|[0-9]{1,3}))?"
_QUOTE = r"""(?:\\{0,3}["'`])?"""
_ASSIGN = r"""\]?[ \t]{0,8}(?::[ \t]{0,4}[a-z][\w.]{0,30}(?:[ \t]?\|[ \t]?none)?[ \t]{0,4}=|=>|:=|={1,3}|:|>|<-)[ \t]{0,8}"""
_OPTION = r"[ \t]{1,4}"  # `--password VALUE`


def keys(text: str, pattern: str) -> Iterator[re.Match[str]]:
    """The matches of one entry of PREFIXES in `text`."""
    bounded = pattern.startswith("~")
    for match in _compiled(pattern.removeprefix("~")).finditer(text):
        if not bounded or _starts_word(text, match.start()):
            yield match


def _starts_word(text: str, at: int) -> bool:
    """Not a look-behind in the expression: that would keep the engine from searching for the literal."""
    before = text[at - 1 : at]
    if not before or not (before.isalnum() or before == "_"):  # a branch may be called fix-hf_…
        return True
    return before in "nrt" and text[at - 2 : at - 1] == "\\"  # an escaped newline, as inside JSON


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.ASCII)


@cache
def name(word: str) -> re.Pattern[str]:
    """A name that holds `word`, up to where its value begins. On lower-case text."""
    return re.compile(f"{_NAMES[word]}{_SUFFIX}(?:{_QUOTE}{_ASSIGN}|(?P<option>{_OPTION}))", re.ASCII)


@cache
def header() -> re.Pattern[str]:
    """`Authorization: Scheme ` or `Bearer `, up to where the credentials begin. On lower-case text."""
    start = rf"authorization{_QUOTE}[ \t]{{0,4}}[:=,][ \t]{{0,4}}[bf]?{_QUOTE}(?:[a-z]{{4,12}}[ \t]{{1,4}})?"
    return re.compile(rf"{start}|bearer[ \t]{{1,4}}", re.ASCII)


@cache
def url() -> re.Pattern[str]:
    """`://user:password@`. The password may not hold a slash: then the at sign belongs to the path."""
    return re.compile(r"""://(?P<user>[^\s:/?#@"'<>`\[\]]{0,200})(?::(?P<pass>[^\s/@"'<>`]{1,300}))?@""")


@cache
def key_mark() -> re.Pattern[str]:
    """The first or last line of a private key."""
    return re.compile(r"-----(?P<mark>BEGIN|END) [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
