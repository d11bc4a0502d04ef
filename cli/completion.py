"""``onboard completion``: the script that makes a shell complete commands and options."""

from __future__ import annotations

import click


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion_command(shell: str) -> None:
    """Print the completion script for a shell.

    \b
    bash:  onboard completion bash >> ~/.bashrc
    zsh:   onboard completion zsh  >> ~/.zshrc
    fish:  onboard completion fish > ~/.config/fish/completions/onboard.fish
    """
    from click.shell_completion import get_completion_class

    from cli.main import cli

    completer = get_completion_class(shell)
    assert completer is not None  # noqa: S101  click knows the three choices
    click.echo(completer(cli, {}, "onboard", "_ONBOARD_COMPLETE").source())
