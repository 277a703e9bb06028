"""Logging in where the far side must be asked first: what goes on after a 401."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from chronos_cli.errors import RejectedError
from chronos_cli.protocols.http.auth import HttpAuth, HttpLogin, bearer
from chronos_cli.protocols.http.request import Outgoing
from chronos_cli.protocols.http.response import Answer
from chronos_cli.protocols.http.target import Webhook
from chronos_cli.protocols.http.url import place
from chronos_cli.set_aside import import_without

if TYPE_CHECKING:
    from chronos_cli.protocols.http.oauth2 import Tokens


class Login(Protocol):
    """The login of one attempt, at the webhook's own origin."""

    async def begin(self, request: Outgoing) -> Outgoing:
        """Return the request as it is sent at first."""
        ...

    async def again(self, request: Outgoing, answer: Answer) -> Outgoing | None:
        """Return what to send after a 401, or None when that was the answer."""
        ...


def login_of(auth: HttpAuth, webhook: Webhook, tokens: Callable[[], "Tokens"]) -> Login | None:
    """Return the login that a webhook asks for; None when all there is to say is said at once.

    `tokens` is asked only where it needs them.
    """
    if auth.oauth2 is not None:
        return TokenLogin(webhook, tokens())
    return DigestLogin(auth.digest) if auth.digest is not None else None


class TokenLogin:
    """OAuth 2.0: a token that was refused is asked for anew, once."""

    def __init__(self, webhook: Webhook, tokens: "Tokens") -> None:
        self._webhook = webhook
        self._tokens = tokens
        self._token = ""

    async def begin(self, request: Outgoing) -> Outgoing:
        """Return the request with a token."""
        self._token = await self._tokens.get(self._webhook)
        return request.with_private("Authorization", bearer(self._token))

    async def again(self, request: Outgoing, answer: Answer) -> Outgoing | None:  # noqa: ARG002
        """Return the request with a new token."""
        self._tokens.drop(self._webhook, self._token)
        return await self.begin(request)


class DigestLogin:
    """Digest (RFC 7616): the first request is answered with a challenge."""

    def __init__(self, login: HttpLogin) -> None:
        self._username = login.username
        self._password = login.secret()

    async def begin(self, request: Outgoing) -> Outgoing:
        """Return the request as it is: there is no challenge yet."""
        return request

    async def again(self, request: Outgoing, answer: Answer) -> Outgoing | None:
        """Return the request with the answer to the challenge."""
        httpx = _httpx()
        target = place(request.url).target  # all that is signed of the URL
        first = httpx.Request(request.method, f"http://far{target}", headers=request.headers)
        flow = httpx.DigestAuth(self._username, self._password).auth_flow(first)
        next(flow)
        try:
            # The name goes into a header.
            self._username.encode("ascii")
            second = flow.send(httpx.Response(401, headers=answer.headers, request=first))
        except StopIteration:
            return None  # it asks for something else than Digest
        except UnicodeError as error:
            message = "Digest takes a user's name in ASCII only"
            raise RejectedError(message, code="AUTH") from error
        except (httpx.ProtocolError, LookupError, ValueError, NotImplementedError) as error:
            message = "the challenge of Digest cannot be answered"
            raise RejectedError(message, code="401") from error
        answered = request.with_private("Authorization", second.headers["authorization"])
        if "cookie" in second.headers and not any(
            name.lower() == "cookie" for name, _ in request.headers
        ):
            answered = answered.with_private("Cookie", second.headers["cookie"])
        return answered


def _httpx() -> Any:
    """Return httpx; its command line would import Rich where click is installed."""
    return import_without("httpx", "httpx._main")
