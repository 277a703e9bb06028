"""Many executions side by side, bounded, with their outcomes in order."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from chronos_cli.dispatch.dispatchers import Dispatchers
from chronos_cli.dispatch.execution import Execution
from chronos_cli.dispatch.notices import notices_of
from chronos_cli.dispatch.outcome import Outcome, Status
from chronos_cli.dispatch.runner import Runner, ended


class Journal(Protocol):
    """Keeps what is started and what came of it."""

    def begin(self, execution: Execution) -> str | None:
        """Record that an execution starts, or return why it must not."""
        ...

    def end(self, execution: Execution, outcome: Outcome) -> None:
        """Record how an execution ended, also one that did not start."""
        ...

    def last_status(self, job_id: str) -> Status | None:
        """Return how the job's last execution ended, where that is known."""
        ...


@dataclass(frozen=True, slots=True)
class BatchOptions:
    """How a batch is run.

    `on_outcome` is called as each execution ends, `on_notice` with what came of telling of it.
    `mask` takes the secrets out of an outcome before it is told to anybody.
    """

    concurrency: int
    fail_fast: bool
    on_outcome: Callable[[Outcome], None]
    on_notice: Callable[[Outcome], None]
    mask: Callable[[Any], Any]
    journal: Journal | None = None


class Batch:
    """Runs executions once each; `stop` ends those that are still on their way.

    `failure` is the first bug that an execution ended with, of ours or of a plug-in's.
    """

    def __init__(self, runner: Runner, dispatchers: Dispatchers, options: BatchOptions) -> None:
        self._runner = runner
        self._dispatchers = dispatchers
        self._options = options
        self._slots = asyncio.Semaphore(options.concurrency)
        self._tasks: list[asyncio.Task[Outcome]] = []
        self._failed = False
        self._stopped = False
        self._reported: dict[int, Outcome] = {}
        self.failure: BaseException | None = None

    async def run(self, executions: Sequence[Execution]) -> list[Outcome]:
        """Return one outcome for each execution, in the order given."""
        self._tasks = [asyncio.create_task(self._one(execution)) for execution in executions]
        results = await asyncio.gather(*self._tasks, return_exceptions=True)
        pairs = zip(executions, results, strict=True)
        return [self._settled(execution, result) for execution, result in pairs]

    def stop(self) -> None:
        """Interrupt everything that has not ended, notices too."""
        self._stopped = True
        for task in self._tasks:
            task.cancel()

    def _settled(self, execution: Execution, result: Outcome | BaseException) -> Outcome:
        """Return what is reported of an execution, whatever its task ended with."""
        if isinstance(result, Outcome):
            return result
        if isinstance(result, asyncio.CancelledError):
            # Cancelled before its task had even begun.
            return self._told(execution, _not_started(execution))
        # What the others have come to is reported all the same.
        self.failure = self.failure or result
        if told := self._reported.get(id(execution)):
            return told  # a notice has failed, not the job
        message = f"internal error: {type(result).__name__}: {result}"
        return self._told(execution, ended(execution, Status.REJECTED, message))

    async def _one(self, execution: Execution) -> Outcome:
        outcome = await self._outcome(execution)
        previous = self._previous(execution)  # before this one is the last
        self._told(execution, outcome)
        await self._notify(execution, outcome, previous)
        return outcome

    def _previous(self, execution: Execution) -> Status | None:
        journal = self._options.journal
        if journal is None or "on_recovery" not in execution.job.notices:
            return None
        return journal.last_status(execution.job.id)

    async def _outcome(self, execution: Execution) -> Outcome:
        if not execution.job.spec.enabled:
            return ended(execution, Status.SKIPPED, "disabled: 'enabled: false' in the job file")
        try:
            await self._slots.acquire()
        except asyncio.CancelledError:
            return _not_started(execution)
        try:
            if self._stopped:
                return _not_started(execution)
            if self._failed and self._options.fail_fast:
                message = "not started: an earlier job failed (--fail-fast)"
                return ended(execution, Status.SKIPPED, message)
            journal = self._options.journal
            if journal and (reason := journal.begin(execution)):
                return ended(execution, Status.SKIPPED, reason)
            outcome = await self._run(execution)
        finally:
            self._slots.release()
        self._failed = self._failed or outcome.status.is_failure
        return outcome

    async def _run(self, execution: Execution) -> Outcome:
        return await self._runner.run(execution, self._dispatchers.get(execution.job.key))

    async def _notify(
        self, execution: Execution, outcome: Outcome, previous: Status | None
    ) -> None:
        data = self._options.mask(msgspec.to_builtins(outcome))
        for notice in notices_of(execution, outcome, data, previous):
            if self._stopped:
                return
            self._options.on_notice(await self._run(notice))

    def _told(self, execution: Execution, outcome: Outcome) -> Outcome:
        if self._options.journal:
            self._options.journal.end(execution, outcome)
        self._options.on_outcome(outcome)
        self._reported[id(execution)] = outcome
        return outcome


def _not_started(execution: Execution) -> Outcome:
    return ended(execution, Status.INTERRUPTED, "stopped before the first attempt")
