"""A certificate that is refused in TLS 1.3, by a far side whose alert is lost the first time.

Real brokers lose it now and then: what we have begun to say meets a socket that is closed already.
"""

import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from tests.brokers.certificates import Certificates
from tests.servers.web import server_context
from tests.support import chronos

Refuse = Callable[[socket.socket, ssl.SSLContext], None]
_INFO = b'INFO {"tls_required": true, "tls_verify": true, "max_payload": 1048576}\r\n'
TARGETS: dict[str, tuple[bytes, Callable[[int], dict[str, Any]]]] = {
    "rabbitmq": (b"", lambda port: {"url": f"amqps://127.0.0.1:{port}/", "queue": "q"}),
    "nats": (_INFO, lambda port: {"url": f"tls://127.0.0.1:{port}", "subject": "s"}),
}


def resetting(accepted: socket.socket, context: ssl.SSLContext) -> None:
    """Do what is to be done before the alert, and end the connection in its place."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_side=True)
    with suppress(ssl.SSLCertVerificationError):
        while data := accepted.recv(65536):
            incoming.write(data)
            with suppress(ssl.SSLWantReadError):
                tls.do_handshake()
            accepted.sendall(outgoing.read())
    accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def alerting(accepted: socket.socket, context: ssl.SSLContext) -> None:
    with context.wrap_socket(accepted, server_side=True):
        raise AssertionError("a client was let in")


@contextmanager
def far_side(context: ssl.SSLContext, greeting: bytes, *ways: Refuse) -> Iterator[int]:
    """Refuse as many clients, each in its way; yields the port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        for refuse in ways:
            accepted = listener.accept()[0]
            with suppress(OSError), accepted:
                accepted.sendall(greeting)
                refuse(accepted, context)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    with listener:
        yield listener.getsockname()[1]
    thread.join(5)
    assert not thread.is_alive()


@pytest.mark.parametrize("key", TARGETS)
@pytest.mark.parametrize("is_told", [True, False])
def test_an_alert_that_was_lost_is_asked_for(
    certificates: Certificates, key: str, *, is_told: bool
) -> None:
    """And what keeps breaking off without one may be better the next time."""
    greeting, target = TARGETS[key]
    wanting, foreign = (
        server_context(certificates.server, certificates.ca),
        certificates.other_client,
    )
    tls = {"ca": certificates.ca, "cert": foreign.certificate, "key": foreign.key}
    with far_side(wanting, greeting, resetting, alerting if is_told else resetting) as port:
        block = {**target(port), "tls": {name: str(file) for name, file in tls.items()}}
        job = {"name": "a", "payload": "x", "retry_policy": {"max_attempts": 1}, key: block}
        result = chronos("run", "-", "-o", "json", "--no-state", stdin=json.dumps(job))
    if is_told:
        assert (result.only["status"], result.only["code"]) == ("rejected", "TLS")
        assert "UNKNOWN_CA" in result.only["message"]
    else:
        assert result.only["status"] == "unreachable", result.out
