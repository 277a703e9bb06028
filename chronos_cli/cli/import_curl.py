"""`chronos import curl`: a command line of curl as a job."""

import os
from pathlib import Path
from typing import Annotated

from chronos_cli.cli.arguments import argument
from chronos_cli.cli.exit_codes import ExitCode
from chronos_cli.cli.importing import Directory, Force, shown, tell, write_jobs
from chronos_cli.cli.options import text_of
from chronos_cli.cli.output import Output, redactor
from chronos_cli.cli.streams import streams
from chronos_cli.dispatch.registry import Registry
from chronos_cli.errors import NotImportableError, UsageError
from chronos_cli.importing.jobs import Imports

_LARGEST = 1024 * 1024


def command(
    words: Annotated[
        list[str],
        argument(
            metavar="COMMAND...",
            help="The command line in one argument, or its words behind --, or - for stdin.",
        ),
    ],
    directory: Directory = None,
    force: Force = False,
) -> ExitCode:
    """Write a command line of curl (or wget) as a job that sends the same.

    Nothing is sent.

    Exit codes: 0 written, 2 usage, 3 it cannot be a job.

    Examples:
      chronos import curl 'curl -X POST https://api.example.com/job'
    """
    text = _text(words)
    imports = Imports(Registry())
    try:
        job = imports.of_command(text, str(Path.cwd()), _variables())
    except NotImportableError as error:
        for value in imports.secrets.values.values():
            redactor.add(value)
        Output().note(f"not imported: {error}: {shown(text)}")
        return ExitCode.INVALID_INPUT
    for value in imports.secrets.values.values():
        redactor.add(value)
    write_jobs([job], "", directory, force)
    tell([job])
    return ExitCode.SUCCESS


def _text(words: list[str]) -> str:
    """Return the command line as a shell would read it."""
    if words == ["-"]:
        return _of_stdin()
    given = [text_of("COMMAND", word) for word in words]
    if len(given) == 1:
        return given[0].strip().removeprefix("$ ")  # the prompt, pasted along
    from shlex import join

    return join(given)


def _of_stdin() -> str:
    try:
        return streams.stdin.read(_LARGEST).decode().strip()
    except UnicodeDecodeError as error:
        raise UsageError("standard input is not UTF-8 text") from error


def _variables() -> dict[str, str]:
    """Return of the environment what counts for where a request goes."""
    return {
        name: value
        for name, value in os.environ.items()
        if name == "HOME" or name.lower().endswith("_proxy")
    }
