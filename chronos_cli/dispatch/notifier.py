"""Notices: `on_failure` and its kin are dispatches of their own, told of the outcome."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct, structs

from chronos_cli.clock import Clock
from chronos_cli.dispatch.attempts import Attempts, ended
from chronos_cli.dispatch.dispatchers import Dispatchers
from chronos_cli.dispatch.execution import Execution
from chronos_cli.dispatch.journal import Journal
from chronos_cli.dispatch.limit import wait_at_most
from chronos_cli.dispatch.outcome import Notice, Outcome, Status, status_of
from chronos_cli.errors import DispatchError

if TYPE_CHECKING:
    from chronos_cli.dispatch.streak import Streak
    from chronos_cli.dispatch.telemetry import ExecutionSpan, Telemetry

_STOPPED = "not sent: stopped"


class Notices(Struct, frozen=True):
    """What an outcome asks for: notices to send, those held back, what it makes of the streak."""

    to_send: list[Execution] = []
    held: list[Notice] = []
    streak: "Streak | None" = None


class _Asked(Struct, frozen=True):
    """What becomes of a streak, why a failure is not told of, and whether the job recovered."""

    streak: "Streak | None" = None
    held: str | None = None
    has_recovered: bool = False


class Notifier:
    """Sends the notices that outcomes ask for, beside the executions.

    `mask` takes the secrets out of an outcome; `on_notice` is called as each notice ends.
    """

    def __init__(
        self,
        clock: Clock,
        journal: Journal,
        mask: Callable[[Any], Any],
        on_notice: Callable[[Outcome], None],
        telemetry: "Telemetry | None" = None,
    ) -> None:
        self._clock = clock
        self._journal = journal
        self._mask = mask
        self._on_notice = on_notice
        self._telemetry = telemetry
        self._tasks: set[asyncio.Task[Outcome]] = set()
        # How many notices of each job's execution are under way.
        self._under_way: Counter[tuple[str, str]] = Counter()
        self._is_stopped = False

    def notices_of(self, execution: Execution, outcome: Outcome) -> Notices:
        """Return the notices that a job wants; asked before the outcome is recorded."""
        job = execution.job
        if not job.notices:
            return Notices()
        told = self._told(execution, outcome)
        wanted = [name for name in _names(outcome, told) if name in job.notices]
        if reason := _STOPPED if self._is_stopped else told.held:
            held = [_held(execution, name, reason) for name in wanted]
            return Notices([], held, told.streak)
        data = told_data(outcome, self._mask) if wanted else {}
        to_send = [notice_execution(execution, name, data) for name in wanted]
        return Notices(to_send, [], told.streak)

    def send(self, notices: Iterable[Execution], dispatchers: Dispatchers) -> None:
        """Send notices beside what goes on."""
        for notice in notices:
            dispatchers.hold()
            self._under_way[_told_of(notice.job.id, notice.id)] += 1
            task = asyncio.create_task(self._sent(notice, dispatchers))
            self._tasks.add(task)
            task.add_done_callback(partial(self._ended, notice))
            task.add_done_callback(lambda _: dispatchers.release())

    def is_telling_of(self, job_id: str, execution_id: str) -> bool:
        """Whether notices of an execution are under way."""
        return (job_id, execution_id) in self._under_way

    def stop(self) -> None:
        """Give up the notices under way, and begin none any more."""
        self._is_stopped = True
        for task in self._tasks:
            task.cancel()

    async def finish(self, seconds: float | None = None) -> None:
        """Wait for the notices under way, for `seconds` at most; give up the rest."""
        await wait_at_most(self._clock, self._tasks, seconds)
        rest = list(self._tasks)
        self.stop()
        await asyncio.gather(*rest, return_exceptions=True)

    def _told(self, execution: Execution, outcome: Outcome) -> _Asked:
        job = execution.job
        policy = job.spec.notify
        streak = self._journal.streak(job.id) if policy else None
        if policy is None or streak is None:
            if "on_recovery" not in job.notices:
                return _Asked()
            previous = self._journal.last_status(job.id)
            return _Asked(has_recovered=previous is not None and previous.is_failure)
        from chronos_cli.dispatch.streak import follow  # for jobs that have `notify`

        began = self._clock.now().timestamp() - outcome.duration_ms / 1000
        told = follow(policy, streak, outcome.status, began)
        after = told.streak
        if self._is_stopped and after.failures:
            after = structs.replace(after, told_at=streak.told_at)
        return _Asked(after, told.held, told.has_recovered)

    def _ended(self, notice: Execution, task: "asyncio.Task[Outcome]") -> None:
        self._tasks.discard(task)
        key = _told_of(notice.job.id, notice.id)
        self._under_way[key] -= 1
        if not self._under_way[key]:
            del self._under_way[key]
        if task.cancelled():  # before its first step
            self._on_notice(ended(notice, Status.INTERRUPTED, _STOPPED))
        else:
            self._on_notice(task.result())

    async def _sent(self, notice: Execution, dispatchers: Dispatchers) -> Outcome:
        if self._telemetry is None:
            return await self._outcome(notice, dispatchers)
        span = self._telemetry.begin(notice)
        outcome = await self._outcome(span.execution, dispatchers, span)
        span.end(outcome)
        return outcome

    async def _outcome(
        self, notice: Execution, dispatchers: Dispatchers, span: "ExecutionSpan | None" = None
    ) -> Outcome:
        try:
            dispatcher = dispatchers.get(notice.job.key)
            return await Attempts(self._clock, notice, dispatcher, span=span).outcome()
        except DispatchError as error:
            return ended(notice, status_of(error), error.message, code=error.code)
        except Exception as error:  # noqa: BLE001 - telling of an outcome must not change it
            return ended(notice, Status.REJECTED, f"{type(error).__name__}: {error}")


def notice_execution(execution: Execution, hook: str, data: dict[str, Any]) -> Execution:
    """Return the execution that tells of another; `data` is the outcome with secrets masked.

    The ID is the execution's own with the notice's name, so that receivers drop duplicates of
    either but never one for the other.
    """
    return Execution(
        id=f"{execution.id}.{hook}",
        job=execution.job.notices[hook],
        scheduled_time=execution.scheduled_time,
        variables=execution.variables,
        trace=execution.trace,
        outcome=data,
    )


def told_data(outcome: Outcome, mask: Callable[[Any], Any]) -> dict[str, Any]:
    """Return what notices are told of an outcome: a result of the report, without notices."""
    data: dict[str, Any] = mask(msgspec.to_builtins(outcome))
    del data["notices"]
    return data


def hook_of(notice_id: str) -> str:
    """Return the key of a notice in its job: `on_failure` of `….on_failure`."""
    return notice_id.rpartition(".")[2]


def told_of(notice: Outcome) -> tuple[str, str]:
    """Return the job and the execution that a notice tells of, by their IDs."""
    return _told_of(notice.job_id, notice.execution_id)


def notice_of(outcome: Outcome) -> Notice:
    """Return how a notice ended as a part of the outcome that it tells of."""
    return Notice(
        hook=hook_of(outcome.execution_id),
        protocol=outcome.protocol,
        target=outcome.target,
        status=outcome.status,
        code=outcome.code,
        message=outcome.message,
    )


def _told_of(job_id: str, notice_id: str) -> tuple[str, str]:
    return job_id, notice_id.rpartition(".")[0]


def _held(execution: Execution, hook: str, reason: str) -> Notice:
    job = execution.job.notices[hook]
    return Notice(
        hook=hook,
        protocol=job.protocol,
        target=job.target.describe(),
        status=Status.SKIPPED,
        message=reason,
    )


def _names(outcome: Outcome, told: _Asked) -> list[str]:
    """Return the keys of the notices that an outcome asks for."""
    if outcome.status is Status.SUCCEEDED:
        return ["on_success", *(["on_recovery"] if told.has_recovered else [])]
    return ["on_failure"] if outcome.status.is_failure else []
