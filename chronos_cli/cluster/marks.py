"""Marks: up to when the ticks of each job are claimed, for hosts that start or come back."""

import asyncio
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Struct

from chronos_cli.clock import Clock
from chronos_cli.cluster.api import EXPECTED, Api, RefusedError
from chronos_cli.cluster.claims import moment_ms
from chronos_cli.cluster.names import Names
from chronos_cli.errors import StateError
from chronos_cli.jobs.model import Job
from chronos_cli.state.journal import schedule_of

# A mark is written so often at most, in seconds: a late one costs refused claims, no more.
_INTERVAL = 30.0
# So many are read or written at the same time.
_SIDE_BY_SIDE = 64


class _Mark(Struct, frozen=True):
    ms: int
    schedule: str


class _Known:
    """What is known of a job's mark: as it was last read or written, and what is to be written."""

    __slots__ = ("latest", "looked_at", "mark", "reset", "seq")

    def __init__(self) -> None:
        self.mark: _Mark | None = None
        self.seq = 0
        # When it was last written, or found to be another host's to write (monotonic).
        self.looked_at = -_INTERVAL
        self.latest = 0
        self.reset: _Mark | None = None


class Marks:
    """Reads marks, and writes them off the way of what is due.

    `oldest_open` tells a job's first tick that is not claimed: no mark passes it. `is_ours` tells
    whether this host writes the mark of a job while all goes well.
    """

    def __init__(
        self,
        api: Api,
        names: Names,
        clock: Clock,
        oldest_open: Callable[[str], int | None],
        is_ours: Callable[[str], bool],
    ) -> None:
        self._api = api
        self._names = names
        self._clock = clock
        self._oldest_open = oldest_open
        self._is_ours = is_ours
        self._known: dict[str, _Known] = {}
        self._schedules: dict[str, str] = {}
        self._wake = asyncio.Event()

    async def load(self, jobs: Iterable[Job]) -> None:
        """Read the marks of jobs; raises StateError."""
        self._schedules = {job.id: schedule_of(job) for job in jobs}
        await self._side_by_side(self._read, list(self._schedules))

    def last_ticks(self, jobs: Iterable[Job], now: datetime) -> dict[str, datetime]:
        """Return up to when ticks are claimed, by job, as far as it is known.

        Never in the future: a host whose clock is ahead must not make others skip a tick.
        """
        found: dict[str, datetime] = {}
        for job in jobs:
            known = self._known.get(job.id)
            if known and known.mark and known.mark.schedule == schedule_of(job):
                moment = max(known.mark.ms, self._settled_to(job.id, known))
                found[job.id] = min(datetime.fromtimestamp(moment / 1000, UTC), now)
        return found

    def hold(self, job_id: str, moment: int | None = None) -> None:
        """Keep a mark before the ticks that are not claimed, or a time (unix ms).

        They will not be, for now: a pause leaves to its end what becomes of them.
        """
        if (known := self._known.get(job_id)) is not None:
            settled = self._settled_to(job_id, known)
            known.latest = settled if moment is None else min(settled, moment)

    def settled(self, job_id: str, moment: int) -> None:
        """Take in that a tick is claimed (unix ms)."""
        known = self._known.setdefault(job_id, _Known())
        known.latest = max(known.latest, moment)

    def restart(self, job: Job, moment: datetime) -> None:
        """Let a job's ticks count from now on, unless its schedule is the one of its mark."""
        self._schedules[job.id] = schedule_of(job)
        known = self._known.setdefault(job.id, _Known())
        known.reset = _Mark(moment_ms(moment), schedule_of(job))
        self._wake.set()

    async def serve(self) -> None:
        """Write marks now and then; ends by being cancelled."""
        while True:
            self._wake.clear()
            try:
                async with asyncio.timeout(1.0):
                    await self._wake.wait()
            except TimeoutError:
                pass
            now = self._clock.monotonic()
            await self._write_all(self._take_due(now))

    async def finish(self) -> None:
        """Write all that is not written yet, before the end."""
        await self._write_all(list(self._known))

    def _take_due(self, now: float) -> list[str]:
        """Return the jobs whose marks are to be written here, and look at the others later."""
        found = []
        for job_id, known in self._known.items():
            if known.reset is not None:
                found.append(job_id)
            elif self._is_due(known, now):
                if self._is_ours(job_id):
                    found.append(job_id)
                else:
                    known.looked_at = now
        return found

    def _is_due(self, known: _Known, now: float) -> bool:
        newer = known.latest > (known.mark.ms if known.mark else 0)
        return newer and now - known.looked_at >= _INTERVAL

    async def _write_all(self, job_ids: list[str]) -> None:
        try:
            await self._side_by_side(self._write, job_ids)
        except StateError:
            return  # written later; until then it costs refused claims

    async def _side_by_side(self, call: Callable[[str], Any], job_ids: list[str]) -> None:
        for at in range(0, len(job_ids), _SIDE_BY_SIDE):
            await asyncio.gather(*map(call, job_ids[at : at + _SIDE_BY_SIDE]))

    async def _read(self, job_id: str) -> None:
        message = await self._api.last(self._names.bucket, self._names.key("mark", job_id))
        known = self._known.setdefault(job_id, _Known())
        if message is not None and message.data:
            known.seq, known.mark = message.seq, _mark(message.data)

    async def _write(self, job_id: str) -> None:
        """Write a mark by compare and set: it only moves forward, within one schedule."""
        known = self._known[job_id]
        for _ in range(3):
            wanted = self._wanted(job_id, known)
            if wanted is None:
                return
            try:
                key = self._names.key("mark", job_id)
                body, headers = msgspec.json.encode(wanted), {EXPECTED: str(known.seq)}
                known.seq = (await self._api.store(key, body, headers)).seq
            except RefusedError as error:
                if not error.is_wrong_sequence:
                    raise
                await self._read(job_id)
                continue
            known.mark, known.looked_at = wanted, self._clock.monotonic()
            known.reset = None

    def _wanted(self, job_id: str, known: _Known) -> _Mark | None:
        """Return the mark to write, if there is one."""
        if known.reset is not None:
            if known.mark is None or known.mark.schedule != known.reset.schedule:
                return known.reset
            known.reset = None
        schedule = self._schedules.get(job_id)
        if known.mark is None or known.mark.schedule != schedule:
            return None  # of another version of the job: its hosts keep it
        latest = self._settled_to(job_id, known)
        return _Mark(latest, schedule) if latest > known.mark.ms else None

    def _settled_to(self, job_id: str, known: _Known) -> int:
        """Return up to when all ticks of a job are claimed that came up here (unix ms)."""
        oldest = self._oldest_open(job_id)
        return known.latest if oldest is None else min(known.latest, oldest - 1)


def _mark(data: bytes) -> _Mark | None:
    try:
        return msgspec.json.decode(data, type=_Mark)
    except msgspec.DecodeError:
        return None  # a reset writes it anew
