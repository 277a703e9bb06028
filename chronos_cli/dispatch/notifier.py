"""Notices: `on_failure` and its kin are dispatches of their own, told of the outcome."""

import asyncio
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import msgspec

from chronos_cli.clock import Clock
from chronos_cli.dispatch.attempts import Attempts, ended, status_of
from chronos_cli.dispatch.dispatchers import Dispatchers
from chronos_cli.dispatch.execution import Execution
from chronos_cli.dispatch.limit import wait_at_most
from chronos_cli.dispatch.outcome import Outcome, Status
from chronos_cli.errors import DispatchError

if TYPE_CHECKING:
    from chronos_cli.dispatch.telemetry import ExecutionSpan, Telemetry


class Notifier:
    """Sends the notices that outcomes ask for, beside the executions.

    `mask` takes the secrets out of an outcome; `on_notice` is called as each notice ends.
    """

    def __init__(
        self,
        clock: Clock,
        mask: Callable[[Any], Any],
        on_notice: Callable[[Outcome], None],
        telemetry: "Telemetry | None" = None,
    ) -> None:
        self._clock = clock
        self._mask = mask
        self._on_notice = on_notice
        self._telemetry = telemetry
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_stopped = False

    def notices_of(
        self, execution: Execution, outcome: Outcome, previous: Status | None
    ) -> list[Execution]:
        """Return the notices that a job wants; `previous` is how it ended the last time."""
        if not execution.job.notices or self._is_stopped:
            return []
        data = self._mask(msgspec.to_builtins(outcome))
        return notices_of(execution, outcome, data, previous)

    def send(self, notices: Iterable[Execution], dispatchers: Dispatchers) -> None:
        """Send notices beside what goes on."""
        for notice in notices:
            dispatchers.hold()
            task = asyncio.create_task(self._send(notice, dispatchers))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            task.add_done_callback(lambda _: dispatchers.release())

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

    async def _send(self, notice: Execution, dispatchers: Dispatchers) -> None:
        span = self._telemetry.begin(notice) if self._telemetry is not None else None
        outcome = await self._outcome(span.execution if span else notice, dispatchers, span)
        if span is not None:
            span.end(outcome)
        self._on_notice(outcome)

    async def _outcome(
        self, notice: Execution, dispatchers: Dispatchers, span: "ExecutionSpan | None"
    ) -> Outcome:
        try:
            dispatcher = dispatchers.get(notice.job.key)
            return await Attempts(self._clock, notice, dispatcher, span=span).outcome()
        except DispatchError as error:
            return ended(notice, status_of(error), error.message, code=error.code)
        except Exception as error:  # noqa: BLE001 - telling of an outcome must not change it
            return ended(notice, Status.REJECTED, f"{type(error).__name__}: {error}")


def notices_of(
    execution: Execution, outcome: Outcome, data: dict[str, Any], previous: Status | None = None
) -> list[Execution]:
    """Return the executions that tell of an outcome, as far as the job wants it.

    `data` is the outcome with secrets masked. The ID is the execution's own with the notice's
    name, so that receivers drop duplicates of either but never one for the other.
    """
    wanted = execution.job.notices
    return [
        Execution(
            id=f"{execution.id}.{name}",
            job=wanted[name],
            scheduled_time=execution.scheduled_time,
            variables=execution.variables,
            trace=execution.trace,
            outcome=data,
        )
        for name in notice_names(outcome, previous)
        if name in wanted
    ]


def notice_names(outcome: Outcome, previous: Status | None = None) -> list[str]:
    """Return the keys of the notices that an outcome asks for.

    `previous` is how the job's execution before this one ended, where that is known.
    """
    if outcome.status is Status.SUCCEEDED:
        has_recovered = previous is not None and previous.is_failure
        return ["on_success", *(["on_recovery"] if has_recovered else [])]
    return ["on_failure"] if outcome.status.is_failure else []
