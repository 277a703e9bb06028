"""The executions that are under way."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from msgspec import structs

from chronos_cli.clock import Clock
from chronos_cli.cron.events import Events, Kind
from chronos_cli.cron.fleet import Fleet
from chronos_cli.cron.herald import Herald
from chronos_cli.cron.ledger import Ledger
from chronos_cli.cron.waiting import wait_at_most
from chronos_cli.dispatch.execution import Execution
from chronos_cli.dispatch.outcome import Attempt, Outcome, Status
from chronos_cli.dispatch.runner import Runner, ended

# How long a cancelled execution may take to let go of its connection, in seconds.
_LETTING_GO = 5.0


@dataclass(slots=True)
class _Running:
    execution: Execution
    fleet: Fleet
    task: asyncio.Task[None] | None = None
    begun: bool = False
    interrupted: str = ""  # why

    def interrupt(self, why: str) -> None:
        # Once only: a second cancellation would break off the recording of the first.
        if not self.interrupted and self.begun and self.task is not None:
            self.task.cancel()
        self.interrupted = self.interrupted or why


class Crew:
    """Carries executions out side by side, records and tells what came of them.

    `on_end` is called with the job's ID as each one ends. `failure` is a bug of ours: nothing
    that a far side, a plug-in or a full disk does leads there. `cut_off` counts what did not end
    by itself within the grace.
    """

    def __init__(
        self,
        clock: Clock,
        ledger: Ledger,
        events: Events,
        herald: Herald,
        on_end: Callable[[str], None],
    ) -> None:
        self._clock = clock
        self._runner = Runner(clock)
        self._ledger = ledger
        self._events = events
        self._herald = herald
        self._on_end = on_end
        self._running: dict[str, dict[str, _Running]] = {}
        self.failure: BaseException | None = None
        self.cut_off = 0

    def __len__(self) -> int:
        return sum(map(len, self._running.values()))

    def ids(self, job_id: str) -> list[str]:
        """Return the execution IDs of a job that are under way."""
        return list(self._running.get(job_id, ()))

    def have_begun(self, job_id: str) -> bool:
        """Whether all that is under way of a job has come so far as to send something."""
        return all(running.begun for running in self._running.get(job_id, {}).values())

    def start(self, execution: Execution, fleet: Fleet) -> None:
        """Start an execution, which has been recorded."""
        fleet.hold()
        running = _Running(execution, fleet)
        self._running.setdefault(execution.job.id, {})[execution.id] = running
        running.task = asyncio.create_task(self._carry_out(running))
        running.task.add_done_callback(self._look_for_failure)

    def interrupt(self, job_id: str, why: str) -> None:
        """End what is under way of a job, as `interrupted`."""
        for running in self._running.get(job_id, {}).values():
            running.interrupt(why)

    async def finish(self, grace: float) -> None:
        """Let everything end within `grace` seconds; then interrupt the rest."""
        await wait_at_most(self._clock, self._tasks(), grace)
        for running in self._all():
            self.cut_off += 1
            running.interrupt("cut off by the scheduler's stop")
        await wait_at_most(self._clock, self._tasks(), _LETTING_GO)

    def _all(self) -> list[_Running]:
        return [one for of_job in self._running.values() for one in of_job.values()]

    def _tasks(self) -> list[asyncio.Task[None]]:
        return [one.task for one in self._all() if one.task is not None]

    async def _carry_out(self, running: _Running) -> None:
        running.begun = True
        execution, job = running.execution, running.execution.job
        outcome = await self._outcome(running)
        # From here on nothing waits, so that nothing can break it off.
        asked = "on_recovery" in job.notices
        previous = self._ledger.last_status(job.id) if asked else None
        self._ledger.end(execution, outcome)
        self._tell(outcome)
        self._herald.tell(execution, outcome, previous, running.fleet)
        del self._running[job.id][execution.id]
        if not self._running[job.id]:
            del self._running[job.id]
        running.fleet.let_go()
        self._on_end(job.id)

    async def _outcome(self, running: _Running) -> Outcome:
        execution = running.execution
        if running.interrupted:
            told = f"{running.interrupted}: stopped before the first attempt"
            return ended(execution, Status.INTERRUPTED, told)
        try:
            dispatcher = running.fleet.get(execution.job.key)
            outcome = await self._runner.run(
                execution, dispatcher, lambda attempt: self._on_attempt(execution, attempt)
            )
        except Exception as error:  # noqa: BLE001 - a plug-in may fail in any way
            told = f"the dispatcher failed: {type(error).__name__}: {error}"
            return ended(execution, Status.REJECTED, told)
        if outcome.status is Status.INTERRUPTED and running.interrupted:
            told = f"{running.interrupted}: {outcome.message}"
            return structs.replace(outcome, message=told)
        return outcome

    def _on_attempt(self, execution: Execution, attempt: Attempt) -> None:
        self._ledger.attempt(execution, attempt)
        policy = execution.job.spec.retry_policy
        if attempt.status.is_failure and attempt.number < policy.max_attempts:
            self._events.tell(
                Kind.ATTEMPT_FAILED,
                job_id=execution.job.id,
                execution_id=execution.id,
                attempt=attempt.number,
                status=attempt.status.value,
                code=attempt.code,
                message=attempt.message or None,
            )

    def _tell(self, outcome: Outcome) -> None:
        self._events.tell(
            Kind.ENDED,
            job_id=outcome.job_id,
            execution_id=outcome.execution_id,
            status=outcome.status.value,
            code=outcome.code,
            attempts=len(outcome.attempts),
            duration_ms=outcome.duration_ms,
            message=outcome.message or None,
        )

    def _look_for_failure(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()):
            self.failure = error
            self._on_end("")
