"""Names of hosts: those that curl calls, zones, NO_PROXY, and name servers that keep silent."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.protocols.webhook import run
from tests.servers.web import proxying, serving
from tests.support import Result


def test_hosts_that_curl_calls(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with serving(unix=path) as far:
        for host in ("xn--n3h.example", "☃.example"):
            assert run(f"http://{host}/job", unix_socket=str(path)).code == 0
    assert {request.headers["host"] for request in far.seen} == {"xn--n3h.example"}


def test_an_address_with_a_zone() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        hosts.extend(line for line in head.decode().split("\r\n") if line.startswith("Host:"))
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        writer.close()

    async def ask() -> Result:
        server = await asyncio.start_server(answer, "::1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server:
            url = f"http://[::1%251]:{port}/"  # the loopback is the first interface
            result = await asyncio.to_thread(run, url, method="GET")
        assert hosts == [f"Host: [::1]:{port}"]
        return result

    hosts: list[str] = []
    result = asyncio.run(ask())
    assert result.code == 0, result.out


def test_a_network_that_the_environment_excepts() -> None:
    with serving() as far, proxying() as proxy:
        environment = {"http_proxy": proxy.url, "no_proxy": "127.0.0.0/8"}
        assert run(far.url, env=environment, proxy="environment").code == 0
        assert proxy.seen == []
        environment["no_proxy"] = "10.0.0.0/8"
        assert run(far.url, env=environment, proxy="environment").code == 0
        assert len(proxy.seen) == 1


@pytest.mark.parametrize("by_oauth", [False, True])
def test_a_silent_name_server_ends_at_the_limit(by_oauth: bool, tmp_path: Path) -> None:
    """The wait for it is a thread's, which cannot be ended: neither limit nor exit wait for it."""
    (tmp_path / "sitecustomize.py").write_text(
        "import socket, time\nreal = socket.getaddrinfo\n"
        "def silent(host, *more, **named):\n"
        "    time.sleep(30 if host == 'silent.example' else 0)\n"
        "    return real(host, *more, **named)\n"
        "socket.getaddrinfo = silent\n"
    )
    client = {"token_url": "http://silent.example/", "client_id": "a", "client_secret": "b"}
    keys: dict[str, Any] = {"auth": {"oauth2": client}} if by_oauth else {}
    url = "http://127.0.0.1:1/" if by_oauth else "http://silent.example/"
    result = run(url, env={"PYTHONPATH": str(tmp_path)}, keys={"timeout": "1s"}, **keys)
    assert (result.code, result.only["status"]) == (6, "timed_out"), result.out
    assert result.only["duration_ms"] < 3000
    assert result.seconds < 10


def test_a_name_that_no_certificate_can_bear(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with serving(unix=path):
        for host in (".example", f"{'a' * 64}.example", "a..example"):
            result = run(f"https://{host}/", unix_socket=str(path))
            assert (result.code, "TLS" in result.only["message"]) == (4, True), result.out
