"""Who may ask: only GET and HEAD, only under a name of this machine or with the token."""

from hmac import compare_digest
from ipaddress import ip_address

from msgspec import Struct

from chronos_cli.receiver.http import ReceivedRequest, Reply
from chronos_cli.report.text import json_text

_METHODS = frozenset({"GET", "HEAD"})


class Listen(Struct, frozen=True):
    """Where to listen; port 0 is any free one. Without a token everybody there is answered.

    `warning` says what is wrong with the token's file, though it is taken.
    """

    host: str
    port: int
    token: str | None = None
    warning: str | None = None


def is_loopback(host: str) -> bool:
    """Whether a host is this machine alone: `localhost`, or an address of it."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.rstrip(".").lower() == "localhost"


class Access:
    """Decides on requests to a server that listens there.

    Without a token, a request must name this machine: a page of somebody else's, whose name was
    turned to a loopback address (DNS rebinding), names its own. With one, the token decides.
    """

    def __init__(self, listen: Listen) -> None:
        self._host = listen.host.lower()
        self._token = listen.token

    def refusal(self, request: ReceivedRequest, *, is_open: bool) -> Reply | None:
        """Return the answer to a request that gets no other; `is_open` ones need no token."""
        if request.method not in _METHODS:
            return refusal(405, "only GET and HEAD are answered", ("Allow", "GET, HEAD"))
        if self._token is None:
            host = _header(request, "host")
            if self._is_ours(host):
                return None
            return refusal(421, "this host is not known here; ask for localhost")
        if is_open or self._is_right(_header(request, "authorization")):
            return None
        return refusal(401, "a bearer token is needed", ("WWW-Authenticate", "Bearer"))

    def _is_ours(self, named: str) -> bool:
        host = named.rpartition(":")[0] if named.rpartition(":")[2].isdecimal() else named
        host = host.strip("[]").lower()
        return is_loopback(host) or host == self._host

    def _is_right(self, authorization: str) -> bool:
        scheme, _, given = authorization.partition(" ")
        expected = (self._token or "").encode()
        # Compared whatever the scheme, and in a time that tells nothing of the token.
        is_equal = compare_digest(given.strip().encode(), expected)
        return is_equal and scheme.lower() == "bearer"


def refusal(status: int, message: str, *headers: tuple[str, str]) -> Reply:
    """Return an answer that says in JSON why there is no other."""
    return Reply(status, json_text({"error": message}).encode() + b"\n", headers=list(headers))


def _header(request: ReceivedRequest, name: str) -> str:
    """Return the only value of a header; nothing where it is missing or stands there twice."""
    values = [value for key, value in request.headers if key.lower() == name]
    return values[0] if len(values) == 1 else ""
