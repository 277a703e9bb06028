"""Kafka: a broker that floods keeps threads of the client busy, but never the program."""

import asyncio
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

from chronos_cli.errors import DispatchError
from chronos_cli.protocols.kafka.connection import Connection
from chronos_cli.protocols.servers import Limit
from tests.brokers.kafka import KafkaBroker

_CLIENTS = 4
# Seconds: an attempt; the longest that the loop may stand still; the end of the flood.
_ATTEMPT, _STILL, _FLOOD = 0.5, 1.5, 6.0
# Answers of the broker that the connections of a client are given: the probe, the first address,
# and the broker that it leads to.
_HONEST = (1, 2, 1, 1, 1)
# Answers that nobody has asked for, of four bytes each.
_UNASKED = struct.pack(">ii", 4, 123456789) * 8192


def _relay(client: socket.socket, port: int, honest: int, end: float) -> None:
    """Pass on some answers of the broker, then flood as fast as the client can read."""
    with client, socket.create_connection(("127.0.0.1", port)) as server, suppress(OSError):
        for _ in range(honest):
            server.sendall(client.recv(65536))
            client.sendall(server.recv(65536))
        client.recv(65536)
        while time.monotonic() < end:
            client.sendall(_UNASKED)


@contextmanager
def _flooding(port: int, socket_of_clients: socket.socket) -> Iterator[None]:
    """Listen at a socket, before the broker at a port."""
    end = time.monotonic() + _FLOOD

    def accept() -> None:
        with suppress(OSError):
            for honest in _HONEST:
                arguments = (listener.accept()[0], port, honest, end)
                threading.Thread(target=_relay, args=arguments, daemon=True).start()

    with socket_of_clients.dup() as listener:
        threading.Thread(target=accept, daemon=True).start()
        yield


async def _give_up(port: int, topic: str) -> None:
    """Send a message that nobody acknowledges."""
    address = f"127.0.0.1:{port}"
    connection = Connection(
        (("bootstrap.servers", address), ("security.protocol", "PLAINTEXT"), ("log_level", "0"))
    )
    await connection.open(Limit(asyncio.get_running_loop().time() + _ATTEMPT))
    with suppress(TimeoutError, DispatchError):
        async with asyncio.timeout(_ATTEMPT):
            await connection.send(topic, address, value=b"x")
    await connection.close()


async def _longest_stillness(work: "asyncio.Future[list[None]]") -> float:
    """Return for how long the loop stood still meanwhile, in seconds."""
    longest = 0.0
    while not work.done():
        before = time.monotonic()
        await asyncio.sleep(0.01)
        longest = max(longest, time.monotonic() - before)
    return longest


def test_floods_do_not_stop_the_loop(kafka_broker: KafkaBroker) -> None:
    topic = "flooded"
    kafka_broker.create_topic(topic)
    gates = kafka_broker.proxied(kafka_broker.plaintext or "")[:_CLIENTS]

    async def work() -> float:
        sends = asyncio.gather(*(_give_up(gate[1].getsockname()[1], topic) for gate in gates))
        return await _longest_stillness(sends)

    with ExitStack() as floods:
        for gate in gates:
            floods.enter_context(_flooding(*gate))
        assert asyncio.run(work()) < _STILL
