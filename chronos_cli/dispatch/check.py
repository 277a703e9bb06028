"""Whether a job would get through: found out step by step, without sending it."""

import asyncio
from collections.abc import Hashable
from contextlib import suppress
from functools import partial

from msgspec import Struct

from chronos_cli.clock import Clock
from chronos_cli.dispatch import foreign
from chronos_cli.dispatch.delivery import Delivery, check_rendered, prepare
from chronos_cli.dispatch.dispatchers import Dispatchers
from chronos_cli.dispatch.execution import Execution
from chronos_cli.dispatch.limit import LimitError, within
from chronos_cli.dispatch.outcome import Status
from chronos_cli.dispatch.steps import Step, Steps, StepStatus, Way, step_status
from chronos_cli.errors import DispatchError
from chronos_cli.jobs.model import Target
from chronos_cli.units import format_duration

# How long a far side may take to show its certificate, in seconds.
_PATIENCE = 10.0


class Checked(Struct, frozen=True, kw_only=True):
    """What a check found, in the shape that the JSON report has."""

    job_id: str
    protocol: str
    target: str
    status: Status
    steps: list[Step] = []


class Check:
    """Checks one job; `steps` are those that were taken so far."""

    def __init__(self, execution: Execution, dispatchers: Dispatchers, clock: Clock) -> None:
        self.execution = execution
        self._dispatchers = dispatchers
        self._timeout = execution.job.spec.timeout
        self._target = execution.job.target
        self.steps = Steps(clock, clock.monotonic() + self._timeout)

    async def result(self) -> Checked:
        """Take the steps within the job's `timeout`; a cancellation gives `interrupted`."""
        steps = self.steps
        try:
            await within(self._timeout, foreign.call_async(self._take))
        except DispatchError as error:
            if steps.first_failure is None:
                steps.fail(step_status(error), error.message)
        except LimitError as error:
            words = f"no answer within {format_duration(self._timeout)}"
            steps.fail(StepStatus.TIMED_OUT, "; ".join([words, *error.notes]))
        except asyncio.CancelledError:
            steps.fail(StepStatus.INTERRUPTED, "stopped")
        failure = steps.first_failure
        return passed_over(
            self.execution,
            Status.SUCCEEDED if failure is None else Status(failure.status.value),
            steps=steps.taken,
            target=self._target,
        )

    async def _take(self) -> None:
        plugin, settings = self._dispatchers.plugin_of(self.execution.job.key)
        with self.steps.step("loaded") as step:
            delivery = self._loaded()
            if plugin.check is None:
                step.message = f"the plug-in for '{plugin.key}' has no steps of its own"
        if plugin.check is not None:
            await plugin.check(settings or plugin.settings(), delivery, self.steps)

    def _loaded(self) -> Delivery[Target]:
        """Return the message; RejectedError when it, or who is to send it, cannot be made."""
        self._dispatchers.get(self.execution.job.key)
        delivery = prepare(self.execution, 1)
        self._target = delivery.target
        check_rendered(delivery)
        return delivery


def certificate_key(execution: Execution, dispatchers: Dispatchers) -> Hashable | None:
    """Return what executions have in common whose far sides show the same certificate.

    None where none is shown.
    """
    key = execution.job.key
    plugin, _ = dispatchers.plugin_of(key)
    if plugin.certificate_key is None:
        return None
    with suppress(Exception):  # a template that fails, too: the next dispatch says so
        found = plugin.certificate_key(prepare(execution, 1).target)
        return None if found is None else (key, found)
    return None


async def certificate_end(
    execution: Execution, dispatchers: Dispatchers, clock: Clock
) -> float | None:
    """Return when the first certificate of a job's far side ends, in seconds since 1970.

    None where none is shown that can be verified: why not is told by a check, and by the job's own
    dispatches. Only the steps as far as TLS are taken.
    """
    plugin, settings = dispatchers.plugin_of(execution.job.key)
    if plugin.check is None:
        return None
    way = Way(clock, clock.monotonic() + _PATIENCE)
    check = partial(plugin.check, settings or plugin.settings())
    with suppress(Exception):  # the plug-ins of others raise what they like
        delivery = prepare(execution, 1)
        await within(_PATIENCE, foreign.call_async(partial(check, delivery, way)))
    return way.certificate_end


def passed_over(
    execution: Execution,
    status: Status,
    *,
    steps: list[Step] | None = None,
    target: Target | None = None,
) -> Checked:
    """Return the result of a job, without steps where none was taken."""
    job = execution.job
    return Checked(
        job_id=job.id,
        protocol=job.protocol,
        target=(target or job.target).describe(),
        status=status,
        steps=steps or [],
    )
