"""What is known of the loop at this moment: what it is asked for, and what it has told."""

import os
from collections.abc import Callable, Mapping
from datetime import datetime

from msgspec import Struct

from chronos_cli import __version__
from chronos_cli.clock import Clock
from chronos_cli.cluster.figures import ClusterFigures
from chronos_cli.cron.events import EventKind, LoopEvent
from chronos_cli.cron.loop import ON_TIME, Loop
from chronos_cli.cron.overview import Overview, Running
from chronos_cli.jobs.model import Job
from chronos_cli.monitor.certificates import Certificates
from chronos_cli.state.entries import Pause


class Refusal(Struct, frozen=True):
    """Why a reload was refused; the jobs before it are still in force."""

    time: datetime
    message: str
    problems: list[str]


class Health(Struct, frozen=True, kw_only=True):
    """Whether the loop is well; `overdue` is for how many seconds it has left a tick alone.

    `cluster` is what it knows of the other hosts, where it is one of many.
    """

    overdue: float
    is_stopping: bool
    state_failure: str | None
    cluster: ClusterFigures | None = None

    @property
    def is_recording(self) -> bool:
        """Whether executions can be recorded."""
        return self.state_failure is None and (self.cluster is None or self.cluster.is_recording)

    @property
    def is_on_time(self) -> bool:
        """Whether the loop looks at its ticks when they are due."""
        return self.overdue <= ON_TIME


class Standing(Health, frozen=True, kw_only=True):
    """The loop at one moment; `state` is its word. What runs, waits and is paused is by job.

    So is when the first certificate of its far side ends, in seconds since 1970.
    """

    state: str
    time: datetime
    pid: int
    version: str
    started_at: datetime
    jobs: list[tuple[Job, datetime | None]]
    running: Mapping[str, Mapping[str, Running]]
    waiting: Mapping[str, int]
    paused: Mapping[str, Pause]
    certificate_ends: Mapping[str, float]
    reloads: Mapping[str, int]
    refusal: Refusal | None


class Board:
    """Takes in what a loop tells, and shows how it stands."""

    def __init__(
        self,
        loop: Loop,
        clock: Clock,
        certificates: Certificates,
        cluster: Callable[[], ClusterFigures] | None,
    ) -> None:
        self._loop = loop
        self._certificates = certificates
        self._cluster = cluster
        self._clock = clock
        self._started_at = clock.now()
        self._overview = Overview(lambda _: None)
        self._reloads = {"adopted": 0, "refused": 0}
        self._state_failure: str | None = None
        self._refusal: Refusal | None = None

    def note(self, event: LoopEvent) -> None:
        """Take in one event of the loop."""
        self._overview.note(event)
        if event.kind is EventKind.RELOADED:
            self._reloads["adopted"] += 1
            self._refusal = None
        elif event.kind is EventKind.RELOAD_REFUSED:
            self._reloads["refused"] += 1
            problems = event.fields.get("problems", [])
            self._refusal = Refusal(event.time, event.fields["message"], problems)
        elif event.kind is EventKind.STATE_FAILED:
            self._state_failure = event.fields["message"]
        elif event.kind is EventKind.STATE_RESTORED:
            self._state_failure = None

    def health(self) -> Health:
        """Return whether the loop is well; takes no longer for many jobs than for one."""
        return Health(
            overdue=self._loop.overdue(),
            is_stopping=self._loop.is_stopping,
            state_failure=self._state_failure,
            cluster=self._cluster and self._cluster(),
        )

    def standing(self) -> Standing:
        """Return how the loop stands; what is in it does not change any more."""
        jobs = list(self._loop.upcoming())
        pauses = ((job.id, self._loop.steering.pauses.of(job.id)) for job, _ in jobs)
        return Standing(
            state=self._loop.state,
            time=self._clock.now(),
            pid=os.getpid(),
            version=__version__,
            started_at=self._started_at,
            jobs=jobs,
            running=self._overview.executions(),
            waiting=self._loop.waiting(),
            paused={job_id: pause for job_id, pause in pauses if pause is not None},
            certificate_ends=dict(self._certificates.ends),
            reloads=dict(self._reloads),
            overdue=self._loop.overdue(),
            is_stopping=self._loop.is_stopping,
            state_failure=self._state_failure,
            cluster=self._cluster and self._cluster(),
            refusal=self._refusal,
        )
