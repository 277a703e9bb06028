"""The parts of RabbitMQ that need no broker."""

import asyncio
import inspect
import json
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from pika import frame, spec

from chronos_cli.errors import DispatchError
from chronos_cli.protocols.rabbitmq.address import parse_url
from chronos_cli.protocols.rabbitmq.fields import encode_properties
from chronos_cli.protocols.rabbitmq.frames import message_frames
from chronos_cli.protocols.rabbitmq.message import Message
from chronos_cli.protocols.rabbitmq.target import Rabbitmq
from chronos_cli.protocols.resolver import resolve
from tests.support import chronos


def test_every_exception_of_pika_has_a_meaning() -> None:
    from pika import exceptions

    from chronos_cli.protocols.rabbitmq.errors import BY_CODE, REJECTED, UNREACHABLE, translated

    known = {*REJECTED, *UNREACHABLE, *BY_CODE}
    public = {
        kind
        for _, kind in inspect.getmembers(exceptions, inspect.isclass)
        if issubclass(kind, Exception)
    }
    assert public == known
    for kind in public:
        arguments: tuple[Any, ...] = (404, "NOT_FOUND - no") if kind in BY_CODE else ([],)
        told = translated(kind(*arguments), "host:1")
        assert isinstance(told, DispatchError)
        assert "host:1" in told.message


def test_imports_without_pika() -> None:
    code = (
        "import sys; sys.modules['pika'] = None; import chronos_cli.protocols.rabbitmq.target "
        "as r; "
        "assert not list(r.Rabbitmq(url='amqp://h/', queue='q').flaws())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.stderr == b""


def test_adapter_hides_nothing_of_pika() -> None:
    from pika.connection import Connection

    from chronos_cli.protocols.rabbitmq.adapter import AsyncioAdapter

    own = {name for name in vars(AsyncioAdapter) if not name.startswith(("__", "_adapter", "_abc"))}
    assert own
    assert all(name.startswith("chronos_") for name in own)
    assert not any(name.startswith("chronos_") for name in vars(Connection))


@pytest.mark.parametrize(
    ("url", "address", "login"),
    [
        ("amqp://h", "h:5672", (None, None, None)),
        ("amqp://h/", "h:5672", (None, None, None)),
        ("AMQP+SSL://h", "h:5671", (None, None, None)),
        ("amqps://h//", "h:5671", (None, None, "/")),
        ("amqp://u:p%40%2F@h:1/%2F", "h:1", ("u", "p@/", "/")),
        ("amqp://u%3A:@[::1]:1/a%2Fb%20c", "[::1]:1", ("u:", "", "a/b c")),
    ],
)
def test_urls(url: str, address: str, login: tuple[str | None, ...]) -> None:
    parsed = parse_url(url)
    assert str(parsed.address) == address
    assert (parsed.username, parsed.password, parsed.vhost) == login
    assert not parsed.password or parsed.password not in repr(parsed)


_GOOD: dict[str, Any] = {"url": "amqp://h/", "queue": "q"}


# What is wrong, where it is found within the block, and what is said of it.
_FLAWED: list[tuple[dict[str, Any], str, str]] = [
    ({"queue": "q"}, "", "neither 'url' nor 'hosts'"),
    ({**_GOOD, "hosts": ["h"]}, "hosts", "both 'url' and 'hosts'"),
    ({"hosts": [], "queue": "q"}, "hosts", "no host is listed"),
    ({"hosts": ["ok", "h:x"], "queue": "q"}, "hosts[1]", "not host or host:port"),
    ({"hosts": ["u:pw@h"], "queue": "q"}, "hosts[0]", "not host or host:port"),
    ({**_GOOD, "url": "http://h/"}, "url", "must begin with amqp://"),
    ({**_GOOD, "url": "amqp://u:p/w@h/"}, "url", "cannot be read"),
    ({**_GOOD, "url": "amqp:///v"}, "url", "has no host"),
    ({**_GOOD, "url": "amqp://a:1,b:2/v"}, "url", "several go under 'hosts'"),
    ({**_GOOD, "url": "amqp://u:p,w@a,amqps://b"}, "url", "several go under 'hosts'"),
    ({**_GOOD, "url": "amqp://h/a/b"}, "url", "written %2F"),
    ({**_GOOD, "url": "amqp://h/?heartbeat=3"}, "url", "keys of their own"),
    ({**_GOOD, "url": "amqp://h/v", "vhost": "w"}, "vhost", "in the url as well"),
    ({**_GOOD, "tls": {"insecure_skip_verify": True}}, "tls", "without TLS"),
    (
        {**_GOOD, "url": "amqps://h", "tls": {"enabled": False}},
        "tls.enabled",
        "amqps:// is TLS",
    ),
    ({"url": "amqp://h"}, "", "neither 'queue' nor 'exchange'"),
    ({**_GOOD, "exchange": "e"}, "queue", "both 'queue' and 'exchange'"),
    ({**_GOOD, "routing_key": "k"}, "queue", "another 'routing_key'"),
    ({**_GOOD, "queue": ""}, "queue", "must not be empty"),
    ({**_GOOD, "priority": 256}, "priority", "at most 255"),
    ({**_GOOD, "expiration": "60d"}, "expiration", "49 days"),
    ({**_GOOD, "heartbeat": "1500ms"}, "heartbeat", "whole seconds"),
    ({**_GOOD, "type": "ü" * 128}, "type", "255 bytes"),
    ({**_GOOD, "reply_to": "a\nb"}, "reply_to", "line break"),
    ({**_GOOD, "headers": {"a": "x\r\ny"}}, "headers.a", "line break"),
    ({**_GOOD, "headers": {"a": {"b": ["x", "\0"]}}}, "headers.a.b[1]", "control"),
    ({**_GOOD, "headers": {"a\n": 1}}, "headers.a\n", "line break"),
    ({**_GOOD, "headers": {"a": 2**63}}, "headers.a", "64 bits"),
    ({**_GOOD, "headers": {"X-Chronos-Attempt": "9"}}, "headers", "set by chronos"),
    ({**_GOOD, "headers": {"é" * 128: 1}}, "headers", "255 bytes"),
]


def test_flaws_are_found_at_load(tmp_path: Path) -> None:
    file = tmp_path / "job.yaml"
    jobs = [
        {"name": "j", "id": f"j{number}", "rabbitmq": target}
        for number, (target, _, _) in enumerate(_FLAWED)
    ]
    file.write_text(json.dumps({"jobs": jobs}, ensure_ascii=False))
    result = chronos("validate", str(file), "--output", "json")
    assert result.code == 3, result.out
    problems = json.loads(result.out)["problems"]
    for number, (target, path, told) in enumerate(_FLAWED):
        where = f"jobs[{number}].rabbitmq" + (f".{path}" if path else "")
        found = [p["message"] for p in problems if p["path"].startswith(where)]
        assert any(told in message for message in found), (target, found)
    assert "p/w" not in "".join(problem["message"] for problem in problems)


def test_description_shows_no_login() -> None:
    by_url = Rabbitmq(url="amqp://me:hunter22@h:1/v", exchange="e", routing_key="k")
    by_hosts = Rabbitmq(hosts=["a", "b:1"], username="me", password="hunter22", queue="q")
    assert by_url.describe() == "exchange e key 'k' at amqp://***@h:1/v"
    assert by_hosts.describe() == "queue q at a, b:1"
    assert "hunter22" not in repr(by_url.login()) + repr(by_hosts.login())


def test_a_name_server_that_does_not_answer_keeps_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()

    def stuck(*_: Any, **__: Any) -> Any:
        released.wait(10)
        raise socket.gaierror(socket.EAI_AGAIN, "late")

    monkeypatch.setattr(socket, "getaddrinfo", stuck)

    async def ask() -> None:
        async with asyncio.timeout(0.1):
            await resolve("slow.example", 5672)

    began = time.monotonic()
    with pytest.raises(TimeoutError):
        asyncio.run(ask())
    assert time.monotonic() - began < 2
    released.set()


def _message(body: bytes, **properties: Any) -> Message:
    return Message("events", "a.b", True, True, properties, body)


@pytest.mark.parametrize("size", [0, 1, 99, 100, 101, 250])
def test_a_message_is_written_as_pika_would_write_it(size: int) -> None:
    body = bytes(range(size))
    properties: dict[str, Any] = {
        "content_type": "text/plain",
        "headers": {"X-Team": "finance", "X-Ä": "ö"},
        "delivery_mode": 2,
        "message_id": "1",
        "timestamp": 1_800_000_000,
    }
    pika: Any = spec  # the library has no annotations here
    publish = pika.Basic.Publish(exchange="events", routing_key="a.b", mandatory=True)
    frames = [
        frame.Method(7, publish),
        frame.Header(7, size, pika.BasicProperties(**properties)),
        *[frame.Body(7, body[start : start + 100]) for start in range(0, size, 100)],
    ]
    written = message_frames(7, _message(body, **properties), 100)
    assert written == b"".join(one.marshal() for one in frames)


def test_properties_that_do_not_fit_a_frame_are_not_written() -> None:
    room = 100 - 12 - len(encode_properties({"headers": {"x": ""}}))
    message_frames(1, _message(b"", headers={"x": "y" * room}), 100)
    with pytest.raises(ValueError, match="at most 88 fit a frame"):
        message_frames(1, _message(b"", headers={"x": "y" * (room + 1)}), 100)
