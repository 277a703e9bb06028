"""Many executions side by side, bounded, with their outcomes in order."""

import asyncio
import gc
from collections.abc import Iterator, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext

from msgspec import Struct

from chronos_cli.dispatch.attempts import ended
from chronos_cli.dispatch.dispatchers import Dispatchers
from chronos_cli.dispatch.execution import Execution
from chronos_cli.dispatch.executor import Executor
from chronos_cli.dispatch.journal import RunningExecution
from chronos_cli.dispatch.outcome import Outcome, Status


class BatchOptions(Struct, frozen=True):
    """How a batch is carried out: so many at the same time, and whether a failure is the last.

    With `makes_up`, executions of a job whose `concurrency` is not `allow` take turns, and what
    does not start leaves no record: it is still to be made up for.
    """

    concurrency: int
    fail_fast: bool = False
    makes_up: bool = False


class Batch:
    """Carries executions out once each; `stop` ends those that are still on their way.

    `failure` is the first bug of ours that an execution ended with.
    """

    def __init__(self, executor: Executor, dispatchers: Dispatchers, options: BatchOptions) -> None:
        self._executor = executor
        self._dispatchers = dispatchers
        self._options = options
        self._has_failed = False
        self._is_stopped = False
        # By job: whose turn it is, where executions may not overlap.
        self._turns: dict[str, asyncio.Lock] = {}
        self._failure: Exception | None = None

    @property
    def failure(self) -> Exception | None:
        """The first bug of ours that was met, if any."""
        return self._executor.failure or self._failure

    async def outcomes(self, executions: Sequence[Execution]) -> list[Outcome]:
        """Return one outcome for each execution, in the order given, when notices are sent too."""
        # What was loaded stays until the end: the collector need not look through it again.
        gc.freeze()
        found: list[Outcome | None] = [None] * len(executions)
        waiting = iter(enumerate(executions))
        workers = min(self._options.concurrency, len(executions))
        await asyncio.gather(*(self._work(waiting, found) for _ in range(workers)))
        await self._executor.notifier.finish()
        return [outcome for outcome in found if outcome is not None]

    def stop(self) -> None:
        """Interrupt everything that has not ended, notices too."""
        self._is_stopped = True
        self._executor.notifier.stop()
        self._executor.interrupt_all()

    async def _work(
        self, waiting: Iterator[tuple[int, Execution]], found: list[Outcome | None]
    ) -> None:
        """Carry out one execution after the other, as long as any waits."""
        for index, execution in waiting:
            try:
                async with self._turn(execution):
                    found[index] = await self._outcome(execution)
            except Exception as error:  # noqa: BLE001 - the others are reported all the same
                self._failure = self._failure or error
                message = f"internal error: {type(error).__name__}: {error}"
                found[index] = ended(execution, Status.REJECTED, message)

    def _turn(self, execution: Execution) -> AbstractAsyncContextManager[None]:
        job = execution.job
        if not self._options.makes_up or job.spec.concurrency == "allow":
            return nullcontext()
        return self._turns.setdefault(job.id, asyncio.Lock())

    def _pass_over(self, execution: Execution, status: Status, reason: str) -> Outcome:
        is_recorded = not self._options.makes_up
        return self._executor.pass_over(execution, status, reason, is_recorded=is_recorded)

    async def _outcome(self, execution: Execution) -> Outcome:
        executor = self._executor
        if not execution.job.spec.enabled:
            reason = "disabled: 'enabled: false' in the job file"
            return self._pass_over(execution, Status.SKIPPED, reason)
        if self._is_stopped:
            reason = "stopped before the first attempt"
            return self._pass_over(execution, Status.INTERRUPTED, reason)
        if self._has_failed and self._options.fail_fast:
            reason = "not started: an earlier job failed (--fail-fast)"
            return self._pass_over(execution, Status.SKIPPED, reason)
        if running := executor.begin(execution):
            return self._pass_over(execution, Status.SKIPPED, _in_the_way(running))
        outcome = await executor.execute(execution, self._dispatchers)
        self._has_failed = self._has_failed or outcome.status.is_failure
        return outcome


def _in_the_way(running: RunningExecution) -> str:
    since = running.started_at.isoformat(timespec="seconds")
    return f"not started: execution {running.execution_id} runs since {since} ({running.process})"
