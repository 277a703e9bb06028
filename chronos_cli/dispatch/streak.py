"""Failures in a row: after how many, and how often, they are told of."""

from typing import TYPE_CHECKING

from msgspec import Struct

from chronos_cli.dispatch.outcome import Status
from chronos_cli.units import format_duration

if TYPE_CHECKING:
    from chronos_cli.jobs.model import Notify

# Two starts of one schedule are this much, in seconds, less than its interval apart at times.
_UNEVEN = 1.0


class Streak(Struct, frozen=True):
    """How often in a row a job has failed, and when that was last told of.

    `told_at` is in seconds since 1970; None while nobody was told.
    """

    failures: int = 0
    told_at: float | None = None


class Told(Struct, frozen=True):
    """What an outcome makes of a streak; `held` is why a failure is not told of, if it is not."""

    streak: Streak
    held: str | None = None
    has_recovered: bool = False


def follow(policy: "Notify", streak: Streak, status: Status, began: float) -> Told:
    """Return what an outcome makes of a streak.

    `began` is when its execution did, in seconds since 1970: so what is repeated every hour comes
    every hour, however long the executions take.
    """
    if not status.is_failure:
        return Told(Streak(), has_recovered=streak.told_at is not None)
    failures = streak.failures + 1
    if failures < policy.after:
        words = f"failure {failures} in a row, notify.after is {policy.after}"
        return Told(Streak(failures, streak.told_at), words)
    if streak.told_at is None:
        return Told(Streak(failures, began))
    if policy.repeat is not None and began - streak.told_at >= policy.repeat - _UNEVEN:
        return Told(Streak(failures, began))
    again = f"; again every {format_duration(policy.repeat)}" if policy.repeat else ""
    return Told(Streak(failures, streak.told_at), f"told of already, failure {failures}{again}")
