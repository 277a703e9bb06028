"""The loop of a host, steered by what stands in the group's pauses."""

from collections.abc import Mapping
from datetime import datetime

from chronos_cli.clock import Clock
from chronos_cli.cluster.claims import moment_ms
from chronos_cli.cluster.marks import Marks
from chronos_cli.cluster.pauses import PauseRecord
from chronos_cli.cron.loop import Loop
from chronos_cli.state.entries import ALL_JOBS

# Who ended a pause whose key is gone.
_NOBODY = "an operator"


class Steered:
    """One loop: pauses are taken over, and marks stay before what they pass over."""

    def __init__(self, loop: Loop, marks: Marks, clock: Clock) -> None:
        self._loop = loop
        self._clock = clock
        self._marks = marks

    def take_over(self, job_id: str, record: PauseRecord | None) -> None:
        """Begin, change or end a pause as somebody has written it; without a record end it."""
        steering = self._loop.steering
        known = steering.pauses.known().get(job_id)
        if record is not None and record.ended is None:
            # One whose time is over ends by itself.
            is_over = known is None and not record.is_in_force(self._clock.now())
            if record.pause != known and not is_over:
                steering.pause(job_id, record.pause)
            return
        if known is None:
            return
        end = record.ended if record else None
        catches_up = record is not None and record.catch_up
        by = (record and record.ended_by) or _NOBODY
        steering.resume(job_id, by, catches_up=catches_up, ended=end)
        if end is not None:
            # Until this host knew of the end, it has passed over what counts.
            job_ids = list(steering.jobs) if job_id == ALL_JOBS else [job_id]
            self._loop.look_back(dict.fromkeys(job_ids, end))

    def look_back(self, since: Mapping[str, datetime]) -> None:
        """Make up for ticks that could not be claimed; in a pause they are kept for its end."""
        for job_id, moment in since.items():
            if self._loop.steering.pauses.of(job_id) is not None:
                self._marks.hold(job_id, moment_ms(moment))
        self._loop.look_back(since)
