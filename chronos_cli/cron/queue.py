"""The start of executions: overlap, limits, and a fair order."""

from collections.abc import Mapping

from chronos_cli.clock import Clock
from chronos_cli.cron.crew import Crew
from chronos_cli.cron.events import Events, Kind
from chronos_cli.cron.fleet import Fleet
from chronos_cli.cron.lanes import LONGEST_LANE, Due, Lanes
from chronos_cli.cron.ledger import Ledger
from chronos_cli.cron.overlap import Decision, decide
from chronos_cli.dispatch.execution import Execution
from chronos_cli.dispatch.outcome import Status
from chronos_cli.dispatch.runner import ended
from chronos_cli.jobs.model import Job
from chronos_cli.units import format_duration


class Queue:
    """Starts what is due as soon as the job's policy and the limit let it."""

    def __init__(self, clock: Clock, ledger: Ledger, events: Events, crew: Crew) -> None:
        self._clock = clock
        self._ledger = ledger
        self._events = events
        self._crew = crew
        self._lanes = Lanes()
        self._fleet: Fleet | None = None
        self._limit = 1
        self._stopped = False
        # Jobs of which something has changed: the first in their lane is looked at anew.
        self._changed: dict[str, None] = {}

    def __len__(self) -> int:
        return len(self._lanes)

    def adopt(self, jobs: Mapping[str, Job], fleet: Fleet, limit: int) -> None:
        """Start from now on what these jobs are, over this fleet, so many at the same time."""
        if self._fleet is not None:
            self._fleet.retire()
        self._fleet, self._limit = fleet, limit
        for due in self._lanes.adopt(jobs):
            self._tell(Kind.DROPPED, due, "the job is gone")
        self._changed = dict.fromkeys(self._lanes)

    def put(self, due: Due) -> None:
        """Add what is due; `pump` starts it."""
        if due.job.spec.concurrency == "replace" and not due.patient:
            for gone in self._lanes.supersede(due.job.id):
                told = f"replaced by {due.execution_id} before it could start"
                self._pass_over(gone, Kind.SKIPPED, told)
        if overflow := self._lanes.put(due):
            self._pass_over(overflow, Kind.DROPPED, f"over {LONGEST_LANE} starts of it wait")
        self._changed[due.job.id] = None

    def freed(self, job_id: str) -> None:
        """Say that an execution of a job has ended."""
        self._changed[job_id] = None

    def stop(self) -> None:
        """Start nothing any more. What waits is not recorded: it is made up for after a restart."""
        self._stopped = True

    async def close(self) -> None:
        """Close the dispatchers."""
        if self._fleet is not None:
            await self._fleet.close()

    def pump(self) -> None:
        """Start, skip or drop whatever can be decided now."""
        while not self._stopped:
            while self._changed:
                job_id = next(iter(self._changed))
                del self._changed[job_id]
                while self._advance(job_id, has_room=False):
                    pass
            if len(self._crew) >= self._limit:
                return
            moved = next((one for one in self._lanes if self._advance(one, has_room=True)), None)
            if moved is None:
                return
            self._changed[moved] = None

    def _advance(self, job_id: str, *, has_room: bool) -> bool:
        """Decide on the first in a lane; whether it has left the lane."""
        due = self._lanes.head(job_id)
        if due is None:
            return False
        now = self._clock.now()
        running = self._crew.ids(job_id)
        if due.execution_id in running:
            self._lanes.take(job_id)
            self._tell(Kind.SKIPPED, due, "it is under way already")
            return True
        decision = decide(due, now, is_running=bool(running), has_room=has_room)
        if decision is Decision.WAIT:
            return False
        if decision is Decision.REPLACE:
            # One that was started just now is given its chance until the next look.
            if self._crew.have_begun(job_id):
                self._crew.interrupt(job_id, f"replaced by {due.execution_id}")
            return False
        self._lanes.take(job_id)
        if decision is Decision.START:
            self._start(due)
        elif decision is Decision.SKIP:
            self._pass_over(due, Kind.SKIPPED, f"execution {running[0]} is still running")
        else:
            limit = format_duration(due.job.spec.starting_deadline or 0)
            self._pass_over(due, Kind.DROPPED, f"too late to start (starting_deadline {limit})")
        return True

    def _start(self, due: Due) -> None:
        assert self._fleet is not None
        execution = _execution(due)
        if other := self._ledger.begin(execution, tick=not due.recovered):
            told = f"execution {other.execution_id} is still running ({other.process})"
            self._pass_over(due, Kind.SKIPPED, told)
            return
        late = (self._clock.now() - due.starts_at).total_seconds()
        self._events.tell(
            Kind.FIRED,
            job_id=due.job.id,
            execution_id=due.execution_id,
            scheduled_time=due.scheduled_time.isoformat(),
            late_ms=round(late * 1000, 1),
        )
        self._crew.start(execution, self._fleet)

    def _pass_over(self, due: Due, kind: Kind, reason: str) -> None:
        """Record and tell that an execution does not take place."""
        outcome = ended(_execution(due), Status.SKIPPED, f"{kind.value}: {reason}")
        self._ledger.end(_execution(due), outcome)
        if not due.recovered:
            self._ledger.mark(due.job, due.scheduled_time)
        self._tell(kind, due, reason)

    def _tell(self, kind: Kind, due: Due, reason: str) -> None:
        self._events.tell(
            kind,
            job_id=due.job.id,
            execution_id=due.execution_id,
            scheduled_time=due.scheduled_time.isoformat(),
            message=reason,
        )


def _execution(due: Due) -> Execution:
    return Execution(due.execution_id, due.job, due.scheduled_time)
