"""NATS, the dispatcher by itself against real servers: shared connections and their ends."""

import asyncio
import json
import logging
import time
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest
from msgspec import structs

from chronos_cli.dispatch.delivery import Delivery, prepare
from chronos_cli.dispatch.execution import Execution, new_id
from chronos_cli.dispatch.plugin import Receipt
from chronos_cli.errors import DispatchError, RejectedError, UnreachableError
from chronos_cli.jobs.model import Job, JobSpec, Payload
from chronos_cli.problems import Position
from chronos_cli.protocols.nats.dispatcher import NatsDispatcher
from chronos_cli.protocols.nats.target import Nats, NatsSettings
from tests.brokers.nats import LIMITED_USER, PASSWORD, SecuredNats
from tests.brokers.process import free_ports
from tests.protocols.nats_support import OwnServer, fresh
from tests.servers.nats_wire import Wire, responder


def delivery(target: dict[str, Any], body: bytes = b"body") -> Delivery[Nats]:
    spec = JobSpec(name="job")
    job = Job("job", spec, "nats", "nats", Nats(**target), Payload(raw=body), Position("job.yaml"))
    return cast("Delivery[Nats]", prepare(Execution(new_id(), job, datetime.now(UTC)), 1))


@asynccontextmanager
async def opened() -> AsyncIterator[NatsDispatcher]:
    """A dispatcher; afterwards no task of it may be left."""
    dispatcher = NatsDispatcher(NatsSettings())
    try:
        yield dispatcher
    finally:
        await dispatcher.close()
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == {asyncio.current_task()}


def together(talk: Callable[[NatsDispatcher], Awaitable[None]]) -> None:
    complaints: list[dict[str, Any]] = []

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, what: complaints.append(what))
        async with opened() as dispatcher:
            await talk(dispatcher)

    asyncio.run(main())
    assert complaints == []


async def ended(sending: Awaitable[Receipt]) -> Receipt | DispatchError:
    try:
        return await sending
    except DispatchError as error:
        return error


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> Any:
    """Nothing that the library or asyncio logs may reach the user."""
    yield
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_many_sends_share_one_connection(tmp_path: Path) -> None:
    (monitor,) = free_ports(1)
    subject, count = fresh(), 500
    with OwnServer(tmp_path, f'http: "127.0.0.1:{monitor}"\n') as server:
        wire = Wire(server.url).subscribe(subject)
        target = {"url": server.url, "subject": subject}

        async def talk(dispatcher: NatsDispatcher) -> None:
            sends = [dispatcher.send(delivery(target, b"%d" % number)) for number in range(count)]
            await asyncio.gather(*sends)

        together(talk)
        assert sorted(int(message.body) for message in wire.wait()) == list(range(count))
        with urllib.request.urlopen(f"http://127.0.0.1:{monitor}/varz", timeout=5) as answer:
            # Ours, the subscriber's, and those that tried whether the server was ready.
            connections = json.load(answer)["total_connections"]
        assert connections <= 10
        wire.close()


@pytest.mark.parametrize("mode", ["publish", "jetstream"])
def test_a_line_break_makes_no_other_header(tmp_path: Path, mode: str) -> None:
    with OwnServer(tmp_path) as server:
        target = {"url": server.url, "subject": fresh(), "mode": mode}
        broken = structs.replace(delivery(target), content_type="text/plain\r\nNats-Msg-Id: 1")

        async def talk(dispatcher: NatsDispatcher) -> None:
            result = await ended(dispatcher.send(broken))
            assert isinstance(result, RejectedError)
            assert "line break" in result.message

        together(talk)


@pytest.mark.parametrize("mode", ["publish", "request"])
def test_a_refusal_hits_the_right_message(nats_secured: SecuredNats, mode: str) -> None:
    server = nats_secured.users
    login = {"url": server.url, "user": LIMITED_USER, "password": PASSWORD, "mode": mode}
    good, names = fresh("jobs"), ["jobs", "Elsewhere.A", "elsewhere.b", "jobs"]

    async def talk(dispatcher: NatsDispatcher) -> None:
        subjects = [good if name == "jobs" else name for name in names * 50]
        sends = [dispatcher.send(delivery({**login, "subject": each})) for each in subjects]
        results = await asyncio.gather(*map(ended, sends))
        for subject, result in zip(subjects, results, strict=True):
            if subject == good:
                assert isinstance(result, Receipt)
            else:
                assert isinstance(result, RejectedError)
                assert result.code == "PERMISSIONS"
                assert subject.lower() in result.message

    credentials = {"user": LIMITED_USER, "pass": PASSWORD}
    if mode == "publish":
        wire = Wire(server.url, login=credentials).subscribe(good)
        together(talk)
        assert len(wire.wait()) == 100
        wire.close()
    else:
        answering = {"user": "chronos", "pass": PASSWORD}
        with responder(server.url, good, lambda _: b"ok", login=answering):
            together(talk)


def test_a_user_who_may_not_have_replies(tmp_path: Path) -> None:
    users = (
        'authorization {users: [{user: "u", password: "p", '
        'permissions: {publish: ">", subscribe: {deny: ">"}}}]}\n'
    )
    with OwnServer(tmp_path, users) as server:
        target = {"url": server.url, "user": "u", "password": "p", "subject": "x"}

        async def talk(dispatcher: NatsDispatcher) -> None:
            for _ in range(2):
                result = await ended(dispatcher.send(delivery({**target, "mode": "request"})))
                assert isinstance(result, RejectedError)
                assert result.code == "PERMISSIONS"
            assert isinstance(await dispatcher.send(delivery(target)), Receipt)

        together(talk)


def test_a_refusal_that_names_no_message_of_ours_is_no_success(tmp_path: Path) -> None:
    """The server maps subjects before it looks at permissions, and names what came of it."""
    users = (
        'mappings: {"mapped": "hidden.name"}\n'
        'authorization {users: [{user: "u", password: "p", '
        'permissions: {publish: {deny: "hidden.>"}}}]}\n'
    )
    with OwnServer(tmp_path, users) as server:
        login = {"url": server.url, "user": "u", "password": "p"}

        async def talk(dispatcher: NatsDispatcher) -> None:
            for _ in range(3):
                result = await ended(dispatcher.send(delivery({**login, "subject": "mapped"})))
                assert isinstance(result, RejectedError)
                assert (result.code, "hidden.name" in result.message) == ("PERMISSIONS", True)
            assert isinstance(
                await dispatcher.send(delivery({**login, "subject": "free"})), Receipt
            )

        together(talk)


def test_killed_and_back(tmp_path: Path) -> None:
    with OwnServer(tmp_path) as server:
        target = {"url": server.url, "subject": "x"}

        async def talk(dispatcher: NatsDispatcher) -> None:
            await dispatcher.send(delivery(target))
            server.process.pause()
            sends = [asyncio.create_task(ended(dispatcher.send(delivery(target))))]
            sends += [asyncio.create_task(ended(dispatcher.send(delivery(target, b"x" * 10**6))))]
            await asyncio.sleep(0.1)
            began = time.monotonic()
            server.process.kill()
            for result in await asyncio.gather(*sends):
                assert isinstance(result, UnreachableError)
                assert result.code == "CONNECTION_LOST"
            assert time.monotonic() - began < 1
            refused = await ended(dispatcher.send(delivery(target)))
            assert isinstance(refused, UnreachableError)
            assert refused.code == "ECONNREFUSED"
            server.start()
            try:
                await dispatcher.send(delivery(target))
            except UnreachableError:
                # It had not heard of the end yet; the next attempt has a new connection.
                await dispatcher.send(delivery(target))

        together(talk)


def test_stopped_while_idle(tmp_path: Path) -> None:
    with OwnServer(tmp_path) as server:
        target = {"url": server.url, "subject": "x"}

        async def talk(dispatcher: NatsDispatcher) -> None:
            await dispatcher.send(delivery(target))
            await asyncio.to_thread(server.stop)
            server.start()
            try:
                await dispatcher.send(delivery(target))
            except UnreachableError:
                # It had not heard of the end yet; the next attempt has a new connection.
                await dispatcher.send(delivery(target))

        together(talk)


@pytest.mark.parametrize("size", [4, 900_000])
def test_cancelled_in_a_frozen_server(tmp_path: Path, size: int) -> None:
    """Cancelled sends harm no other one, also when the answers come after all."""
    with OwnServer(tmp_path) as server:
        wire = Wire(server.url).subscribe("x.>")
        target = {"url": server.url, "subject": "x.y"}

        async def cut_off(dispatcher: NatsDispatcher) -> None:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await dispatcher.send(delivery(target, b"-" * size))

        async def talk(dispatcher: NatsDispatcher) -> None:
            await dispatcher.send(delivery(target))
            server.process.pause()
            patient = asyncio.create_task(
                dispatcher.send(delivery({**target, "subject": "x.patient"}))
            )
            await asyncio.sleep(0)
            began = time.monotonic()
            await asyncio.gather(*(cut_off(dispatcher) for _ in range(20)))
            assert time.monotonic() - began < 1
            await cut_off(dispatcher)
            server.process.resume()
            assert isinstance(await patient, Receipt)
            await dispatcher.send(delivery(target))

        together(talk)
        assert "x.patient" in [message.subject for message in wire.wait()]
        wire.close()


def test_closed_in_a_frozen_server(tmp_path: Path) -> None:
    with OwnServer(tmp_path) as server:
        target = {"url": server.url, "subject": "x"}

        async def talk(dispatcher: NatsDispatcher) -> None:
            await dispatcher.send(delivery(target))
            server.process.pause()
            sends = [dispatcher.send(delivery(target, b"x" * 10**6)) for _ in range(10)]
            tasks = [asyncio.create_task(send) for send in sends]
            await asyncio.sleep(0.1)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        began = time.monotonic()
        together(talk)
        assert time.monotonic() - began < 1


def test_each_access_has_its_connection(nats_secured: SecuredNats) -> None:
    server = nats_secured.users
    target = {"url": server.url, "user": "chronos", "password": PASSWORD, "subject": "jobs.x"}

    async def talk(dispatcher: NatsDispatcher) -> None:
        wrong = {**target, "password": "not-it"}
        sends = [dispatcher.send(delivery(each)) for each in (target, wrong) * 3]
        results = await asyncio.gather(*map(ended, sends))
        assert [type(result) for result in results] == [Receipt, RejectedError] * 3
        failures = [result for result in results if isinstance(result, RejectedError)]
        assert len({id(failure) for failure in failures}) == 3
        assert all("not-it" not in failure.message for failure in failures)

    together(talk)


def test_a_late_refusal_hits_nobody_else(nats_secured: SecuredNats) -> None:
    server = nats_secured.users
    target = {"url": server.url, "user": LIMITED_USER, "password": PASSWORD, "subject": "jobs.x"}
    refused, cut_off = ({**target, "subject": subject} for subject in ("no.one", "no.two"))

    async def talk(dispatcher: NatsDispatcher) -> None:
        await dispatcher.send(delivery(target))
        with server.paused():
            large = [dispatcher.send(delivery(target, b"x" * 900_000)) for _ in range(20)]
            tasks = [asyncio.create_task(ended(send)) for send in large]
            await asyncio.sleep(0.1)
            small = asyncio.create_task(ended(dispatcher.send(delivery(refused))))
            cancelled = asyncio.create_task(dispatcher.send(delivery(cut_off)))
            await asyncio.sleep(0.1)
            cancelled.cancel()
        result = await small
        assert isinstance(result, RejectedError)
        assert "no.one" in result.message
        assert all(isinstance(each, Receipt) for each in await asyncio.gather(*tasks))

    together(talk)


class SlowServer:
    """Answers pings one by one, and knows what it has read; `gate` lets it start reading."""

    def __init__(self) -> None:
        self.subjects: list[str] = []
        self.gate = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'INFO {"server_id":"x","max_payload":1048576,"headers":true}\r\n')
        while line := await reader.readline():
            word, *rest = line.split()
            if word == b"HPUB":
                self.subjects.append(rest[0].decode())
                await reader.readexactly(int(rest[-1]) + 2)
            elif word == b"PING":
                writer.write(b"PONG\r\n")
                await asyncio.sleep(0.01)
                await self.gate.wait()
        writer.close()


def test_a_ping_that_overtakes_proves_nothing() -> None:
    """While large messages fill the socket, the library sends a ping ahead of what is next."""

    async def talk(dispatcher: NatsDispatcher) -> None:
        slow = SlowServer()
        server = await asyncio.start_server(slow.serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        target = {"url": f"nats://127.0.0.1:{port}", "subject": "large"}
        sends = [dispatcher.send(delivery(target, b"x" * 900_000)) for _ in range(10)]
        tasks = [asyncio.create_task(send) for send in sends]
        await asyncio.sleep(0.1)
        small = asyncio.create_task(dispatcher.send(delivery({**target, "subject": "small"})))
        await asyncio.sleep(0.1)
        slow.gate.set()
        await small
        assert "small" in slow.subjects
        await asyncio.gather(*tasks)
        await dispatcher.close()
        server.close()
        await server.wait_closed()
        await asyncio.sleep(0.05)

    together(talk)


@pytest.mark.parametrize("turns", range(12))
def test_cancelled_at_any_moment_of_connecting(silent_port: int, turns: int) -> None:
    """Whatever the event loop has got to when the send is cancelled, `close` comes to an end."""

    async def talk() -> None:
        dispatcher = NatsDispatcher(NatsSettings())
        target = {"url": f"nats://127.0.0.1:{silent_port}", "subject": "x"}
        send = asyncio.create_task(dispatcher.send(delivery(target)))
        for _ in range(turns):
            await asyncio.sleep(0)
        send.cancel()
        await asyncio.gather(send, return_exceptions=True)
        await asyncio.wait_for(dispatcher.close(), 5)

    asyncio.run(talk())
