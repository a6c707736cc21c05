"""What the two wire forms share: refusals, checks of fields, JSON schemas of tools, splitting into deltas, counting."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from tests.support.script import Turn

TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}\Z")
_DELTA_SIZES = (3, 1, 4, 1, 5, 9, 2, 6)
_SCHEMA_TYPES = ("object", "array", "string", "integer", "number", "boolean", "null")
_SCHEMA_WORDS = {
    "type", "properties", "required", "additionalProperties", "description", "title", "items", "enum", "const", "default",
    "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "pattern", "format", "anyOf", "examples",
}  # fmt: skip


class Refusal(Exception):
    """The request is not one that the real service would take."""

    def __init__(
        self, message: str, *, status: int = 400, kind: str = "", param: str | None = None, code: str | None = None
    ) -> None:
        super().__init__(message)
        self.message, self.status, self.kind, self.param, self.code = message, status, kind, param, code


@dataclass(frozen=True)
class Count:
    """Tokens, in the neutral sense: `input` is everything sent, `cached` and `written` are parts of it."""

    input: int = 0
    cached: int = 0
    written: int = 0
    output: int = 0
    reasoning: int = 0


@dataclass(frozen=True)
class Rendered:
    """A response's bytes. From `whole_at` on, a client may hold that the reply is complete."""

    data: bytes
    content_type: str
    whole_at: int
    headers: Mapping[str, str] = field(default_factory=dict)


class Wire(Protocol):
    """One API: what it refuses, how it says so, how it answers."""

    name: str
    path: str

    def authorize(self, headers: Mapping[str, str], key: str | None) -> None: ...

    def check(self, body: dict[str, Any]) -> None: ...

    def error(self, status: int, message: str, refusal: Refusal | None = None) -> dict[str, Any]: ...

    def error_event(self) -> bytes: ...

    def too_long(self, tokens: int, window: int) -> Refusal: ...

    def render(self, turn: Turn, body: dict[str, Any], ids: Callable[[int], str], count: Count) -> Rendered: ...


def parse(raw: bytes) -> Any:
    """The body as strict JSON in UTF-8: no lone surrogates, no NaN."""

    def constant(word: str) -> Any:
        raise ValueError(f"{word} is not JSON")

    try:
        value = json.loads(raw.decode("utf-8"), parse_constant=constant)
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"invalid utf-8: {error.reason} at byte {error.start}") from None
    except UnicodeEncodeError:
        raise ValueError("no low surrogate in string") from None
    return value


Check = Callable[[Any, str], None]


class Fields:
    """Checks of one API's bodies; the subclass words the refusals and writes paths its way."""

    def unknown(self, path: str) -> Refusal:
        raise NotImplementedError

    def missing(self, path: str) -> Refusal:
        raise NotImplementedError

    def wrong(self, path: str, wanted: str, value: Any) -> Refusal:
        raise NotImplementedError

    def join(self, path: str, key: str | int) -> str:
        raise NotImplementedError

    def object(
        self, value: Any, path: str, required: Mapping[str, Check], optional: Mapping[str, Check] | None = None
    ) -> dict[str, Any]:
        """An object with these fields and no others. None counts as absent only where a check allows it."""
        if not isinstance(value, dict):
            raise self.wrong(path, "an object", value)
        allowed = {**required, **(optional or {})}
        for key in value:
            if key not in allowed:
                raise self.unknown(self.join(path, key))
        for key in required:
            if key not in value:
                raise self.missing(self.join(path, key))
        for key, part in value.items():
            allowed[key](part, self.join(path, key))
        return value

    def text(self, value: Any, path: str) -> None:
        if not isinstance(value, str):
            raise self.wrong(path, "a string", value)

    def flag(self, value: Any, path: str) -> None:
        if not isinstance(value, bool):
            raise self.wrong(path, "a boolean", value)

    def free(self, value: Any, path: str) -> None:
        if not isinstance(value, dict):
            raise self.wrong(path, "an object", value)

    def any(self, value: Any, path: str) -> None:
        pass

    def integer(self, least: int, most: int | None = None) -> Check:
        def check(value: Any, path: str) -> None:
            if isinstance(value, bool) or not isinstance(value, int):
                raise self.wrong(path, "an integer", value)
            if value < least or (most is not None and value > most):
                raise self.wrong(path, f"an integer of at least {least}" + (f" and at most {most}" if most else ""), value)

        return check

    def number(self, least: float, most: float) -> Check:
        def check(value: Any, path: str) -> None:
            if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
                raise self.wrong(path, f"a number from {least} to {most}", value)

        return check

    def one_of(self, *words: str) -> Check:
        def check(value: Any, path: str) -> None:
            if value not in words:
                raise self.wrong(path, "one of " + ", ".join(repr(word) for word in words), value)

        return check

    def array(self, item: Check, least: int = 0) -> Check:
        def check(value: Any, path: str) -> None:
            if not isinstance(value, list):
                raise self.wrong(path, "an array", value)
            if len(value) < least:
                raise self.wrong(path, f"an array with at least {least} item", value)
            for at, part in enumerate(value):
                item(part, self.join(path, at))

        return check


def schema_fault(schema: Any, path: str = "()", *, top: bool = True) -> str:
    """What is wrong with a tool's JSON schema (the subset that both services take), or an empty text."""
    if not isinstance(schema, dict):
        return f"In context={path}, a schema must be an object."
    if unknown := sorted(set(schema) - _SCHEMA_WORDS):
        return f"In context={path}, '{unknown[0]}' is not permitted."
    kind = schema.get("type")
    if top and kind != "object":
        return f"schema must be a JSON Schema of 'type: \"object\"', got 'type: \"{kind}\"'."
    if "type" not in schema and "anyOf" not in schema and "enum" not in schema and "const" not in schema:
        return f"In context={path}, schema must have a 'type' key."
    if "type" in schema and kind not in _SCHEMA_TYPES:
        return f"In context={path}, '{kind}' is not valid under any of the given schemas."
    if kind == "array" and "items" not in schema:
        return f"In context={path}, array schema missing items."
    if "enum" in schema and (not isinstance(schema["enum"], list) or not schema["enum"]):
        return f"In context={path}, enum must be a non-empty array."
    if not isinstance(schema.get("description", ""), str):
        return f"In context={path}, description must be a string."
    return _inner_fault(schema, path)


def _inner_fault(schema: dict[str, Any], path: str) -> str:
    properties = schema.get("properties", {})
    required = schema.get("required", [])
    if not isinstance(properties, dict):
        return f"In context={path}, properties must be an object."
    if not isinstance(required, list) or len(set(map(str, required))) != len(required):
        return f"In context={path}, required must be an array of unique strings."
    if lacking := [name for name in required if name not in properties]:
        return f"In context={path}, required names '{lacking[0]}', which is not a property."
    parts = {f"properties.{name}": part for name, part in properties.items()}
    if "items" in schema:
        parts["items"] = schema["items"]
    if isinstance(schema.get("additionalProperties", False), dict):
        parts["additionalProperties"] = schema["additionalProperties"]
    parts |= {f"anyOf.{at}": part for at, part in enumerate(schema.get("anyOf", []))}
    faults = (schema_fault(part, f"{path}.{name}", top=False) for name, part in parts.items())
    return next((fault for fault in faults if fault), "")


def pieces(text: str, factor: int = 1) -> Iterator[str]:
    """`text` in small odd deltas: inside escapes, words and numbers; at most some hundred, however long it is."""
    factor += len(text) // 400
    at = turn = 0
    while at < len(text):
        size = _DELTA_SIZES[turn % len(_DELTA_SIZES)] * factor
        yield text[at : at + size]
        at, turn = at + size, turn + 1


def dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def arguments_text(arguments: Mapping[str, Any] | str) -> str:
    """Arguments as the model writes them: escaped to ASCII, so that deltas also cut inside escapes."""
    return arguments if isinstance(arguments, str) else json.dumps(arguments)


def arguments_object(arguments: Mapping[str, Any] | str) -> dict[str, Any]:
    """Arguments where the wire form carries an object: raw text that is none is left out, as it cannot be said."""
    if not isinstance(arguments, str):
        return dict(arguments)
    try:
        value = json.loads(arguments)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
