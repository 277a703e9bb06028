"""Every login and TLS that the protocol knows, for the hosts too."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.brokers.certificates import Certificates
from tests.brokers.nats import NatsServer, NatsTls
from tests.cluster.test_init import init, settings
from tests.protocols.nats_support import OwnServer
from tests.servers.nats_keys import jwt_server, user_key
from tests.support import chronos

# A URL's scheme, a server that lets in in one way alone, and what chronos.yaml says for it.
Way = tuple[str, NatsServer, dict[str, Any]]


def by_password(folder: Path, _: Certificates) -> Way:
    users = "authorization {users: [{user: host, password: right}]}\n"
    return "nats", OwnServer(folder / "server", users), {"user": "host", "password": "right"}


def by_token(folder: Path, _: Certificates) -> Way:
    server = OwnServer(folder / "server", "authorization {token: right}\n")
    return "nats", server, {"token": "right"}


def by_nkey(folder: Path, _: Certificates) -> Way:
    key = user_key()
    (folder / "host.nk").write_bytes(key.seed)
    users = f"authorization {{users: [{{nkey: {key.public}}}]}}\n"
    return "nats", OwnServer(folder / "server", users), {"nkey_seed": "host.nk"}


def by_credentials(folder: Path, _: Certificates) -> Way:
    server = OwnServer(folder / "server", jwt_server(folder / "host.creds"))
    return "nats", server, {"credentials": "host.creds"}


def by_tls(folder: Path, certificates: Certificates) -> Way:
    server = NatsServer(folder / "server", tls=NatsTls(certificates.server))
    return "tls", server, {"tls": {"ca": str(certificates.ca)}}


def by_certificate(folder: Path, certificates: Certificates) -> Way:
    server = NatsServer(
        folder / "server", tls=NatsTls(certificates.server, client_ca=certificates.ca)
    )
    own = certificates.client
    tls = {"ca": str(certificates.ca), "cert": str(own.certificate), "key": str(own.key)}
    return "tls", server, {"tls": tls}


WAYS = (by_password, by_token, by_nkey, by_credentials, by_tls, by_certificate)


@pytest.fixture(params=WAYS, ids=lambda way: way.__name__)
def way(
    request: pytest.FixtureRequest, tmp_path: Path, certificates: Certificates
) -> Iterator[Way]:
    found: Way = request.param(tmp_path, certificates)
    found[1].disk = "2GB"
    with found[1]:
        yield found


def test_a_host_gets_in_as_a_job_does(way: Way, tmp_path: Path) -> None:
    scheme, server, login = way
    url = f"{scheme}://127.0.0.1:{server.port}"
    config = settings(tmp_path, replicas=1, **login)
    made = init(url, config)
    assert made.code == 0, made.err
    seen = chronos("cluster", "status", "--cluster", url, "--config", config)
    assert (seen.code, seen.err) == (0, "")
    refused = init(url, settings(tmp_path, replicas=1))
    assert refused.code == 3
    assert refused.err.startswith("chronos: --cluster: ")
    assert "(chronos.yaml, scheduler.cluster)" in refused.err
    assert refused.err.count("\n") == 1


def test_a_server_without_room_says_what_to_do(tmp_path: Path) -> None:
    with OwnServer(tmp_path / "server") as server:
        made = init(server.url, settings(tmp_path, replicas=1))
    assert made.code == 3
    assert "CHRONOS_default_OUTCOMES: insufficient storage" in made.err
    assert "max_file" in made.err
