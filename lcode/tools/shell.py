"""The tool `shell`: run a command line, without a terminal, bounded in time and output."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from lcode.tools import kept, truncate
from lcode.tools.base import Effect, Preview, Tool, ToolContext, ToolError, ToolOutput

if TYPE_CHECKING:
    from lcode.tools.process import Finished

_HEAD, _TAIL = 5_000, 11_000  # characters of the output that the model is shown
_KEPT = 4_000_000  # bytes of each end that the file with the full output may hold
_LONGEST = 3_600  # seconds

# No pager, editor or question can be answered here; colours would only be noise.
_WITHOUT_TERMINAL = {
    "TERM": "dumb",
    "PAGER": "cat",
    "GIT_PAGER": "cat",
    "MANPAGER": "cat",
    "GIT_EDITOR": "true",
    "GIT_TERMINAL_PROMPT": "0",
}


class Shell(Tool):
    name = "shell"
    effect = Effect.EXECUTE
    aliases: ClassVar[Mapping[str, str]] = {"cmd": "command", "workdir": "cwd"}

    async def run(  # type: ignore[override]
        self,
        context: ToolContext,
        command: str,
        timeout: Annotated[int | None, "seconds; usually 120"] = None,
        cwd: str | None = None,
        description: Annotated[str | None, "what it does, for the user"] = None,
    ) -> ToolOutput:
        from lcode.tools import process

        folder = _folder(context, command, cwd)
        capture = process.Capture(_KEPT, _KEPT)
        seconds = min(max(int(context.shell_timeout) if timeout is None else timeout, 1), _LONGEST)
        try:
            finished = await process.run(
                _command_line(context, command),
                cwd=folder,
                environment={**context.environment, **_WITHOUT_TERMINAL},
                timeout=seconds,
                capture=capture,
            )
        except (OSError, ValueError) as error:
            raise ToolError(f"The command cannot be started: {error}.") from None
        return _result(context, finished, seconds)

    def paths(self, context: ToolContext, arguments: Mapping[str, Any]) -> list[Path]:
        return []

    def summary(self, context: ToolContext, arguments: Mapping[str, Any]) -> str:
        line = " ".join(str(arguments.get("command", "")).split())
        return f"shell {line[:100]}".rstrip()

    async def preview(self, context: ToolContext, arguments: Mapping[str, Any]) -> Preview:
        command = str(arguments["command"])
        folder = _folder(context, command, arguments.get("cwd"))
        elsewhere = folder != context.cwd
        where = f" in {context.shown(folder)}" if elsewhere else ""
        label = f"cd {folder} && {command}" if elsewhere else command
        grant = f"{folder}\0{command}"  # for that folder only; no path and no command holds a NUL
        title = str(arguments.get("description") or "Run a command")
        return Preview("command", f"{' '.join(title.split())[:100]}{where}", command, grant, label)


def _folder(context: ToolContext, command: str, cwd: str | None) -> Path:
    from lcode.tools import files

    if not command.strip():
        raise ToolError("`command` is empty.")
    if "\0" in command:
        raise ToolError("`command` holds a NUL character, which no command line can.")
    folder = context.resolve(cwd) if cwd else context.cwd
    if not files.is_folder(folder):
        raise ToolError(f"`cwd` is not a folder: {context.shown(folder)}.")
    return folder


def _command_line(context: ToolContext, command: str) -> list[str] | str:
    if os.name == "nt":
        return f'cmd /d /s /c "{command}"'
    from shutil import which

    return [which("bash", path=context.environment.get("PATH")) or "/bin/sh", "-c", command]


def _result(context: ToolContext, finished: Finished, seconds: int) -> ToolOutput:
    output = finished.output
    if finished.dropped:
        output = output[:_KEPT] + f"\n[{finished.dropped:,} bytes were not kept]\n".encode() + output[_KEPT:]
    text = truncate.plain(output.decode("utf-8", "replace")).strip("\n")
    status = f"exit code {finished.code}" if finished.code >= 0 else f"ended by signal {-finished.code}"
    if finished.timed_out:
        status = f"timed out after {seconds} s and was ended"
    lines = truncate.plural(text.count("\n") + 1, "line") if text else "no output"
    shown = kept.shortened(context, text, _HEAD, _TAIL)
    context.seen.output(shown)
    text = f"{shown}\n" if shown else ""
    return ToolOutput(
        f"{text}[{status}, {finished.seconds:.1f} s{'' if shown else ', no output'}]",
        f"{status}, {lines}",
        is_error=finished.code != 0 or finished.timed_out,
    )
