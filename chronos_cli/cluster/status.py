"""What a group does now: its hosts, what waits, what runs, who holds which lock."""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Struct

from chronos_cli.cluster.api import Api, RefusedError, moment_of
from chronos_cli.cluster.history import read_newest
from chronos_cli.cluster.locks import Holder
from chronos_cli.cluster.members import LIVES, Member, job_digest, jobs_of
from chronos_cli.cluster.names import CONSUMER, Names, text_of
from chronos_cli.cluster.pauses import pauses_in_force
from chronos_cli.cluster.records import record_of
from chronos_cli.cron.pauses import longest
from chronos_cli.errors import StateError
from chronos_cli.state.entries import ALL_JOBS, HistoryEntry, HistoryStatus, LastEnd, Pause

# Entries that are looked through for what runs and how jobs ended: at least, and at most.
_LEAST, _MOST = 200, 1000
# Requests that are made at the same time.
_AT_ONCE = 64
_NO_END = frozenset({HistoryStatus.RUNNING, HistoryStatus.SKIPPED})


class HostStatus(Struct, frozen=True):
    """A host; `skew` is how far its clock is from the median of all, in seconds."""

    id: str
    pid: int
    started: str
    running: int
    seen_s: float
    is_live: bool
    skew: float | None


class ClusterStatus(Struct, frozen=True):
    """A group. `waiting` ticks are handed to nobody yet, `handed` ones are not acknowledged.

    `idle_s` is for how many seconds none was handed out though some wait; None while none waits.
    `pauses` are those in force, by job; that of all under `ALL_JOBS`.
    """

    group: str
    leader: str
    hosts: list[HostStatus]
    waiting: int
    handed: int
    idle_s: float | None
    locks: dict[str, Holder]
    marks: dict[str, str]
    pauses: dict[str, Pause]


class GroupJob(Struct, frozen=True):
    """A job of a group: the hosts on which it runs, by execution ID, and how it ended last.

    `paused` is what keeps its ticks from starting.
    """

    job_id: str
    running: dict[str, str]
    last: LastEnd | None
    paused: Pause | None


async def read_status(api: Api, names: Names) -> ClusterStatus:
    """Ask the servers; raises StateError."""
    try:
        ticks = await api.call(f"STREAM.INFO.{names.ticks}")
        consumer = await api.call(f"CONSUMER.INFO.{names.ticks}.{CONSUMER}")
    except RefusedError as error:
        raise StateError(f"{names.ticks}: {error.text}; chronos cluster init makes it") from error
    return ClusterStatus(
        group=names.group,
        leader=str((ticks.get("cluster") or {}).get("leader", "")),
        hosts=await _hosts(api, names),
        waiting=int(consumer["num_pending"]),
        handed=int(consumer["num_ack_pending"]),
        idle_s=_idle(consumer),
        locks={
            text_of(subject.rpartition(".")[2]): msgspec.json.decode(data, type=Holder)
            for subject, data in await _keys(api, names, "lock")
        },
        marks={
            text_of(subject.rpartition(".")[2]): _moment(msgspec.json.decode(data))
            for subject, data in await _keys(api, names, "mark")
        },
        pauses=await pauses_in_force(api, names),
    )


async def read_jobs(api: Api, names: Names, status: ClusterStatus) -> list[GroupJob]:
    """Return the jobs that live hosts have, and those that run or are paused; raises StateError.

    Where no host lives, all that ever had one.
    """
    entries = await _newest(api, names, status)
    running = _running(entries)
    job_ids = await _served(api, names, status)
    job_ids |= running.keys() | status.pauses.keys() - {ALL_JOBS}
    ends = await _last_ends(api, names, sorted(job_ids), entries)
    return [
        GroupJob(job_id, running.get(job_id, {}), end, longest(status.pauses, job_id))
        for job_id, end in ends.items()
    ]


async def read_running(api: Api, names: Names, status: ClusterStatus) -> dict[str, dict[str, str]]:
    """Return what runs: the host of each execution, by job and execution ID; raises StateError."""
    return _running(await _newest(api, names, status))


async def _newest(api: Api, names: Names, status: ClusterStatus) -> list[HistoryEntry]:
    return await read_newest(api, names, lambda found: _is_enough(found, status.handed))


def _running(entries: Iterable[HistoryEntry]) -> dict[str, dict[str, str]]:
    running: dict[str, dict[str, str]] = {}
    for one in entries:
        if one.status is HistoryStatus.RUNNING:
            running.setdefault(one.job_id, {})[one.execution_id] = one.host
    return running


def _idle(consumer: dict[str, Any]) -> float | None:
    """Return how long a consumer has handed out nothing of what waits, by this machine's clock."""
    last = consumer["delivered"].get("last_active")
    if not consumer["num_pending"] or last is None:
        return None
    return round(max(0.0, (datetime.now(UTC) - moment_of(last)).total_seconds()), 1)


async def _served(api: Api, names: Names, status: ClusterStatus) -> set[str]:
    live = [one.id for one in status.hosts if one.is_live]
    if not live:
        return set(status.marks)
    lists = await asyncio.gather(*(jobs_of(api, names, host) for host in live))
    digests = frozenset().union(*lists)
    return {job_id for job_id in status.marks if job_digest(job_id) in digests}


async def _last_ends(
    api: Api, names: Names, job_ids: Sequence[str], entries: Iterable[HistoryEntry]
) -> dict[str, LastEnd | None]:
    """Return how each job ended last, in the same order; where that is long ago, it may be None."""
    known: dict[str, LastEnd | None] = dict.fromkeys(job_ids)
    for one in entries:
        if known.get(one.job_id) is None and one.status not in _NO_END:
            known[one.job_id] = LastEnd(one.execution_id, one.status, one.code, one.ended_at)
    missing = [job_id for job_id, end in known.items() if end is None]
    for at in range(0, len(missing), _AT_ONCE):
        part = missing[at : at + _AT_ONCE]
        found = await asyncio.gather(*(_last_end(api, names, job_id) for job_id in part))
        known |= dict(zip(part, found, strict=True))
    return known


async def _last_end(api: Api, names: Names, job_id: str) -> LastEnd | None:
    message = await api.last(names.outcomes, names.outcome(job_id, "*"))
    record = record_of(message) if message else None
    if record is None or record.kind != "ended":
        return None
    status = HistoryStatus(record.outcome.get("status", HistoryStatus.INTERRUPTED))
    if status in _NO_END:
        return None
    return LastEnd(record.execution_id, status, record.outcome.get("code"), record.ended_at)


def _is_enough(entries: Sequence[HistoryEntry], handed: int) -> bool:
    """Whether what runs has been found, as far as it is looked for."""
    if len(entries) < _LEAST:
        return False
    running = sum(one.status is HistoryStatus.RUNNING for one in entries)
    return running >= handed or len(entries) >= _MOST


async def _keys(api: Api, names: Names, kind: str) -> list[tuple[str, bytes]]:
    found = [one async for one in api.each(names.bucket, names.key(kind, "*"))]
    return [(one.subject, one.data) for one in found if one.data]


async def _hosts(api: Api, names: Names) -> list[HostStatus]:
    found = [one async for one in api.each(names.bucket, names.key("host", "*")) if one.data]
    newest = max((one.time for one in found), default=datetime.now(UTC))
    # When nobody has written for long, this machine's clock has to do.
    now = max(newest, datetime.now(UTC))
    members = [(msgspec.json.decode(one.data, type=Member), one.time) for one in found]
    offsets = sorted(one.offset for one, _ in members if one.offset is not None)
    middle = offsets[len(offsets) // 2] if offsets else None
    hosts = []
    for member, stored in members:
        age = (now - stored).total_seconds()
        known = member.offset is not None and middle is not None
        skew = round(middle - member.offset, 3) if known else None  # type: ignore[operator]
        hosts.append(
            HostStatus(
                id=member.id,
                pid=member.pid,
                started=member.started,
                running=member.running,
                seen_s=round(age, 1),
                is_live=age < LIVES,
                skew=skew,
            )
        )
    return hosts


def _moment(mark: dict[str, Any]) -> str:
    return datetime.fromtimestamp(mark["ms"] / 1000, UTC).isoformat()
