"""The target block `grpc`, and all that can be said against it before anything is called."""

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

from msgspec import Meta, Struct

from chronos_cli.jobs.model import Settings, Target
from chronos_cli.jobs.template import Template
from chronos_cli.problems import Flaw
from chronos_cli.protocols.checks import has_control, is_own_header
from chronos_cli.protocols.grpc.address import parse_address
from chronos_cli.protocols.grpc.expect import GrpcExpect
from chronos_cli.protocols.tls import Tls
from chronos_cli.units import FilePath, PositiveDuration, Size

# Compiled by `re` itself, and kept, when the first target is read.
_METHOD = r"/?([A-Za-z_][A-Za-z0-9_.]*)/([A-Za-z_][A-Za-z0-9_]*)"
_KEY = r"[0-9a-z_.-]+"
_AUTHORITY = r"[\[\]A-Za-z0-9_.:%-]+"
_OWN_KEYS = frozenset("content-type te user-agent connection".split())


class ProtoSource(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The .proto files that declare the service."""

    files: Annotated[
        tuple[FilePath, ...], Meta(min_length=1, description="Files that declare the service")
    ]
    import_paths: Annotated[
        tuple[FilePath, ...],
        Meta(description="Folders that imports are looked up in. Default: those of the files"),
    ] = ()


class GrpcKeepalive(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Pings on a connection that is kept open."""

    time: Annotated[PositiveDuration, Meta(description="Ping after this long without traffic")]
    timeout: Annotated[
        PositiveDuration, Meta(description="A connection without an answer by then is dead")
    ] = 20.0
    without_calls: Annotated[
        bool, Meta(description="Ping while no call is on its way; many servers forbid it")
    ] = False


class Grpc(Target, kw_only=True, frozen=True):
    """Which method of which server is called, and how."""

    address: Annotated[
        str,
        Meta(description="host:port, dns:///host:port or unix:path", examples=["127.0.0.1:9090"]),
    ]
    method: Annotated[
        str,
        Meta(
            description="Service/Method; with the package when the name alone is not unique",
            examples=["JobService/Execute"],
        ),
    ]
    metadata: Annotated[
        dict[str, str | list[str]],
        Meta(description="Sent along; keys in lower case, base64 under keys that end in -bin"),
    ] = {}
    token: Annotated[
        str | None,
        Meta(description="Sent as 'authorization: Bearer …', over plaintext too, as grpcurl does"),
    ] = None
    tls: Annotated[Tls | None, Meta(description="Without it the connection is plaintext")] = None
    authority: Annotated[
        str | None, Meta(description="Value of :authority, when not the address's host and port")
    ] = None
    proto: Annotated[
        ProtoSource | None, Meta(description="Compiled instead of asking the server's reflection")
    ] = None
    protoset: Annotated[
        FilePath | None,
        Meta(description="File of protoc --include_imports -o, instead of reflection"),
    ] = None
    max_message_size: Annotated[
        Size, Meta(ge=1, le=2**31 - 1, description="Limit of the request and of each reply")
    ] = 4 * 1024 * 1024
    compression: Annotated[
        Literal["none", "gzip", "deflate"], Meta(description="Compression of the request")
    ] = "none"
    keepalive: GrpcKeepalive | None = None
    max_replies: Annotated[
        int, Meta(ge=1, le=10_000, description="Replies of a stream that the receipt keeps")
    ] = 100
    expect: GrpcExpect = GrpcExpect()

    @classmethod
    def advice(cls) -> Mapping[str, str]:
        """Return the keys of other clients."""
        return {
            **dict.fromkeys(("url", "host", "server", "endpoint"), "address: {value}"),
            **dict.fromkeys(("service", "rpc"), "write both in one: 'method: Service/Method'"),
            "headers": "metadata: {value}",
        }

    def flaws(self) -> Iterator[Flaw]:
        """Yield what is wrong with address, method, metadata and their combination."""
        if not isinstance(self.address, Template):
            try:
                parse_address(self.address)
            except ValueError as error:
                yield Flaw(("address",), str(error), _address_to_write(self.address))
        if not isinstance(self.method, Template) and not re.fullmatch(_METHOD, self.method):
            message = f"'{self.method[:60]}' does not name a method"
            service, dot, method = self.method.rpartition(".")
            written = f"{service}/{method}"
            fits = dot and re.fullmatch(_METHOD, written)
            hint = f"write: method: {written}" if fits else "for example JobService/Execute"
            yield Flaw(("method",), message, hint)
        for key, value in self.metadata.items():
            yield from _metadata_flaws(key, value)
        yield from self._identity_flaws()
        if self.proto is not None and self.protoset is not None:
            yield Flaw(("protoset",), "'protoset' beside 'proto'", "one of them is enough")
        yield from self.expect.flaws()

    def _identity_flaws(self) -> Iterator[Flaw]:
        if self.token is not None:
            if "authorization" in self.metadata:
                yield Flaw(("token",), "'token' beside an 'authorization' of your own")
            if not isinstance(self.token, Template) and not _is_printable(self.token):
                yield Flaw(("token",), "the token has a line break, control or non-ASCII character")
        authority = self.authority
        is_given = authority is not None and not isinstance(authority, Template)
        if authority is not None and is_given and not re.fullmatch(_AUTHORITY, authority):
            yield Flaw(("authority",), f"'{authority[:60]}' is not host or host:port")
        if self.tls is not None:
            yield from self.tls.flaws()
            if self.tls.insecure_skip_verify:
                message = "gRPC's client cannot trust any certificate"
                hint = "name the server's own authority in tls.ca"
                yield Flaw(("tls", "insecure_skip_verify"), message, hint)

    @property
    def is_described_by_files(self) -> bool:
        """Whether the method stands in files of the job's own, so that no server is asked."""
        return self.proto is not None or self.protoset is not None

    def describe(self) -> str:
        """Return address and method."""
        return f"{self.address} {self.method.lstrip('/')}"

    @property
    def secure(self) -> Tls | None:
        """The TLS block when TLS is to be spoken."""
        return self.tls if self.tls is not None and self.tls.enabled is not False else None

    @property
    def service_and_method(self) -> tuple[str, str]:
        """The two halves of `method`, as written."""
        service, _, method = self.method.lstrip("/").rpartition("/")
        return service, method


class GrpcSettings(Settings, kw_only=True, frozen=True):
    """Settings of gRPC for the whole process: none so far."""


def decoded_binary(value: str) -> bytes:
    """Return the bytes of a `-bin` value (gRPC over HTTP/2, "Custom-Metadata").

    Padding may be left out, as on the wire. Raises ValueError when it is not base64.
    """
    try:
        return base64.b64decode(value + "=" * (-len(value) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"not base64: {error}") from error


def _metadata_flaws(key: str, value: str | list[str]) -> Iterator[Flaw]:
    path = ("metadata", key)
    shown = key[:40]
    lowered = key.lower()
    if is_own_header(key) or lowered in _OWN_KEYS or lowered.startswith("grpc-"):
        yield Flaw(path, f"metadata '{shown}' is set by chronos or by gRPC", "remove it")
    elif not re.fullmatch(_KEY, key):
        hint = f"write '{key.lower()[:40]}'" if re.fullmatch(_KEY, key.lower()) else None
        yield Flaw(path, f"'{shown}' is not a metadata key: a-z, 0-9, '-', '_' and '.' only", hint)
    for item in [value] if isinstance(value, str) else value:
        if isinstance(item, Template):
            continue
        if key.endswith("-bin"):
            try:
                decoded_binary(item)
            except ValueError:
                yield Flaw(path, f"the value of metadata '{shown}' is not base64")
        elif has_control(item):
            yield Flaw(path, f"the value of metadata '{shown}' has a line break or control")
        elif not item.isascii():
            hint = f"encode it, or send base64 under '{shown}-bin'"
            yield Flaw(path, f"the value of metadata '{shown}' is not ASCII", hint)


def _is_printable(text: str) -> bool:
    return text.isascii() and text.isprintable()


def _address_to_write(text: str) -> str:
    """Return a hint with the address that a URL means, or with one that might be."""
    scheme, separator, rest = text.partition("://")
    host = rest.partition("/")[0]
    if not separator or "@" in host or len(host) > 100:
        return "for example jobs.example.com:9000, with tls: {} for TLS"
    tls = ", and 'tls: {}' below it" if scheme.lower() in {"https", "grpcs"} else ""
    return f"write: address: {host}{tls}"
