"""`chronos completion`: the script that lets a shell complete the command line."""

from enum import StrEnum
from typing import Annotated

from chronos_cli.cli.arguments import argument
from chronos_cli.cli.exit_codes import ExitCode
from chronos_cli.cli.output import Output


class Shell(StrEnum):
    """The shells that are known."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def command(
    shell: Annotated[Shell, argument(help="The shell to write the script for.")],
) -> ExitCode:
    """Print the completion script of a shell, for its completion folder."""
    from typer._completion_shared import get_completion_script

    script = get_completion_script(
        prog_name="chronos", complete_var="_CHRONOS_COMPLETE", shell=shell.value
    )
    Output().result(script + "\n")
    return ExitCode.SUCCESS
