"""Brokers that want a client's certificate: each run is a connection of its own."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.brokers.certificates import Certificates, Identity
from tests.brokers.rabbitmq import RabbitServer, RabbitTls, missing
from tests.interop.nats import nats_server
from tests.interop.runs import send
from tests.interop.servers import need, version

pytestmark = pytest.mark.interop

_TIMES = 20
Target = dict[str, Any]


@contextmanager
def rabbitmq(folder: Path, certificates: Certificates) -> Iterator[tuple[str, Target]]:
    if reason := missing():
        pytest.skip(reason)
    tls = RabbitTls(certificates.ca, certificates.server, clients_too=True)
    with RabbitServer(folder, tls=tls) as node:
        topic = {"exchange": "amq.topic", "routing_key": "a", "mandatory": False}
        yield node.control("version").strip(), {"rabbitmq": {"url": node.tls_url, **topic}}


@contextmanager
def nats(folder: Path, certificates: Certificates) -> Iterator[tuple[str, Target]]:
    identity = certificates.server
    files = f'cert_file: "{identity.certificate}", key_file: "{identity.key}"'
    settings = f'tls {{{files}, ca_file: "{certificates.ca}", verify: true}}'
    with nats_server(folder, settings) as port:
        target = {"url": f"tls://127.0.0.1:{port}", "subject": "jobs.a"}
        yield version(need("nats-server"), "--version"), {"nats": target}


@pytest.mark.far_side(
    "RabbitMQ",
    "fail_if_no_peer_cert, TLS 1.3: publish with our certificate, without, with a foreign one",
    needs="`tls: {ca, cert, key}`",
)
def test_rabbitmq(tmp_path: Path, certificates: Certificates, record_property: Any) -> None:
    try_all(rabbitmq(tmp_path, certificates), certificates, record_property)


@pytest.mark.far_side(
    "nats-server",
    "verify: true, TLS 1.3: publish with our certificate, without, with a foreign one",
    needs="`tls: {ca, cert, key}`",
)
def test_nats(tmp_path: Path, certificates: Certificates, record_property: Any) -> None:
    try_all(nats(tmp_path, certificates), certificates, record_property)


def try_all(broker: Any, certificates: Certificates, record_property: Any) -> None:
    with ExitStack() as running:
        told, target = running.enter_context(broker)
        record_property("version", told)
        ours, foreign = certificates.client, certificates.other_client
        for identity, wanted in ((ours, 0), (None, 4), (foreign, 4)):
            for _ in range(_TIMES):
                result = publish(target, certificates, identity)
                assert result.code == wanted, result.out
                assert result.only["code"] == (None if wanted == 0 else "TLS")
    refused = f"{2 * _TIMES} of {2 * _TIMES} without or with a foreign one: rejected, TLS"
    record_property("held", f"{_TIMES} of {_TIMES}; {refused}")


def publish(target: Target, certificates: Certificates, identity: Identity | None) -> Any:
    tls = {"ca": str(certificates.ca)}
    if identity is not None:
        tls |= {"cert": str(identity.certificate), "key": str(identity.key)}
    ((key, block),) = target.items()
    return send({key: {**block, "tls": tls}}, payload="x" * 20_000)
