"""What a loop answers on its control socket."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from typing import Any, ClassVar

from msgspec import Struct

from chronos_cli.app.control import pausing
from chronos_cli.clock import Clock
from chronos_cli.cron import control as messages
from chronos_cli.cron.control import Answer, JobStatus
from chronos_cli.cron.events import EventKind, LoopEvent
from chronos_cli.cron.loop import Loop
from chronos_cli.dispatch.execution import new_id
from chronos_cli.errors import UsageError
from chronos_cli.state.entries import Pause

_HERE = "in this loop"
_PASSED_OVER = frozenset({EventKind.SKIPPED, EventKind.DROPPED})
_WATCHED = _PASSED_OVER | {EventKind.FIRED, EventKind.ENDED}


class Answers:
    """Answers for one loop. `mask` takes the secrets out of what is told of executions."""

    def __init__(self, loop: Loop, clock: Clock, mask: Callable[[Any], Any]) -> None:
        self._loop = loop
        self._clock = clock
        self._mask = mask
        self._started_at = clock.now()
        self._watched: dict[str, asyncio.Queue[LoopEvent]] = {}

    def note(self, event: LoopEvent) -> None:
        """Take in an event of the loop."""
        if not self._watched or event.kind not in _WATCHED:
            return
        if watched := self._watched.get(event.fields.get("execution_id", "")):
            watched.put_nowait(event)

    async def to(self, request: messages.Request, by: str) -> AsyncIterator[Answer]:
        """Yield the answers to a request of the user `by`; raises UsageError for a refusal."""
        if isinstance(request, messages.Status):
            for jobs in self._jobs():
                yield jobs
            yield self._status()
        elif isinstance(request, messages.Trigger):
            async for answer in self._trigger(request, by):
                yield answer
        else:
            yield messages.Done(self._steer(request, by))

    def _steer(self, request: messages.PauseJob | messages.ResumeJob, by: str) -> str:
        book = _LoopPauses(self._loop)
        if isinstance(request, messages.ResumeJob):
            return pausing.resume(
                book, request.job_id, by, catches_up=request.catch_up, where=_HERE
            )
        reason = request.reason and self._mask(request.reason)[: messages.LONGEST_REASON]
        wanted = Pause(by, self._clock.now(), reason, request.until)
        return pausing.pause(book, request.job_id, wanted, _HERE)

    def _jobs(self) -> Iterator[messages.Jobs]:
        part: list[JobStatus] = []
        steering = self._loop.steering
        for job, next_time in self._loop.upcoming():
            running, waiting = steering.under_way(job.id)
            paused = steering.pauses.of(job.id)
            part.append(JobStatus(job.id, next_time, running, waiting, paused))
            if len(part) == messages.MOST_JOBS:
                yield messages.Jobs(part)
                part = []
        yield messages.Jobs(part)

    def _status(self) -> messages.LoopStatus:
        steering = self._loop.steering
        strangers = steering.pauses.strangers(steering.jobs)
        return messages.LoopStatus(os.getpid(), self._started_at, self._loop.state, strangers)

    async def _trigger(self, request: messages.Trigger, by: str) -> AsyncIterator[Answer]:
        jobs = self._loop.steering.jobs
        pausing.require_known(request.job_id, jobs, _HERE)
        job = jobs[request.job_id]
        if self._loop.is_stopping:
            raise UsageError("the loop is stopping: nothing starts any more")
        if not job.spec.enabled:
            raise UsageError(f"{job.id} is disabled ({job.position}: enabled: false)")
        identity = new_id()
        watched = self._watched[identity] = asyncio.Queue()
        try:
            self._loop.steering.trigger(job, identity, by)
            if watched.empty():
                yield messages.Started(identity, "waiting", "it starts when it may")
            while request.wait or not watched.empty():
                event: LoopEvent = await watched.get()
                yield self._told(identity, event)
                if event.kind is not EventKind.FIRED:
                    return
        finally:
            del self._watched[identity]

    def _told(self, identity: str, event: LoopEvent) -> Answer:
        fields = self._mask(event.fields)
        if event.kind is EventKind.FIRED:
            return messages.Started(identity, "running")
        if event.kind in _PASSED_OVER:
            return messages.Started(identity, "skipped", fields.get("message", ""))
        return messages.Ended(
            identity,
            fields["status"],
            fields.get("code"),
            fields.get("message", ""),
            fields["attempts"],
            fields["duration_ms"],
        )


class _LoopPauses(Struct, frozen=True):
    """The pauses of a loop that runs."""

    loop: Loop
    heirs: ClassVar[str] = "this loop makes up"

    def jobs(self) -> Collection[str]:
        return self.loop.steering.jobs

    def pauses(self) -> dict[str, Pause]:
        return self.loop.steering.pauses.known()

    def pause(self, job_id: str, pause: Pause) -> bool:
        return self.loop.steering.pause(job_id, pause)

    def resume(self, job_id: str, by: str, *, catches_up: bool) -> tuple[int | None, bool]:
        return self.loop.steering.resume(job_id, by, catches_up=catches_up)
