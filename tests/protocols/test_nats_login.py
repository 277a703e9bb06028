"""NATS: TLS before the greeting, inboxes of one's own, lists of servers."""

import asyncio
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from chronos_cli.protocols.nats.target import Nats
from tests.brokers.certificates import Certificates
from tests.brokers.nats import NatsServer
from tests.protocols.nats_support import OwnServer, add_stream, outcome, run
from tests.servers.nats_wire import responder
from tests.servers.streams import pump
from tests.support import chronos, write


@contextmanager
def tls_first(server: NatsServer, certificates: Certificates) -> Iterator[int]:
    """Yield a port at which a real server speaks, once TLS is there."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.server.certificate, certificates.server.key)
    loop, started, stop = asyncio.new_event_loop(), threading.Event(), asyncio.Event()
    ports: list[int] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", server.port)
        pumps = {
            asyncio.create_task(pump(reader, far_writer, None)),
            asyncio.create_task(pump(far_reader, writer, None)),
        }
        _, pending = await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        far_writer.close()
        writer.close()

    async def main() -> None:
        listening = await asyncio.start_server(
            serve, "127.0.0.1", 0, ssl=context, ssl_handshake_timeout=0.3
        )
        ports.append(listening.sockets[0].getsockname()[1])
        started.set()
        await stop.wait()
        listening.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await asyncio.sleep(0.1)

    loop.set_exception_handler(lambda *_: None)
    thread = threading.Thread(target=loop.run_until_complete, args=(main(),), daemon=True)
    thread.start()
    started.wait(5)
    try:
        yield ports[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(5)
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


def test_tls_before_the_greeting(
    nats_server: NatsServer, certificates: Certificates, tmp_path: Path
) -> None:
    with tls_first(nats_server, certificates) as port:
        target = {"url": f"nats://127.0.0.1:{port}", "subject": "x"}
        tls = {"ca": str(certificates.ca)}
        result = run(tmp_path, {**target, "tls": {**tls, "first": True}})
        assert outcome(result) == ("succeeded", None, 1, 0)
        without = run(tmp_path, {**target, "tls": tls})
        assert outcome(without)[0] == "unreachable"
        assert "set 'tls: {first: true}'" in without.only["message"]


def test_an_inbox_of_ones_own(tmp_path: Path) -> None:
    users = (
        'authorization {users: [{user: "all", password: "p"}, {user: "u", password: "p", '
        'permissions: {publish: ">", subscribe: "_INBOX_x.>"}}]}\n'
    )
    with OwnServer(tmp_path, users) as server:
        login = {"url": server.url, "user": "u", "password": "p", "mode": "request"}
        everybody = {"user": "all", "pass": "p"}
        with responder(server.url, "q", lambda _: b"yes", login=everybody) as asked:
            refused = run(tmp_path, {**login, "subject": "q"})
            assert outcome(refused)[:2] == ("rejected", "PERMISSIONS")
            assert "'inbox_prefix'" in refused.only["message"]
            result = run(tmp_path, {**login, "subject": "q", "inbox_prefix": "_INBOX_x"})
            assert result.only["receipt"] == {"reply": "yes"}
            assert asked[-1].reply.startswith("_INBOX_x.")


def test_who_may_not_ask_for_streams_learns_no_falsehood(tmp_path: Path) -> None:
    users = (
        'authorization {users: [{user: "u", password: "p", '
        'permissions: {publish: {deny: "$JS.API.>"}}}]}\n'
    )
    with OwnServer(tmp_path, users) as server:
        login = {"url": server.url, "user": "u", "password": "p", "mode": "jetstream"}
        result = run(tmp_path, {**login, "subject": "none.at.all"})
        assert outcome(result)[:2] == ("unreachable", "NO_STREAM")
        assert "permissions" in result.only["message"]


def test_a_server_without_jetstream_has_no_stream(tmp_path: Path) -> None:
    class Plain(OwnServer):
        def _configuration(self, port: int) -> str:
            return f'listen: "127.0.0.1:{port}"\n'

    with Plain(tmp_path) as server:
        target = {"url": server.url, "subject": "x", "mode": "jetstream"}
        assert outcome(run(tmp_path, target)) == ("rejected", "NO_STREAM", 1, 4)


@pytest.mark.parametrize(
    ("url", "urls"),
    [
        ("nats://a", ["nats://a"]),
        ("nats://a:1,nats://b:2", ["nats://a:1", "nats://b:2"]),
        ("nats://a:1, b:2", ["nats://a:1", "nats://b:2"]),
        ("tls://u:p@a,b:2", ["tls://u:p@a", "tls://u:p@b:2"]),
        ("nats://u:p,w@a,TLS://b", ["nats://u:p,w@a", "TLS://b"]),
    ],
)
def test_a_list_in_the_url(url: str, urls: list[str]) -> None:
    target = Nats(url=url, subject="s")
    assert list(target.urls) == urls
    assert list(target.flaws()) == []
    assert "p,w" not in target.describe()


def test_a_list_is_tried_in_turn(nats_server: NatsServer, tmp_path: Path, closed_port: int) -> None:
    place = nats_server.url.removeprefix("nats://")
    stream = add_stream(nats_server.url)
    url = f"nats://127.0.0.1:{closed_port},{place}"
    result = run(tmp_path, {"url": url, "subject": f"{stream}.x", "mode": "jetstream"})
    assert result.only["receipt"]["stream"] == stream


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("url: 'nats://a,,b'", "the URL has no host"),
        ("url: 'nats://a,http://b'", "must begin with nats:// or tls://"),
        ("{url: 'nats://a', inbox_prefix: 'a.>'}", "'inbox_prefix' has a wildcard"),
        ("{url: 'nats://a', tls: {first: true, enabled: false}}", "TLS comes first"),
    ],
)
def test_flaws(tmp_path: Path, line: str, message: str) -> None:
    block = line if line.startswith("{") else f"{{{line}}}"
    text = f"name: job\nnats: {{subject: s, {block[1:]}\n"
    result = chronos("validate", write(tmp_path, text))
    assert result.code == 3
    assert message in result.err + result.out
