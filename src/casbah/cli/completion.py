"""casbah completion."""

from typing import Annotated, Literal

import typer
from typer.completion import get_completion_script  # type: ignore[attr-defined]  # typer lists no exports

from casbah.cli import COMPLETE


def completion(
    shell: Annotated[Literal["bash", "zsh", "fish"], typer.Argument(help="The shell.")],
) -> None:
    """Print the script that completes casbah's commands and options in a shell.

    bash: add 'source <(casbah completion bash)' to ~/.bashrc

    zsh: add 'source <(casbah completion zsh)' to ~/.zshrc, after compinit

    fish: casbah completion fish > ~/.config/fish/completions/casbah.fish

    Example: casbah completion bash
    """
    typer.echo(get_completion_script(prog_name="casbah", complete_var=COMPLETE, shell=shell))
