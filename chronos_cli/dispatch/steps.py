"""The steps of a check: what was looked at before anything is sent, and how it went."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum

from msgspec import Struct

from chronos_cli.clock import Clock
from chronos_cli.dispatch.outcome import status_of
from chronos_cli.errors import DispatchError

# The steps that lead to a far side and through TLS, without a word to it.
_WAY = frozenset({"resolve", "connect", "proxy tls", "tunnel", "tls"})


class StepStatus(StrEnum):
    """How a step ended: as an attempt does, or well but with a warning."""

    SUCCEEDED = "succeeded"
    WARNING = "warning"
    REJECTED = "rejected"
    UNREACHABLE = "unreachable"
    TIMED_OUT = "timed_out"
    INTERRUPTED = "interrupted"

    @property
    def is_failure(self) -> bool:
        """Whether a job would not get through for it."""
        return self is not StepStatus.SUCCEEDED and self is not StepStatus.WARNING


class Step(Struct, kw_only=True):
    """One step: `message` is what was found, `duration_ms` milliseconds.

    A check writes `message`, and calls `warn`; the rest is written for it.
    """

    name: str
    status: StepStatus = StepStatus.SUCCEEDED
    message: str = ""
    duration_ms: float = 0.0

    def warn(self, message: str) -> None:
        """Add a warning: the job would get through, and somebody should look at this."""
        self.status = StepStatus.WARNING
        self.message = "; ".join(filter(None, [self.message, message]))


class Steps:
    """The steps of one check, in their order; `end` is its limit, by the clock's steady time.

    `certificate_end` is when the first of the far side's certificates ends that were verified, in
    seconds since 1970.
    """

    def __init__(self, clock: Clock, end: float) -> None:
        self._clock = clock
        self._end = end
        self.taken: list[Step] = []
        self.certificate_end: float | None = None

    def time_left(self) -> float:
        """Return the seconds until the limit of the check."""
        return self._end - self._clock.monotonic()

    @contextmanager
    def step(self, name: str) -> Iterator[Step]:
        """Take what the block does as one step, and what it raises as how the step ended."""
        step = Step(name=name)
        self.taken.append(step)
        began = self._clock.monotonic()
        try:
            yield step
        except BaseException as error:
            step.status, step.message = step_status(error), _words(error)
            raise
        finally:
            step.duration_ms = round((self._clock.monotonic() - began) * 1000, 3)

    def fail(self, status: StepStatus, message: str) -> None:
        """Note how the check ended that was broken off: its last step did, or one more."""
        last = self.taken[-1] if self.taken else None
        if last is None or not last.status.is_failure:
            self.taken.append(last := Step(name="check"))
        last.status, last.message = status, message

    @property
    def first_failure(self) -> Step | None:
        """The first step that failed, if any did."""
        return next((step for step in self.taken if step.status.is_failure), None)


class ArrivedError(Exception):
    """The steps of the way are behind; what follows would speak to the far side."""


class Way(Steps):
    """The steps of a check as far as TLS: the next one raises ArrivedError and is not taken."""

    @contextmanager
    def step(self, name: str) -> Iterator[Step]:
        """Take a step of the way."""
        if name not in _WAY:
            raise ArrivedError(name)
        with super().step(name) as step:
            yield step


def step_status(error: BaseException) -> StepStatus:
    """Return what an exception makes of a step; what nobody foresaw is `unreachable`."""
    if isinstance(error, asyncio.CancelledError):
        return StepStatus.INTERRUPTED
    if isinstance(error, DispatchError):
        return StepStatus(status_of(error).value)
    return StepStatus.UNREACHABLE


def _words(error: BaseException) -> str:
    if isinstance(error, DispatchError):
        return error.message
    return f"unforeseen {type(error).__name__}: {error}"
