"""The command `lcode`: its options, the table of its sub-commands, and nothing else that costs time to load."""

from __future__ import annotations

import atexit
import gc
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import click

from lcode import __version__
from lcode.cli.lazy import LazyGroup, Row
from lcode.cli.options import UNNAMED, Options
from lcode.errors import UsageError

TABLE = {
    "init": Row("lcode.cli.init", "init", "Learn what the repository tells of itself, without a model."),
    "sessions": Row("lcode.cli.sessions", "sessions", "List, show, export, rename and archive sessions."),
    "memory": Row("lcode.cli.memory", "memory", "Show and edit the blocks of core memory."),
    "remember": Row("lcode.cli.remember", "remember", "Keep a text in archival memory."),
    "forget": Row("lcode.cli.forget", "forget", "Take a text, message, passage or session out of all memory."),
    "recall": Row("lcode.cli.recall", "recall", "Search what was said in all sessions."),
    "import": Row("lcode.cli.import_", "import_group", "Bring conversations of other programs into recall."),
    "search": Row("lcode.cli.search", "search", "Search the code, what was kept, past commits and the sessions."),
    "index": Row("lcode.cli.index", "index", "Build the index of the code, watch it, show how it stands."),
    "map": Row("lcode.cli.map", "code_map", "Show the shape of the repository."),
    "hooks": Row("lcode.cli.hooks", "hooks", "Have git tell of new commits at once."),
    "agents": Row("lcode.cli.agents", "agents", "List agents, and mend which one belongs to which place."),
    "context": Row("lcode.cli.context", "context", "Show what stands in a session's context window."),
    "cost": Row("lcode.cli.cost", "cost", "Show what models took and cost, by session, day, model …"),
    "config": Row("lcode.cli.config", "config", "Show the settings with their origin; change the user's."),
    "backup": Row("lcode.cli.backup", "backup", "Make, list and check backups; restore one."),
    "doctor": Row("lcode.cli.doctor", "doctor", "Check the installation, the store and the model."),
    "completion": Row("lcode.cli.completion", "completion", "Print the completion script of a shell."),
}

# Words that other programs have and that people try.
_MEANT = {
    "help": "`lcode --help`",
    "version": "`lcode --version`",
    "chat": "`lcode`",
    "continue": "`lcode --continue`",
    "resume": "`lcode --resume`",
    "login": "`lcode doctor` says which keys are set",
    "history": "`lcode sessions`",
    "delete": "`lcode forget TEXT` takes a text out of all memory, `lcode memory remove LABEL` a block out of the prompt",
}


class Root(LazyGroup):
    """`lcode`. Behind -p stand the words of a message, options may follow them, and there is no sub-command."""

    table: ClassVar = TABLE

    def advice(self, ctx: click.Context, word: str) -> str:
        ask = f'to ask: lcode -p "{word} …"'
        if word in _MEANT:
            return f"{_MEANT[word]}; {ask}"
        from difflib import get_close_matches

        near = get_close_matches(word, self.table, 1)
        return f"did you mean `lcode {near[0]}`? {ask}" if near else f"{ask}; `lcode --help` lists the commands"

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        if not args[0].startswith("-") and args[0] not in self.table and not ctx.resilient_parsing:
            raise UsageError(f"there is no command '{args[0]}'", self.advice(ctx, args[0]))
        return super().resolve_command(ctx, args)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if ctx.resilient_parsing:
            return super().parse_args(ctx, args)
        args = _protect_text(args)
        given, _, _ = self.make_parser(ctx).parse_args(args=list(args))
        if "prompt" not in given:
            return super().parse_args(ctx, args)
        ctx.allow_interspersed_args = True
        words = click.Command.parse_args(self, ctx, list(args))
        ctx.params["prompt"] = " ".join(filter(None, [ctx.params["prompt"], *words]))
        ctx.args = []
        return []


def _protect_text(args: Sequence[str]) -> list[str]:
    """A message that begins with a dash is not an option: if it holds white space, it is moved behind a `--`."""
    kept: list[str] = []
    for at, word in enumerate(args):
        if word == "--":
            return list(args)
        follows = at > 0 and args[at - 1] in ("-p", "--print")
        if follows and word.startswith("-") and len(word.split()) > 1:
            return [*kept, *args[at + 1 :], "--", word]
        if word.startswith("--print=-"):
            return [*kept, "--print", *args[at + 1 :], "--", word.removeprefix("--print=")]
        kept.append(word)
    return kept


@click.group(cls=Root, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "-p",
    "--print",
    "prompt",
    is_flag=False,
    flag_value="",
    metavar="[TEXT]",
    help="Answer TEXT once and exit. Piped input is appended.",
)
@click.option("-c", "--continue", "proceed", is_flag=True, help="Continue the newest session that is not open elsewhere.")
@click.option(
    "-r",
    "--resume",
    is_flag=False,
    flag_value=UNNAMED,
    metavar="[ID]",
    help="Continue a session: by id, its beginning, or title; asks without one.",
)
@click.option("--fork", is_flag=True, help="With -c or -r: go on in a copy of it, which may be open elsewhere.")
@click.option("--model", metavar="NAME", help="The model, as provider/model; or `offline`.")
@click.option("--permission-mode", type=click.Choice(["ask", "accept-edits", "plan", "yolo"]), help="What runs without asking.")
@click.option("--max-turns", type=click.IntRange(min=1), metavar="N", help="At most N steps for an answer.")
@click.option("--max-cost", type=click.FloatRange(min=0), metavar="USD", help="Spend at most so many dollars on models.")
@click.option("--output-format", type=click.Choice(["text", "json"]), default="text", help="The form of what -p prints.")
@click.option(
    "-C",
    "directory",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    help="Work in DIR instead of the current directory.",
)
@click.option("--agent", metavar="NAME", help="Another agent than that of the place.")
@click.option("--ephemeral", is_flag=True, help="Read memory, write nothing.")
@click.option(
    "--record",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write the model's replies to FILE, to replay them.",
)
@click.option("--plain", is_flag=True, help="No cursor movement and no colours, for dumb terminals and screen readers.")
@click.option("-v", "--verbose", is_flag=True, help="Say more on standard error.")
@click.option("--debug", is_flag=True, help="Tell of decisions about the prompt and of lost caches, here and in the log.")
@click.version_option(__version__, "-V", "--version", message="lcode %(version)s")
@click.pass_context
def root(ctx: click.Context, /, **given: Any) -> int | None:
    """A coding agent that remembers. Without a command: the terminal session of this directory."""
    options = Options(**given)
    ctx.obj = options
    if ctx.invoked_subcommand is None:
        from lcode.cli.run import run

        return run(options)
    for name in ("proceed", "resume", "fork", "output_format", "record", "plain"):
        if ctx.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
            option = next(param.opts[-1] for param in ctx.command.params if param.name == name)
            raise UsageError(f"{option} does not go with `lcode {ctx.invoked_subcommand}`", "it is for a session or -p")
    return None


def main(argv: Sequence[str]) -> int:
    """Run `lcode` with these arguments; returns the exit code and never raises."""
    from lcode.cli.report import guarded

    # At the exit the interpreter looks for garbage in all modules once more; frozen objects are not looked at (25 ms).
    atexit.unregister(gc.freeze)
    atexit.register(gc.freeze)
    return guarded(lambda: root.main(list(argv), prog_name="lcode", standalone_mode=False), log="--ephemeral" not in argv)
