"""Telling of outcomes: each notice is a dispatch of its own, beside the executions."""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec

from chronos_cli.clock import Clock
from chronos_cli.cron.events import Events, Kind
from chronos_cli.cron.fleet import Fleet
from chronos_cli.cron.waiting import wait_at_most
from chronos_cli.dispatch.execution import Execution
from chronos_cli.dispatch.notices import notices_of
from chronos_cli.dispatch.outcome import Outcome, Status
from chronos_cli.dispatch.runner import Runner


class Herald:
    """Sends notices. `mask` takes the secrets out of an outcome."""

    def __init__(self, clock: Clock, events: Events, mask: Callable[[Any], Any]) -> None:
        self._clock = clock
        self._runner = Runner(clock)
        self._events = events
        self._mask = mask
        self._tasks: set[asyncio.Task[None]] = set()

    def tell(
        self, execution: Execution, outcome: Outcome, previous: Status | None, fleet: Fleet
    ) -> None:
        """Send the notices that a job wants; `previous` is how it ended the last time."""
        data = self._mask(msgspec.to_builtins(outcome))
        for notice in notices_of(execution, outcome, data, previous):
            fleet.hold()
            task = asyncio.create_task(self._send(notice, fleet))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            task.add_done_callback(lambda _: fleet.let_go())

    async def finish(self, seconds: float) -> None:
        """Wait for the notices under way, at most so long; give up the rest."""
        await wait_at_most(self._clock, self._tasks, seconds)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _send(self, notice: Execution, fleet: Fleet) -> None:
        try:
            outcome = await self._runner.run(notice, fleet.get(notice.job.key))
        except Exception as error:  # noqa: BLE001 - a plug-in may fail in any way
            self._failed(notice, f"{type(error).__name__}: {error}")
            return
        if outcome.status.is_failure:
            self._failed(notice, f"{outcome.status}: {outcome.message}")

    def _failed(self, notice: Execution, message: str) -> None:
        self._events.tell(
            Kind.NOTICE_FAILED, job_id=notice.job.id, execution_id=notice.id, message=message
        )
