"""`chronos next`: when jobs will fire."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from itertools import islice
from typing import Annotated

from chronos_cli.cli.arguments import option
from chronos_cli.cli.exit_codes import ExitCode
from chronos_cli.cli.loading import load_workspace
from chronos_cli.cli.options import (
    TIME_FORMS,
    ConfigPath,
    EnvFile,
    JobIds,
    Jobs,
    StatePath,
    Tags,
    Verbose,
    choice_of,
    parse_moment,
)
from chronos_cli.cli.output import Output
from chronos_cli.cli.paused import note_paused
from chronos_cli.cli.streams import streams
from chronos_cli.clock import SystemClock
from chronos_cli.jobs.calendars import calendar_of
from chronos_cli.jobs.model import Job
from chronos_cli.jobs.scope import TIMETABLE_KEYS, Scope
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
        int,
        option(
            min=1, max=10_000, metavar="N", help="Fire times of each job; with --merged, in all."
        ),
    ] = 5,
    after: Annotated[
        str | None,
        option(metavar="T", help=f"Those later than this. Default: now. It takes {TIME_FORMS}."),
    ] = None,
    output: Annotated[
        TimetableFormat, option("--output", "-o", help="How fire times are written.")
    ] = TimetableFormat.TABLE,
    merged: Annotated[
        bool, option("--merged", help="One list of all jobs, in order of time.")
    ] = False,
    job: JobIds = None,
    tag: Tags = None,
    state: StatePath = None,
    config: ConfigPath = None,
    env_file: EnvFile = None,
    verbose: Verbose = False,
) -> ExitCode:
    """Show when jobs fire next, on their own clocks and in UTC.

    It needs no secrets, and sends nothing. Exit codes: 0 shown, 2 usage, 3 invalid files or state.

    Examples:
      chronos next jobs/
      chronos next jobs/ --merged --count 20
      chronos next nightly.yaml --after 2027-03-14 --output json
    """
    start = _start(after)
    scope = Scope(choice=choice_of(job, tag), keys=TIMETABLE_KEYS)
    found = load_workspace(jobs, config, env_file, scope).jobs
    scheduled = [job for job in found if job.spec.schedule is not None]
    listings = _listings(scheduled, start, count)
    out = Output()
    as_table = output is TimetableFormat.TABLE
    if merged:
        _merge(out, listings, count, as_table=as_table)
    elif as_table:
        lines = timetable_lines(listings, streams.stdout.width())
        out.result(lines, strike_out if streams.stdout.isatty() else str)
    else:
        out.json(timetable_document(listings))
    if merged or not as_table:
        _note(out, "disabled", [job for job in scheduled if not job.spec.enabled])
    _note(out, "without a schedule", [job for job in found if job.spec.schedule is None])
    note_paused(state, {job.id for job in scheduled})
    return ExitCode.SUCCESS


def _merge(out: Output, listings: Sequence[Listing], count: int, *, as_table: bool) -> None:
    from chronos_cli.report.merged import merged_document, merged_lines

    if as_table:
        out.result(merged_lines(listings, count))
    else:
        out.json(merged_document(listings, count))


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
