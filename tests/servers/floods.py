"""Far sides that never stop talking; the name of one is the argument, its port is printed."""

import asyncio
import json
import sys

from tests.servers.streams import Serve, serving


def frame(kind: int, channel: int, payload: bytes) -> bytes:
    head = bytes([kind]) + channel.to_bytes(2, "big") + len(payload).to_bytes(4, "big")
    return head + payload + b"\xce"


# Connection.Start: version 0-9, no properties, PLAIN, en_US.
START = b"\x00\x0a\x00\x0a\x00\x09\x00\x00\x00\x00\x00\x00\x00\x05PLAIN\x00\x00\x00\x05en_US"
TUNE = b"\x00\x0a\x00\x1e" + (2047).to_bytes(2, "big") + (131072).to_bytes(4, "big") + b"\0\0"
OPEN_OK = b"\x00\x0a\x00\x29\x00"
CHANNEL_OPEN_OK = b"\x00\x14\x00\x0b\x00\x00\x00\x00"
BLOCKED = b"\x00\x0a\x00\x3c\x03low"
HEARTBEATS = frame(8, 0, b"") * 8192
ACKS = frame(1, 1, b"\x00\x3c\x00\x50" + (9).to_bytes(8, "big") + b"\0") * 2048
INFO = b'INFO {"server_id":"S","version":"2.10.0","max_payload":1048576,"headers":true}\r\n'
URLS = json.dumps([f"10.0.{n}.1:4222" for n in range(100)]).encode()
HEADERS = b"NATS/1.0\r\n" + b"a: b\r\n" * 2000 + b"\r\n"


def amqp(flood: bytes, *answers: bytes) -> Serve:
    """A broker that goes along with so much of the login, and then floods."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in (START, *answers):
            await reader.read(65536)
            writer.write(frame(1, 1 if answer is CHANNEL_OPEN_OK else 0, answer))
        await flooding(writer, flood)

    return serve


def nats(flood: bytes, *, logged_in: bool = True) -> Serve:
    """A server that lets everybody in, or nobody, and then floods."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(INFO)
        await reader.readuntil(b"PING\r\n")
        if logged_in:
            writer.write(b"PONG\r\n")
        await flooding(writer, flood)

    return serve


async def flooding(writer: asyncio.StreamWriter, flood: bytes) -> None:
    while True:
        writer.write(flood)
        await writer.drain()
        await asyncio.sleep(0)


def message(subject: bytes, sid: int, headers: bytes = b"", body: bytes = b"x") -> bytes:
    sizes = b"%d %d" % (len(headers), len(headers + body)) if headers else b"%d" % len(body)
    kind = b"HMSG" if headers else b"MSG"
    return b"%s %s %d %s\r\n%s%s\r\n" % (kind, subject, sid, sizes, headers, body)


FLOODS: dict[str, tuple[str, Serve]] = {
    "heartbeats at login": ("rabbitmq", amqp(HEARTBEATS)),
    "heartbeats": ("rabbitmq", amqp(HEARTBEATS, TUNE, OPEN_OK)),
    "heartbeats on a channel": ("rabbitmq", amqp(HEARTBEATS, TUNE, OPEN_OK, CHANNEL_OPEN_OK)),
    "acks": ("rabbitmq", amqp(ACKS, TUNE, OPEN_OK, CHANNEL_OPEN_OK)),
    "blocked": ("rabbitmq", amqp(frame(1, 0, BLOCKED) * 4096, TUNE, OPEN_OK)),
    "PING": ("nats", nats(b"PING\r\n" * 8192)),
    "PONG": ("nats", nats(b"PONG\r\n" * 8192)),
    "PING at login": ("nats", nats(b"PING\r\n" * 8192, logged_in=False)),
    "INFO": ("nats", nats(INFO * 512)),
    "INFO with URLs": ("nats", nats(b'INFO {"connect_urls": ' + URLS + b"}\r\n")),
    "MSG for nobody": ("nats", nats(message(b"a.b", 99) * 4096)),
    "MSG": ("nats", nats(message(b"_INBOX.a.b", 1) * 4096)),
    "HMSG": ("nats", nats(message(b"_INBOX.a.b", 1, HEADERS) * 16)),
    "one line without an end": ("nats", nats(b"INFO " + b"x" * 65536)),
    "errors": ("nats", nats(b"-ERR 'Permissions Violation for Publish to \"q\"'\r\n" * 2048)),
}


async def main(name: str) -> None:
    _, serve = FLOODS[name]
    async with serving(serve) as port:
        print(port, flush=True)  # noqa: T201 - the test reads it
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
