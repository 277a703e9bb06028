"""The one way to carry out an execution: `run`, `replay` and `cron` share it."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from msgspec import structs

from chronos_cli.clock import Clock
from chronos_cli.dispatch.attempts import Attempts, ended
from chronos_cli.dispatch.dispatchers import Dispatchers
from chronos_cli.dispatch.execution import Execution
from chronos_cli.dispatch.journal import Journal, RunningExecution
from chronos_cli.dispatch.limit import wait_at_most
from chronos_cli.dispatch.notifier import Notifier
from chronos_cli.dispatch.outcome import Attempt, Outcome, Status, status_of
from chronos_cli.errors import DispatchError

if TYPE_CHECKING:
    from chronos_cli.dispatch.telemetry import ExecutionSpan, Telemetry

# How long a cancelled execution may take to let go of its connection, in seconds.
_LETTING_GO = 5.0


class Observer(Protocol):
    """Is told what happens to executions. What it is told is not masked yet."""

    def on_attempt(self, execution: Execution, attempt: Attempt, wait: float | None) -> None:
        """Take in an attempt that has ended; the next comes in `wait` seconds, if any does."""
        ...

    def on_outcome(self, outcome: Outcome) -> None:
        """Take in how an execution ended; it does not count as running any more."""
        ...

    def on_notice(self, outcome: Outcome) -> None:
        """Take in how a notice ended; its execution ID is that of the execution, and its hook."""
        ...


class _Running:
    """An execution under way, and the task that carries it out."""

    __slots__ = ("execution", "has_begun", "reason", "span", "task")

    def __init__(self, execution: Execution, task: "asyncio.Task[Any] | None" = None) -> None:
        self.execution = execution
        self.task = task
        self.has_begun = False
        self.span: ExecutionSpan | None = None
        self.reason: str | None = None  # why it is interrupted

    def begin(self, telemetry: "Telemetry | None") -> None:
        """Take note that it is carried out from now on."""
        self.has_begun = True
        if telemetry is not None:
            self.span = telemetry.begin(self.execution)
            self.execution = self.span.execution

    def interrupt(self, reason: str) -> None:
        # Once only: a second cancellation would break off the recording of the first.
        if self.reason is not None:
            return
        self.reason = reason
        if self.has_begun and self.task is not None:
            self.task.cancel()


class Executor:
    """Carries executions out side by side: attempts, journal, notices.

    `failure` is the first bug of ours that an execution ended with: nothing that a far side, a
    plug-in or a full disk does leads there. `cut_off` counts what did not end by itself within
    the grace. `mask` takes the secrets out of what notices tell. `telemetry` passes on to whoever
    collects traces what is done.
    """

    def __init__(
        self,
        clock: Clock,
        journal: Journal,
        observer: Observer,
        mask: Callable[[Any], Any],
        telemetry: "Telemetry | None" = None,
    ) -> None:
        self._clock = clock
        self._journal = journal
        self._observer = observer
        self._telemetry = telemetry
        self.notifier = Notifier(clock, journal, mask, self._on_notice, telemetry)
        self._running: dict[str, dict[str, _Running]] = {}
        self._count = 0
        self.failure: Exception | None = None
        self.cut_off = 0

    def __len__(self) -> int:
        return self._count

    def running_ids(self, job_id: str) -> list[str]:
        """Return the IDs of a job's executions that are under way."""
        return list(self._running.get(job_id, ()))

    def have_begun(self, job_id: str) -> bool:
        """Whether all that is under way of a job has come so far as to send something."""
        return all(running.has_begun for running in self._running.get(job_id, {}).values())

    def begin(self, execution: Execution, *, tick: bool = False) -> RunningExecution | None:
        """Record the start of an execution; see `Journal.begin`."""
        return self._journal.begin(execution, tick=tick)

    def start(self, execution: Execution, dispatchers: Dispatchers) -> "asyncio.Task[Outcome]":
        """Carry out an execution, which has begun, in a task of its own."""
        running = self._enter(_Running(execution), dispatchers)
        running.task = asyncio.create_task(self._carry_out(running, dispatchers))
        return running.task

    async def execute(self, execution: Execution, dispatchers: Dispatchers) -> Outcome:
        """Carry out an execution, which has begun, in the current task.

        Interrupting it is a cancellation of that task, which this call takes as its own.
        """
        running = self._enter(_Running(execution, asyncio.current_task()), dispatchers)
        return await self._carry_out(running, dispatchers)

    def pass_over(
        self, execution: Execution, status: Status, reason: str, *, is_recorded: bool = True
    ) -> Outcome:
        """Record and tell that an execution did not start; return its outcome."""
        outcome = ended(execution, status, reason)
        if is_recorded:
            self._journal.end(execution, outcome)
        self._observer.on_outcome(outcome)
        return outcome

    def interrupt(self, job_id: str, reason: str = "") -> None:
        """End what is under way of a job, as `interrupted`; `reason` is put before the message."""
        for running in self._running.get(job_id, {}).values():
            running.interrupt(reason)

    def interrupt_all(self, reason: str = "") -> None:
        """End everything that is under way, as `interrupted`."""
        for job_id in self._running:
            self.interrupt(job_id, reason)

    async def finish(self, grace: float) -> None:
        """Let everything end within `grace` seconds; then interrupt the rest."""
        await wait_at_most(self._clock, self._tasks(), grace)
        self.cut_off += len(self)
        self.interrupt_all("cut off by the scheduler's stop")
        await wait_at_most(self._clock, self._tasks(), _LETTING_GO)

    def _tasks(self) -> list["asyncio.Task[Any]"]:
        everything = (one for of_job in self._running.values() for one in of_job.values())
        return [running.task for running in everything if running.task is not None]

    def _enter(self, running: _Running, dispatchers: Dispatchers) -> _Running:
        execution = running.execution
        self._running.setdefault(execution.job.id, {})[execution.id] = running
        self._count += 1
        dispatchers.hold()
        return running

    def _leave(self, execution: Execution, dispatchers: Dispatchers) -> None:
        of_job = self._running[execution.job.id]
        del of_job[execution.id]
        self._count -= 1
        if not of_job:
            del self._running[execution.job.id]
        dispatchers.release()

    async def _carry_out(self, running: _Running, dispatchers: Dispatchers) -> Outcome:
        await self._journal.recorded()
        running.begin(self._telemetry)
        execution = running.execution
        outcome = await self._outcome(running, dispatchers)
        if running.span is not None:
            running.span.end(outcome)
        # From here on nothing waits, so that nothing can break it off.
        try:
            if self._journal.hands_on(execution, outcome):
                message = f"handed back, for a host to carry on: {outcome.message}"
                outcome = structs.replace(outcome, status=Status.SKIPPED, message=message)
            else:
                outcome = self._settle(execution, outcome, dispatchers)
        finally:
            self._leave(execution, dispatchers)
        self._observer.on_outcome(outcome)
        return outcome

    def _settle(self, execution: Execution, outcome: Outcome, dispatchers: Dispatchers) -> Outcome:
        """Record an outcome and send what tells of it; return it with the notices held back."""
        notices = self.notifier.notices_of(execution, outcome)
        if notices.held:
            outcome = structs.replace(outcome, notices=notices.held)
        self._journal.end(execution, outcome, notices.to_send, notices.streak)
        self.notifier.send(notices.to_send, dispatchers)
        return outcome

    async def _outcome(self, running: _Running, dispatchers: Dispatchers) -> Outcome:
        execution = running.execution
        if running.reason is not None:
            message = _because(running.reason, "stopped before the first attempt")
            return ended(execution, Status.INTERRUPTED, message)
        try:
            dispatcher = dispatchers.get(execution.job.key)
            tell = partial(self._on_attempt, execution)
            admit, span = dispatchers.admit, running.span
            attempts = Attempts(self._clock, execution, dispatcher, tell, admit=admit, span=span)
            outcome = await attempts.outcome()
        except DispatchError as error:  # there is no dispatcher
            return ended(execution, status_of(error), error.message, code=error.code)
        except Exception as error:  # noqa: BLE001 - a bug of ours, which must end no other job
            self.failure = self.failure or error
            message = f"internal error: {type(error).__name__}: {error}"
            return ended(execution, Status.REJECTED, message)
        if outcome.status is Status.INTERRUPTED and running.reason is not None:
            message = _because(running.reason, outcome.message)
            return structs.replace(outcome, message=message)
        return outcome

    def _on_attempt(self, execution: Execution, attempt: Attempt, wait: float | None) -> None:
        # One that decides is recorded with the outcome, which comes at once.
        if wait is not None:
            self._journal.attempt(execution, attempt)
        self._observer.on_attempt(execution, attempt, wait)

    def _on_notice(self, outcome: Outcome) -> None:
        self._journal.end_notice(outcome)
        self._observer.on_notice(outcome)


def _because(reason: str, message: str) -> str:
    return f"{reason}: {message}" if reason else message
