"""What a command finds of a group's pauses, and how it writes one: no host has to run."""

from datetime import UTC, datetime, timedelta

from msgspec import Struct

from chronos_cli.clock import SystemClock
from chronos_cli.cluster.api import EXPECTED, NO_STREAM, Api, RefusedError
from chronos_cli.cluster.members import (
    TOLERATED,
    Seen,
    agreed_offset,
    job_digest,
    jobs_of,
    read_members,
)
from chronos_cli.cluster.names import Names, text_of
from chronos_cli.cluster.pauses import PauseRecord, read_pauses
from chronos_cli.errors import StateError
from chronos_cli.state.entries import ALL_JOBS


class Found(Struct, frozen=True, kw_only=True):
    """A group as a command finds it at a time, which is the hosts' own: aware.

    `records` are by job, `seqs` their numbers; `known` jobs have left a word. `hosts` live;
    `is_run` tells whether one of them has the job that was asked for.
    """

    now: datetime
    records: dict[str, PauseRecord]
    seqs: dict[str, int]
    known: frozenset[str]
    hosts: int
    is_run: bool


async def find(api: Api, names: Names, job_id: str) -> Found:
    """Read what has to be known to pause or resume a job, or `ALL_JOBS`; raises StateError."""
    try:
        await api.call(f"STREAM.INFO.{names.bucket}")
    except RefusedError as error:
        if error.number != NO_STREAM:
            raise
        raise StateError(f"{names.bucket}: {error.text}; chronos cluster init makes it") from error
    server_now = await _server_time(api, names)
    live = [one async for one in read_members(api, names, server_now) if one.is_live]
    records: dict[str, PauseRecord] = {}
    seqs: dict[str, int] = {}
    async for key, record, seq in read_pauses(api, names):
        seqs[key] = seq
        if record is not None:
            records[key] = record
    is_run = False
    for one in live if job_id != ALL_JOBS else ():
        is_run = is_run or job_digest(job_id) in await jobs_of(api, names, one.member.id)
    known = {key for key in records if key != ALL_JOBS} | ({job_id} if is_run else set())
    if job_id != ALL_JOBS and job_id not in known:
        known |= await known_jobs(api, names)
    return Found(
        now=_cluster_time(server_now, live),
        records=records,
        seqs=seqs,
        known=frozenset(known),
        hosts=len(live),
        is_run=is_run,
    )


async def known_jobs(api: Api, names: Names) -> set[str]:
    """Return the jobs that have a mark: those that any host has ever run on a schedule."""
    return {
        text_of(one.subject.rpartition(".")[2])
        async for one in api.each(names.bucket, names.key("mark", "*"))
        if one.data
    }


async def write(api: Api, names: Names, job_id: str, record: PauseRecord, seq: int) -> bool:
    """Write a record after the one that has a number, 0 for none; False if another one came."""
    body = record.encode()
    try:
        await api.store(names.pause(job_id), body, {EXPECTED: str(seq)})
    except RefusedError as error:
        if not error.is_wrong_sequence:
            raise
        last = await api.last(names.bucket, names.pause(job_id))
        return last is not None and last.data == body  # our own, whose answer was lost
    return True


async def _server_time(api: Api, names: Names) -> datetime:
    """Return the time of the servers: that of a message which nobody reads."""
    stored = await api.store(names.key("probe", "time"), b"")
    found = await api.at(names.bucket, stored.seq)
    # Another command may have written its own since.
    return found.time if found else datetime.now(UTC)


def _cluster_time(server_now: datetime, live: list[Seen]) -> datetime:
    """Return the time by which the hosts fire: this machine's, unless that is another one."""
    mine = SystemClock().now()
    offsets = [one.member.offset for one in live if one.member.offset is not None]
    theirs = server_now - timedelta(seconds=agreed_offset(offsets))
    return theirs if abs((theirs - mine).total_seconds()) > TOLERATED else mine
