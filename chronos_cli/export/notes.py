"""What no scheduler but Chronos knows of a job, and what each of them makes of it."""

from collections.abc import Iterator
from datetime import datetime

from chronos_cli.export.clockchange import ClockRule, first_difference
from chronos_cli.export.model import Exportable, Note, Place
from chronos_cli.report.text import printable
from chronos_cli.units import format_duration

LISTED = 5


# Keys of chronos.yaml that only a loop can do, and what it is like without one.
_OF_LOOP = {
    "scheduler.heartbeat": "sends none: watch it, or the jobs, by other means",
    "scheduler.max_concurrent_jobs": "starts each job whatever else runs",
}


def of_loop(place: Place, scheduler: str) -> list[Note]:
    """Return what of chronos.yaml is lost, whatever the job."""
    return [Note(f"{key}: {scheduler} {_OF_LOOP[key]}") for key in place.loop_keys]


def of_calendar(one: Exportable, scheduler: str) -> Iterator[Note]:
    """Yield what a scheduler ignores of when a job does not run."""
    spec = one.job.spec
    bounds = {"starts": spec.starts, "ends": spec.ends, "except": spec.exceptions}
    for key, value in bounds.items():
        if value:
            yield Note(f"{key}: {scheduler} does not know it and runs the job all the same", one.id)


def of_meeting(one: Exportable, scheduler: str) -> Iterator[Note]:
    """Yield that several schedules of a job are several starts where they meet."""
    if len(one.schedules) > 1:
        yield Note(f"schedule: where two of them meet, {scheduler} starts the job twice", one.id)


def of_clock(one: Exportable, scheduler: str, rule: ClockRule, now: datetime) -> Iterator[Note]:
    """Yield where a scheduler fires otherwise at changes of the clock."""
    for schedule in one.schedules:
        if found := first_difference(schedule, one.job.spec.timezone, rule, now):
            yield Note(f"clock change: {scheduler} differs {found.words}", one.id)


def of_missed_runs(one: Exportable, scheduler: str, *, makes_up_for_one: bool) -> Iterator[Note]:
    """Yield what becomes of runs that were missed."""
    wanted = one.job.spec.missed_runs
    if wanted == "execute_all" and makes_up_for_one:
        yield Note(f"missed_runs: {scheduler} makes up for one run, not for all", one.id)
    elif wanted != "ignore" and not makes_up_for_one:
        yield Note(f"missed_runs: {scheduler} makes up for no run", one.id)


def of_starting_deadline(one: Exportable, scheduler: str) -> Iterator[Note]:
    """Yield that a late start is not dropped."""
    if one.job.spec.starting_deadline is not None:
        limit = format_duration(one.job.spec.starting_deadline)
        yield Note(f"starting_deadline: {scheduler} starts later than {limit} too", one.id)


def of_templates(one: Exportable) -> Iterator[Note]:
    """Yield the variables that must be put into the command."""
    for name in one.missing:
        yield Note(f"templates need vars.{name}: add --var {name}=… to the command", one.id)


def summary(notes: tuple[Note, ...]) -> list[str]:
    """Return notes as lines, those that several jobs share in one."""
    jobs: dict[str, list[str]] = {}
    for note in notes:
        jobs.setdefault(note.text, []).extend([note.job_id] if note.job_id else [])
    return [_line(text, ids) for text, ids in jobs.items()]


def _line(text: str, ids: list[str]) -> str:
    if not ids:
        return printable(text)
    more = f" and {len(ids) - LISTED} more" if len(ids) > LISTED else ""
    return f"{printable(text)} ({', '.join(ids[:LISTED])}{more})"
