"""The attempts of one execution, until one succeeds or policy or deadline say that it is over."""

import asyncio
import random as randomness
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from chronos_cli.clock import Clock
from chronos_cli.dispatch import foreign
from chronos_cli.dispatch.delivery import Delivery, check_rendered, prepare
from chronos_cli.dispatch.execution import Execution
from chronos_cli.dispatch.limit import LimitError, within
from chronos_cli.dispatch.outcome import Attempt, Outcome, Status, status_of
from chronos_cli.dispatch.plugin import Dispatcher, Receipt
from chronos_cli.dispatch.retry import is_retryable, wait_after
from chronos_cli.dispatch.trace import Trace
from chronos_cli.errors import DispatchError, RejectedError, TimedOutError
from chronos_cli.jobs.model import Target
from chronos_cli.units import format_duration

if TYPE_CHECKING:
    from chronos_cli.dispatch.telemetry import ExecutionSpan

# Less than this is lost between the start of an execution and that of its first attempt.
_NOTICEABLE = 0.05

_RANDOM = randomness.SystemRandom()


def ended(
    execution: Execution,
    status: Status,
    message: str,
    *,
    target: Target | None = None,
    **details: Any,
) -> Outcome:
    """Return the outcome of an execution; `target` is its target as it was last rendered."""
    job = execution.job
    return Outcome(
        job_id=job.id,
        job_name=job.spec.name,
        execution_id=execution.id,
        protocol=job.protocol,
        target=(target or job.target).describe(),
        scheduled_time=execution.scheduled_time.isoformat(),
        status=status,
        message=message,
        trace_id=execution.trace.trace_id,
        **details,
    )


class Attempts:
    """Makes the attempts of one execution.

    `on_attempt` is called as each attempt ends, with the seconds until the next one, or None when
    it was the last. `admit` is waited for before each one begins. `span` is told of each one for
    whoever collects traces. The clock and the randomness are handed in.
    """

    def __init__(  # noqa: PLR0913 - what it takes, and who is told
        self,
        clock: Clock,
        execution: Execution,
        dispatcher: Dispatcher[Target],
        on_attempt: Callable[[Attempt, float | None], None] | None = None,
        *,
        admit: Callable[[Execution], Awaitable[None]] | None = None,
        random: randomness.Random = _RANDOM,
        span: "ExecutionSpan | None" = None,
    ) -> None:
        self._clock = clock
        self._admit = admit
        self._random = random
        self._execution = execution
        self._dispatcher = dispatcher
        self._on_attempt = on_attempt
        self._span = span
        self._attempts: list[Attempt] = []
        self._began = clock.monotonic()
        self._end = self._began + execution.job.deadline
        self._target = execution.job.target

    async def outcome(self) -> Outcome:
        """Attempt until there is an outcome. Cancelling it gives the outcome `interrupted`."""
        try:
            receipt = await self._until_decided()
        except DispatchError as error:
            last = self._attempts[-1]
            return self._ended(last.status, error.message, error.code, dict(error.receipt))
        except asyncio.CancelledError:
            return self._ended(Status.INTERRUPTED, self._interrupted_message(), None, {})
        return self._ended(Status.SUCCEEDED, receipt.message, receipt.code, dict(receipt.data))

    async def _until_decided(self) -> Receipt:
        """Attempt until one succeeds; raise the failure that decides otherwise."""
        number = 1
        while True:
            wait = None
            try:
                return await self._attempt(number)
            except DispatchError as error:
                wait = self._wait_after(number, error)
            finally:
                if self._on_attempt is not None:
                    self._on_attempt(self._attempts[-1], wait)
            await self._clock.sleep(wait)
            number += 1

    def _wait_after(self, number: int, error: DispatchError) -> float:
        """Return the seconds until the next attempt; raise the failure when there is none."""
        policy = self._execution.job.spec.retry_policy
        status = self._attempts[-1].status
        if number >= policy.max_attempts or not is_retryable(policy, status, error):
            raise error
        wait = wait_after(policy, number, error, self._random)
        if self._clock.monotonic() + wait >= self._end:
            words = f"no time for another attempt ({self._deadline_words()})"
            raise error.with_message(f"{error.message}; {words}") from error
        return wait

    async def _attempt(self, number: int) -> Receipt:
        now = self._clock.now()
        began = self._clock.monotonic()
        trace = self._execution.trace.attempt()
        status, code, message = Status.INTERRUPTED, None, "cut off"
        data: Mapping[str, Any] = {}
        try:
            if self._admit is not None:
                await self._admit(self._execution)
                now, began = self._clock.now(), self._clock.monotonic()
            receipt = await self._send(number, trace)
            status, code, message = Status.SUCCEEDED, receipt.code, receipt.message
            data = receipt.data
        except DispatchError as error:
            status, code, message = status_of(error), error.code, error.message
            data = error.receipt
            raise
        finally:
            attempt = Attempt(
                number=number,
                started_at=now.isoformat(timespec="milliseconds"),
                duration_ms=self._since(began),
                status=status,
                code=code,
                message=message,
            )
            self._attempts.append(attempt)
            if self._span is not None:
                self._span.attempted(attempt, now, trace, self._target, data)
        return receipt

    async def _send(self, number: int, trace: Trace) -> Receipt:
        timeout = self._execution.job.spec.timeout
        limit = min(timeout, self._end - self._clock.monotonic())
        if limit <= 0:
            raise TimedOutError(f"its time was over before it was sent ({self._deadline_words()})")
        delivery = prepare(self._execution, number, limit, trace)
        self._target = delivery.target
        check_rendered(delivery)
        try:
            return await within(limit, _sent(self._dispatcher, delivery))
        except LimitError as error:
            words = f"within {format_duration(limit)}"
            if limit < timeout - _NOTICEABLE:
                words += f", all that was left ({self._deadline_words()})"
            # What a protocol knows of why, it leaves as notes on the cancellation.
            raise TimedOutError("; ".join([f"no answer {words}", *error.notes])) from error

    def _deadline_words(self) -> str:
        return f"deadline {format_duration(self._execution.job.deadline)}"

    def _interrupted_message(self) -> str:
        if not self._attempts:
            return "stopped before the first attempt"
        last = self._attempts[-1]
        if last.status is Status.INTERRUPTED:
            return f"stopped during attempt {last.number}; it may have arrived"
        return f"stopped after attempt {last.number}: {last.message}"

    def _since(self, began: float) -> float:
        return round((self._clock.monotonic() - began) * 1000, 3)

    def _ended(
        self, status: Status, message: str, code: str | None, receipt: dict[str, Any]
    ) -> Outcome:
        return ended(
            self._execution,
            status,
            message,
            target=self._target,
            code=code,
            receipt=receipt,
            duration_ms=self._since(self._began),
            attempts=self._attempts,
        )


async def _sent(dispatcher: Dispatcher[Target], delivery: Delivery[Target]) -> Receipt:
    """Send one message; raises DispatchError alone, whatever a protocol lets out."""
    receipt = await foreign.call_async(lambda: dispatcher.send(delivery))
    if not isinstance(receipt, Receipt):
        # Not taken for an acknowledgement: nobody said that the message has arrived.
        raise RejectedError(f"the plug-in returned no receipt but {receipt!r:.100}", code="PLUGIN")
    return receipt
