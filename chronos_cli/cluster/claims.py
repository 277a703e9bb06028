"""Claiming ticks: each is stored once, whichever host comes first, and so handed out once."""

import asyncio
import heapq
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count

from chronos_cli.clock import Clock
from chronos_cli.cluster.api import EXPECTED, STORE_FAILED, WRONG_STREAM, Api, RefusedError
from chronos_cli.cluster.link import NoAnswerError, NoRightError
from chronos_cli.cluster.members import Members
from chronos_cli.cluster.names import Names
from chronos_cli.cluster.say import Troubles
from chronos_cli.cron.pending import PendingStart

# A claim is tried for so long, in seconds; after that its tick has been missed.
PATIENCE = 10.0
# What each host waits for the one before it, in seconds; and for how many of them at most, since
# several may die at once, and none of them is known to be dead at first.
_TURN, _MOST_TURNS = 1.0, 3
# A host that claimed something within so many seconds is at work.
_BUSY = 0.5
# When a tick is looked at again that was left to such a host, in seconds: there may be thousands.
_NEXT_LOOK = 1.0
# Claims under way at which a host does its own before those of others.
_MANY = 32
# So many claims wait for their answers at the same time.
_SIDE_BY_SIDE = 256
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 0.5
# An answer comes at once, or the server that should give it is gone.
_ANSWER = 2.0
# The store failed, the wrong stream, no room on the disk or in memory: nothing can be claimed.
_ALARMING = frozenset((STORE_FAILED, WRONG_STREAM, 10023, 10047, 10028))
# Claims a second of ticks that are made up for.
_LATE_RATE = 50.0

HASH, LATE, STARTS, BY = (
    "Chronos-Job-Hash",
    "Chronos-Late",
    "Chronos-Starts-At",
    "Chronos-Claimed-By",
)


def moment_ms(moment: datetime) -> int:
    """Return a time as unix milliseconds."""
    return round(moment.timestamp() * 1000)


@dataclass(slots=True)
class _Open:
    """A tick that is to be claimed, by monotonic times.

    When it was `offered`, is due for us (`at`), and since when it is tried.
    """

    start: PendingStart
    subject: str
    offered: float
    at: float
    since: float
    is_late: bool


class Claims:
    """Claims what is due, in turn with the other hosts.

    `hash_of` tells one version of a job from another. `on_settled` is called with job ID and
    scheduled time (unix ms) of each tick that is claimed, by whomever; `on_missed` with the jobs
    whose ticks could not be claimed, and since when, once claims get through again.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - what it claims with
        self,
        api: Api,
        names: Names,
        members: Members,
        clock: Clock,
        troubles: Troubles,
        hash_of: Callable[[str], str],
    ) -> None:
        self._api = api
        self._names = names
        self._members = members
        self._clock = clock
        self._troubles = troubles
        self._hash_of = hash_of
        self.on_settled: Callable[[str, int], None] = lambda *_: None
        self.on_missed: Callable[[dict[str, datetime]], None] = lambda _: None
        self._open: dict[str, _Open] = {}
        # The same by job: the scheduled times that are not claimed yet.
        self._waiting: dict[str, set[int]] = {}
        self._heap: list[tuple[float, int, _Open]] = []
        self._order = count()
        self._next_late = 0.0
        self._missed: dict[str, datetime] = {}
        # When each host's last claim was seen.
        self._active: dict[str, float] = {}
        self._wake = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._room = asyncio.Semaphore(_SIDE_BY_SIDE)
        self._stopping = False
        # Requests sent, ticks stored by us, and found taken, for those who measure.
        self.published = self.stored = self.taken = 0

    def __len__(self) -> int:
        return len(self._open)

    @property
    def gives_up(self) -> bool:
        """Whether no claim gets through, for so long that ticks have been missed."""
        return bool(self._missed)

    def waiting(self) -> dict[str, int]:
        """Return how many ticks of each job are not claimed yet."""
        return {job_id: len(moments) for job_id, moments in self._waiting.items()}

    def oldest_open(self, job_id: str) -> int | None:
        """Return the first tick of a job that is not claimed (unix ms)."""
        missed = self._missed.get(job_id)
        waiting = [*self._waiting.get(job_id, ()), *([moment_ms(missed)] if missed else [])]
        return min(waiting, default=None)

    def offer(self, start: PendingStart) -> None:
        """Take in a tick that is due, or is made up for."""
        moment = moment_ms(start.scheduled_time)
        subject = self._names.tick(start.job.id, moment)
        if self._stopping or subject in self._open:
            return
        now = self._clock.monotonic()
        late = self._clock.now() - start.starts_at > timedelta(seconds=PATIENCE)
        at = now
        if late:
            at = self._next_late = max(now, self._next_late + 1 / _LATE_RATE)
        at += min(self._members.rank(subject), _MOST_TURNS) * _TURN
        one = self._open[subject] = _Open(start, subject, now, at, at, late)
        self._waiting.setdefault(start.job.id, set()).add(moment)
        heapq.heappush(self._heap, (at, next(self._order), one))
        self._wake.set()

    def withdraw(self, job_id: str) -> list[PendingStart]:
        """Claim the ticks of a job no more that are not claimed yet; return them.

        A claim that is on its way may be stored all the same.
        """
        moments = sorted(self._waiting.get(job_id, ()))
        found = [self._open[self._names.tick(job_id, moment)] for moment in moments]
        for one in found:
            self._forget(one)
        return [one.start for one in found]

    def saw(self, subject: str, host: str) -> None:
        """Take in that the servers have stored a tick that a host has claimed."""
        self._active[host] = self._clock.monotonic()
        one = self._open.get(subject)
        if one is None:
            return
        if self._clock.monotonic() - one.offered > _TURN * 0.8:
            self._members.suspect(subject, host)
        self._settle(one)

    async def serve(self) -> None:
        """Claim what is due; ends by being cancelled."""
        while True:
            self._wake.clear()
            now = self._clock.monotonic()
            while self._heap and self._heap[0][0] <= now:
                one = heapq.heappop(self._heap)[2]
                if one.subject not in self._open or self._stopping:
                    continue
                if self._is_others_turn(one, now):
                    one.at = now + _NEXT_LOOK
                    heapq.heappush(self._heap, (one.at, next(self._order), one))
                else:
                    self._begin(one)
            await self._sleep(self._heap[0][0] - now if self._heap else 1.0)
            if self._is_in_doubt() and not self._stopping and await self._gets_through():
                missed, self._missed = self._missed, {}
                if missed:
                    self.on_missed(missed)

    async def stop(self) -> None:
        """Claim nothing any more; let what is on its way learn its answer."""
        self._stopping = True
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_ANSWER * 2)

    def _begin(self, one: _Open) -> None:
        task = asyncio.create_task(self._claim(one))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _is_others_turn(self, one: _Open, now: float) -> bool:
        """Whether a host that a tick belongs to sooner is at work, and has many to claim.

        One that has many itself cannot tell: what it hears of the others waits as well.
        """
        before = self._members.before(one.subject)
        if before and len(self._tasks) > _MANY:
            return True
        return any(now - self._active.get(host, -_BUSY) < _BUSY for host in before)

    async def _sleep(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(min(max(seconds, 0.0), 1.0)):
                await self._wake.wait()
        except TimeoutError:
            pass

    async def _claim(self, one: _Open) -> None:
        pause = _FIRST_PAUSE
        # One that waits its turn loses no time by it.
        one.since = max(one.since, one.at)
        while one.subject in self._open:
            async with self._room:
                if await self._is_stored(one):
                    return self._settle(one)
            if self._clock.monotonic() - one.since > PATIENCE:
                return self._give_up(one)
            if self._stopping:
                return None
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)
        return None

    async def _is_stored(self, one: _Open) -> bool:
        """Publish a claim; whether the tick is stored now, by whomever."""
        self.published += 1
        try:
            stored = await self._api.store(one.subject, b"", self._headers(one), limit=_ANSWER)
        except RefusedError as error:
            if error.is_taken:
                self.taken += 1
                return True
            # Anything else, such as "in process" (10158), says nothing of what is stored.
            if error.number in _ALARMING:
                self._troubles.begin("claims", f"no tick can be claimed, nothing fires: {error}")
            return False
        except NoRightError as error:
            self._troubles.begin("claims", f"no tick can be claimed, nothing fires: {error}")
            return False
        except NoAnswerError as error:
            self._troubles.begin("claim", f"a claim has no answer, and is made again: {error}")
            return False
        if not stored.duplicate:
            self._members.suspect(one.subject, self._members.me.id)
        self.stored += not stored.duplicate
        self.taken += stored.duplicate
        self._troubles.end("claims")
        self._troubles.end("claim")
        return True

    def _headers(self, one: _Open) -> dict[str, str]:
        start = one.start
        return {
            "Nats-Msg-Id": start.execution_id,
            "Nats-Expected-Stream": self._names.ticks,
            EXPECTED: "0",
            STARTS: start.starts_at.isoformat(),
            HASH: self._hash_of(start.job.id),
            BY: self._members.me.id,
            LATE: "1" if one.is_late else "0",
        }

    def _settle(self, one: _Open) -> None:
        if self._forget(one):
            self.on_settled(one.start.job.id, moment_ms(one.start.scheduled_time))

    def _give_up(self, one: _Open) -> None:
        """Take a tick for missed: it is seen to by its job's policy once claims get through."""
        if self._forget(one):
            job, moment = one.start.job, one.start.scheduled_time - timedelta(milliseconds=1)
            self._missed[job.id] = min(moment, self._missed.get(job.id, moment))

    def _forget(self, one: _Open) -> bool:
        if self._open.pop(one.subject, None) is None:
            return False
        job_id = one.start.job.id
        waiting = self._waiting[job_id]
        waiting.discard(moment_ms(one.start.scheduled_time))
        if not waiting:
            del self._waiting[job_id]
        return True

    def _is_in_doubt(self) -> bool:
        """Whether claims failed, and none is under way that would show whether they still do."""
        failed = not self._troubles.now().isdisjoint(("claim", "claims"))
        return bool(self._missed) or (failed and not self._open)

    async def _gets_through(self) -> bool:
        """Whether something can be stored among the ticks; the consumer throws it away."""
        subject = self._names.probe("tick", moment_ms(self._clock.now()))
        try:
            await self._api.store(subject, b"", limit=_ANSWER)
        except (NoAnswerError, NoRightError, RefusedError):
            return False
        self._troubles.end("claims")
        self._troubles.end("claim")
        return True
