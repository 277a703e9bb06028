"""Many checks side by side, bounded, with their results in order."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress

from msgspec import structs

from chronos_cli.clock import Clock
from chronos_cli.dispatch.check import Check, Checked, passed_over
from chronos_cli.dispatch.dispatchers import Dispatchers
from chronos_cli.dispatch.execution import Execution
from chronos_cli.dispatch.outcome import Status
from chronos_cli.dispatch.steps import StepStatus
from chronos_cli.errors import DispatchError


class Checks:
    """Checks jobs once each; `stop` ends the checks that are under way.

    `on_result` is told of each as it ends.
    `running` are those under way, by job.
    """

    def __init__(
        self,
        dispatchers: Dispatchers,
        clock: Clock,
        on_result: Callable[[Checked], None],
        *,
        is_strict: bool = False,
    ) -> None:
        self._dispatchers = dispatchers
        self._clock = clock
        self._on_result = on_result
        self._is_strict = is_strict
        self._is_stopped = False
        self._tasks: set[asyncio.Task[Checked]] = set()
        self.running: dict[str, Check] = {}

    async def results(self, executions: Sequence[Execution], concurrency: int) -> list[Checked]:
        """Return one result for each execution, in the order given."""
        for key in {execution.job.key for execution in executions}:
            with suppress(DispatchError):  # told by the job's own step
                self._dispatchers.get(key)  # imported now, so that no step seems to take long
        found: dict[int, Checked] = {}
        waiting = iter(enumerate(executions))
        workers = min(concurrency, len(executions))
        await asyncio.gather(*(self._work(waiting, found) for _ in range(workers)))
        await self._dispatchers.close()
        return [found[number] for number in range(len(executions))]

    def stop(self) -> None:
        """Interrupt everything that has not ended."""
        self._is_stopped = True
        for task in self._tasks:
            task.cancel()

    async def _work(
        self, waiting: Iterator[tuple[int, Execution]], found: dict[int, Checked]
    ) -> None:
        for number, execution in waiting:
            result = await self._result(execution)
            found[number] = _strictly(result) if self._is_strict else result
            self._on_result(found[number])

    async def _result(self, execution: Execution) -> Checked:
        job = execution.job
        if not job.spec.enabled:
            return passed_over(execution, Status.SKIPPED)
        if self._is_stopped:
            return passed_over(execution, Status.INTERRUPTED)
        check = Check(execution, self._dispatchers, self._clock)
        self.running[job.id] = check
        task = asyncio.create_task(check.result())
        self._tasks.add(task)
        try:
            return await task
        finally:
            self._tasks.discard(task)
            del self.running[job.id]


def _strictly(result: Checked) -> Checked:
    """Return a result in which a warning is a failure."""
    has_warning = any(step.status is StepStatus.WARNING for step in result.steps)
    if result.status is not Status.SUCCEEDED or not has_warning:
        return result
    return structs.replace(result, status=Status.REJECTED)
