"""A loop in an injected time, on a real state file."""

import asyncio
import heapq
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from msgspec import structs

from chronos_cli.cron.events import EventKind, Events, LoopEvent
from chronos_cli.cron.jobset import JobSet
from chronos_cli.cron.journal import loop_journal
from chronos_cli.cron.loop import Loop
from chronos_cli.dispatch.delivery import Delivery
from chronos_cli.dispatch.dispatchers import Dispatchers
from chronos_cli.dispatch.plugin import Preview, Receipt
from chronos_cli.dispatch.registry import Registry
from chronos_cli.errors import RejectedError
from chronos_cli.jobs.model import Job, JobSpec, Payload, Target
from chronos_cli.problems import Position
from chronos_cli.redact import Redactor
from chronos_cli.schedule.calendar import Calendar
from chronos_cli.state.store import Store


class FakeClock:
    """Stands still until it is moved. `set_by` moves the wall clock only."""

    def __init__(self, start: datetime) -> None:
        self.wall = start.astimezone(UTC)
        self.steady = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._count = 0

    def now(self) -> datetime:
        return self.wall

    def monotonic(self) -> float:
        return self.steady

    def elapsed(self) -> float:
        return self.steady

    async def sleep(self, seconds: float) -> None:
        self._count += 1
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.steady + seconds, self._count, future))
        await future

    async def advance(self, seconds: float) -> None:
        """Let time pass, waking everybody at their instants."""
        await settle()
        end = self.steady + seconds
        while self._sleepers and self._sleepers[0][0] <= end:
            at, _, future = heapq.heappop(self._sleepers)
            if future.cancelled():
                continue
            self._move(at)
            future.set_result(None)
            await settle()
        self._move(end)
        await settle()

    def set_by(self, **delta: float) -> None:
        self.wall += timedelta(**delta)

    def suspend(self, **delta: float) -> None:
        """Let time pass in which nobody is woken."""
        self.wall += timedelta(**delta)
        self.steady += timedelta(**delta).total_seconds()

    def _move(self, to: float) -> None:
        if to > self.steady:
            self.wall += timedelta(seconds=to - self.steady)
            self.steady = to


async def settle() -> None:
    for _ in range(30):
        await asyncio.sleep(0)


class Nowhere(Target, kw_only=True, frozen=True):
    """A target that takes its time; `fails` is how."""

    takes: float = 0.0
    fails: str = ""

    def describe(self) -> str:
        return "nowhere"


@dataclass
class Sent:
    time: datetime
    job_id: str
    execution_id: str
    scheduled_time: datetime
    outcome: dict[str, Any] | None


class Nowhereness:
    """Keeps what is sent."""

    def __init__(self, clock: FakeClock, sent: list[Sent]) -> None:
        self.clock = clock
        self.sent = sent
        self.closed = False

    async def send(self, delivery: Delivery[Target]) -> Receipt:
        execution, target = delivery.execution, delivery.target
        assert isinstance(target, Nowhere)
        assert not self.closed
        sent = Sent(
            self.clock.now(),
            execution.job.id,
            execution.id,
            execution.scheduled_time,
            execution.outcome,
        )
        self.sent.append(sent)
        if target.takes:
            await self.clock.sleep(target.takes)
        assert not self.closed
        if target.fails == "bug":
            raise ZeroDivisionError("a bug of the plug-in")
        if target.fails:
            raise RejectedError(target.fails)
        return Receipt()

    async def preview(self, delivery: Delivery[Target]) -> Preview:
        raise NotImplementedError

    async def close(self) -> None:
        self.closed = True


class OneDispatcher(Dispatchers):
    def __init__(self, one: Nowhereness) -> None:
        super().__init__(Registry(), {})
        self._open["nowhere"] = one


def job(
    name: str = "a",
    schedule: str | tuple[str, ...] = "* * * * *",
    *,
    calendar: Calendar | None = None,
    takes: float = 0.0,
    fails: str = "",
    notices: Iterable[str] = (),
    notice_takes: float = 0.0,
    notice_fails: str = "",
    **spec: Any,
) -> Job:
    """A job on this stage; keys of the job file are given as they are there."""
    policy = JobSpec(name=name).retry_policy
    read = JobSpec(
        name=name,
        schedule=schedule,
        retry_policy=structs.replace(policy, max_attempts=1),
        **{"timeout": 86_400.0, **spec},
    )
    where = Position("stage.yaml")

    def made(target: Target) -> Job:
        return Job(name, read, "nowhere", "nowhere", target, Payload(), where)

    made_job = made(Nowhere(takes=takes, fails=fails))
    return Job(
        name,
        read,
        "nowhere",
        "nowhere",
        made_job.target,
        Payload(),
        where,
        notices={
            notice: made(Nowhere(takes=notice_takes, fails=notice_fails)) for notice in notices
        },
        calendar=calendar,
    )


@dataclass
class Stage:
    """Plays loops, one after the other, on one state file."""

    folder: Path
    clock: FakeClock
    limit: int = 100
    sent: list[Sent] = field(default_factory=list)
    events: list[LoopEvent] = field(default_factory=list)
    dispatchers: list[Nowhereness] = field(default_factory=list)
    listeners: list[Callable[[LoopEvent], None]] = field(default_factory=list)

    async def play(self, *jobs: Job) -> None:
        self.store = Store.open(self.folder / "state.sqlite", Redactor(), self.clock)
        self.store.acquire_loop("stage")
        events = Events(self.clock, self._tell)
        self.journal = loop_journal(self.store, Redactor(), None, self.clock, events)
        self.loop = Loop(self.clock, self.journal, events, lambda data: data)
        self.loop.begin(self.jobset(*jobs))
        self.task = asyncio.create_task(self.loop.run())
        await settle()

    def _tell(self, event: LoopEvent) -> None:
        self.events.append(event)
        for listener in self.listeners:
            listener(event)

    def jobset(self, *jobs: Job) -> JobSet:
        one = Nowhereness(self.clock, self.sent)
        self.dispatchers.append(one)
        return JobSet(
            jobs={job.id: job for job in jobs},
            dispatchers=OneDispatcher(one),
            max_concurrent=self.limit,
        )

    async def reload(self, *jobs: Job) -> None:
        self.loop.adopt(self.jobset(*jobs))
        await settle()

    async def stop(self, grace: float = 0.0) -> None:
        """Stop as SIGTERM does."""
        self.loop.stop()
        await settle()
        await self.task
        drain = asyncio.create_task(self.loop.drain(grace))
        await self.clock.advance(grace + 20)
        await drain
        self.store.close()

    async def kill(self) -> None:
        """End everything without a word, and make the state say that the process is dead."""
        sent, events = len(self.sent), len(self.events)
        self.store.close()
        # One that is cancelled may begin another.
        while others := asyncio.all_tasks() - {asyncio.current_task()}:
            for task in others:
                task.cancel()
            for task in others:
                with suppress(asyncio.CancelledError, Exception):
                    await task
        # The dead send nothing, and say nothing.
        del self.sent[sent:], self.events[events:]
        with sqlite3.connect(self.folder / "state.sqlite") as db:
            db.execute("UPDATE runs SET boot = 'an earlier one'")
        db.close()

    def last_tick(self, job_id: str = "a") -> datetime:
        """Up to when the state says that a job's ticks were seen to."""
        last = self.store.last_tick(job_id)
        assert last is not None
        return last.scheduled_time

    def next_time(self, job_id: str = "a") -> str:
        """When a job fires next, as the live table shows it."""
        (found,) = [time for one, time in self.loop.upcoming() if one.id == job_id]
        assert found is not None
        return found.isoformat()

    def of(self, kind: EventKind, job_id: str | None = None) -> list[dict[str, Any]]:
        """The fields of the events of one kind."""
        return [
            event.fields
            for event in self.events
            if event.kind is kind and (job_id is None or event.fields.get("job_id") == job_id)
        ]

    def times(self, job_id: str = "a") -> list[str]:
        """The scheduled times of what was sent, notices left out."""
        return [
            sent.scheduled_time.isoformat()
            for sent in self.sent
            if sent.job_id == job_id and sent.outcome is None
        ]

    def clocks(self, job_id: str = "a") -> list[str]:
        """The same as hours and minutes."""
        return [time[11:16] for time in self.times(job_id)]


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
