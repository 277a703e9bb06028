"""What an operating-system error says, for every protocol that runs over sockets."""

import errno
import os
import socket

from chronos_cli.errors import DispatchError, RejectedError, UnreachableError
from chronos_cli.protocols.tls import causes, tls_failure

_WORDS = {
    errno.ECONNREFUSED: "connection refused",
    errno.ECONNRESET: "connection reset by the far side",
    errno.EPIPE: "connection closed by the far side",
    errno.ENETUNREACH: "network unreachable",
    errno.EHOSTUNREACH: "no route to the host",
    errno.ENOENT: "no such socket",
}


def from_cause(error: BaseException, where: str, *, in_handshake: bool = True) -> DispatchError:
    """Return the failure behind a connection error: TLS is rejected, all else unreachable.

    `where` is the address, for the message.
    """
    if told := tls_failure(error, in_handshake=in_handshake):
        return RejectedError(f"{told} ({where})", code="TLS")
    for cause in causes(error):
        if isinstance(cause, socket.gaierror):
            return UnreachableError(f"cannot resolve the host name ({where})", code="DNS")
    for cause in causes(error):
        number = _number(cause)
        if number is not None:
            words = _WORDS.get(number) or os.strerror(number)
            return UnreachableError(f"{words} ({where})", code=errno.errorcode.get(number))
    message = str(error) or "the connection was closed without an answer"
    return UnreachableError(f"{message} ({where})")


def _number(cause: BaseException) -> int | None:
    """Return the errno of an exception, or of its text when a library keeps only that."""
    if isinstance(cause, OSError) and cause.errno is not None and cause.errno > 0:
        return cause.errno
    return None
