"""What opens a NATS connection: servers, login and TLS. Equal ones share a connection."""

import re
from pathlib import Path
from typing import Any

from msgspec import Struct

from chronos_cli.errors import RejectedError, UnreadableFileError
from chronos_cli.files import read_text
from chronos_cli.protocols.nats.target import Nats, NatsTls, Server

# Bytes of a file with a seed or with credentials.
_LARGEST_FILE = 64 * 1024
_SEED = r"S[A-Z][A-Z2-7]{56}"
_CREDENTIALS = (
    r"(?s)-+BEGIN NATS USER JWT-+\s+(?P<jwt>\S+)\s+-+END NATS USER JWT-+"
    r".*?-+BEGIN USER NKEY SEED-+\s+(?P<seed>\S+)\s+-+END USER NKEY SEED-+"
)
_CANONICAL = (
    "-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n"
    "-----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
)


class ConnectionOptions(Struct, frozen=True):
    """The servers of one cluster, and how we get in."""

    servers: tuple[Server, ...]
    user: str | None
    password: str | None
    token: str | None
    credentials: str | None
    nkey_seed: str | None
    inbox_prefix: str | None
    tls: NatsTls | None

    @classmethod
    def of(cls, target: Nats) -> "ConnectionOptions":
        """Return the options of a target without flaws."""
        return cls(
            servers=tuple(map(Server.parse, target.urls)),
            user=target.user,
            password=target.password,
            token=target.token,
            credentials=target.credentials,
            nkey_seed=target.nkey_seed,
            inbox_prefix=target.inbox_prefix,
            tls=target.tls,
        )

    @property
    def is_tls_first(self) -> bool:
        """Whether TLS begins before the server's greeting."""
        return self.tls is not None and self.tls.first

    def wants_tls(self, server: Server) -> bool | None:
        """Whether TLS must be used; None leaves it to the server."""
        if self.tls is not None and self.tls.enabled is not None:
            return self.tls.enabled
        return True if server.is_tls or self.tls is not None else None

    def advice(self, server: Server) -> str:
        """Return what to look at when a server refuses the login."""
        keys = ("user", "password", "token", "credentials", "nkey_seed")
        given = [f"'{key}'" for key in keys if getattr(self, key) is not None]
        if given:
            return f"does the server know this {' and '.join(given)}?"
        if server.user is not None:
            return "does the server know the login in the URL?"
        return "set 'user' and 'password', 'token', 'credentials' or 'nkey_seed'"

    def login(self, server: Server) -> dict[str, Any]:
        """Return the client's options for the login; RejectedError if a file cannot be used."""
        from nats.aio.client import RawCredentials

        if self.credentials is not None:
            # Handed over as text: the client never ends on a file without the markers, and
            # takes the carriage return of a Windows file for a part of the seed.
            found = re.search(_CREDENTIALS, _content(self.credentials, "credentials"))
            if found is None:
                raise _unusable("credentials", self.credentials, "not a .creds file")
            _check_seed(found["seed"], "credentials", self.credentials)
            return {"user_credentials": RawCredentials(_CANONICAL.format_map(found.groupdict()))}
        if self.nkey_seed is not None:
            return {"nkeys_seed_str": _seed(self.nkey_seed)}
        if self.user is not None:
            return {"user": self.user, "password": self.password}
        if self.token is not None:
            return {"token": self.token}
        if server.user is not None and server.password is not None:
            return {"user": server.user, "password": server.password}
        return {} if server.user is None else {"token": server.user}


def _seed(given: str) -> str:
    """Return the seed; the job-file reader made a path of whatever stood there."""
    if re.fullmatch(_SEED, Path(given).name):
        return Path(given).name
    found = re.search(_SEED, _content(given, "nkey_seed"))
    if found is None:
        raise _unusable("nkey_seed", given, "there is no seed in it")
    _check_seed(found[0], "nkey_seed", given)
    return found[0]


def _check_seed(seed: str, key: str, path: str) -> None:
    import nkeys

    try:
        nkeys.from_seed(bytearray(seed.encode()))
    except (nkeys.NkeysError, ValueError) as error:
        raise _unusable(key, path, "the seed in it is not valid") from error


def _content(path: str, key: str) -> str:
    try:
        return read_text(path, _LARGEST_FILE)
    except UnreadableFileError as error:
        raise _unusable(key, path, str(error)) from error


def _unusable(key: str, path: str, why: str) -> RejectedError:
    # A seed that is nearly right arrives here as a path, so no name is quoted that may be one.
    shown = f" {path}" if key == "credentials" or "." in Path(path).name else ""
    return RejectedError(f"cannot use the file of '{key}'{shown}: {why}", code="CREDENTIALS")
