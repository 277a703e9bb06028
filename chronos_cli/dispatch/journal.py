"""Where executions are recorded: what the executor asks of it, and one that keeps nothing."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from chronos_cli.dispatch.execution import Execution
from chronos_cli.dispatch.outcome import Attempt, Outcome, Status

if TYPE_CHECKING:
    from chronos_cli.dispatch.streak import Streak


class RunningExecution(Struct, frozen=True):
    """An execution of the same job that is under way; `process` says where, for people."""

    execution_id: str
    started_at: datetime
    process: str


class Journal(Protocol):
    """Records what is started and what came of it.

    It never raises for a state that cannot be read or written: a job that is due does not
    depend on its history.
    """

    def begin(self, execution: Execution, *, tick: bool = False) -> RunningExecution | None:
        """Record a start; `tick` records the job's tick as well.

        Nothing is sent until `recorded` has returned.
        Returns what is in the way of a job with `concurrency: forbid`, in whatever process; then
        nothing has been started.
        """
        ...

    async def recorded(self) -> None:
        """Return when every start so far is recorded, or is known not to be."""
        ...

    def attempt(self, execution: Execution, attempt: Attempt) -> None:
        """Record an attempt as it ends."""
        ...

    def hands_on(self, execution: Execution, outcome: Outcome) -> bool:
        """Whether another host carries an execution on, so that this is not its end."""
        ...

    def end(
        self,
        execution: Execution,
        outcome: Outcome,
        notices: Sequence[Execution] = (),
        streak: "Streak | None" = None,
    ) -> None:
        """Record how an execution ended, also one that did not start.

        `notices` tell of it and are sent from now on; `streak` is what it makes of the job's.
        """
        ...

    def end_notice(self, outcome: Outcome) -> None:
        """Record how a notice ended. A failure that nobody was told of is told of the next time."""
        ...

    def streak(self, job_id: str) -> "Streak | None":
        """Return how often in a row a job has failed; None where nobody keeps count."""
        ...

    def last_status(self, job_id: str) -> Status | None:
        """Return how the job's last execution ended, where that is known."""
        ...

    def close(self) -> None:
        """Record what could not be recorded before, and give everything back."""
        ...


class NoJournal:
    """Keeps nothing."""

    def begin(self, execution: Execution, *, tick: bool = False) -> RunningExecution | None:
        """Let every execution start."""

    async def recorded(self) -> None:
        """Wait for nothing."""

    def attempt(self, execution: Execution, attempt: Attempt) -> None:
        """Forget it."""

    def hands_on(self, execution: Execution, outcome: Outcome) -> bool:  # noqa: ARG002
        """Know no other host."""
        return False

    def end(
        self,
        execution: Execution,
        outcome: Outcome,
        notices: Sequence[Execution] = (),
        streak: "Streak | None" = None,
    ) -> None:
        """Forget it."""

    def end_notice(self, outcome: Outcome) -> None:
        """Forget it."""

    def streak(self, job_id: str) -> "Streak | None":
        """Know nothing."""

    def last_status(self, job_id: str) -> Status | None:
        """Know nothing."""

    def close(self) -> None:
        """Hold nothing."""
