"""What went wrong at the model's service, in words that say what to do. No key ever stands in them."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lcode import clock
from lcode.errors import ProviderError

# Texts, compiled when something has gone wrong: compiling them costs milliseconds at every start.
_OVERFLOW = (
    r"(?i)context_length_exceeded|context[ _](length|window|size)|prompt is too long|input is too long"
    r"|too many (input )?tokens|maximum context|maximum prompt length|input token count.*exceeds|token limit exceeded"
    r"|exceeds? the (maximum|available|model'?s?) (number of )?(context|tokens|input)|request_too_large"
    r"|input length and .?max_tokens.? exceed|reduce the length of the (messages|prompt)"
)
_NO_CREDIT = r"(?i)insufficient_quota|billing_hard_limit|credit balance|insufficient (balance|credit)"
_KEY_LIKE = r"\b(?:sk|gsk|xai|AIza)[-_]?[A-Za-z0-9_*-]{12,}"
_CONTROL = r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]+"
_RETRYABLE = {408, 409, 425, 429, 529}
_STATUS_OF_TYPE = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "insufficient_quota": 429,
    "context_length_exceeded": 400,
    "api_error": 500,
    "server_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}
QUOTED = 300  # characters of the service's own words


@dataclass(frozen=True)
class Service:
    """Who is asked: for the words of an error. `secrets` are cut out of whatever is quoted."""

    name: str
    host: str
    key_env: str = ""
    secrets: tuple[str, ...] = ()


class UnreachableError(ProviderError):
    """There is nobody to talk to, which a wait hardly changes: `attempts` is how often to try at the most."""

    def __init__(self, message: str, hint: str, *, attempts: int) -> None:
        super().__init__(message, hint, retryable=True)
        self.attempts = attempts


UNNAMED = Service("the service", "?")


def unreachable(error: BaseException | None, url: str, service: Service) -> ProviderError:
    """The error for a connection to `url` that was never made because of `error`."""
    import socket

    address, here = _address(url)
    if isinstance(error, ConnectionRefusedError):
        hint = "Is it running? Nothing listens at that address."
        if not here:
            return ProviderError(f"{service.name}: connection refused at {address}", hint, retryable=True)
        return UnreachableError(f"{service.name}: connection refused at {address}", hint, attempts=2)
    if isinstance(error, socket.gaierror):
        hint = "Is the name right, and the network up?"
        words = f"{service.name}: the name of {address} cannot be resolved: {error.strerror or error}"
        again = 6 if error.errno == socket.EAI_AGAIN else 2  # the name server did not answer, or it knows no such name
        return UnreachableError(words, hint, attempts=again)
    if isinstance(error, TimeoutError):
        return ProviderError(f"{service.name}: no connection to {address} in time", "Is the network up?", retryable=True)
    said = quoted(f"{type(error).__name__}: {error}" if error else "no reason given", service)
    return ProviderError(f"{service.name}: no connection to {address}: {said}", "Is the network up?", retryable=True)


def _address(url: str) -> tuple[str, bool]:
    """`HOST:PORT` of an address, and whether that is this machine."""
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    host = parts.hostname or "?"
    here = host in ("localhost", "::1") or host.startswith("127.") or host.endswith(".localhost")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}", here


def quoted(text: str, service: Service) -> str:
    """`text` short, on one line, without control characters and keys."""
    for secret in service.secrets:
        text = text.replace(secret, "[key]")
    text = re.sub(_KEY_LIKE, "[key]", text)
    text = " ".join(re.sub(_CONTROL, " ", text).split())
    return text if len(text) <= QUOTED else text[: QUOTED - 1] + "…"


def from_answer(status: int, headers: Mapping[str, str], body: str, service: Service) -> ProviderError:
    """The error for an HTTP answer that is not the reply."""
    return _explained(status, _words(body), _after(headers), service)


def from_event(error: Any, service: Service) -> ProviderError:
    """The error that a service sent inside its stream, after it had answered 200."""
    if not isinstance(error, dict):
        return _explained(500, str(error), None, service)
    code, kind = error.get("code"), error.get("type")
    status = _STATUS_OF_TYPE.get(str(code)) or _STATUS_OF_TYPE.get(str(kind)) or 500
    if re.fullmatch(r"[1-5]\d\d", str(code)):
        status = int(str(code))
    return _explained(status, _words(json.dumps({"error": error})), None, service)


def _explained(status: int, words: str, after: float | None, service: Service) -> ProviderError:
    where = f"{service.name} ({service.host})"
    said = quoted(words, service)
    tail = f": {said}" if said else ""
    variable = service.key_env or "the provider's key"
    if status in (400, 413, 422, 500) and re.search(_OVERFLOW, words):
        return ProviderError(f"{where}: the request is too long for the model{tail}", status=status, overflow=True)
    if status == 413:
        return ProviderError(f"{where}: the request is too large{tail}", status=status, overflow=True)
    if status in (401, 403):
        what = "refused the key" if status == 401 else "does not permit this request"
        hint = f"Check {variable} and that it belongs to {service.host}."
        return ProviderError(f"{where} {what}{tail}", hint, status=status)
    if status == 402 or (status in (400, 403, 429) and re.search(_NO_CREDIT, words)):
        return ProviderError(f"{where}: the account has no credit left{tail}", "Check its billing page.", status=status)
    if status == 404:
        hint = "Check the model's name (--model provider/model) and the base URL."
        return ProviderError(f"{where} does not know this model or address{tail}", hint, status=status)
    if 300 <= status < 400:
        hint = "Set the base URL to the address it redirects to, if you trust that one with your key."
        return ProviderError(f"{where} redirects elsewhere, which is not followed{tail}", hint, status=status)
    if status in _RETRYABLE or status >= 500:
        reason = {429: "asks to slow down", 529: "is overloaded", 408: "timed out", 504: "timed out"}.get(status, "failed")
        return ProviderError(f"{where} {reason} (HTTP {status}){tail}", status=status, retryable=True, retry_after=after)
    hint = "The service does not accept this request. Another model may." if status == 400 else ""
    return ProviderError(f"{where} refused the request (HTTP {status}){tail}", hint, status=status)


def _words(body: str) -> str:
    """The service's own words, with its code for the error: `{"error": {"message", "type", "code"}}` and its kin."""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return "" if body.lstrip()[:1] == "<" else body  # a page of HTML says nothing to anybody
    if isinstance(data, list) and data:
        data = data[0]
    if not isinstance(data, dict):
        return body
    error = data.get("error", data)
    if not isinstance(error, dict):
        return str(error)
    message = error.get("message") or error.get("detail") or data.get("message")
    names = [str(name) for key in ("type", "code") if (name := error.get(key)) and not isinstance(name, int)]
    if not message:
        return body
    return f"{message} [{', '.join(dict.fromkeys(names))}]" if names else str(message)


def _after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, from `retry-after-ms` or `Retry-After` (seconds or a date); None where the service did not say."""
    given = {name.lower(): value.strip() for name, value in headers.items() if name.lower().startswith("retry-after")}
    try:
        if "retry-after-ms" in given:
            return _positive(float(given["retry-after-ms"]) / 1000)
        if "retry-after" not in given:
            return None
        if re.fullmatch(r"[\d.]+", given["retry-after"]):
            return _positive(float(given["retry-after"]))
        from email.utils import parsedate_to_datetime

        return _positive((parsedate_to_datetime(given["retry-after"]) - clock.now()).total_seconds())
    except (ValueError, TypeError):
        return None


def _positive(seconds: float) -> float | None:
    return max(0.0, seconds) if math.isfinite(seconds) else None
