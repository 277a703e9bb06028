"""What people may ask of a loop while it runs: a start now, a pause, the end of one."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from chronos_cli.clock import Clock
from chronos_cli.cron.admission import Starts, TickJournal
from chronos_cli.cron.pauses import Pauses
from chronos_cli.cron.pending import PendingStart
from chronos_cli.cron.timer import Gap, Timer
from chronos_cli.dispatch.execution import in_zone
from chronos_cli.jobs.model import Job
from chronos_cli.state.entries import ALL_JOBS, TRIGGER, Pause


class Steering:
    """Steers one loop. `look` takes what is due into the queue; `make_up` sees to a gap."""

    def __init__(  # noqa: PLR0913 - the parts of a loop
        self,
        clock: Clock,
        journal: TickJournal,
        queue: Starts,
        timer: Timer,
        pauses: Pauses,
        *,
        look: Callable[[datetime], None],
        make_up: Callable[[Gap, datetime, timedelta], int],
    ) -> None:
        self._clock = clock
        self._journal = journal
        self._queue = queue
        self._timer = timer
        self.pauses = pauses
        self._look = look
        self._make_up = make_up
        self.jobs: Mapping[str, Job] = {}

    def trigger(self, job: Job, execution_id: str, by: str) -> None:
        """Let a job start once, now, whatever its schedule says.

        Its `concurrency` and the limit hold. What comes of that at once has been told then.
        """
        now = self._clock.now()
        start = PendingStart(
            job,
            execution_id,
            in_zone(job, now.replace(microsecond=0)),
            now,
            marks=False,
            origin=TRIGGER,
            triggered_by=by,
        )
        self._queue.put(start)
        self._queue.pump()

    def pause(self, job_id: str, pause: Pause) -> bool:
        """Pass over the ticks of a job, or of `ALL_JOBS`; whether that outlives this loop.

        Also those that wait for their start. What runs goes on.
        """
        self._look(self._clock.now())
        self._queue.pump()
        recorded = self.pauses.put(job_id, pause)
        for one in self.jobs if job_id == ALL_JOBS else [job_id]:
            for start in self._queue.take_ticks(one):
                self.pauses.pass_over(start.job, start.scheduled_time, pause)
        return recorded

    def resume(
        self, job_id: str, by: str | None, *, catches_up: bool, ended: datetime | None = None
    ) -> tuple[int, bool]:
        """End a pause of a job or of `ALL_JOBS`; with `catches_up` make up for its ticks.

        It was `ended` at that time already, where that is given. Returns how many executions make
        up for it, and whether the end is recorded.
        """
        now = self._clock.now()
        end = min(ended or now, now)
        self._look(now)
        recorded = self.pauses.lift(job_id, None if catches_up else end, by)
        made_up = self._catch_up(job_id, end) if catches_up else 0
        self._queue.pump()
        return made_up, recorded

    def _catch_up(self, job_id: str, now: datetime) -> int:
        """Make up for what jobs missed that are paused no longer."""
        wanted = self.jobs.values() if job_id == ALL_JOBS else [self.jobs.get(job_id)]
        free = [job for job in wanted if job is not None and self.pauses.of(job.id) is None]
        last = self._journal.last_ticks(free)
        self._timer.take_delayed(last)
        gaps = (Gap(job, [], last[job.id]) for job in free if job.id in last)
        # What was passed over is no tick that is merely late.
        return sum(self._make_up(gap, now, timedelta()) for gap in gaps)

    def under_way(self, job_id: str) -> tuple[list[str], list[str]]:
        """Return the IDs of a job's executions that run, and of those that wait."""
        return self._queue.running_ids(job_id), self._queue.waiting_ids(job_id)

    def late_by(self) -> timedelta:
        """Return by how much the latest start is late that is due, and waits for nothing but room.

        Also a tick that nobody has looked at yet.
        """
        coming = [one for one in (self._timer.next_instant(), self._queue.waits_since()) if one]
        now = self._clock.now()
        return now - min([now, *coming])
