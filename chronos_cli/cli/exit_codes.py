"""What `$?` says. A code never means two things."""

import signal
from collections.abc import Collection
from enum import IntEnum

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


def weight(status: Status) -> int:
    """Return the rank of a failure among those of one run: the least one decides the exit code."""
    order = [Status.INTERRUPTED, *(status for status, _ in _BY_WEIGHT)]
    return order.index(status)
