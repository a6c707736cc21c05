"""From type hints to the JSON schema that the model sees, and from the model's JSON back to checked arguments."""

from __future__ import annotations

import inspect
import json
import types
import typing
from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from lcode.llm.protocol import ToolSpec
from lcode.tools.base import Tool, ToolError

_SCALARS: dict[type, str] = {str: "string", int: "integer", float: "number", bool: "boolean"}


@cache
def description(tool: type[Tool]) -> str:
    """The text of `<name>.md` beside the module that defines `tool`."""
    source = Path(inspect.getfile(tool)).with_name(f"{tool.name}.md")
    return source.read_text(encoding="utf-8").strip()


@cache
def parameters(tool: type[Tool]) -> dict[str, Any]:
    """The JSON schema of `tool.run`'s parameters: an object, no further properties, in the order of the signature."""
    hints = get_type_hints(tool.run, include_extras=True)
    properties: dict[str, Any] = {}
    required: list[str] = []
    for name, parameter in inspect.signature(tool.run).parameters.items():
        if name in ("self", "context"):
            continue
        properties[name] = _schema(hints[name])
        if parameter.default is inspect.Parameter.empty:
            required.append(name)
        elif parameter.default not in (None, ""):
            properties[name]["default"] = parameter.default
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def spec(tool: Tool) -> ToolSpec:
    """`tool` as the model sees it."""
    return ToolSpec(tool.name, description(type(tool)), parameters(type(tool)))


def _schema(hint: Any) -> dict[str, Any]:
    if get_origin(hint) is Annotated:
        inner, *notes = get_args(hint)
        return {**_schema(inner), "description": str(notes[0])}
    if get_origin(hint) in (Union, types.UnionType):  # optional: the model leaves it out
        return _schema(next(arm for arm in get_args(hint) if arm is not type(None)))
    if get_origin(hint) is Literal:
        return {"type": "string", "enum": list(get_args(hint))}
    if get_origin(hint) is list:
        return {"type": "array", "items": _schema(get_args(hint)[0])}
    if typing.is_typeddict(hint):
        fields = get_type_hints(hint, include_extras=True)
        return {
            "type": "object",
            "properties": {name: _schema(_bare(field)) for name, field in fields.items()},
            "required": [name for name, field in fields.items() if get_origin(field) is not typing.NotRequired],
            "additionalProperties": False,
        }
    return {"type": _SCALARS[hint]}


def _bare(hint: Any) -> Any:
    return get_args(hint)[0] if get_origin(hint) in (typing.NotRequired, typing.Required) else hint


def arguments(tool: Tool, given: Mapping[str, Any]) -> dict[str, Any]:
    """`given` checked against the schema and put under our names; harmless slips (a number as text, one item for a
    list, null for a default) are mended. Raises ToolError that names every fault."""
    wanted = parameters(type(tool))
    values: dict[str, Any] = {}
    faults: list[str] = []
    for name, value in tool.mend(given).items():
        known = tool.aliases.get(name, name) if name not in wanted["properties"] else name
        if known not in wanted["properties"]:
            near = get_close_matches(known, list(wanted["properties"]), 1)
            faults.append(f"unknown parameter '{name}'" + (f" (did you mean '{near[0]}'?)" if near else ""))
        elif value is not None or known in wanted["required"]:
            values[known] = _mended(value, wanted["properties"][known], known, faults, tool.aliases)
    faults += [f"missing parameter '{name}'" for name in wanted["required"] if name not in values]
    if faults:
        listing = ", ".join(
            f"{name}{'' if name in wanted['required'] else '?'}: {prop['type']}" for name, prop in wanted["properties"].items()
        )
        told = "; ".join(faults).encode("utf-8", "replace").decode("utf-8")
        raise ToolError(f"{tool.name}: {told}. Parameters are {{{listing}}}.")
    return values


def _mended(value: Any, schema: Mapping[str, Any], name: str, faults: list[str], aliases: Mapping[str, str]) -> Any:
    kind = schema["type"]
    if kind == "array":
        value = _unquoted(value, (list, dict) if schema["items"]["type"] == "object" else list)
        items = value if isinstance(value, list) else [value]
        return [_mended(item, schema["items"], f"{name}[{at}]", faults, aliases) for at, item in enumerate(items)]
    if kind == "object":
        value = _unquoted(value, dict)
        if not isinstance(value, dict):
            faults.append(f"'{name}' must be an object")
            return value
        value = {key if key in schema["properties"] else aliases.get(key, key): part for key, part in value.items()}
        faults += [f"'{name}' lacks '{key}'" for key in schema["required"] if key not in value]
        faults += [f"'{name}' has unknown '{key}'" for key in value if key not in schema["properties"]]
        known = schema["properties"]
        return {key: _mended(part, known[key], f"{name}.{key}", faults, aliases) for key, part in value.items() if key in known}
    if kind == "string":
        if not isinstance(value, str):
            faults.append(f"'{name}' must be text")
        elif _is_broken(value):
            faults.append(f"'{name}' holds half of a surrogate pair, which is no text")
        elif "enum" in schema and value not in schema["enum"]:
            faults.append(f"'{name}' must be one of {', '.join(schema['enum'])}")
        return value
    return _number(value, kind, name, faults)


def _is_broken(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False


def _unquoted(value: Any, wanted: type | tuple[type, ...]) -> Any:
    """A list or object that came as its JSON text; anything else as it is."""
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
        try:
            found = json.loads(value)
        except ValueError:
            return value
        return found if isinstance(found, wanted) else value
    return value


def _number(value: Any, kind: str, name: str, faults: list[str]) -> Any:
    if kind == "boolean":
        if isinstance(value, bool):
            return value
        if isinstance(value, str) and value.lower() in ("true", "false"):
            return value.lower() == "true"
    elif not isinstance(value, bool):
        convert = int if kind == "integer" else float
        try:
            if isinstance(value, str) or float(value) == convert(value):
                return convert(value)
        except (TypeError, ValueError, OverflowError):
            pass
    faults.append(f"'{name}' must be {'an' if kind == 'integer' else 'a'} {kind}")
    return value
