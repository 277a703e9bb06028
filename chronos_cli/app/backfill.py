"""The ticks of a span that history does not have, as executions under their own IDs."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from msgspec import Struct

from chronos_cli.dispatch.execution import Execution, scheduled_id
from chronos_cli.dispatch.trace import Trace
from chronos_cli.errors import UsageError
from chronos_cli.jobs.calendars import calendar_of
from chronos_cli.jobs.model import Job
from chronos_cli.schedule.calendar import ticks
from chronos_cli.state.entries import HistoryStatus
from chronos_cli.state.store import Store

# More ticks than this are looked at only when that is asked for.
MOST_TICKS = 10_000
_INSTANT = timedelta(microseconds=1)


class Span(Struct, frozen=True):
    """From `since` up to before `until`, both aware; at most `limit` ticks are looked at.

    With `failed`, what failed and never succeeded is wanted as well.
    """

    since: datetime
    until: datetime
    limit: int = MOST_TICKS
    failed: bool = False


class Missing(Struct, frozen=True):
    """A tick that is to be sent; `reason` is `missing`, or how its last run ended."""

    execution: Execution
    reason: str


class Found(Struct, frozen=True):
    """The ticks to send, in the order of time, and how many the span has in all."""

    missing: list[Missing]
    ticks: int


def find_missing(
    jobs: Sequence[Job],
    span: Span,
    store: Store | None,
    variables: dict[str, str],
    environment: Mapping[str, str],
) -> Found:
    """Return the ticks of jobs that are to be sent: those that were never recorded.

    What was skipped or is running stays as it is, and so does what has succeeded once. Raises
    UsageError for a span of too many ticks.
    """
    trace = Trace.from_environment(environment)
    due = _due(jobs, span)
    ids = [scheduled_id(job.id, time) for job, time in due]
    known = store.statuses(ids) if store else {}
    missing = []
    for identity, (job, time) in zip(ids, due, strict=True):
        if reason := _reason(known.get((identity, job.id), []), failed=span.failed):
            execution = Execution(identity, job, time, variables, trace)
            missing.append(Missing(execution, reason))
    return Found(missing, len(due))


def _due(jobs: Sequence[Job], span: Span) -> list[tuple[Job, datetime]]:
    """Return the ticks of jobs in a span in the order of time, in UTC where a clock is put."""
    found: list[tuple[Job, datetime]] = []
    for job in jobs:
        for time in _ticks(job, span):
            if len(found) >= span.limit:
                raise UsageError(
                    f"the span has more than {span.limit:,} ticks: make it shorter, choose jobs "
                    "with --job or --tag, or allow more with --limit N"
                )
            found.append((job, time))
    found.sort(key=lambda pair: pair[1].astimezone(UTC))
    return found


def _ticks(job: Job, span: Span) -> Iterator[datetime]:
    for time in ticks(calendar_of(job), span.since - _INSTANT):
        if time.astimezone(UTC) >= span.until:
            return
        yield time


def _reason(runs: Sequence[HistoryStatus], *, failed: bool) -> str | None:
    """Return why a tick is to be sent, from its runs, the last one last; None if it is not."""
    if not runs:
        return "missing"
    delivered = HistoryStatus.SUCCEEDED in runs or HistoryStatus.RUNNING in runs
    if not failed or delivered or not runs[-1].is_failure:
        return None
    return runs[-1].value
