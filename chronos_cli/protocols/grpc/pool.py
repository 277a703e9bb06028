"""Channels: one for each server with its TLS and options, shared by all calls to it."""

import asyncio
import os
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chronos_cli import __version__
from chronos_cli.protocols.grpc.target import Grpc, GrpcKeepalive
from chronos_cli.protocols.tls import Tls, make_context

if TYPE_CHECKING:
    import grpc

    from chronos_cli.protocols.grpc.schema import Method

# What makes two targets share a channel.
LinkKey = tuple[str, Tls | None, str | None, int, GrpcKeepalive | None]


class Link:
    """One channel, and what has been learnt of the server behind it.

    What reflection told is kept here, so that a server which comes back with other methods is
    asked again: its old connection is gone by then.
    """

    def __init__(self, channel: "grpc.aio.Channel") -> None:
        self.channel = channel
        self.methods: dict[Any, Method] = {}
        self.learning = asyncio.Lock()
        self.users = 0
        self.retired = False

    @property
    def is_connected(self) -> bool:
        """Whether a connection stands at this moment."""
        import grpc

        return self.channel.get_state() is grpc.ChannelConnectivity.READY


class Links:
    """Opens channels when they are first needed, and replaces those that broke."""

    def __init__(self) -> None:
        self._links: dict[LinkKey, Link] = {}
        self._closing: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def borrowed(self, target: Grpc) -> AsyncIterator[Link]:
        """Lend the channel of a target; RejectedError when its TLS files cannot be used."""
        key = (
            target.address,
            target.secure,
            target.authority,
            target.max_message_size,
            target.keepalive,
        )
        link = self._links.get(key)
        if link is None:
            link = self._links[key] = Link(open_channel(target))
        link.users += 1
        try:
            yield link
        finally:
            link.users -= 1
            if link.retired and link.users == 0:
                self._close(link)

    def retire(self, link: Link) -> None:
        """Lend this channel no more; it is closed when its last user is done.

        gRPC would wait for seconds before it dials again, and fail every call until then.
        """
        self._links = {key: other for key, other in self._links.items() if other is not link}
        link.retired = True

    async def close(self) -> None:
        """Close everything."""
        for link in self._links.values():
            self._close(link)
        self._links.clear()
        await asyncio.gather(*self._closing)

    def _close(self, link: Link) -> None:
        task = asyncio.create_task(link.channel.close(None))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


def open_channel(target: Grpc) -> "grpc.aio.Channel":
    """Return a new channel; nothing is dialled until the first call."""
    # What the library would log on stderr is told in the outcome.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    import grpc

    options = _options(target)
    tls = target.secure
    if tls is None:
        return grpc.aio.insecure_channel(target.address, options)
    return grpc.aio.secure_channel(target.address, _credentials(tls), options)


def _options(target: Grpc) -> list[tuple[str, Any]]:
    options: list[tuple[str, Any]] = [
        ("grpc.max_receive_message_length", target.max_message_size),
        ("grpc.max_send_message_length", target.max_message_size),
        ("grpc.primary_user_agent", f"chronos/{__version__}"),
        # Retries are the job's own, each an attempt in the report.
        ("grpc.enable_retries", 0),
        # No proxy out of the environment: the address in the job file is the one that is dialled.
        ("grpc.enable_http_proxy", 0),
        # Without this a new channel inherits the back-off of the broken one it replaces.
        ("grpc.use_local_subchannel_pool", 1),
    ]
    if target.authority is not None:
        options.append(("grpc.default_authority", target.authority))
    if target.secure is not None and target.secure.server_name:
        options.append(("grpc.ssl_target_name_override", target.secure.server_name))
    if target.keepalive is not None:
        options += [
            ("grpc.keepalive_time_ms", round(target.keepalive.time * 1000)),
            ("grpc.keepalive_timeout_ms", round(target.keepalive.timeout * 1000)),
            ("grpc.keepalive_permit_without_calls", int(target.keepalive.without_calls)),
            ("grpc.http2.max_pings_without_data", 0),
        ]
    return options


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
