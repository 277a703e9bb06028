"""Signs of life: what a run is doing, while it does it. Only for a terminal."""

import asyncio
from collections.abc import Sequence
from typing import Self

from msgspec import Struct

from chronos_cli.cli.progress import LONG, StatusLine
from chronos_cli.clock import Clock
from chronos_cli.dispatch.execution import Execution
from chronos_cli.dispatch.outcome import Attempt
from chronos_cli.report.attempts import attempt_words

# Of what is left so many are named.
_NAMED = 3


class _Current(Struct, frozen=True):
    """The attempt that an execution is at; it begins at `start`, by the steady clock."""

    execution: Execution
    number: int
    start: float
    why: str = ""


class Signs:
    """Draws one line: how many have ended, and what the last one that was heard of is doing."""

    def __init__(self, clock: Clock, executions: Sequence[Execution]) -> None:
        self._clock = clock
        self._total = len(executions)
        self._left = {execution.id: execution.job.id for execution in executions}
        self._line = StatusLine()
        self._current: dict[str, _Current] = {}
        if self._total == 1:  # of several, some may have to wait for others
            self._current[executions[0].id] = _Current(executions[0], 1, clock.monotonic())
        self._drawing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Draw it from now on, in a task of its own."""
        self._drawing = asyncio.create_task(self._keep_drawing())
        return self

    async def __aexit__(self, *_: object) -> None:
        """Take it away."""
        assert self._drawing is not None
        self._drawing.cancel()
        self._line.close()

    def on_attempt(self, execution: Execution, attempt: Attempt, wait: float | None) -> None:
        """Take in an attempt that has ended."""
        self._current.pop(execution.id, None)
        if wait is not None:
            start = self._clock.monotonic() + wait
            why = ": ".join(filter(None, [attempt.code or attempt.status.value, attempt.message]))
            self._current[execution.id] = _Current(execution, attempt.number + 1, start, why)

    def on_outcome(self, execution_id: str) -> None:
        """Take in that an execution has ended."""
        self._left.pop(execution_id, None)
        self._current.pop(execution_id, None)

    def text(self) -> str:
        """Return the line as it should be now."""
        done = self._total - len(self._left)
        parts = [f"running {done}/{self._total}"] if self._total > 1 else []
        if self._total > 1 and 0 < len(self._left) <= _NAMED:
            parts.append(f"left: {', '.join(self._left.values())}")
        if self._current:
            parts.append(self._words(next(reversed(self._current.values()))))
        return "; ".join(parts)

    def _words(self, current: _Current) -> str:
        job = current.execution.job
        age = self._clock.monotonic() - current.start
        most = job.spec.retry_policy.max_attempts
        return attempt_words(job.id, current.number, most, age, current.why)

    async def _keep_drawing(self) -> None:
        while True:
            await self._clock.sleep(LONG)
            self._line.show(self.text())
