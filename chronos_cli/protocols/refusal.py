"""Why a far side ended a connection over TLS, asked once more and in silence.

With TLS 1.3 a client's certificate is looked at after the client's part of the handshake. By then
we have begun to speak, and what we sent meets a closed socket: the break is told, and the alert
that came before it is lost. A far side to which nothing is said gets its alert through.
"""

import asyncio
import ssl

from chronos_cli.errors import RejectedError
from chronos_cli.protocols.network import from_cause

# Seconds to wait for the alert; a far side that takes us says nothing either.
_PATIENCE = 1.0


async def refusal(
    address: tuple[str, int],
    context: ssl.SSLContext,
    name: str,
    where: str,
    *,
    speaks_before: bool = False,
) -> RejectedError | None:
    """Return what a far side has against our certificate, or that we have none; None if nothing.

    `address` is of one host; `where` is it in words, for the message. `speaks_before` tells that
    the far side says a line before TLS begins.
    """
    try:
        async with asyncio.timeout(_PATIENCE):
            await _listen(address, context, name, speaks_before=speaks_before)
    except ssl.SSLError as error:
        failure = from_cause(error, where)
        return failure if isinstance(failure, RejectedError) else None
    except (OSError, ValueError):  # a time-out is one; ValueError: the line had no end
        return None
    return None


async def _listen(
    address: tuple[str, int], context: ssl.SSLContext, name: str, *, speaks_before: bool
) -> None:
    """Read until the far side says something; raises OSError, ssl.SSLError among them."""
    first = None if speaks_before else context
    reader, writer = await asyncio.open_connection(
        *address, ssl=first, server_hostname=name if first else None
    )
    try:
        if speaks_before:
            await reader.readline()
            await writer.start_tls(context, server_hostname=name)
        await reader.read(1)
    finally:
        writer.transport.abort()
