"""The state file as executions see it: when it fails, that is said, and nothing stops."""

import asyncio
from collections.abc import Callable, Container, Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from msgspec import structs

from chronos_cli.clock import Clock
from chronos_cli.dispatch.execution import Execution
from chronos_cli.dispatch.journal import RunningExecution
from chronos_cli.dispatch.notifier import hook_of, notice_of, told_of
from chronos_cli.dispatch.outcome import Attempt, Outcome, Status
from chronos_cli.errors import StateError
from chronos_cli.jobs.model import Job
from chronos_cli.redact import Redactor
from chronos_cli.state.entries import (
    LOOP_ORIGINS,
    HistoryEntry,
    HistoryFilter,
    HistoryStatus,
    LastTick,
    Pause,
    StartedExecution,
    UnfinishedNotice,
)
from chronos_cli.state.snapshot import snapshot_of
from chronos_cli.state.store import Store
from chronos_cli.state.write_behind import Record, WriteBehind

if TYPE_CHECKING:
    from chronos_cli.dispatch.streak import Streak

_ENDED = frozenset(HistoryStatus) - {HistoryStatus.RUNNING, HistoryStatus.SKIPPED}


def schedule_of(job: Job) -> str:
    """Return all that a job's ticks depend on: its schedule and zone, and what else there is."""
    if job.calendar is None:
        return f"{job.spec.schedule} {job.spec.timezone}"
    from chronos_cli.jobs.calendars import text_of  # for those who have more

    return text_of(job.calendar)


class StateJournal:
    """Records executions and ticks in a state file, which is opened when it is first needed.

    `origin` is the command that records, `config` the chronos.yaml that the jobs were read with.
    With `keeps_notices` those under way are recorded, for the next process to send. `pause`,
    `on_failed` and `on_restored` say what becomes of failures: see `WriteBehind`.
    """

    def __init__(  # noqa: PLR0913 - a file, its words, and what becomes of its failures
        self,
        open_store: Callable[[], Store],
        redactor: Redactor,
        clock: Clock,
        *,
        origin: str,
        config: str | None,
        on_failed: Callable[[StateError], None],
        on_restored: Callable[[], None] = lambda: None,
        pause: float | None = None,
        keeps_notices: bool = False,
    ) -> None:
        self._state = WriteBehind(
            open_store, clock, on_failed=on_failed, on_restored=on_restored, pause=pause
        )
        self._redactor = redactor
        self._origin = origin
        self._config = config
        self._keeps_notices = keeps_notices
        # How the jobs last ended in this process, also while the state cannot be read.
        self._statuses: dict[str, Status] = {}
        self._streaks: dict[str, Streak] = {}

    def begin(self, execution: Execution, *, tick: bool = False) -> RunningExecution | None:
        """Record a start; see `Journal.begin`."""
        job = execution.job

        def record(store: Store) -> StartedExecution | None:
            begin = store.try_begin if job.spec.concurrency == "forbid" else store.started
            return begin(
                execution.id,
                job.id,
                execution.scheduled_time,
                origin=execution.origin or self._origin,
                snapshot=snapshot_of(execution, self._config, self._redactor),
                deadline=job.deadline,
                schedule=schedule_of(job) if tick else None,
            )

        if job.spec.concurrency != "forbid":
            self._state.soon(record)
            return None
        started = self._state.write(record, None)
        if started is None:
            return None
        return RunningExecution(started.execution_id, started.started_at, str(started.process))

    async def recorded(self) -> None:
        """Return when every start so far is recorded; see `Journal.recorded`."""
        if self._state.is_waiting:
            await asyncio.sleep(0)  # what begins in the same turn shares the transaction
            self._state.flush()

    def attempt(self, execution: Execution, attempt: Attempt) -> None:
        """Record an attempt as it ends."""
        self._state.soon(lambda store: store.attempt(execution.id, attempt))

    def hands_on(self, execution: Execution, outcome: Outcome) -> bool:  # noqa: ARG002
        """Know no other host."""
        return False

    def end(
        self,
        execution: Execution,
        outcome: Outcome,
        notices: Sequence[Execution] = (),
        streak: "Streak | None" = None,
    ) -> None:
        """Record an outcome, also of what was never started."""
        if outcome.status is not Status.SKIPPED:
            self._statuses[execution.job.id] = outcome.status
        if streak is not None:
            self._streaks[execution.job.id] = streak
        under_way = _under_way(execution, notices) if self._keeps_notices else []

        def record(store: Store) -> None:
            snapshot = None
            if not store.is_open(execution.id):
                snapshot = snapshot_of(execution, self._config, self._redactor)
            store.ended(outcome, origin=execution.origin or self._origin, snapshot=snapshot)
            if under_way:
                store.notices_began(under_way)
            if streak is not None:
                store.set_streak(execution.job.id, streak)

        self._state.surely(execution.id, record)

    def end_notice(self, outcome: Outcome) -> None:
        """Record how a notice ended; see `Journal.end_notice`."""
        notice, (job_id, execution_id) = notice_of(outcome), told_of(outcome)
        if notice.hook == "on_failure" and notice.status.is_failure and job_id in self._streaks:
            self._streaks[job_id] = structs.replace(self._streaks[job_id], told_at=None)

        def record(store: Store) -> None:
            store.told(job_id, execution_id, notice)
            if self._keeps_notices:
                store.notice_ended(outcome.execution_id)

        self._state.surely(outcome.execution_id, record)

    def give_up_notice(self, execution_id: str) -> None:
        """Record that a notice of an earlier loop is not sent again."""
        self._state.surely(execution_id, lambda store: store.notice_ended(execution_id))

    def streak(self, job_id: str) -> "Streak | None":
        """Return how often in a row a job has failed, where that is known."""
        known = self._streaks.get(job_id)
        return known or self._state.read(lambda store: store.streak(job_id), None)

    def mark(self, job: Job, moment: datetime) -> None:
        """Record that a job's schedule was seen to up to this time."""
        self._state.soon(lambda store: store.mark_tick(job.id, moment, schedule_of(job)))

    def restart(self, job: Job, moment: datetime) -> None:
        """Record that a job's schedule counts from this time on, also from an earlier one."""
        self._state.soon(lambda store: store.restart_ticks(job.id, moment, schedule_of(job)))

    def keep_ticks(self, job_ids: Container[str]) -> None:
        """Forget the ticks of all other jobs."""
        self._state.soon(lambda store: store.keep_ticks(job_ids))

    def last_ticks(self, jobs: Iterable[Job]) -> dict[str, datetime]:
        """Return up to when schedules were seen to, by job; not for one that had another then."""
        known = self._state.read(Store.last_ticks, dict[str, LastTick]())
        found: dict[str, datetime] = {}
        for job in jobs:
            last = known.get(job.id)
            if last is not None and last.schedule in {None, schedule_of(job)}:
                found[job.id] = last.scheduled_time
        return found

    def last_fired(self) -> datetime | None:
        """Return the latest time that an execution started at or stood for."""
        return self._state.read(Store.last_fired, None)

    def last_status(self, job_id: str) -> Status | None:
        """Return how the job's last execution ended, where that is known."""
        known = self._statuses.get(job_id)
        return known or self._state.read(lambda store: store.last_status(job_id), None)

    def last_entry(self, job_id: str) -> HistoryEntry | None:
        """Return the job's last execution that has ended, where that is known."""
        wanted = HistoryFilter(jobs=frozenset({job_id}), statuses=_ENDED, limit=1)
        found = self._state.read(lambda store: store.history(wanted), list[HistoryEntry]())
        return found[0] if found else None

    def has(self, execution_id: str) -> bool:
        """Whether an execution has been started before."""
        return self._state.read(lambda store: store.has(execution_id), False)

    def unfinished(self) -> list[StartedExecution]:
        """Return what earlier loops began and did not live to end, oldest first."""
        found = self._state.read(Store.unfinished, list[StartedExecution]())
        return [started for started in found if started.origin in LOOP_ORIGINS]

    def unfinished_notices(self) -> list[UnfinishedNotice]:
        """Return the notices that earlier loops began and did not live to end."""
        return self._state.read(Store.unfinished_notices, list[UnfinishedNotice]())

    def give_up(self, execution_id: str) -> None:
        """Record that an unfinished execution will not be sent again."""
        self._state.soon(lambda store: store.give_up(execution_id))

    def pauses(self) -> dict[str, Pause]:
        """Return the pauses by job; that of all jobs under `ALL_JOBS`."""
        return self._state.read(Store.pauses, dict[str, Pause]())

    def pause(self, job_id: str, pause: Pause) -> bool:
        """Record a pause; whether that could be done."""
        return self._is_written(lambda store: store.pause(job_id, pause))

    def resume(self, job_id: str, moment: datetime | None) -> bool:
        """Record the end of a pause, as `Store.resume` does; whether that could be done."""
        return self._is_written(lambda store: store.resume(job_id, moment))

    def confirm(self) -> bool:
        """Write a word into the state; whether that could be done."""
        return self._is_written(Store.confirm_loop)

    def flush(self) -> None:
        """Record now what waits for the end of the turn."""
        self._state.flush()

    def finish(self) -> None:
        """Record what could not be recorded before, with more patience, before the end."""
        self._state.finish()

    def close(self) -> None:
        """Record what is left, and give the file back."""
        self._state.close()

    def _is_written(self, record: Record) -> bool:
        """Record something now; whether that could be done."""

        def call(store: Store) -> bool:
            record(store)
            return True

        return self._state.write(call, False)


def _under_way(execution: Execution, notices: Sequence[Execution]) -> list[UnfinishedNotice]:
    """Return what is kept of the notices that tell of an execution."""
    return [
        UnfinishedNotice(
            execution_id=notice.id,
            job_id=execution.job.id,
            name=hook_of(notice.id),
            scheduled_time=notice.scheduled_time,
            outcome=notice.outcome or {},
        )
        for notice in notices
    ]
