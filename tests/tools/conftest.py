"""A folder with tools over it, called the way the agent calls them: arguments checked against the schema first."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import pytest

from lcode.memory.session_memory import SessionMemory
from lcode.tools import schema
from lcode.tools.base import Preview, Tool, ToolContext, ToolError, ToolOutput
from lcode.tools.registry import file_tools
from lcode.tools.seen import Seen


@dataclass
class Caller:
    """`call` runs a tool; `refused` expects a ToolError and gives its text."""

    context: ToolContext
    tools: Mapping[str, Tool]

    @property
    def root(self) -> Path:
        return self.context.root

    def call(self, name: str, **arguments: Any) -> ToolOutput:
        tool = self.tools[name]
        return asyncio.run(tool.run(replace(self.context), **schema.arguments(tool, arguments)))

    def text(self, name: str, **arguments: Any) -> str:
        return self.call(name, **arguments).text

    def refused(self, name: str, **arguments: Any) -> str:
        with pytest.raises(ToolError) as caught:
            self.call(name, **arguments)
        return str(caught.value)

    def preview(self, name: str, **arguments: Any) -> Preview:
        tool = self.tools[name]
        return asyncio.run(tool.preview(replace(self.context), schema.arguments(tool, arguments)))

    def write(self, name: str, data: str | bytes) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        return path

    def forget(self) -> None:
        """As in a new session: nothing was seen."""
        self.context.seen = Seen()


def make_caller(root: Path, output_dir: Path) -> Caller:
    memory = cast(SessionMemory, None)
    context = ToolContext(root, root, Seen(), memory, output_dir, {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"]})
    return Caller(context, {tool.name: tool for tool in file_tools()})


@pytest.fixture
def tools(tmp_path: Path) -> Caller:
    root = (tmp_path / "project").resolve()
    root.mkdir()
    return make_caller(root, tmp_path / "outputs")
