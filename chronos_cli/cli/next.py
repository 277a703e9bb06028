"""`chronos next`: when jobs will fire."""

from collections.abc import Sequence
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
    Tags,
    Verbose,
    choice_of,
    parse_moment,
)
from chronos_cli.cli.output import Output
from chronos_cli.cli.streams import streams
from chronos_cli.clock import SystemClock
from chronos_cli.jobs.model import Job
from chronos_cli.jobs.scope import TIMETABLE_KEYS, Scope
from chronos_cli.report.text import count as counted
from chronos_cli.report.timetable import Fire, Listing, timetable_document, timetable_lines
from chronos_cli.schedule.describe import describe
from chronos_cli.schedule.shifts import shift_note
from chronos_cli.schedule.timetable import fires


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
    config: ConfigPath = None,
    env_file: EnvFile = None,
    verbose: Verbose = False,
) -> ExitCode:
    """Show when jobs fire next, on their own clocks and in UTC.

    It needs no secrets, and sends nothing. Exit codes: 0 shown, 2 usage, 3 invalid files.

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
        out.result(timetable_lines(listings, streams.stdout.width()))
    else:
        out.json(timetable_document(listings))
    if merged or not as_table:
        _note(out, "disabled", [job for job in scheduled if not job.spec.enabled])
    _note(out, "without a schedule", [job for job in found if job.spec.schedule is None])
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
    """Jobs that share expression and zone share one computation."""
    known: dict[tuple[str, str], list[Fire]] = {}
    listings = []
    for job in jobs:
        schedule, zone = job.spec.schedule or "", job.spec.timezone
        if (schedule, zone) not in known:
            known[schedule, zone] = _fires(schedule, zone, start, count)
        listings.append(
            Listing(
                job.id,
                schedule,
                zone,
                job.spec.enabled,
                describe(schedule),
                known[schedule, zone],
                job.spec.jitter,
            )
        )
    return listings


def _fires(schedule: str, zone: str, start: datetime, count: int) -> list[Fire]:
    found = []
    previous = start.astimezone(UTC)
    for time in islice(fires(schedule, zone, start), count):
        found.append(Fire(time, shift_note(schedule, zone, previous, time)))
        previous = time
    return found


def _note(out: Output, what: str, jobs: Sequence[Job]) -> None:
    if jobs:
        names = ", ".join(job.id for job in jobs)
        out.note(f"chronos: {counted(len(jobs), 'job')} {what}: {names}")
