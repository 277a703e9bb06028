"""`chronos completion`: the script that lets a shell complete the command line."""

from enum import StrEnum
from typing import Annotated

import typer
from typer._completion_shared import get_completion_script

from chronos_cli.cli.output import Output


class Shell(StrEnum):
    """The shells that are known."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def command(
    shell: Annotated[Shell, typer.Argument(help="The shell to write the script for.")],
) -> None:
    """Print the completion script of a shell, for its completion folder."""
    script = get_completion_script(
        prog_name="chronos", complete_var="_CHRONOS_COMPLETE", shell=shell.value
    )
    Output().result(script + "\n")
