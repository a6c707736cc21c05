"""What Anthropic Messages refuses, with its own words."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from typing import Any

from tests.support.prefix import marks
from tests.support.wire import TOOL_NAME, Fields, Refusal, schema_fault

_MODEL = re.compile(r"claude-[a-z]+-(\d{1,2})(?:-(\d{1,2}))?(?!\d)")
_ID = re.compile(r"[a-zA-Z0-9_-]+\Z")
THOUGHT_ID = "toolu_th"  # ids of calls that the server issued in a reply that began with thinking
_VERSIONS = ("2023-06-01", "2023-01-01")


class _AnthropicFields(Fields):
    def join(self, path: str, key: str | int) -> str:
        return f"{path}.{key}" if path else str(key)

    def unknown(self, path: str) -> Refusal:
        return Refusal(f"{path}: Extra inputs are not permitted")

    def missing(self, path: str) -> Refusal:
        return Refusal(f"{path}: Field required")

    def wrong(self, path: str, wanted: str, value: Any) -> Refusal:
        return Refusal(f"{path}: Input should be {wanted}")


_f = _AnthropicFields()


def signature_of(thinking: str) -> str:
    """The signature that the server issues with a thinking block: it can be checked later, also by another server."""
    return "Eq" + hashlib.sha256(b"thinking:" + thinking.encode()).hexdigest() + "=="


def redacted_of(thinking: str) -> str:
    """The encrypted form of a thinking block."""
    text = thinking.encode().hex()
    return f"Em{text}.{hashlib.sha256(text.encode()).hexdigest()}"


def authorize(headers: Mapping[str, str], key: str | None) -> None:
    if "x-api-key" not in headers:
        raise Refusal("x-api-key header is required", status=401, kind="authentication_error")
    if not headers["x-api-key"] or (key is not None and headers["x-api-key"] != key):
        raise Refusal("invalid x-api-key", status=401, kind="authentication_error")
    if "anthropic-version" not in headers:
        raise Refusal("anthropic-version: header is required")
    if headers["anthropic-version"] not in _VERSIONS:
        raise Refusal(f'anthropic-version: "{headers["anthropic-version"]}" is not a valid version')


def check(body: dict[str, Any]) -> None:
    """Refuse what the service would: fields first, then what the messages mean together."""
    _f.object(body, "", {"model": _text1, "max_tokens": _f.integer(1), "messages": _f.array(_message, 1)}, _OPTIONAL)
    if len(found := marks(body)) > 4:
        raise Refusal(f"A maximum of 4 blocks with cache_control may be provided. Found {len(found)}.")
    names = [tool["name"] for tool in body.get("tools", [])]
    if len(set(names)) != len(names):
        raise Refusal("tools: Tool names must be unique.")
    if "tool_choice" in body and not names:
        raise Refusal("tool_choice: tool_choice may only be specified while providing tools.")
    _check_model(body)
    _check_messages(body)


def version_of(model: str) -> tuple[int, int] | None:
    """The version in a model's name, such as (4, 7); None where it says none."""
    found = _MODEL.match(model)
    return (int(found[1]), int(found[2] or 0)) if found else None


def _text1(value: Any, path: str) -> None:
    _f.text(value, path)
    if not value:
        raise Refusal(f"{path}: String should have at least 1 character")


def _cache_control(value: Any, path: str) -> None:
    if value is not None:
        _f.object(value, path, {"type": _f.one_of("ephemeral")}, {"ttl": _f.one_of("5m", "1h")})


_MARK: dict[str, Callable[[Any, str], None]] = {"cache_control": _cache_control}


def _text_block(value: Any, path: str) -> None:
    _f.object(value, path, {"type": _f.one_of("text"), "text": _f.text}, {**_MARK, "citations": _f.any})
    where = path.split(".", maxsplit=1)[0]
    if not value["text"]:
        if value.get("cache_control"):
            raise Refusal(f"{path}: cache_control cannot be set for empty text blocks")
        raise Refusal(f"{where}: text content blocks must be non-empty")
    if not value["text"].strip():
        raise Refusal(f"{where}: text content blocks must contain non-whitespace text")


def _image(value: Any, path: str) -> None:
    _f.object(value, path, {"type": _f.any, "source": _f.free}, _MARK)


def _tool_use(value: Any, path: str) -> None:
    _f.object(value, path, {"type": _f.any, "id": _id, "name": _name, "input": _dictionary}, _MARK)


def _tool_result(value: Any, path: str) -> None:
    _f.object(value, path, {"type": _f.any, "tool_use_id": _id}, {"content": _result_content, "is_error": _f.flag, **_MARK})


def _thinking(value: Any, path: str) -> None:
    _f.object(value, path, {"type": _f.any, "thinking": _f.text, "signature": _f.text})
    if value["signature"] != signature_of(value["thinking"]):
        raise Refusal(f"{path}: Invalid `signature` in `thinking` block")


def _redacted(value: Any, path: str) -> None:
    _f.object(value, path, {"type": _f.any, "data": _f.text})
    text, _, digest = value["data"].removeprefix("Em").partition(".")
    if not digest or hashlib.sha256(text.encode()).hexdigest() != digest:
        raise Refusal(f"{path}: Invalid `data` in `redacted_thinking` block")


_BLOCKS: dict[str, dict[str, Callable[[Any, str], None]]] = {
    "user": {"text": _text_block, "image": _image, "document": _image, "tool_result": _tool_result},
    "assistant": {"text": _text_block, "tool_use": _tool_use, "thinking": _thinking, "redacted_thinking": _redacted},
    "result": {"text": _text_block, "image": _image},
}


def _blocks(kind: str) -> Callable[[Any, str], None]:
    def check_block(value: Any, path: str) -> None:
        if not isinstance(value, dict) or "type" not in value:
            raise _f.missing(f"{path}.type")
        if value["type"] not in _BLOCKS[kind]:
            tags = ", ".join(repr(tag) for tag in _BLOCKS[kind])
            raise Refusal(
                f"{path}: Input tag '{value['type']}' found using 'type' does not match any of the expected tags: {tags}"
            )
        _BLOCKS[kind][value["type"]](value, path)

    return check_block


def _message(value: Any, path: str) -> None:
    if isinstance(value, dict) and value.get("role") == "system":
        raise Refusal(
            'messages: Unexpected role "system". The Messages API accepts a top-level `system` parameter,'
            ' not "system" as an input message role.'
        )
    _f.object(value, path, {"role": _f.one_of("user", "assistant"), "content": _f.any})
    if not isinstance(value["content"], str):
        _f.array(_blocks(value["role"]))(value["content"], f"{path}.content")


def _result_content(value: Any, path: str) -> None:
    if not isinstance(value, str):
        _f.array(_blocks("result"))(value, path)


def _id(value: Any, path: str) -> None:
    _f.text(value, path)
    if not _ID.match(value):
        raise Refusal(f"{path}: String should match pattern '^[a-zA-Z0-9_-]+$'")


def _name(value: Any, path: str) -> None:
    _f.text(value, path)
    if not TOOL_NAME.match(value):
        raise Refusal(f"{path}: String should match pattern '^[a-zA-Z0-9_-]{{1,64}}$'")


def _dictionary(value: Any, path: str) -> None:
    if not isinstance(value, dict):
        raise Refusal(f"{path}: Input should be a valid dictionary")


def _tool(value: Any, path: str) -> None:
    optional = {"type": _f.one_of("custom"), "description": _f.text, "strict": _f.flag, **_MARK}
    _f.object(value, path, {"name": _name, "input_schema": _dictionary}, optional)
    if fault := schema_fault(value["input_schema"]):
        raise Refusal(f"{path}.custom.input_schema: {fault}")


def _tool_choice(value: Any, path: str) -> None:
    flag = {"disable_parallel_tool_use": _f.flag}
    if isinstance(value, dict) and value.get("type") == "tool":
        _f.object(value, path, {"type": _f.any, "name": _name}, flag)
    elif isinstance(value, dict) and value.get("type") == "none":
        _f.object(value, path, {"type": _f.any})
    else:
        _f.object(value, path, {"type": _f.one_of("auto", "any")}, flag)


def _thinking_config(value: Any, path: str) -> None:
    display = {"display": _f.one_of("summarized", "omitted")}
    kind = value.get("type") if isinstance(value, dict) else None
    if kind == "enabled":
        _f.object(value, path, {"type": _f.any, "budget_tokens": _budget}, display)
    elif kind == "adaptive":
        _f.object(value, path, {"type": _f.any}, display)
    else:
        _f.object(value, path, {"type": _f.one_of("enabled", "disabled", "adaptive")})


def _budget(value: Any, path: str) -> None:
    _f.integer(1)(value, path)
    if value < 1024:
        raise Refusal("thinking.enabled.budget_tokens: Input should be greater than or equal to 1024")


def _system(value: Any, path: str) -> None:
    if not isinstance(value, str):
        _f.array(_text_block)(value, path)


def _metadata(value: Any, path: str) -> None:
    _f.object(value, path, {}, {"user_id": _f.text})


def _output_config(value: Any, path: str) -> None:
    _f.object(value, path, {}, {"effort": _f.one_of("low", "medium", "high", "xhigh", "max"), "format": _f.free})


_OPTIONAL: dict[str, Callable[[Any, str], None]] = {
    "system": _system,
    "stream": _f.flag,
    "tools": _f.array(_tool),
    "tool_choice": _tool_choice,
    "thinking": _thinking_config,
    "temperature": _f.number(0, 1),
    "top_p": _f.number(0, 1),
    "top_k": _f.integer(0),
    "stop_sequences": _f.array(_f.text),
    "metadata": _metadata,
    "service_tier": _f.one_of("auto", "standard_only"),
    "output_config": _output_config,
    "cache_control": _cache_control,
}


def _check_model(body: dict[str, Any]) -> None:
    version = version_of(body["model"])
    thinking = body.get("thinking") or {}
    kind = thinking.get("type", "disabled")
    if kind == "enabled" and thinking["budget_tokens"] >= body["max_tokens"]:
        raise Refusal("`max_tokens` must be greater than `thinking.budget_tokens`.")
    if kind != "disabled":
        if body.get("temperature", 1) != 1:
            raise Refusal("`temperature` may only be set to 1 when thinking is enabled.")
        if "top_k" in body:
            raise Refusal("`top_k` must be unset when thinking is enabled.")
        if (body.get("tool_choice") or {}).get("type") in ("any", "tool"):
            raise Refusal("Thinking may not be enabled when tool_choice forces tool use.")
    if version is None:
        return
    if kind == "enabled" and version >= (4, 7):
        raise Refusal(
            '"thinking.type.enabled" is not supported for this model.'
            ' Use "thinking.type.adaptive" and "output_config.effort" to control thinking behavior.'
        )
    if kind == "adaptive" and version < (4, 6):
        raise Refusal("adaptive thinking is not supported on this model")
    if "effort" in (body.get("output_config") or {}) and version < (4, 5):
        raise Refusal("This model does not support the effort parameter.")
    if version >= (4, 7) and ("temperature" in body or "top_p" in body or "top_k" in body):
        raise Refusal("`temperature`, `top_p` and `top_k` are not supported for this model.")


Block = dict[str, Any]


def _check_messages(body: dict[str, Any]) -> None:
    turns = _merged(body["messages"])
    if turns[0][0] != "user":
        raise Refusal('messages: first message must use the "user" role')
    for at, (role, blocks) in enumerate(turns):
        last = at == len(turns) - 1
        if not blocks and not (last and role == "assistant"):
            raise Refusal(
                f"messages.{at}: all messages must have non-empty content except for the optional final assistant message"
            )
        if role == "assistant" and blocks and blocks[-1]["type"] in ("thinking", "redacted_thinking"):
            raise Refusal(f"messages.{at}: The final block in an assistant message cannot be `thinking`.")
    _check_results(turns)
    _check_end(body, turns)


def _merged(messages: list[dict[str, Any]]) -> list[tuple[str, list[Block]]]:
    """Consecutive messages of one role are one turn, as the service holds it."""
    turns: list[tuple[str, list[Block]]] = []
    for message in messages:
        content = message["content"]
        blocks = ([{"type": "text", "text": content}] if content else []) if isinstance(content, str) else content
        if not content and message is not messages[-1]:
            raise Refusal("messages: all messages must have non-empty content except for the optional final assistant message")
        if isinstance(content, str) and content and not content.strip():
            raise Refusal("messages: text content blocks must contain non-whitespace text")
        if turns and turns[-1][0] == message["role"]:
            turns[-1][1].extend(blocks)
        else:
            turns.append((message["role"], list(blocks)))
    return turns


def _check_results(turns: list[tuple[str, list[Block]]]) -> None:
    """Every call is answered at the head of the next turn, exactly once; no answer stands without its call."""
    seen: set[str] = set()
    for at, (role, blocks) in enumerate(turns):
        calls = [block["id"] for block in blocks if block["type"] == "tool_use"]
        if len(set(calls)) != len(calls) or seen & set(calls):
            raise Refusal("messages: `tool_use` ids must be unique")
        seen |= set(calls)
        following = turns[at + 1][1] if at + 1 < len(turns) else []
        answered = _leading_results(following)
        if lacking := [call for call in calls if call not in answered]:
            raise Refusal(
                f"messages.{at}: `tool_use` ids were found without `tool_result` blocks immediately after: {', '.join(lacking)}"
                ". Each `tool_use` block must have a corresponding `tool_result` block in the next message."
            )
        if role == "user":
            _check_user_results(at, blocks, [block["id"] for block in (turns[at - 1][1] if at else []) if "id" in block])


def _leading_results(blocks: list[Block]) -> list[str]:
    found: list[str] = []
    for block in blocks:
        if block["type"] != "tool_result":
            break
        found.append(block["tool_use_id"])
    return found


def _check_user_results(at: int, blocks: list[Block], asked: list[str]) -> None:
    results = [(number, block["tool_use_id"]) for number, block in enumerate(blocks) if block["type"] == "tool_result"]
    for number, call in results:
        if call not in asked:
            raise Refusal(
                f"messages.{at}.content.{number}: unexpected `tool_use_id` found in `tool_result` blocks: {call}. Each"
                " `tool_result` block must have a corresponding `tool_use` block in the previous message."
            )
        if [other for _, other in results].count(call) > 1:
            raise Refusal(
                f"messages.{at}.content.{number}: each tool_use must have a single result. Found multiple for id: {call}"
            )


def _check_end(body: dict[str, Any], turns: list[tuple[str, list[Block]]]) -> None:
    kind = (body.get("thinking") or {}).get("type", "disabled")
    _check_thinking_kept(kind, turns)
    thinks = kind != "disabled"
    role, blocks = turns[-1]
    if role == "assistant":
        if blocks and blocks[-1]["type"] == "text" and blocks[-1]["text"] != blocks[-1]["text"].rstrip():
            raise Refusal("messages: final assistant content cannot end with trailing whitespace")
        version = version_of(body["model"])
        if thinks or (version is not None and version >= (4, 6)):
            raise Refusal(
                "This model does not support assistant message prefill. The conversation must end with a user message."
            )


def _check_thinking_kept(kind: str, turns: list[tuple[str, list[Block]]]) -> None:
    """Inside a loop of tool calls, a reply that began with thinking goes back with it (the id of its calls tells)."""
    replies = [(at, blocks) for at, (role, blocks) in enumerate(turns) if role == "assistant"]
    if kind != "enabled" or not replies:
        return
    at, blocks = replies[-1]
    thought = any(block["type"] == "tool_use" and block["id"].startswith(THOUGHT_ID) for block in blocks)
    if thought and blocks[0]["type"] not in ("thinking", "redacted_thinking"):
        raise Refusal(
            f"messages.{at}.content.0.type: Expected `thinking` or `redacted_thinking`, but found `{blocks[0]['type']}`. When"
            " `thinking` is enabled, a final `assistant` message must start with a thinking block (preceeding the lastmost set"
            " of `tool_use` and `tool_result` blocks)."
        )
