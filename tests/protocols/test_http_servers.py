"""HTTP at servers that others run: nginx, Apache, hypercorn; and HTTP/2 as they speak it."""

import asyncio
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from h2.errors import ErrorCodes

from chronos_cli.dispatch.plugin import Receipt
from chronos_cli.errors import DispatchError, RejectedError
from tests.brokers.certificates import Certificates
from tests.protocols.http_far_sides import delivery, dispatching, outcome
from tests.protocols.test_http_ways import hypercorn
from tests.protocols.webhook import run
from tests.servers.http2 import Peer, serving_http2
from tests.servers.web import server_context
from tests.servers.webservers import apache, nginx

__all__ = ["hypercorn"]


async def ticking(url: str, interval: float, times: int, **webhook: Any) -> list[Any]:
    """Send at a fixed interval by one dispatcher, ten in turns; return how each went."""

    async def one(number: int) -> list[Any]:
        await asyncio.sleep(interval * number / 10)
        found = []
        for _ in range(times // 10):
            found.append(await outcome(dispatcher, delivery(url, **webhook)))
            await asyncio.sleep(interval)
        return found

    async with dispatching() as dispatcher:
        return [
            found for several in await asyncio.gather(*map(one, range(10))) for found in several
        ]


def test_no_tick_is_lost_where_the_server_waits_as_long_as_the_schedule(
    certificates: Certificates, tmp_path: Path
) -> None:
    """Each connection may end just when it is used again."""
    for listen, http2 in (("", False), (" ssl", False), (" ssl http2", True)):
        folder = tmp_path / f"nginx{listen.replace(' ', '-')}"
        folder.mkdir()
        settings = "keepalive_timeout 50ms; keepalive_requests 7;"
        tls: dict[str, Any] = {"tls": {"ca": str(certificates.ca)}} if listen else {}
        with nginx(folder, certificates, settings, listen=listen) as url:
            found = asyncio.run(ticking(url, 0.05, 200, http2=http2, **tls))
        assert [one for one in found if not isinstance(one, Receipt)] == []
        versions = {one.data["body"] for one in found}
        assert versions == {"http HTTP/2.0" if http2 else "http HTTP/1.1"}


def test_a_server_of_http2_may_end_a_connection_in_the_midst_of_requests(
    certificates: Certificates, tmp_path: Path
) -> None:
    """After its seventh request nginx says goodbye, and answers those that it has."""
    tls = {"ca": str(certificates.ca)}

    async def all_at_once(url: str) -> list[Any]:
        async with dispatching() as dispatcher:
            sent = delivery(url, http2=True, tls=tls)
            return await asyncio.gather(*(outcome(dispatcher, sent) for _ in range(200)))

    with nginx(tmp_path, certificates, "keepalive_requests 60;", listen=" ssl http2") as url:
        found = asyncio.run(all_at_once(url))
    assert [one for one in found if not isinstance(one, Receipt)] == []


def test_an_answer_before_the_body_is_sent_is_the_answer_over_http2_too(
    certificates: Certificates, tmp_path: Path
) -> None:
    async def refused(url: str) -> None:
        async with dispatching() as dispatcher:
            for http2 in (True, False):
                tls = {"ca": str(certificates.ca)}
                sent = delivery(f"{url}/small/", "x" * 4_000_000, http2=http2, tls=tls)
                found = await outcome(dispatcher, sent)
                assert isinstance(found, RejectedError), found
                assert found.code == "413"

    with nginx(tmp_path, certificates, listen=" ssl http2") as url:
        asyncio.run(refused(url))


def test_an_early_answer_and_more_room_may_come_in_one_piece(certificates: Certificates) -> None:
    """Go's server sends room for the body, the answer and a reset at once."""

    def behave(peer: Peer, number: int) -> None:
        for stream in (None, number):
            peer.h2.increment_flow_control_window(1000, stream)
        peer.h2.send_headers(number, [(":status", "413")])
        peer.h2.send_data(number, b"too large", end_stream=True)
        peer.h2.reset_stream(number, ErrorCodes.NO_ERROR)

    async def send() -> Any:
        context = server_context(certificates.server)
        tls = {"ca": str(certificates.ca)}
        async with serving_http2(behave, context, early=True) as url, dispatching() as dispatcher:
            return await outcome(dispatcher, delivery(url, "x" * 100_000, http2=True, tls=tls))

    found = asyncio.run(send())
    assert isinstance(found, RejectedError), found
    assert found.code == "413"


def test_a_certificate_that_is_asked_for_by_place(
    certificates: Certificates, tmp_path: Path
) -> None:
    """TLS 1.3 asks after the handshake; HTTP/2 cannot, and is left for HTTP/1.1."""
    client = certificates.client
    ours = {"cert": str(client.certificate), "key": str(client.key)}
    with apache(tmp_path, certificates) as url:
        for http2 in (False, True):
            tls = {"ca": str(certificates.ca)}
            keys: dict[str, Any] = {"http2": http2, "method": "GET"}
            assert run(f"{url}/private/index.html", tls=tls, **keys).code == 4
            result = run(f"{url}/private/index.html", tls={**tls, **ours}, **keys)
            assert result.code == 0, result.out
            assert result.only["receipt"]["body"] == "welcome"
            assert len(result.only["attempts"]) == 1
            assert result.only["receipt"].get("http_version", "HTTP/1.1") == "HTTP/1.1"
            shown = run(f"{url}/index.html", tls=tls, **keys).only["receipt"].get("http_version")
            assert shown == ("HTTP/2" if http2 else None)


def test_large_bodies_over_http2_take_their_turns(
    certificates: Certificates, hypercorn: str
) -> None:
    """More than the far side has room for at once, several side by side."""
    tls = {"ca": str(certificates.ca)}

    async def send() -> None:
        async with dispatching() as dispatcher:
            texts = [chr(97 + number) * (150_000 + number) for number in range(8)]
            receipts = await asyncio.gather(
                *(dispatcher.send(delivery(hypercorn, t, http2=True, tls=tls)) for t in texts)
            )
            for text, receipt in zip(texts, receipts, strict=True):
                assert receipt.data["body"].startswith('{"version": "2", "body": "' + text[:100])
                assert receipt.data["body_truncated"]
            small = await dispatcher.send(delivery(hypercorn, "small", http2=True, tls=tls))
            assert json.loads(small.data["body"]) == {"version": "2", "body": "small"}

    asyncio.run(send())


def all_at_once(
    certificates: Certificates,
    behave: Callable[[Peer, int], None],
    requests: int,
) -> list[Any]:
    """Send several requests over HTTP/2 at once, after a first one; return how each went."""

    async def send() -> list[Any]:
        context = server_context(certificates.server)
        tls = {"ca": str(certificates.ca)}
        async with serving_http2(behave, context) as url, dispatching() as dispatcher:
            sent = [delivery(f"{url}/{number}", http2=True, tls=tls) for number in range(requests)]
            first = await outcome(dispatcher, delivery(f"{url}/first", http2=True, tls=tls))
            return [first, *await asyncio.gather(*(outcome(dispatcher, one) for one in sent))]

    return asyncio.run(send())


def test_no_byte_of_http2_that_is_wrong_is_a_bug_of_ours(
    certificates: Certificates, caplog: pytest.LogCaptureFixture
) -> None:
    dice = random.Random(7)

    def behave(peer: Peer, number: int) -> None:
        if number == 1:
            return peer.answer(number)
        peer.h2.send_headers(number, [(":status", "200"), ("content-length", "1")])
        peer.h2.send_data(number, b"x", end_stream=True)
        frames = bytearray(peer.h2.data_to_send())
        for _ in range(dice.randint(1, 3)):
            frames[dice.randrange(len(frames))] = dice.randrange(256)
        peer.transport.write(frames)
        peer.transport.close()
        return None

    for _ in range(30):
        first, *others = all_at_once(certificates, behave, 2)
        assert isinstance(first, Receipt)
        assert all(isinstance(one, (Receipt, DispatchError)) for one in others)
    assert [record.message for record in caplog.records if record.name == "asyncio"] == []


def goodbye(peer: Peer, number: int) -> list[int]:
    """Say goodbye in the midst of requests; return which are answered yet."""
    if number == 7:
        peer.go_away(last=7)
        return [3, 5, 7]
    return []


def refusal(peer: Peer, number: int) -> list[int]:
    peer.refuse(number, ErrorCodes.REFUSED_STREAM)
    return []


def end(peer: Peer, number: int) -> list[int]:
    peer.transport.abort()
    return []


@pytest.mark.parametrize("manners", [goodbye, refusal, end])
def test_over_http2_each_request_is_worked_on_once(
    certificates: Certificates, manners: Callable[[Peer, int], list[int]]
) -> None:
    """The first connection answers one request, and then has the manners of the test."""
    peers: list[Peer] = []
    answered: list[str] = []

    def behave(peer: Peer, number: int) -> None:
        if not peers:
            peers.append(peer)
        is_well = peer is not peers[0] or number == 1
        for known in [number] if is_well else manners(peer, number):
            answered.append(peer.paths[known])
            peer.answer(known)

    found = all_at_once(certificates, behave, 5)
    assert not {one for peer in peers for one in peer.resets} - {9, 11}
    assert [getattr(one, "data", one) for one in found if not isinstance(one, Receipt)] == []
    assert [one.data["body"] for one in found] == ["/first", "/0", "/1", "/2", "/3", "/4"]
    assert sorted(answered) == ["/0", "/1", "/2", "/3", "/4", "/first"]
