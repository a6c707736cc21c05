"""A plain client for the tests of the server itself: bodies that the services take, and a post on a fresh connection."""

from __future__ import annotations

import http.client
import json
import socket
from typing import Any

from tests.support.provider_server import ProviderServer

PATHS = {"openai": "/v1/chat/completions", "anthropic": "/v1/messages"}
HEADERS = {
    "openai": {"content-type": "application/json", "authorization": "Bearer test-key"},
    "anthropic": {"content-type": "application/json", "x-api-key": "test-key", "anthropic-version": "2023-06-01"},
}
SCHEMA = {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"], "additionalProperties": False}


def tool(api: str, name: str = "read_file", schema: Any = None) -> dict[str, Any]:
    schema = SCHEMA if schema is None else schema
    if api == "anthropic":
        return {"name": name, "description": "Reads a file.", "input_schema": schema}
    return {"type": "function", "function": {"name": name, "description": "Reads a file.", "parameters": schema}}


def asked(api: str, *call_ids: str, arguments: Any = None) -> dict[str, Any]:
    """An assistant message that calls `read_file` once for each id."""
    if api == "anthropic":
        given = {"path": "a.py"} if arguments is None else arguments
        content = [{"type": "tool_use", "id": one, "name": "read_file", "input": given} for one in call_ids]
        return {"role": "assistant", "content": content}
    function = {"name": "read_file", "arguments": '{"path": "a.py"}' if arguments is None else arguments}
    calls = [{"id": one, "type": "function", "function": function} for one in call_ids]
    return {"role": "assistant", "content": None, "tool_calls": calls}


def answered(api: str, *call_ids: str) -> list[dict[str, Any]]:
    """The messages that answer those calls."""
    if api == "anthropic":
        return [
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": one, "content": "x = 1"} for one in call_ids]}
        ]
    return [{"role": "tool", "tool_call_id": one, "content": "x = 1"} for one in call_ids]


def user(text: str = "hello") -> dict[str, Any]:
    return {"role": "user", "content": text}


def body(api: str, *messages: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A valid request (its messages: a user's, unless given)."""
    base: dict[str, Any] = {"model": "test-model", "messages": list(messages) or [user()], "tools": [tool(api)]}
    if api == "anthropic":
        base["max_tokens"] = 4096
    return {**base, **fields}


def post(server: ProviderServer, api: str, content: Any, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
    """Status and body. `content` that is bytes goes as it is."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    try:
        connection.request("POST", PATHS[api], data, HEADERS[api] if headers is None else headers)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def raw_post(server: ProviderServer, api: str, content: dict[str, Any]) -> tuple[bytes, bool]:
    """Everything that came on the socket, and whether the connection was reset at the end."""
    data = json.dumps(content).encode()
    lines = [f"POST {PATHS[api]} HTTP/1.1", "host: test", f"content-length: {len(data)}", "connection: close"]
    lines += [f"{name}: {value}" for name, value in HEADERS[api].items()]
    received = b""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode() + data)
        try:
            while piece := connection.recv(65536):
                received += piece
        except ConnectionResetError:
            return received, True
    return received, False


def dechunked(received: bytes) -> tuple[bytes, bool]:
    """The body of a chunked response, and whether its framing ended as it should."""
    _, _, rest = received.partition(b"\r\n\r\n")
    found = b""
    while rest:
        line, _, rest = rest.partition(b"\r\n")
        size = int(line, 16) if line else -1
        if size == 0:
            return found, True
        if size < 0:
            break
        found += rest[:size]
        rest = rest[size + 2 :]
    return found, False


def events(data: bytes) -> list[Any]:
    """The JSON of a stream's events, `[DONE]` apart."""
    lines = [line[5:].strip() for line in data.split(b"\n") if line.startswith(b"data:")]
    return [json.loads(line) for line in lines if line != b"[DONE]"]
