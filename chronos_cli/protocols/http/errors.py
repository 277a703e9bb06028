"""What httpx raises → what it means, in the one tree of errors."""

import re

from chronos_cli.errors import DispatchError, RejectedError, TimedOutError, UnreachableError
from chronos_cli.protocols.network import from_cause
from chronos_cli.protocols.tls import causes

# httpcore tells a proxy's refusal only in the text of its exception.
_PROXY_ANSWER = re.compile(r"(\d{3})\b")


def translated(error: Exception, where: str) -> DispatchError:
    """Return what an exception of httpx means; `where` is the target, for the message."""
    import httpx

    if isinstance(error, httpx.TimeoutException):
        return TimedOutError(f"no answer in time ({where})")
    if isinstance(error, httpx.RemoteProtocolError) or _is_of_http2(error):
        return UnreachableError(f"the connection ended without a valid response ({where}): {error}")
    if isinstance(error, httpx.ProxyError):
        return _of_proxy(error, where)
    if isinstance(error, httpx.NetworkError):
        found = from_cause(error, where, in_handshake=isinstance(error, httpx.ConnectError))
        if found.code is None and "https://" in where:
            # TLS 1.3: the far side's alert is lost when it closes the connection behind it.
            found.message += "; over TLS this may mean that it wants another client certificate"
        return found
    if isinstance(error, httpx.DecodingError):
        return UnreachableError(f"the response cannot be decoded ({where}): {error}")
    return RejectedError(f"the request cannot be made ({where}): {error}")


def _is_of_http2(error: Exception) -> bool:
    """Whether the far side broke the rules of HTTP/2: the client says "local" of that as well."""
    return any(type(cause).__module__.startswith("h2.") for cause in causes(error))


def _of_proxy(error: Exception, where: str) -> DispatchError:
    answer = _PROXY_ANSWER.match(str(error))
    if answer is None:
        return from_cause(error, where)
    status = int(answer[1])
    message = f"the proxy answered {error} ({where})"
    if status == 429 or status >= 500:
        return UnreachableError(message, code=str(status))
    return RejectedError(message, code=str(status))
