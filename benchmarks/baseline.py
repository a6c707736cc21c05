"""The least that a Python program needs for the same run: no memory, no safety, no checks. The floor to compare with.

`python -I baseline.py URL`, in the workspace.
"""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from pathlib import Path


def run(name: str, arguments: dict) -> str:  # type: ignore[type-arg]
    if name == "shell":
        return subprocess.run(arguments["command"], shell=True, capture_output=True, text=True, check=False).stdout
    path = Path(arguments["path"])
    text = path.read_text()
    for edit in arguments.get("edits", []):
        path.write_text(text := text.replace(edit["old"], edit["new"]))
    return text


def main() -> None:
    messages: list[dict] = [{"role": "user", "content": "Raise the value and check it."}]  # type: ignore[type-arg]
    while True:
        body = json.dumps({"model": "scripted", "stream": True, "messages": messages}).encode()
        request = urllib.request.Request(sys.argv[1] + "/chat/completions", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request) as response:
            chunks = [json.loads(line[6:]) for line in response if line.startswith(b"data: {")]
        message = chunks[0]["choices"][0]["delta"]
        messages.append(message)
        if not message.get("tool_calls"):
            print(message["content"])
            return
        for call in message["tool_calls"]:
            result = run(call["function"]["name"], json.loads(call["function"]["arguments"]))
            messages.append({"role": "tool", "tool_call_id": call["id"], "content": result})


if __name__ == "__main__":
    main()
