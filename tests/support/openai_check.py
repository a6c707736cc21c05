"""What OpenAI Chat Completions refuses, with its own words."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from tests.support.wire import TOOL_NAME, Fields, Refusal, dump, parse, schema_fault

_REASONING = re.compile(r"(o\d|gpt-[5-9])")
_TOOLS_WITHOUT_REASONING = re.compile(r"gpt-(5\.[4-9]|[6-9])")
_SHORT_DESCRIPTIONS = re.compile(r"(o\d|gpt-4)")  # these models take at most 1,024 characters for a tool's description


class _OpenAIFields(Fields):
    def join(self, path: str, key: str | int) -> str:
        return f"{path}[{key}]" if isinstance(key, int) else f"{path}.{key}" if path else key

    def unknown(self, path: str) -> Refusal:
        if "." not in path and "[" not in path:
            return Refusal(f"Unrecognized request argument supplied: {path}")
        return Refusal(f"Unknown parameter: '{path}'.", param=path, code="unknown_parameter")

    def missing(self, path: str) -> Refusal:
        return Refusal(f"Missing required parameter: '{path}'.", param=path, code="missing_required_parameter")

    def wrong(self, path: str, wanted: str, value: Any) -> Refusal:
        return Refusal(
            f"Invalid value for '{path}': expected {wanted}, got {dump(value)[:80]}.", param=path, code="invalid_value"
        )


_f = _OpenAIFields()


def authorize(headers: Mapping[str, str], key: str | None) -> None:
    scheme, _, given = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not given.strip():
        raise Refusal(
            "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth"
            " (i.e. Authorization: Bearer YOUR_KEY).",
            status=401,
        )
    if key is not None and given != key:
        raise Refusal("Incorrect API key provided.", status=401, code="invalid_api_key")


def check(body: dict[str, Any]) -> None:
    _f.object(body, "", {"model": _text1, "messages": _f.array(_f.any, 1)}, _OPTIONAL)
    _check_options(body)
    for at, message in enumerate(body["messages"]):
        _check_message(message, f"messages[{at}]")
    _check_order(body["messages"])
    names = [tool["function"]["name"] for tool in body.get("tools") or []]
    if len(set(names)) != len(names):
        raise Refusal("Tool names must be unique.", param="tools")
    if _SHORT_DESCRIPTIONS.match(body["model"]):
        _check_descriptions(body.get("tools") or [])


def _text1(value: Any, path: str) -> None:
    _f.text(value, path)
    if not value:
        raise Refusal(
            "you must provide a model parameter" if path == "model" else f"Invalid '{path}': empty string.", param=path
        )


def _maybe(check: Callable[[Any, str], None]) -> Callable[[Any, str], None]:
    """The service takes null for what is optional."""

    def checked(value: Any, path: str) -> None:
        if value is not None:
            check(value, path)

    return checked


def _stop(value: Any, path: str) -> None:
    for word in value if isinstance(value, list) else [value]:
        _f.text(word, path)


def _tool(value: Any, path: str) -> None:
    _f.object(value, path, {"type": _f.one_of("function"), "function": _function})


def _function(value: Any, path: str) -> None:
    optional = {"description": _f.text, "parameters": _f.free, "strict": _maybe(_f.flag)}
    _f.object(value, path, {"name": _name}, optional)
    fault = schema_fault(value["parameters"]) if "parameters" in value else ""
    if fault:
        message = f"Invalid schema for function '{value['name']}': {fault}"
        raise Refusal(message, param=f"{path}.parameters", code="invalid_function_parameters")


def _name(value: Any, path: str) -> None:
    _f.text(value, path)
    if not TOOL_NAME.match(value):
        message = f"Invalid '{path}': string does not match pattern. Expected a string that matches '^[a-zA-Z0-9_-]{{1,64}}$'."
        raise Refusal(message, param=path, code="invalid_value")


def _named(value: Any, path: str) -> None:
    _f.object(value, path, {"name": _name})


def _called(value: Any, path: str) -> None:
    _f.object(value, path, {"name": _name, "arguments": _arguments})


def _tool_choice(value: Any, path: str) -> None:
    if isinstance(value, str):
        return _f.one_of("none", "auto", "required")(value, path)
    _f.object(value, path, {"type": _f.one_of("function"), "function": _named})
    return None


def _stream_options(value: Any, path: str) -> None:
    _f.object(value, path, {}, {"include_usage": _f.flag, "include_obfuscation": _f.flag})


_OPTIONAL: dict[str, Callable[[Any, str], None]] = {
    "stream": _maybe(_f.flag),
    "stream_options": _maybe(_stream_options),
    "max_tokens": _maybe(_f.integer(1)),
    "max_completion_tokens": _maybe(_f.integer(1)),
    "temperature": _maybe(_f.number(0, 2)),
    "top_p": _maybe(_f.number(0, 1)),
    "n": _maybe(_f.integer(1, 1)),
    "stop": _maybe(_stop),
    "seed": _maybe(_f.integer(-(2**63))),
    "tools": _maybe(_f.array(_tool, 1)),
    "tool_choice": _maybe(_tool_choice),
    "parallel_tool_calls": _maybe(_f.flag),
    "reasoning_effort": _maybe(_f.one_of("none", "minimal", "low", "medium", "high", "xhigh")),
    "verbosity": _maybe(_f.one_of("low", "medium", "high")),
    "prompt_cache_key": _maybe(_f.text),
    "prompt_cache_retention": _maybe(_f.one_of("in-memory", "24h")),
    "safety_identifier": _maybe(_f.text),
    "user": _maybe(_f.text),
    "store": _maybe(_f.flag),
    "metadata": _maybe(_f.free),
    "service_tier": _maybe(_f.one_of("auto", "default", "flex", "priority")),
    "response_format": _maybe(_f.free),
    "presence_penalty": _maybe(_f.number(-2, 2)),
    "frequency_penalty": _maybe(_f.number(-2, 2)),
    "logprobs": _maybe(_f.flag),
}


def _check_options(body: dict[str, Any]) -> None:
    if body.get("stream_options") is not None and not body.get("stream"):
        raise Refusal("The 'stream_options' parameter is only allowed when 'stream' is enabled.", param="stream_options")
    for name in ("tool_choice", "parallel_tool_calls"):
        if body.get(name) is not None and not body.get("tools"):
            raise Refusal(f"'{name}' is only allowed when 'tools' are specified.", param=name)
    if body.get("max_tokens") is not None and body.get("max_completion_tokens") is not None:
        raise Refusal("Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.", param="max_tokens")
    reasoning = _REASONING.match(body["model"]) is not None
    if reasoning and body.get("max_tokens") is not None:
        message = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
        raise Refusal(message, param="max_tokens", code="unsupported_parameter")
    if reasoning and body.get("temperature", 1) not in (None, 1):
        message = (
            "Unsupported value: 'temperature' does not support this value with this model. Only the default (1) is supported."
        )
        raise Refusal(message, param="temperature", code="unsupported_value")
    if (
        body.get("reasoning_effort") not in (None, "none")
        and body.get("tools")
        and _TOOLS_WITHOUT_REASONING.match(body["model"])
    ):
        message = f"Function tools with reasoning_effort are not supported for {body['model']} in /v1/chat/completions."
        raise Refusal(f"{message} Please use /v1/responses instead.", param="reasoning_effort")
    if body.get("reasoning_effort") is not None and body["model"].startswith(("gpt-4", "gpt-3")):
        raise Refusal("Unrecognized request argument supplied: reasoning_effort")


def _check_descriptions(tools: list[dict[str, Any]]) -> None:
    for at, tool in enumerate(tools):
        length = len(tool["function"].get("description", ""))
        if length > 1024:
            path = f"tools[{at}].function.description"
            message = (
                f"Invalid '{path}': string too long. Expected a string with maximum length 1024,"
                f" but got a string with length {length} instead."
            )
            raise Refusal(message, param=path, code="string_above_max_length")


def _check_message(message: Any, path: str) -> None:
    if not isinstance(message, dict):
        raise _f.wrong(path, "an object", message)
    if "role" not in message:
        raise _f.missing(f"{path}.role")
    role = message["role"]
    if role not in ("system", "developer", "user", "assistant", "tool"):
        words = "'system', 'assistant', 'user', 'function', 'tool', and 'developer'"
        raise Refusal(f"Invalid value: {role!r}. Supported values are: {words}.", param=f"{path}.role", code="invalid_value")
    if role == "assistant":
        _check_assistant(message, path)
    elif role == "tool":
        _f.object(message, path, {"role": _f.any, "tool_call_id": _text1, "content": _content})
    else:
        user = role == "user"
        _f.object(message, path, {"role": _f.any, "content": _user_content if user else _content}, {"name": _f.text})


def _check_assistant(message: dict[str, Any], path: str) -> None:
    optional = {"content": _maybe(_content), "name": _f.text, "refusal": _maybe(_f.text), "tool_calls": _f.array(_call, 1)}
    _f.object(message, path, {"role": _f.any}, optional)
    if message.get("content") is None and not message.get("tool_calls") and message.get("refusal") is None:
        text = f"Invalid value for 'content': expected a string, got null. ({path}.content)"
        raise Refusal(text, param=f"{path}.content", code="invalid_value")


def _content(value: Any, path: str) -> None:
    if not isinstance(value, str):
        _f.array(_text_part, 1)(value, path)


def _user_content(value: Any, path: str) -> None:
    if not isinstance(value, str):
        _f.array(_user_part, 1)(value, path)


def _text_part(value: Any, path: str) -> None:
    _f.object(value, path, {"type": _f.one_of("text"), "text": _f.text})


def _user_part(value: Any, path: str) -> None:
    if isinstance(value, dict) and value.get("type") in ("image_url", "input_audio", "file"):
        _f.object(value, path, {"type": _f.any, value["type"]: _f.free})
    else:
        _text_part(value, path)


def _call(value: Any, path: str) -> None:
    _f.object(value, path, {"id": _call_id, "type": _f.one_of("function"), "function": _called})


def _call_id(value: Any, path: str) -> None:
    _text1(value, path)
    if len(value) > 40:
        message = (
            f"Invalid '{path}': string too long. Expected a string with maximum length 40,"
            f" but got a string with length {len(value)} instead."
        )
        raise Refusal(message, param=path, code="string_above_max_length")


def _arguments(value: Any, path: str) -> None:
    _f.text(value, path)
    try:
        held = parse(value.encode("utf-8"))
    except ValueError:
        held = None
    if not isinstance(held, dict):
        raise _f.wrong(path, "a JSON object encoded as a string", value)


def _check_order(messages: list[dict[str, Any]]) -> None:
    """Each assistant message with calls is followed by exactly one tool message for each, before any other role."""
    open_ids: list[str] = []
    for at, message in enumerate(messages):
        if message["role"] == "tool":
            if message["tool_call_id"] not in open_ids:
                text = "messages with role 'tool' must be a response to a preceeding message with 'tool_calls'."
                raise Refusal(f"Invalid parameter: {text}", param=f"messages.[{at}].role")
            open_ids.remove(message["tool_call_id"])
            continue
        _refuse_open(open_ids, at)
        open_ids = [part["id"] for part in message.get("tool_calls") or []]
        if len(set(open_ids)) != len(open_ids):
            raise Refusal(
                f"Duplicate value for 'tool_call_id' in messages[{at}].tool_calls.", param=f"messages[{at}].tool_calls"
            )
    _refuse_open(open_ids, len(messages))


def _refuse_open(open_ids: list[str], at: int) -> None:
    if open_ids:
        text = (
            "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'."
            f" The following tool_call_ids did not have response messages: {', '.join(open_ids)}"
        )
        raise Refusal(text, param=f"messages.[{at}].role")
