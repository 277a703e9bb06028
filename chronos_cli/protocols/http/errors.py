"""What h11, h2 and the sockets raise → what it means, in the one tree of errors.

The connections raise the exceptions below. All are translated or caught within this package.
"""

import ssl

import h11

from chronos_cli.errors import DispatchError, RejectedError, UnreachableError
from chronos_cli.protocols.http.response import is_not_now
from chronos_cli.protocols.network import from_cause
from chronos_cli.protocols.tls import NO_TLS, causes

# Alerts by which a far side says that our certificate, or none, will not do.
_OF_OUR_CERTIFICATE = ("CERTIFICATE", "UNKNOWN_CA", "HANDSHAKE_FAILURE", "ACCESS_DENIED")


class ResponseError(Exception):
    """The response breaks the rules, or breaks off."""


class RequestError(Exception):
    """The request cannot be made."""


class ProxyError(Exception):
    """The proxy did not open the tunnel; `status` is what it answered."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"{status} {reason}".strip())
        self.status = status


class AgainError(Exception):
    """The message was not answered at all, and may be sent again at once; the cause is behind."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(str(cause))
        self.cause = cause


class Http1Error(AgainError):
    """The far side wants the message over HTTP/1.1."""


# All that goes wrong between a request and its response.
FAILURES = (OSError, UnicodeError, h11.ProtocolError, ResponseError, RequestError, ProxyError)


def translated(error: Exception, where: str) -> DispatchError:
    """Return what one of FAILURES means; `where` is the target, for the message."""
    if isinstance(error, (h11.RemoteProtocolError, ResponseError)):
        return UnreachableError(f"the connection ended without a valid response ({where}): {error}")
    if isinstance(error, ProxyError):
        message = f"the proxy answered {error} ({where})"
        kind = UnreachableError if is_not_now(error.status) else RejectedError
        return kind(message, code=str(error.status))
    if isinstance(error, OSError):
        found = from_cause(error, where)
        if _is_about_our_certificate(error):
            hint = "over TLS this may mean that it wants another client certificate"
            return found.with_message(f"{found.message}; {hint}")
        if NO_TLS in found.message:
            return found.with_message(f"{found.message}; write http:// if it is a port of HTTP")
        return found
    return RejectedError(f"the request cannot be made ({where}): {error}")


def _is_about_our_certificate(error: Exception) -> bool:
    reasons = [
        str(cause.reason)
        for cause in causes(error)
        if isinstance(cause, ssl.SSLError) and cause.reason
    ]
    return any(
        "ALERT" in reason and any(word in reason for word in _OF_OUR_CERTIFICATE)
        for reason in reasons
    )
