"""What `$?` says. A code never means two things."""

import os
import signal
import sys
from collections.abc import Collection
from enum import IntEnum

from chronos_cli.dispatch.limit import is_held_up
from chronos_cli.dispatch.outcome import Status


class ExitCode(IntEnum):
    """The exit codes of every command."""

    SUCCESS = 0
    BUG = 1
    USAGE = 2
    INVALID_INPUT = 3
    REJECTED = 4
    UNREACHABLE = 5
    TIMED_OUT = 6
    MIXED = 7
    INTERRUPTED = 130
    TERMINATED = 143


# When all failed, but in different ways, the first of these that occurs is the code.
_BY_WEIGHT = (
    (Status.REJECTED, ExitCode.REJECTED),
    (Status.TIMED_OUT, ExitCode.TIMED_OUT),
    (Status.UNREACHABLE, ExitCode.UNREACHABLE),
)


def exit_code(statuses: Collection[Status], stopped_by: int | None = None) -> ExitCode:
    """Return the exit code of a run; `stopped_by` is the signal that ended it, if one did."""
    if stopped_by is not None and Status.INTERRUPTED in statuses:
        return ExitCode.TERMINATED if stopped_by == signal.SIGTERM else ExitCode.INTERRUPTED
    for status, code in _BY_WEIGHT:
        if status in statuses:
            return ExitCode.MIXED if Status.SUCCEEDED in statuses else code
    return ExitCode.SUCCESS


def leave_if_held_up(code: ExitCode) -> ExitCode:
    """Return a code; but where asyncio would wait for what cannot be stopped, exit with it."""
    if is_held_up():
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    return code
