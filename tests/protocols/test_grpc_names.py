"""gRPC: names that no server tells, and connections that a server ends while we keep them."""

import asyncio
import signal
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from chronos_cli.dispatch.delivery import Delivery, prepare
from chronos_cli.dispatch.execution import Execution, new_id
from chronos_cli.dispatch.plugin import Receipt
from chronos_cli.errors import DispatchError
from chronos_cli.jobs.model import Job, JobSpec, Payload
from chronos_cli.problems import Position
from chronos_cli.protocols.grpc.dispatcher import GrpcDispatcher
from chronos_cli.protocols.grpc.names import resolved
from chronos_cli.protocols.grpc.target import Grpc, GrpcSettings
from tests.brokers.certificates import Certificates
from tests.protocols.grpc_servers import BEHAVIOUR, GrpcServer
from tests.servers.webservers import nginx
from tests.support import chronos, finish, start

_SILENT = """
import socket, sys, time
real = socket.getaddrinfo
def getaddrinfo(host, *more, **named):
    if host == "silent.example":
        sys.stderr.write("asked\\n")
        sys.stderr.flush()
        time.sleep(30)
    if host == "unanswered.example":
        raise socket.gaierror(socket.EAI_AGAIN, "try again")
    if host == "both.example":
        return [*real("::1", *more, **named), *real("127.0.0.1", *more, **named)]
    return real(host, *more, **named)
socket.getaddrinfo = getaddrinfo
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A program whose name server has the manners of the test."""
    (tmp_path / "sitecustomize.py").write_text(_SILENT)
    return {"PYTHONPATH": str(tmp_path)}


def job(folder: Path, address: str, **more: Any) -> str:
    path = folder / "job.yaml"
    target = {"address": address, "method": f"{BEHAVIOUR}/Free"}
    path.write_text(yaml.safe_dump({"name": "g", "grpc": target, **more}))
    return str(path)


def test_a_silent_name_server_ends_at_the_limit(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    path = job(tmp_path, "silent.example:1", timeout="1s", retry_policy={"max_attempts": 1})
    result = chronos("run", path, "-o", "json", env=environment)
    assert (result.code, result.only["status"]) == (6, "timed_out"), result.out
    assert 1000 <= result.only["duration_ms"] < 1500
    assert result.seconds < 5


def test_a_silent_name_server_holds_up_no_signal(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    process = start("run", job(tmp_path, "silent.example:1"), env=environment)
    assert process.stderr is not None
    assert process.stderr.readline() == "asked\n"
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert finish(process).code == 143
    assert time.monotonic() - began < 1.5


@pytest.mark.parametrize(
    ("host", "message"),
    [("nosuch.invalid", "there is no such name"), ("unanswered.example", "no name server answers")],
)
def test_why_a_name_has_no_address(
    tmp_path: Path, environment: dict[str, str], host: str, message: str
) -> None:
    path = job(tmp_path, f"{host}:1", retry_policy={"max_attempts": 2, "initial_interval": "1ms"})
    result = chronos("run", path, "-o", "json", env=environment)
    assert (result.code, result.only["code"]) == (5, "DNS")
    assert len(result.only["attempts"]) == 2
    assert message in result.only["message"]
    assert host in result.only["message"]


def test_an_address_of_each_family(tmp_path: Path, environment: dict[str, str]) -> None:
    """The server has only the second one."""
    server = GrpcServer()
    try:
        path = job(tmp_path, f"both.example:{server.port}")
        result = chronos("run", path, "-o", "json", env=environment)
    finally:
        server.stop()
    assert (result.code, len(result.only["attempts"])) == (0, 1), result.out


@pytest.mark.parametrize(
    ("text", "numeric", "name"),
    [
        ("127.0.0.1:80", "127.0.0.1:80", None),
        ("[::1]:80", "[::1]:80", None),
        ("ipv4:127.0.0.1:80,127.0.0.2:80", "ipv4:127.0.0.1:80,127.0.0.2:80", None),
        ("unix:/a/b", "unix:/a/b", None),
        ("dns://127.0.0.1/localhost:80", "dns://127.0.0.1/localhost:80", None),
        ("dns:///127.0.0.1:80", "dns:///127.0.0.1:80", None),
    ],
)
def test_what_is_left_to_the_library(text: str, numeric: str, name: str | None) -> None:
    assert asyncio.run(resolved(text)) == (numeric, name)


# --- connections that the server ends


async def calling(address: str, interval: float, times: int) -> list[Any]:
    """Call at a fixed interval over one connection; return how each call went."""
    target = Grpc(address=address, method=f"{BEHAVIOUR}/Free")
    spec = JobSpec(name="job", timeout=10)
    one = Job("job", spec, "grpc", "grpc", target, Payload({}), Position("job.yaml"))
    dispatcher = GrpcDispatcher(GrpcSettings())

    async def outcome() -> Receipt | DispatchError:
        delivery = prepare(Execution(new_id(), one, datetime.now(UTC)), 1)
        try:
            return await dispatcher.send(cast("Delivery[Grpc]", delivery))
        except DispatchError as error:
            return error

    found = []
    for _ in range(times):
        found.append(await outcome())
        await asyncio.sleep(interval)
    await dispatcher.close()
    return found


async def calling_side_by_side(address: str, interval: float, times: int) -> list[Any]:
    groups = await asyncio.gather(*(calling(address, interval, times) for _ in range(10)))
    return [found for group in groups for found in group]


@pytest.mark.parametrize(
    ("settings", "interval"),
    [("keepalive_timeout 50ms;", 0.049), ("keepalive_requests 5;", 0)],
)
def test_no_call_is_lost_where_the_server_ends_connections(
    certificates: Certificates, tmp_path: Path, settings: str, interval: float
) -> None:
    """What the server says goodbye to is called again by the client, within the attempt."""
    server = GrpcServer()
    place = f"{settings} location ~ Behaviour|Reflection {{ grpc_pass grpc://{server.address}; }}"
    try:
        with nginx(tmp_path, certificates, place, listen=" http2") as url:
            address = url.removeprefix("http://")
            found = asyncio.run(calling_side_by_side(address, interval, 20))
    finally:
        server.stop()
    assert [one for one in found if not isinstance(one, Receipt)] == []
    assert len(found) == 200
