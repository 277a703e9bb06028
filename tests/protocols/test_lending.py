"""Lending connections: who shares one, who opens it, and when it goes."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

import pytest

from chronos_cli.errors import DispatchError, RejectedError, TimedOutError, UnreachableError
from chronos_cli.protocols.lending import Lender
from chronos_cli.protocols.servers import Limit, first_reachable

T = TypeVar("T")

# Much longer than any limit here.
LONG = 30.0


class Connection:
    """Opens when it is let; `opened` and `closed` count."""

    def __init__(self, work: Callable[[Limit], Coroutine[Any, Any, None]] | None = None) -> None:
        self._work = work
        self.gate = asyncio.Event()
        self.is_usable = True
        self.opened = self.closed = 0
        self.was_cancelled = False

    async def open(self, limit: Limit) -> None:
        try:
            await (self._work(limit) if self._work else self.gate.wait())
        except asyncio.CancelledError:
            self.was_cancelled = True
            raise
        self.opened += 1

    def waits_for(self) -> str | None:
        return "the lock of the gate"

    async def close(self) -> None:
        self.closed += 1


class Pool(Lender[str, Connection]):
    """Keeps what it made."""

    def __init__(self, work: Callable[[Limit], Coroutine[Any, Any, None]] | None = None) -> None:
        self.made: list[Connection] = []
        super().__init__(lambda _key: self._new(work))

    def _new(self, work: Callable[[Limit], Coroutine[Any, Any, None]] | None) -> Connection:
        self.made.append(Connection(work))
        return self.made[-1]

    async def use(self, seconds: float = LONG) -> Connection:
        async with self.lend("key", seconds) as connection:
            return connection


async def turn() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def test_one_connection_is_opened_for_all_and_kept() -> None:
    async def work() -> None:
        pool = Pool()
        users = [asyncio.create_task(pool.use()) for _ in range(5)]
        await turn()
        assert len(pool.made) == 1
        pool.made[0].gate.set()
        assert set(await asyncio.gather(*users)) == {await pool.use()} == {pool.made[0]}
        assert (pool.made[0].opened, pool.made[0].closed) == (1, 0)
        await pool.close()
        assert pool.made[0].closed == 1

    asyncio.run(work())


def test_an_unusable_connection_goes_with_its_last_user() -> None:
    async def work() -> None:
        pool = Pool(lambda _limit: asyncio.sleep(0))
        async with pool.lend("key", LONG) as first, pool.lend("key", LONG) as same:
            assert first is same
            first.is_usable = False
            async with pool.lend("key", LONG) as second:
                assert second is not first
            assert first.closed == 0
        await turn()
        assert (first.closed, second.closed) == (1, 0)
        second.is_usable = False
        assert await pool.use() is pool.made[2]
        await turn()
        assert second.closed == 1
        await pool.close()
        assert [each.closed for each in pool.made] == [1, 1, 1]

    asyncio.run(work())


def test_the_last_who_waits_calls_the_opening_off() -> None:
    async def work() -> None:
        pool = Pool()
        users = [asyncio.create_task(pool.use()) for _ in range(2)]
        await turn()
        users[0].cancel()
        await turn()
        assert not pool.made[0].was_cancelled
        users[1].cancel()
        await turn()
        assert (pool.made[0].was_cancelled, pool.made[0].closed) == (True, 1)
        await pool.close()
        assert pool.made[0].closed == 1

    asyncio.run(work())


def test_each_has_an_exception_of_its_own() -> None:
    async def fail(_limit: Limit) -> None:
        raise RejectedError("no", code="NO")

    async def work() -> None:
        pool = Pool(fail)
        results = await asyncio.gather(*(pool.use() for _ in range(3)), return_exceptions=True)
        assert all(isinstance(each, RejectedError) and each.code == "NO" for each in results)
        assert len({id(each) for each in results}) == 3
        await turn()
        assert (len(pool.made), pool.made[0].closed) == (1, 1)
        await pool.close()

    asyncio.run(work())


def test_closing_ends_what_is_being_opened() -> None:
    async def work() -> None:
        pool = Pool()
        user = asyncio.create_task(pool.use())
        await turn()
        await pool.close()
        assert (pool.made[0].was_cancelled, pool.made[0].closed) == (True, 1)
        await asyncio.wait([user])
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(work())


class Servers:
    """Named servers: `silent` never answers, `dead` fails at once, all others answer."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self.tried: list[str] = []

    async def open(self, limit: Limit) -> None:
        try:
            await first_reachable(self._names, self._connect, limit, (UnreachableError,))
        except ExceptionGroup as group:
            raise UnreachableError("none") from group

    async def _connect(self, name: str, _share: Limit) -> None:
        self.tried.append(name)
        if name == "silent":
            await asyncio.sleep(LONG)
        if name == "dead":
            raise UnreachableError("dead")
        if name == "refusing":
            raise RejectedError("no")


def test_servers_share_the_time_that_is_left() -> None:
    async def work() -> None:
        servers = Servers(["dead", "silent", "silent", "good", "never"])
        pool = Pool(servers.open)
        loop = asyncio.get_running_loop()
        began = loop.time()
        async with asyncio.timeout(LONG / 2):
            await pool.use(0.8)
        # A quarter of 0.8 s, then a third of what was left.
        assert 0.39 < loop.time() - began < 0.8
        assert servers.tried == ["dead", "silent", "silent", "good"]
        await pool.close()

    asyncio.run(work())


def test_a_refusal_is_the_answer() -> None:
    async def work() -> None:
        servers = Servers(["dead", "refusing", "good"])
        pool = Pool(servers.open)
        with pytest.raises(RejectedError):
            await pool.use()
        assert servers.tried == ["dead", "refusing"]
        await pool.close()

    asyncio.run(work())


def test_who_joins_with_less_time_reaches_the_good_server() -> None:
    async def work() -> None:
        servers = Servers(["silent", "good"])
        pool = Pool(servers.open)
        patient = asyncio.create_task(pool.use(LONG))
        await turn()
        async with asyncio.timeout(LONG / 2):
            impatient = await pool.use(0.2)
            assert await patient is impatient
        await pool.close()

    asyncio.run(work())


def test_who_has_more_time_does_not_fail_for_another() -> None:
    """The second opening is the patient one's own: it waits for the slow server."""
    answers = asyncio.Event()

    async def slow(name: str, _share: Limit) -> None:
        if name == "dead":
            raise UnreachableError("dead")
        await answers.wait()

    async def opening(limit: Limit) -> None:
        try:
            await first_reachable(["slow", "dead"], slow, limit, (UnreachableError,))
        except ExceptionGroup as group:
            raise UnreachableError("none") from group

    async def work() -> None:
        pool = Pool(opening)
        patient = asyncio.create_task(pool.use(LONG))
        await turn()
        with pytest.raises(UnreachableError):
            await pool.use(0.1)
        await turn()
        assert not patient.done()
        answers.set()
        assert await patient is pool.made[1]
        await pool.close()

    asyncio.run(work())


def test_a_list_within_a_share_has_that_share_only() -> None:
    """The addresses of one server take no time from the next server."""

    async def silent(_name: str, _share: Limit) -> str:
        await asyncio.sleep(LONG)
        return ""

    async def server(name: str, share: Limit) -> str:
        if name == "good":
            return name
        return await first_reachable(["a", "b", "c"], silent, share, (OSError,))

    async def work() -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        limit = Limit(began + 0.4)
        async with asyncio.timeout(LONG / 2):
            found = await first_reachable(["bad", "good"], server, limit, (OSError,))
        assert (found, limit.was_hit) == ("good", True)
        assert 0.19 < loop.time() - began < 0.4

    asyncio.run(work())


def test_errors_tell_of_every_server() -> None:
    async def connect(name: str, _share: Limit) -> None:
        raise TimedOutError(name)

    async def work() -> None:
        limit = Limit(asyncio.get_running_loop().time() + LONG)
        with pytest.raises(ExceptionGroup) as caught:
            await first_reachable(["a", "b"], connect, limit, (DispatchError,))
        assert [str(each) for each in caught.value.exceptions] == ["a", "b"]
        assert not limit.was_hit

    asyncio.run(work())
