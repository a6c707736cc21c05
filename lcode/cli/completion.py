"""`lcode completion`: the script that lets a shell complete commands and options."""

from __future__ import annotations

import click


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion script of SHELL.

    \b
    bash:  lcode completion bash >> ~/.bashrc
    zsh:   lcode completion zsh  >> ~/.zshrc
    fish:  lcode completion fish > ~/.config/fish/completions/lcode.fish
    """
    from click.shell_completion import get_completion_class

    from lcode.cli.main import root

    kind = get_completion_class(shell)
    if kind is not None:
        click.echo(kind(root, {}, "lcode", "_LCODE_COMPLETE").source())
