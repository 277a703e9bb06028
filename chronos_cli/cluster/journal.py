"""The journal of a cluster's host: ticks and outcomes go to the servers, not to a file."""

from collections.abc import Container, Iterable, Sequence
from datetime import datetime

import msgspec
from msgspec import structs

from chronos_cli.clock import Clock
from chronos_cli.cluster.holds import Holds
from chronos_cli.cluster.marks import Marks
from chronos_cli.cluster.pauses import GroupPauses, latest
from chronos_cli.cluster.say import Troubles
from chronos_cli.dispatch.execution import Execution
from chronos_cli.dispatch.journal import RunningExecution
from chronos_cli.dispatch.outcome import Attempt, Outcome, Status
from chronos_cli.dispatch.streak import Streak
from chronos_cli.jobs.model import Job
from chronos_cli.redact import Redactor
from chronos_cli.state.entries import HistoryEntry, Pause, StartedExecution, UnfinishedNotice


class ClusterJournal:
    """See `TickJournal`: what is recorded of an execution is recorded of its hold."""

    def __init__(  # noqa: PLR0913, PLR0917 - what it keeps its records in
        self,
        holds: Holds,
        marks: Marks,
        pauses: GroupPauses,
        clock: Clock,
        redactor: Redactor,
        troubles: Troubles,
    ) -> None:
        self._troubles = troubles
        self._holds = holds
        self._marks = marks
        self._pauses = pauses
        self._clock = clock
        self._redactor = redactor
        self._statuses: dict[str, Status] = {}
        self._streaks: dict[str, Streak] = {}
        # While the host stops, what is cut off is handed back.
        self.is_stopping = False

    def begin(self, execution: Execution, *, tick: bool = False) -> RunningExecution | None:
        """Let it start: that was written when its tick was taken."""

    async def recorded(self) -> None:
        """Wait for nothing: it was waited for before."""

    def attempt(self, execution: Execution, attempt: Attempt) -> None:
        """Forget it: the outcome has all attempts."""

    def hands_on(self, execution: Execution, outcome: Outcome) -> bool:
        """Hand back what this host does not end: see `Journal.hands_on`."""
        hold = self._holds.of_execution(execution.id)
        if hold is None:
            return False
        is_cut_off = (
            self.is_stopping
            and outcome.status is Status.INTERRUPTED
            and execution.job.spec.on_interrupted == "retry"
        )
        is_unsure = hold.is_unsure and outcome.status.is_failure
        if not (hold.is_lost or is_unsure or is_cut_off):
            return False
        self._holds.hand_back(hold)
        return True

    def end(
        self,
        execution: Execution,
        outcome: Outcome,
        notices: Sequence[Execution] = (),  # noqa: ARG002
        streak: Streak | None = None,
    ) -> None:
        """Store an outcome, and acknowledge the tick then."""
        if outcome.status is not Status.SKIPPED:
            self._statuses[execution.job.id] = outcome.status
        if streak is not None:
            self._streaks[execution.job.id] = streak
        hold = self._holds.of_execution(execution.id)
        if hold is None or hold.record is None:
            return
        record = structs.replace(
            hold.record,
            kind="ended",
            streak=streak or hold.record.streak,
            ended_at=self._clock.now(),
            outcome=self._redactor.data(msgspec.to_builtins(outcome)),
        )
        self._holds.end(hold, record)

    def end_notice(self, outcome: Outcome) -> None:
        """Forget it."""

    def give_up_notice(self, execution_id: str) -> None:
        """Forget it."""

    def was(self, job_id: str, status: str | None, streak: Streak) -> None:
        """Take in how a job ended before, and its failures in a row, on whatever host."""
        self._streaks[job_id] = streak
        if status is not None:
            self._statuses[job_id] = Status(status)

    def streak(self, job_id: str) -> Streak | None:
        """Return how often in a row a job has failed, as it was read before this one began."""
        return self._streaks.get(job_id, Streak())

    def last_status(self, job_id: str) -> Status | None:
        """Return how the job's last execution ended, as it was read before this one began."""
        return self._statuses.get(job_id)

    def last_entry(self, job_id: str) -> HistoryEntry | None:
        """Return nothing: what other hosts did is not known here."""

    def mark(self, job: Job, moment: datetime) -> None:
        """Forget it: a job's marks are those of its claims."""

    def restart(self, job: Job, moment: datetime) -> None:
        """Let a job's ticks count from this time on, where it has another schedule now."""
        self._marks.restart(job, moment)

    def keep_ticks(self, job_ids: Container[str]) -> None:
        """Keep all: another host may have other jobs."""

    def last_ticks(self, jobs: Iterable[Job]) -> dict[str, datetime]:
        """Return up to when the ticks of jobs are claimed or passed over, never later than now."""
        now = self._clock.now()
        return {
            job_id: min(now, latest(moment, self._pauses.seen_to(job_id)) or now)
            for job_id, moment in self._marks.last_ticks(jobs, now).items()
        }

    def last_fired(self) -> datetime | None:
        """Know nothing: the claims refuse what was fired before."""

    def has(self, execution_id: str) -> bool:  # noqa: ARG002
        """Know nothing: the claims refuse what was fired before."""
        return False

    def unfinished(self) -> list[StartedExecution]:
        """Return nothing: the servers hand it out again."""
        return []

    def unfinished_notices(self) -> list[UnfinishedNotice]:
        """Return nothing: a notice is its host's own."""
        return []

    def give_up(self, execution_id: str) -> None:
        """Do nothing: there is nothing unfinished."""

    def pauses(self) -> dict[str, Pause]:
        """Return the pauses that are in force in the whole group."""
        return self._pauses.in_force()

    def pause(self, job_id: str, pause: Pause) -> bool:  # noqa: ARG002
        """Do nothing: who paused has written it."""
        return True

    def resume(self, job_id: str, moment: datetime | None) -> bool:  # noqa: ARG002
        """Do nothing: who ended it has written that, or its record tells when its time is over."""
        return True

    def confirm(self) -> bool:
        """Whether ticks can be claimed now, as far as is known."""
        return self._troubles.is_quiet

    def flush(self) -> None:
        """Do nothing: what is written is under way."""

    def finish(self) -> None:
        """Do nothing: the starts have finished it."""

    def close(self) -> None:
        """Hold nothing."""
