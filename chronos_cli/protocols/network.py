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

# What name servers say of a name, or that none says anything.
_NAMES = {
    socket.EAI_NONAME: ": there is no such name",
    socket.EAI_NODATA: ": the name has no address",
    socket.EAI_AGAIN: ": no name server answers",
    socket.EAI_FAIL: ": the name server failed",
}


def from_cause(error: BaseException, where: str) -> DispatchError:
    """Return the failure behind a connection error: TLS is rejected, all else unreachable.

    `where` is the address, for the message.
    """
    if refusal := tls_failure(error):
        return RejectedError(f"{refusal} ({where})", code="TLS")
    for cause in causes(error):
        if isinstance(cause, socket.gaierror):
            message = f"cannot resolve the host name ({where}){_NAMES.get(cause.errno or 0, '')}"
            return UnreachableError(message, code="DNS")
    for cause in causes(error):
        number = _number(cause)
        if number is not None:
            words = _WORDS.get(number) or os.strerror(number)
            return UnreachableError(f"{words} ({where})", code=errno.errorcode.get(number))
    message = str(error) or "the connection was closed without an answer"
    if _was_cut(error):
        message = "the far side closed the connection without a farewell of TLS"
    return UnreachableError(f"{message} ({where})")


def _number(cause: BaseException) -> int | None:
    """Return the errno of an exception; the numbers of TLS are OpenSSL's own."""
    import ssl

    if isinstance(cause, OSError) and not isinstance(cause, ssl.SSLError):
        return cause.errno if cause.errno and cause.errno > 0 else None
    return None


def _was_cut(error: BaseException) -> bool:
    import ssl

    return any(isinstance(cause, ssl.SSLEOFError) for cause in causes(error))
