"""`chronos next`: when jobs will fire."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from itertools import islice
from typing import Annotated

from chronos_cli.cli.arguments import option
from chronos_cli.cli.exit_codes import ExitCode
from chronos_cli.cli.loading import load_workspace
from chronos_cli.cli.options import ConfigPath, EnvFile, Jobs, Verbose, parse_moment
from chronos_cli.cli.output import Output
from chronos_cli.cli.streams import streams
from chronos_cli.clock import SystemClock
from chronos_cli.jobs.calendars import calendar_of
from chronos_cli.jobs.model import Job
from chronos_cli.report.text import count as counted
from chronos_cli.report.timetable import (
    Excepted,
    Fire,
    Listing,
    Time,
    strike_out,
    timetable_document,
    timetable_lines,
)
from chronos_cli.schedule.calendar import Calendar, excepted, ticks
from chronos_cli.schedule.describe import describe_calendar
from chronos_cli.schedule.shifts import calendar_note


class TimetableFormat(StrEnum):
    """How fire times are written."""

    TABLE = "table"
    JSON = "json"


def command(  # noqa: PLR0913, PLR0917 - one parameter per option
    jobs: Jobs,
    count: Annotated[
        int, option(min=1, max=10_000, metavar="N", help="Fire times of each job.")
    ] = 5,
    after: Annotated[
        str | None,
        option(metavar="T", help="Those later than this, RFC 3339. Default: now."),
    ] = None,
    output: Annotated[
        TimetableFormat, option("--output", "-o", help="How fire times are written.")
    ] = TimetableFormat.TABLE,
    config: ConfigPath = None,
    env_file: EnvFile = None,
    verbose: Verbose = False,
) -> ExitCode:
    """Show when jobs fire next, on their own clocks and in UTC; send nothing."""
    start = _start(after)
    found = load_workspace(jobs, config, env_file).jobs
    scheduled = [job for job in found if job.spec.schedule is not None]
    listings = _listings(scheduled, start, count)
    out = Output()
    if output is TimetableFormat.TABLE:
        lines = timetable_lines(listings, streams.stdout.width())
        out.result(lines, strike_out if streams.stdout.isatty() else str)
    else:
        out.json(timetable_document(listings))
        _note(out, "disabled", [job for job in scheduled if not job.spec.enabled])
    _note(out, "without a schedule", [job for job in found if job.spec.schedule is None])
    return ExitCode.SUCCESS


def _start(text: str | None) -> datetime:
    return parse_moment("--after", text) if text is not None else SystemClock().now()


def _listings(jobs: Sequence[Job], start: datetime, count: int) -> list[Listing]:
    """Jobs that share schedule and zone share one computation."""
    known: dict[Calendar, list[Time]] = {}
    listings = []
    for job in jobs:
        calendar = calendar_of(job)
        if calendar not in known:
            known[calendar] = list(_times(calendar, start, count))
        listings.append(
            Listing(
                job.id,
                calendar.schedules,
                calendar.zone,
                job.spec.enabled,
                describe_calendar(calendar),
                known[calendar],
                job.spec.jitter,
            )
        )
    return listings


def _times(calendar: Calendar, start: datetime, count: int) -> Iterator[Time]:
    """Yield the next ticks, and before each those that exceptions keep from firing."""
    previous = start.astimezone(UTC)
    for time in islice(ticks(calendar, start), count):
        passed = _excepted(calendar, previous, time, count)
        yield from passed
        if passed and not passed[-1].more:
            previous = passed[-1].time
        yield Fire(time, calendar_note(calendar, previous, time))
        previous = time
    if next(ticks(calendar, previous), None) is None:
        yield from _excepted(calendar, previous, None, count)


def _excepted(
    calendar: Calendar, after: datetime, before: datetime | None, most: int
) -> list[Excepted]:
    """Return what does not fire between two times, as far as it is shown."""
    found = [
        Excepted(one.time, one.words) for one in islice(excepted(calendar, after, before), most + 1)
    ]
    if len(found) > most:
        found[most - 1 :] = [Excepted(found[most - 1].time, found[most - 1].words, more=True)]
    return found


def _note(out: Output, what: str, jobs: Sequence[Job]) -> None:
    if jobs:
        names = ", ".join(job.id for job in jobs)
        out.note(f"chronos: {counted(len(jobs), 'job')} {what}: {names}")
