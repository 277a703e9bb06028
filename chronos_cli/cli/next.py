"""`chronos next`: when jobs will fire."""

from collections.abc import Sequence
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
from chronos_cli.jobs.model import Job
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
        out.result(timetable_lines(listings, streams.stdout.width()))
    else:
        out.json(timetable_document(listings))
        _note(out, "disabled", [job for job in scheduled if not job.spec.enabled])
    _note(out, "without a schedule", [job for job in found if job.spec.schedule is None])
    return ExitCode.SUCCESS


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
