"""Options that several commands have in common."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated

import typer

from chronos_cli.errors import UsageError


@dataclass(slots=True)
class State:
    """What the guard around all commands must know of the command line."""

    verbose: bool = False


state = State()


def _set_verbose(value: bool) -> bool:
    state.verbose = state.verbose or value
    return value


class OutputFormat(StrEnum):
    """How a report is written."""

    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"


Jobs = Annotated[
    list[str], typer.Argument(metavar="JOBS...", help="Job files, directories, or - for stdin.")
]
Verbose = Annotated[
    bool,
    typer.Option("--verbose", callback=_set_verbose, help="Show a traceback for internal errors."),
]
ConfigPath = Annotated[
    str | None,
    typer.Option("--config", metavar="PATH", help="The chronos.yaml to use.", show_default=False),
]


EnvFile = Annotated[
    list[str] | None,
    typer.Option(
        "--env-file",
        metavar="PATH",
        help="Variables for ${…}, below those of the environment. Repeatable.",
        show_default=False,
    ),
]


def pairs(option: str, values: list[str]) -> dict[str, str]:
    """Read `key=value` options; UsageError when there is no `=`."""
    found: dict[str, str] = {}
    for value in values:
        key, sign, text = value.partition("=")
        if not sign or not key:
            raise UsageError(f"{option} takes key=value, not '{value}'")
        found[key] = text
    return found


def parse_time(option: str, text: str | None) -> datetime | None:
    """Read an option's RFC 3339 with an offset, if given; UsageError for anything else."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise UsageError(
            f"{option} takes RFC 3339 with an offset, such as 2026-11-23T09:00:00+01:00, "
            f"not '{text}'"
        )
    return moment
