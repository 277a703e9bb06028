"""What an earlier loop was killed in the midst of: executions and notices."""

from collections.abc import Mapping
from datetime import UTC

from chronos_cli.cron.admission import Starts, TickJournal
from chronos_cli.cron.events import EventKind, Events
from chronos_cli.cron.journal import ORIGIN
from chronos_cli.cron.pending import PendingStart
from chronos_cli.dispatch.execution import Execution, in_zone
from chronos_cli.jobs.model import Job
from chronos_cli.state.entries import StartedExecution, UnfinishedNotice


class Recovery:
    """Sends again what was cut off, as far as the jobs of today say so, and tells of it."""

    def __init__(
        self, journal: TickJournal, events: Events, queue: Starts, jobs: Mapping[str, Job]
    ) -> None:
        self._journal = journal
        self._events = events
        self._queue = queue
        self._jobs = jobs

    def recover(self) -> None:
        """Take up everything that is left."""
        # Asked first: what is recovered has notices of its own soon.
        notices = self._journal.unfinished_notices()
        for started in self._journal.unfinished():
            self._recover(started)
        for notice in notices:
            self._recover_notice(notice)

    def _recover(self, started: StartedExecution) -> None:
        job = self._jobs.get(started.job_id)
        again = job is not None and job.spec.enabled and job.spec.on_interrupted == "retry"
        self._events.tell(
            EventKind.RECOVERED,
            job_id=started.job_id,
            execution_id=started.execution_id,
            scheduled_time=started.scheduled_time.isoformat(),
            action="retry" if again else "ignore",
            message=f"cut off when {started.process} died",
        )
        if job is None or not again:
            self._journal.give_up(started.execution_id)
            return
        moment = in_zone(job, started.scheduled_time)
        self._queue.put(
            PendingStart(
                job,
                started.execution_id,
                moment,
                moment.astimezone(UTC),
                patient=True,
                recovered=True,
                marks=False,  # it did so when it was started first
                origin=started.origin if started.origin != ORIGIN else None,
            )
        )

    def _recover_notice(self, notice: UnfinishedNotice) -> None:
        """Send a notice again under its own ID, so that a receiver can drop the second one."""
        job = self._jobs.get(notice.job_id)
        wanted = job and job.notices.get(notice.name)
        if wanted is None:
            gone = "the job is gone" if job is None else f"the job has no {notice.name} any more"
            self._events.tell(
                EventKind.NOTICE_FAILED,
                job_id=notice.job_id,
                execution_id=notice.execution_id,
                message=f"cut off when the loop before this one died, and not sent again: {gone}",
            )
            self._journal.give_up_notice(notice.execution_id)
            return
        moment = in_zone(wanted, notice.scheduled_time)
        self._events.tell(
            EventKind.RECOVERED,
            job_id=notice.job_id,
            execution_id=notice.execution_id,
            scheduled_time=moment.isoformat(),
            action="retry",
            message="a notice that was cut off when the loop before this one died",
        )
        self._queue.send_notice(
            Execution(notice.execution_id, wanted, moment, outcome=notice.outcome)
        )
