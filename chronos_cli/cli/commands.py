"""The commands of `chronos`; the file of each is imported when it is called."""

from collections.abc import Sequence
from importlib import import_module
from typing import Any

from chronos_cli.cli.arguments import Command

NAMES = (
    "run",
    "cron",
    "status",
    "trigger",
    "pause",
    "resume",
    "next",
    "validate",
    "history",
    "replay",
    "backfill",
    "init",
    "import crontab",
    "import curl",
    "schema",
    "receive",
    "demo",
    "protocols",
    "completion",
)
# The first word of a command's name where several share it, and what it is for.
GROUPS = {"import": "Write job files from what runs elsewhere."}
# Set by a shell that wants words to complete a line with.
COMPLETION_VARIABLE = "_CHRONOS_COMPLETE"


class Invocation:
    """What the guard around all commands must know of the command line."""

    is_verbose = False


def command_of(name: str) -> Command:
    """Import a command."""
    module = name.replace(" ", "_")
    command: Command = import_module(f"chronos_cli.cli.{module}").command
    return command


def split_name(words: Sequence[str]) -> tuple[str | None, Sequence[str]]:
    """Return the command that a command line names, if it does, and the words behind it."""
    length = 2 if words and words[0] in GROUPS else 1
    name = " ".join(words[:length])
    return (name if name in NAMES else None), words[length:]


def call(command: Command, values: dict[str, Any]) -> int:
    """Carry a command out; return its exit code.

    Raises RuntimeError when something calls `sys.exit` in it: that would be somebody else's code.
    """
    Invocation.is_verbose = values.get("verbose", False)
    try:
        return command(**values)
    except SystemExit as stop:
        raise RuntimeError(f"something called sys.exit({stop.code!r})") from stop
