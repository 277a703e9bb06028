"""One channel to a gRPC server, shared by all calls to it."""

import asyncio
import os
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from chronos_cli import __version__
from chronos_cli.protocols.grpc.names import resolved
from chronos_cli.protocols.grpc.target import Grpc, GrpcKeepalive
from chronos_cli.protocols.network import from_cause
from chronos_cli.protocols.servers import Limit
from chronos_cli.protocols.tls import Tls, make_context

if TYPE_CHECKING:
    import grpc

    from chronos_cli.protocols.grpc.schema import Method


class ConnectionOptions(Struct, frozen=True):
    """What calls must have in common to share a channel."""

    address: str
    tls: Tls | None
    authority: str | None
    max_message_size: int
    keepalive: GrpcKeepalive | None

    @classmethod
    def of(cls, target: Grpc) -> "ConnectionOptions":
        """Return the options of a target without flaws."""
        return cls(
            address=target.address,
            tls=target.secure,
            authority=target.authority,
            max_message_size=target.max_message_size,
            keepalive=target.keepalive,
        )


class Connection:
    """A channel, and what has been learnt of the server behind it.

    What reflection told is kept here, so that a server which comes back with other methods is
    asked again: its old connection is gone by then.
    """

    def __init__(self, options: ConnectionOptions) -> None:
        self._options = options
        self._channel: grpc.aio.Channel | None = None
        self._is_retired = False
        # Whether a call was answered here: another may find that the server has left since.
        self.has_answered = False
        self.methods: dict[Any, Method] = {}
        self._unary: dict[str, Any] = {}
        self.learning = asyncio.Lock()

    @property
    def is_usable(self) -> bool:
        """Whether a new call may begin here."""
        return not self._is_retired

    @property
    def is_connected(self) -> bool:
        """Whether a connection stands at this moment."""
        import grpc

        return self.channel.get_state() is grpc.ChannelConnectivity.READY

    @property
    def channel(self) -> "grpc.aio.Channel":
        """The channel; only of a connection that is open."""
        assert self._channel is not None
        return self._channel

    async def open(self, _limit: Limit) -> None:
        """Look the name up and make the channel; nothing is dialled until the first call.

        Raises UnreachableError when the name has no address, and RejectedError when a file of
        TLS cannot be used.
        """
        # What the library would log on stderr is told in the outcome.
        os.environ.setdefault("GRPC_VERBOSITY", "NONE")
        import grpc

        tls = self._options.tls
        try:
            address, name = await resolved(self._options.address)
        except OSError as error:
            raise from_cause(error, self._options.address) from error
        arguments = _arguments(self._options, self._options.authority or name)
        if tls is None:
            self._channel = grpc.aio.insecure_channel(address, arguments)
        else:
            self._channel = grpc.aio.secure_channel(address, _credentials(tls), arguments)

    def unary(self, path: str) -> Any:
        """Return what calls a unary method; one for all calls of it."""
        if path not in self._unary:
            self._unary[path] = self.channel.unary_unary(path)
        return self._unary[path]

    def retire(self) -> None:
        """Begin no further call here.

        gRPC would wait for seconds before it dials again, and fail every call until then.
        """
        self._is_retired = True

    def waits_for(self) -> str | None:
        """Return nothing: it is dialled at the first message."""
        return None

    async def close(self) -> None:
        """Close the channel, and end the calls that still use it."""
        if self._channel is not None:
            await self._channel.close(None)


def _arguments(options: ConnectionOptions, authority: str | None) -> list[tuple[str, Any]]:
    """Return the channel arguments, under the names that gRPC's core gives them.

    `authority` is what `:authority` says and a certificate must name, if not the address.
    """
    arguments: list[tuple[str, Any]] = [
        ("grpc.max_receive_message_length", options.max_message_size),
        ("grpc.max_send_message_length", options.max_message_size),
        ("grpc.primary_user_agent", f"chronos/{__version__}"),
        # No proxy out of the environment: the address in the job file is the one that is dialled.
        ("grpc.enable_http_proxy", 0),
        # Without this a new channel inherits the back-off of the broken one it replaces.
        ("grpc.use_local_subchannel_pool", 1),
    ]
    if authority is not None:
        arguments.append(("grpc.default_authority", authority))
    if options.tls is not None and options.tls.server_name:
        arguments.append(("grpc.ssl_target_name_override", options.tls.server_name))
    if options.keepalive is not None:
        arguments += [
            ("grpc.keepalive_time_ms", round(options.keepalive.time * 1000)),
            ("grpc.keepalive_timeout_ms", round(options.keepalive.timeout * 1000)),
            ("grpc.keepalive_permit_without_calls", int(options.keepalive.without_calls)),
            ("grpc.http2.max_pings_without_data", 0),
        ]
    return arguments


def _credentials(tls: Tls) -> "grpc.ChannelCredentials":
    import grpc

    if tls.ca or tls.cert:
        # gRPC takes any bytes and fails at the handshake without a word; this names the file.
        make_context(tls)
    return grpc.ssl_channel_credentials(
        root_certificates=_roots(tls),
        private_key=Path(tls.key or tls.cert).read_bytes() if tls.cert else None,
        certificate_chain=Path(tls.cert).read_bytes() if tls.cert else None,
    )


def _roots(tls: Tls) -> bytes | None:
    """Return the authorities to trust: the job's, else the system's, else those gRPC brings."""
    path = tls.ca or ssl.get_default_verify_paths().cafile
    return Path(path).read_bytes() if path else None
