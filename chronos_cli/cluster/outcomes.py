"""What all hosts of a group did, read beside a loop for those who look on."""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence

from chronos_cli.cluster.api import Api, StoredMessage
from chronos_cli.cluster.history import read_job, read_messages
from chronos_cli.cluster.names import Names
from chronos_cli.cluster.records import Record, record_of
from chronos_cli.dispatch.outcome import Status
from chronos_cli.errors import StateError
from chronos_cli.state.entries import HistoryEntry, HistoryFilter
from chronos_cli.state.recent import RecentEnding

# Messages that are asked for at the same time: few, for the loop answers for each of them.
_AT_ONCE = 16
# Of so many messages, the newest ones, it is known how the jobs ended.
_MOST = 2_000
# What one answer may take, in seconds, and how soon the servers are asked anew.
_LIMIT, _FRESH = 3.0, 2.0


class ClusterOutcomes:
    """See `Outcomes`: those that a cluster's servers keep.

    Of jobs whose end is not among the newest messages, only the last one is known.
    """

    def __init__(self, api: Api, names: Names) -> None:
        self._api = api
        self._names = names
        # Up to which message endings are known, and the newest of them.
        self._seq = 0
        self._endings: deque[tuple[str, RecentEnding]] = deque(maxlen=_MOST)
        # The last one of each job that was asked for or has ended since; None where there is none.
        self._last: dict[str, RecentEnding | None] = {}
        self._lock = asyncio.Lock()
        self._read_at = -_FRESH
        self._rests_until = 0.0

    async def history(self, wanted: HistoryFilter) -> Sequence[HistoryEntry]:
        """Return the last entries of a filter's jobs, newest first, as far as time allows."""
        found: list[HistoryEntry] = []
        for job_id in wanted.jobs:
            found += await read_job(self._api, self._names, job_id, wanted.limit or 1, _LIMIT)
        return found

    async def recent_endings(
        self, jobs: Sequence[str], most: int
    ) -> Mapping[str, Sequence[RecentEnding]]:
        """Return the last endings of each job, oldest first.

        While the servers do not answer, what was known before.
        """
        loop = asyncio.get_running_loop()
        async with self._lock:
            try:
                if loop.time() >= self._rests_until:
                    async with asyncio.timeout(_LIMIT):
                        await self._read_on()
                        await self._read_last([one for one in jobs if one not in self._last])
            except (StateError, TimeoutError):
                self._rests_until = loop.time() + _FRESH  # for those who wait meanwhile
        found: dict[str, deque[RecentEnding]] = {job_id: deque(maxlen=most) for job_id in jobs}
        for job_id, ending in self._endings:
            if job_id in found:
                found[job_id].append(ending)
        for job_id, endings in found.items():
            last = self._last.get(job_id)
            if last is not None and not endings:
                endings.append(last)
        return {job_id: list(endings) for job_id, endings in found.items()}

    async def last_successes(self) -> Mapping[str, float]:
        """Return nothing: to look for it among all that is kept would take long."""
        return {}

    async def close(self) -> None:
        """Hold nothing."""

    async def _read_on(self) -> None:
        """Take in what was stored since the last time."""
        now = asyncio.get_running_loop().time()
        if now - self._read_at < _FRESH:
            return
        info = await self._api.call(f"STREAM.INFO.{self._names.outcomes}")
        last = int(info["state"]["last_seq"])
        if last - self._seq > _MOST:
            self._seq = last - _MOST
            self._endings.clear()
            self._last.clear()
        while self._seq < last:
            until = min(self._seq + _AT_ONCE, last)
            span = range(self._seq + 1, until + 1)
            for message in await read_messages(self._api, self._names.outcomes, span):
                self._take(message)
            self._seq = until
        self._read_at = now

    async def _read_last(self, jobs: Sequence[str]) -> None:
        """Look for the last ending of jobs."""
        for at in range(0, len(jobs), _AT_ONCE):
            some = jobs[at : at + _AT_ONCE]
            for job_id, message in zip(some, await self._last_of(some), strict=True):
                self._last[job_id] = None if message is None else _ending(record_of(message))

    async def _last_of(self, jobs: Sequence[str]) -> list[StoredMessage | None]:
        subjects = [self._names.outcome(job_id, "*") for job_id in jobs]
        calls = (self._api.last(self._names.outcomes, subject) for subject in subjects)
        return await asyncio.gather(*calls)

    def _take(self, message: StoredMessage) -> None:
        record = record_of(message)
        ending = _ending(record)
        if ending is not None:
            self._endings.append((record.job_id, ending))
            self._last[record.job_id] = ending


def _ending(record: Record) -> RecentEnding | None:
    """Return how a start ended; None for one that has not, or that cannot be read."""
    if not record.execution_id or record.kind == "started":
        return None
    status = record.outcome.get("status", Status.INTERRUPTED)
    return RecentEnding(status, record.started_at, record.ended_at, record.outcome.get("code"))
