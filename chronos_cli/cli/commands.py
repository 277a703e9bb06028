"""The commands of `chronos`; the file of each is imported when it is called."""

from importlib import import_module
from typing import Any

from chronos_cli.cli.arguments import Command

NAMES = (
    "run",
    "cron",
    "next",
    "validate",
    "history",
    "replay",
    "backfill",
    "init",
    "schema",
    "receive",
    "demo",
    "protocols",
    "completion",
)
# Set by a shell that wants words to complete a line with.
COMPLETION_VARIABLE = "_CHRONOS_COMPLETE"


class Invocation:
    """What the guard around all commands must know of the command line."""

    is_verbose = False


def command_of(name: str) -> Command:
    """Import a command."""
    command: Command = import_module(f"chronos_cli.cli.{name}").command
    return command


def call(command: Command, values: dict[str, Any]) -> int:
    """Carry a command out; return its exit code.

    Raises RuntimeError when something calls `sys.exit` in it: that would be somebody else's code.
    """
    Invocation.is_verbose = values.get("verbose", False)
    try:
        return command(**values)
    except SystemExit as stop:
        raise RuntimeError(f"something called sys.exit({stop.code!r})") from stop
