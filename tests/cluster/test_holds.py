"""What is written of a start, though answers are lost and servers store a record twice."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import cast

import pytest
from msgspec import structs

from chronos_cli.cluster.api import Api
from chronos_cli.cluster.clock import ClusterClock
from chronos_cli.cluster.holds import Hold, Holds
from chronos_cli.cluster.locks import Locks
from chronos_cli.cluster.names import Names
from chronos_cli.cluster.records import Record, record_of
from chronos_cli.cluster.say import Troubles
from chronos_cli.cron.clock import SystemLoopClock
from chronos_cli.cron.events import Events, LoopEvent
from tests.cluster.servers import Nodes
from tests.cluster.stage import ACK_WAIT, on_servers

OURS = Record(
    kind="started",
    execution_id="e1",
    job_id="a",
    scheduled_time="2026-01-01T00:00:00+00:00",
    host="vm",
    machine="vm",
    pid=7,
    number=1,
    started_at=datetime(2026, 1, 1, tzinfo=UTC),
)
THEIRS = structs.replace(OURS, host="vm-2", pid=8, number=2)
Play = Callable[[Holds, Api, str], Awaitable[None]]


def play(nodes: Nodes, group: str, what: Play) -> list[LoopEvent]:
    told: list[LoopEvent] = []

    async def with_holds(api: Api, names: Names) -> None:
        clock = ClusterClock(SystemLoopClock())
        troubles = Troubles(clock, Events(clock, told.append))
        holds = Holds(api, names, clock, cast("Locks", None), troubles, ACK_WAIT)
        await what(holds, api, names.outcome("a", 1000))
        await holds.finish(10)

    on_servers(nodes, group, with_holds)
    return told


async def add(api: Api, subject: str, record: Record) -> int:
    """Store a record after whatever is there, as a server of 2.9 may do with one sent twice."""
    return (await api.store(subject, record.encode())).seq


@pytest.mark.parametrize("times", [1, 2, 3])
def test_an_outcome_is_kept_though_its_start_was_stored_more_than_once(
    nodes: Nodes, group: str, times: int
) -> None:
    async def what(holds: Holds, api: Api, subject: str) -> None:
        hold = Hold("tick", "a", 1000, "nobody", answered=0.0, seq=0, record=OURS)
        hold.seq = await add(api, subject, OURS)
        for _ in range(times - 1):
            await add(api, subject, OURS)
        holds.end(hold, structs.replace(OURS, kind="ended", ended_at=OURS.started_at))
        await holds.finish(10)
        last = await api.last(f"CHRONOS_{group}_OUTCOMES", subject)
        assert last is not None
        assert record_of(last).kind == "ended"
        assert not hold.is_lost

    assert play(nodes, group, what) == []


def test_an_outcome_that_is_not_kept_is_told_of(nodes: Nodes, group: str) -> None:
    async def what(holds: Holds, api: Api, subject: str) -> None:
        hold = Hold("tick", "a", 1000, "nobody", answered=0.0, seq=0, record=OURS)
        hold.seq = await add(api, subject, OURS)
        await add(api, subject, THEIRS)
        holds.end(hold, structs.replace(OURS, kind="ended", ended_at=OURS.started_at))
        await holds.finish(10)
        last = await api.last(f"CHRONOS_{group}_OUTCOMES", subject)
        assert last is not None
        assert record_of(last).pid == THEIRS.pid

    (told,) = play(nodes, group, what)
    assert "execution e1 was taken over by another host" in str(told)


def test_what_was_handed_back_is_no_start_of_ours(nodes: Nodes, group: str) -> None:
    async def what(holds: Holds, api: Api, subject: str) -> None:
        hold = Hold("tick", "a", 1000, "nobody", answered=0.0, seq=0, record=OURS)
        hold.seq = await add(api, subject, OURS)
        await add(api, subject, structs.replace(OURS, kind="handed"))
        assert not await holds.start(hold, OURS)

    play(nodes, group, what)
