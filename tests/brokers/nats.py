"""A NATS server for the tests, as open or as secured as a test wants it."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.brokers.certificates import Certificates, Identity
from tests.brokers.process import (
    LOOPBACK,
    Broker,
    BrokerError,
    ServerProcess,
    answers,
    free_ports,
)
from tests.brokers.provision import find_program

EXTERNAL = "CHRONOS_TEST_NATS"
USER, LIMITED_USER, PASSWORD, TOKEN = "chronos", "limited", "s3cret word", "t0ken-of-the-tests"
_START_LIMIT = 10.0


def missing() -> str | None:
    """Say why there can be no NATS server of the tests' own on this machine."""
    return None if find_program("nats-server") else "nats-server is not installed"


@dataclass(frozen=True)
class NatsUser:
    """A user, who may publish to some subjects only if any are named."""

    name: str
    password: str
    publish: Sequence[str] = ()

    def configuration(self) -> str:
        permissions = f", permissions: {{publish: {_quoted(self.publish)}}}" if self.publish else ""
        return f"{{user: {_quoted(self.name)}, password: {_quoted(self.password)}{permissions}}}"


USERS = (NatsUser(USER, PASSWORD), NatsUser(LIMITED_USER, PASSWORD, publish=("jobs.>",)))


@dataclass(frozen=True)
class NatsTls:
    """How a server shows who it is, and whose certificates it wants clients to show."""

    identity: Identity
    client_ca: Path | None = None

    def configuration(self) -> str:
        lines = [
            f"cert_file: {_quoted(self.identity.certificate)}",
            f"key_file: {_quoted(self.identity.key)}",
        ]
        if self.client_ca:
            lines += [f"ca_file: {_quoted(self.client_ca)}", "verify: true"]
        return "tls {\n  " + "\n  ".join(lines) + "\n}"


class NatsServer(Broker):
    """One server with JetStream, plain and open unless told otherwise.

    `disk` bounds what it may store; a stream that reserves room needs so much.
    """

    disk = "256MB"

    def __init__(
        self,
        folder: Path,
        *,
        users: Sequence[NatsUser] = (),
        token: str | None = None,
        tls: NatsTls | None = None,
    ) -> None:
        secured = bool(users or token or tls)
        super().__init__(folder, None if secured else os.environ.get(EXTERNAL))
        self._users, self._token, self._tls = users, token, tls
        self.port: int | None = None if self.external else free_ports(1)[0]
        self.url = self.external or f"{'tls' if tls else 'nats'}://{LOOPBACK}:{self.port}"

    def _launch(self) -> ServerProcess:
        port, program = self.port, find_program("nats-server")
        if not port or not program:
            raise BrokerError(missing() or f"{EXTERNAL} is not ours to start")
        configuration = self.folder / "nats.conf"
        configuration.write_text(self._configuration(port), encoding="utf-8")
        process = ServerProcess([program, "-c", configuration], self.folder / "nats.log")
        process.wait_ready(lambda: answers(port, expected=b"INFO "), _START_LIMIT)
        return process

    def _configuration(self, port: int) -> str:
        lines = [
            f"listen: {_quoted(f'{LOOPBACK}:{port}')}",
            f"jetstream {{store_dir: {_quoted(self.folder / 'jetstream')}, max_file: {self.disk}}}",
        ]
        if self._users:
            users = ", ".join(user.configuration() for user in self._users)
            lines.append(f"authorization {{users: [{users}]}}")
        if self._token:
            lines.append(f"authorization {{token: {_quoted(self._token)}}}")
        if self._tls:
            lines.append(self._tls.configuration())
        return "\n".join(lines) + "\n"


class SecuredNats:
    """One server for each way to be let in; a server of NATS knows only one at a time."""

    def __init__(self, folder: Path, certificates: Certificates) -> None:
        self.users = NatsServer(folder / "users", users=USERS)
        self.token = NatsServer(folder / "token", token=TOKEN)
        self.tls = NatsServer(folder / "tls", tls=NatsTls(certificates.server))
        self.mutual_tls = NatsServer(
            folder / "mutual-tls", tls=NatsTls(certificates.server, client_ca=certificates.ca)
        )
        self.wrong_host = NatsServer(folder / "wrong-host", tls=NatsTls(certificates.wrong_host))

    def servers(self) -> list[NatsServer]:
        return [self.users, self.token, self.tls, self.mutual_tls, self.wrong_host]


def _quoted(value: str | Path | Sequence[str]) -> str:
    """Quote for NATS's configuration, whose strings and lists can be written as JSON's."""
    return json.dumps(str(value) if isinstance(value, Path) else value)
