"""Which embedding the settings ask for: the table in the package, or a service that the user named.

A service gets code as it is written, redacted, in batches; what fails for a passing reason is sent again. Only the user's
own settings can name one: a repository cannot decide where code goes. While the service does not answer, a question has no
vector and the search goes on by words.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from lcode.errors import ConfigError, ProviderError
from lcode.index.embedding import Embedder, StaticEmbedder, scaled

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse
    from urllib3.poolmanager import PoolManager

    from lcode.config import Settings

_AT_ONCE = 64  # texts of one request
_TOGETHER = 150_000  # characters of one request
_LONGEST = 8_000  # characters of one text: within what embedding models read
_ATTEMPTS = 5
_FIRST_WAIT, _LONGEST_WAIT = 0.5, 30.0
_CONNECT, _READ, _QUESTION = 10.0, 120.0, 5.0  # seconds
_QUIET = 60.0  # seconds without another question after one that failed
_LARGEST_REPLY = 64 * 1024 * 1024
_PASSING = (408, 425, 429, 500, 502, 503, 504, 529)
_SERVICES = {  # address, what is added to it, model, variable of the key
    "openai": ("https://api.openai.com/v1", "/embeddings", "text-embedding-3-small", "OPENAI_API_KEY"),
    "ollama": ("http://127.0.0.1:11434", "/api/embed", "nomic-embed-text", ""),
}


def environment(settings: Settings) -> frozenset[str]:
    """The variables that the embedding needs beside what every program does."""
    if settings.embedding_provider == "static":
        return frozenset()
    from lcode.network import VARIABLES

    key_env = settings.embedding_key_env or ("" if settings.embedding_url else _SERVICES[settings.embedding_provider][3])
    return VARIABLES | ({key_env} if key_env else set())


def embedder_for(settings: Settings, environ: Mapping[str, str]) -> Embedder:
    """The embedding that the settings name; nothing is sent yet. Raises ConfigError."""
    provider = settings.embedding_provider
    if provider == "static":
        return StaticEmbedder()
    url, path, model, key_env = _SERVICES[provider]
    own = settings.embedding_url.rstrip("/")
    if own and not own.startswith(("https://", "http://")):
        raise ConfigError("embedding_url must be an address that starts with https:// or http://")
    key_env = settings.embedding_key_env or ("" if own else key_env)
    key = environ.get(key_env, "").strip() if key_env else ""
    if key_env and not key:
        raise ConfigError(
            f"the embedding needs a key in {key_env}, which is not set", "set it, or embedding_provider to static"
        )
    return ServiceEmbedder(
        provider, (own or url) + path, settings.embedding_model or model, key, settings.embedding_dimension, environ
    )


class ServiceEmbedder:
    """An embedding behind HTTP: `provider` is the form it speaks, `url` where requests go, `dimension` what is asked of it.

    `problem` is why the last question had no vector; '' when it had one.
    """

    def __init__(
        self,
        provider: str,
        url: str,
        model: str,
        key: str,
        dimension: int | None,
        environ: Mapping[str, str],
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.problem = ""
        self._provider = provider
        self._url = url
        self._model = model
        self._key = key
        self._asked = dimension
        self._environ = environ
        self._sleep = sleep
        self._quiet_until = 0.0

    @property
    def name(self) -> str:
        size = f" {self._asked}" if self._asked else ""
        return f"{self._model}{size} at {_shown(self._url)}"

    @cached_property
    def dimension(self) -> int:
        """As the settings say, else as the service does when it is first asked. Raises ProviderError."""
        return self._asked or len(self._send(["dimension"], _ATTEMPTS, _READ)[0])

    def documents(self, texts: Sequence[str]) -> list[bytes]:
        """Raises ProviderError."""
        clean = [self._clean(text) for text in texts]
        found = [b""] * len(clean)
        batch: list[int] = []
        for number, text in enumerate(clean):
            if text:
                if len(batch) == _AT_ONCE or sum(len(clean[each]) for each in batch) + len(text) > _TOGETHER:
                    self._fill(found, clean, batch)
                    batch = []
                batch.append(number)
        if batch:
            self._fill(found, clean, batch)
        return found

    def query(self, text: str) -> bytes:
        """Asks once, briefly: a search goes on without."""
        cleaned = self._clean(text)
        if not cleaned or time.monotonic() < self._quiet_until:
            return b""
        try:
            vector = self._send([cleaned], 1, _QUESTION)[0]
        except ProviderError as error:
            self.problem = error.message
            self._quiet_until = time.monotonic() + _QUIET
            return b""
        self.problem = ""
        return vector

    def _fill(self, found: list[bytes], texts: list[str], batch: list[int]) -> None:
        vectors = self._send([texts[number] for number in batch], _ATTEMPTS, _READ)
        for number, vector in zip(batch, vectors, strict=True):
            found[number] = vector

    @cached_property
    def _redact(self) -> Callable[[str], str]:
        from lcode.redact import Redactor

        return Redactor(self._environ).redact

    @cached_property
    def _connections(self) -> PoolManager:
        from lcode.network import connections

        return connections(self._url, self._environ)

    def _clean(self, text: str) -> str:
        from lcode.redact import cut

        return cut(self._redact(text), _LONGEST).strip()

    def _send(self, texts: list[str], attempts: int, patience: float) -> list[bytes]:
        number = 1
        while True:
            try:
                return self._request(texts, patience)
            except ProviderError as error:
                if not error.retryable or number >= attempts:
                    raise
                wait = min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** (number - 1))
                self._sleep(wait if error.retry_after is None else min(_LONGEST_WAIT, error.retry_after))
            number += 1

    def _request(self, texts: list[str], patience: float) -> list[bytes]:
        from urllib3 import Timeout
        from urllib3.exceptions import HTTPError

        body: dict[str, Any] = {"model": self._model, "input": texts}
        if self._asked:
            body["dimensions"] = self._asked
        headers = {"content-type": "application/json", "accept": "application/json", "user-agent": "lcode"}
        if self._key:
            headers["authorization"] = f"Bearer {self._key}"
        try:
            response = self._connections.request(
                "POST",
                self._url,
                body=json.dumps(body, ensure_ascii=False).encode(),
                headers=headers,
                preload_content=False,
                retries=False,
                redirect=False,
                timeout=Timeout(connect=min(_CONNECT, patience), read=patience),
            )
            with response:
                data = response.read(_LARGEST_REPLY)
        except (HTTPError, OSError) as error:
            what = f"{self._at} cannot be reached: {type(error).__name__}"
            raise ProviderError(what, "is it running, and is embedding_url right?", retryable=True) from None
        if response.status != 200:
            raise self._refused(response, data)
        return self._vectors(data, len(texts))

    def _refused(self, response: BaseHTTPResponse, data: bytes) -> ProviderError:
        from lcode.sanitize import clean

        said = clean(self._redact(data[:2_000].decode("utf-8", "replace").replace(self._key or "\0", "…"))).replace("\n", " ")[
            :200
        ]
        wish = response.headers.get("retry-after", "")
        return ProviderError(
            f"{self._at} answered {response.status}: {said}",
            "see embedding_provider, embedding_model and embedding_key_env in `lcode config`",
            status=response.status,
            retryable=response.status in _PASSING,
            retry_after=float(wish) if wish.isdigit() else None,
        )

    def _vectors(self, data: bytes, count: int) -> list[bytes]:
        """The vectors of a reply, checked: it comes from outside."""
        try:
            reply = json.loads(data)
            if self._provider == "ollama":
                rows = reply["embeddings"]
            else:
                rows = [row["embedding"] for row in sorted(reply["data"], key=lambda row: int(row["index"]))]
            vectors = [scaled([_finite(number) for number in row]) for row in rows]
        except (ValueError, TypeError, KeyError, RecursionError):
            raise ProviderError(f"{self._at} answered with something else than vectors") from None
        sizes = {len(row) for row in rows}
        if len(vectors) != count or len(sizes) != 1 or not min(sizes):
            raise ProviderError(f"{self._at} answered with {len(vectors)} vectors of {sizes or 'no'} numbers for {count} texts")
        if self._asked and sizes != {self._asked}:
            raise ProviderError(
                f"{self._at} gives vectors of {sizes.pop()} numbers, not of {self._asked}",
                "correct or unset embedding_dimension",
            )
        return vectors

    @property
    def _at(self) -> str:
        return f"the embedding service {_shown(self._url)}"


def _finite(number: Any) -> float:
    value = float(number)
    if not math.isfinite(value) or isinstance(number, (str, bool)):
        raise ValueError("not a number")
    return value


def _shown(url: str) -> str:
    """An address without what may be secret in it."""
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    return f"{parts.netloc.rpartition('@')[2]}{parts.path}"
