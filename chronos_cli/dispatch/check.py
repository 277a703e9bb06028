"""Whether a job would get through: found out step by step, without sending it."""

import asyncio

from msgspec import Struct

from chronos_cli.clock import Clock
from chronos_cli.dispatch import foreign
from chronos_cli.dispatch.delivery import Delivery, check_rendered, prepare
from chronos_cli.dispatch.dispatchers import Dispatchers
from chronos_cli.dispatch.execution import Execution
from chronos_cli.dispatch.limit import LimitError, within
from chronos_cli.dispatch.outcome import Status
from chronos_cli.dispatch.steps import Step, Steps, StepStatus, step_status
from chronos_cli.errors import DispatchError
from chronos_cli.jobs.model import Target
from chronos_cli.units import format_duration


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
