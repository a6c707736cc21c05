"""What a tool is: a name, a description beside the module, typed parameters, an effect, and `run`.

The schema the model sees comes from the type hints of `run` (see `schema`), the description from `<name>.md`.
A tool never asks for permission, prints or stores: the agent does, around it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from lcode.index.reader import CodeReader
    from lcode.memory.session_memory import SessionMemory
    from lcode.tools.seen import Seen


class Effect(StrEnum):
    """What a call can change. READ and MEMORY run without asking (inside the repository); READ calls run in parallel."""

    READ = "read"
    MEMORY = "memory"
    WRITE = "write"
    EXECUTE = "execute"
    NETWORK = "network"


class ToolError(Exception):
    """The call cannot be done. The text is for the model: what is wrong and what to do instead."""


@dataclass(frozen=True)
class ToolOutput:
    """`text` goes to the model; `summary` is one line for people; `diff` is a unified diff where a file changed."""

    text: str
    summary: str = ""
    diff: str = ""
    is_error: bool = False


@dataclass(frozen=True)
class Preview:
    """What an approval shows. `kind`: diff, command or path. `grant` is the key that `this session` remembers, and
    `grant_label` the words for it."""

    kind: str
    title: str
    detail: str
    grant: str
    grant_label: str


@dataclass
class ToolContext:
    """What one call may use. Paths the model gives are relative to `cwd` (inside `root`, the worktree); what a path meant
    when permission was decided on it, it means until the call is done.

    `operation_id` is made by the loop before the call and stands with the stored call: every memory write of the call
    carries it, so that an interrupted call can be checked and is not repeated. `output_dir` takes outputs
    whole that were cut. `environment` is what child processes get (provider keys are already out of it). `redact` is the
    gate for what a tool itself writes to disk (default: one made for `environment`).
    """

    root: Path
    cwd: Path
    seen: Seen
    memory: SessionMemory
    output_dir: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    operation_id: str = ""
    step_id: str = ""
    redact: Callable[[str], str] | None = None
    shell_timeout: float = 120  # seconds, where a call names none
    code: CodeReader | None = None  # the index of the code; None where there is none to ask
    _meant: dict[str, Path | None] = field(default_factory=dict, init=False, repr=False)  # None: no usable path

    def redacted(self, text: str) -> str:
        """`text` as it may be kept on disk."""
        if self.redact is None:
            from lcode.redact import Redactor

            return Redactor(self.environment).redact(text)
        return self.redact(text)

    def resolve(self, path: str) -> Path:
        """The absolute path (symlinks followed where they exist) that a model's `path` means. Raises ToolError where it
        cannot be one, or no longer is the one that it was at first: a symlink was put in its way meanwhile."""
        try:
            found = self._resolved(path)
        except ToolError:
            self._meant.setdefault(path, None)
            raise
        if self._meant.setdefault(path, found) != found:
            raise moved(path)
        return found

    def _resolved(self, path: str) -> Path:
        given = Path(path)
        with suppress(RuntimeError):  # no such user: a file whose name begins with a tilde
            given = given.expanduser()
        try:
            return (self.cwd / given).resolve()
        except (OSError, RuntimeError, ValueError) as error:
            raise ToolError(f"{path!r} is not a usable path: {getattr(error, 'strerror', None) or error}.") from None

    def touched(self, path: str) -> list[Path]:
        """What a call with this `path` touches; nothing where it is no path (the call itself then says so)."""
        try:
            return [self.resolve(path)]
        except ToolError:
            return []

    def shown(self, path: Path) -> str:
        """`path` as it is shown: relative to the root when inside it, on one line, without bytes that are no UTF-8."""
        try:
            name = path.relative_to(self.root).as_posix() or "."
        except ValueError:
            name = str(path)
        return name.replace("\n", "\\n").encode("utf-8", "replace").decode("utf-8")


def moved(path: Path | str) -> ToolError:
    """The refusal of a path that leads elsewhere than where it led when permission was decided on."""
    return ToolError(
        f"{path} leads elsewhere than when this call was permitted (a symlink was put in its way); nothing was done."
        " Look where it leads now, and call again."
    )


class Tool(ABC):
    """Base of all tools. `aliases` maps other names for a parameter (Letta's) to ours."""

    name: ClassVar[str]
    effect: ClassVar[Effect]
    aliases: ClassVar[Mapping[str, str]] = {}
    recalls: ClassVar[bool] = False  # whether what it returns was said or kept before, and is not data that comes in now

    @abstractmethod
    async def run(self, context: ToolContext, **arguments: Any) -> ToolOutput:
        """Do it. Raises ToolError. Subclasses name their parameters, typed with `Annotated[type, "description"]`."""

    def mend(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """The model's arguments brought into the schema's shape, where a tool knows a common slip. Default: as given."""
        return given

    def paths(self, context: ToolContext, arguments: Mapping[str, Any]) -> list[Path]:
        """The resolved paths a call touches: permission looks at them. Default: the argument `path`, where there is one."""
        path = arguments.get("path")
        return context.touched(path) if isinstance(path, str) else []

    def summary(self, context: ToolContext, arguments: Mapping[str, Any]) -> str:
        """One line for people: the tool and its main argument."""
        main = next((str(value) for value in arguments.values() if isinstance(value, str)), "")
        line = " ".join(main.split())
        return f"{self.name} {line[:100]}".rstrip()

    async def preview(self, context: ToolContext, arguments: Mapping[str, Any]) -> Preview:
        """What the approval shows. Raises ToolError where the call could not work anyway: then nobody is asked."""
        line = self.summary(context, arguments)
        folders = sorted({str(path if path.is_dir() else path.parent) for path in self.paths(context, arguments)})
        where = f"{self.name} in {', '.join(folders)}" if folders else self.name
        return Preview("path", line, "", where, where)
