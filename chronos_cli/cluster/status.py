"""What a group does now: its hosts, what waits, what runs, who holds which lock."""

from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Struct

from chronos_cli.cluster.api import Api, RefusedError
from chronos_cli.cluster.locks import Holder
from chronos_cli.cluster.members import LIVES, Member
from chronos_cli.cluster.names import CONSUMER, Names, text_of
from chronos_cli.errors import StateError


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
    """A group. `waiting` ticks are handed to nobody yet, `handed` ones are not acknowledged."""

    group: str
    leader: str
    hosts: list[HostStatus]
    waiting: int
    handed: int
    locks: dict[str, Holder]
    marks: dict[str, str]


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
        locks={
            text_of(subject.rpartition(".")[2]): msgspec.json.decode(data, type=Holder)
            for subject, data in await _keys(api, names, "lock")
        },
        marks={
            text_of(subject.rpartition(".")[2]): _moment(msgspec.json.decode(data))
            for subject, data in await _keys(api, names, "mark")
        },
    )


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
