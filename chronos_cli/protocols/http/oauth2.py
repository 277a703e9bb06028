"""OAuth 2.0 client credentials (RFC 6749, 4.4): tokens, kept for their life."""

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import quote_plus

import msgspec

from chronos_cli.clock import Clock
from chronos_cli.errors import DispatchError, RejectedError, UnreachableError
from chronos_cli.protocols.http.auth import OAuth2Client, basic
from chronos_cli.protocols.http.body import form_body
from chronos_cli.protocols.http.errors import FAILURES, translated
from chronos_cli.protocols.http.pool import Connections
from chronos_cli.protocols.http.request import Outgoing
from chronos_cli.protocols.http.response import Answer, is_not_now
from chronos_cli.protocols.http.route import route
from chronos_cli.protocols.http.secrets import secret_text
from chronos_cli.protocols.http.target import Webhook
from chronos_cli.redact import excerpt

# A token is given up this early, in seconds, so that it does not expire on its way.
_MARGIN = 30.0
_LONGEST_REASON = 200


class _Token(msgspec.Struct, frozen=True):
    text: str
    until: float  # on the monotonic clock


class _Asking:
    """A request for a token that is on its way, and how many wait for it."""

    def __init__(self, task: asyncio.Task[_Token]) -> None:
        self.task = task
        self.waiting = 0


class Tokens:
    """Tokens by who asks for what. Those who need one at the same time share one request."""

    def __init__(
        self, connections: Connections, clock: Clock, learn: Callable[[str], None]
    ) -> None:
        self._connections = connections
        self._clock = clock
        self._learn = learn
        self._tokens: dict[bytes, _Token] = {}
        self._asking: dict[bytes, _Asking] = {}

    async def get(self, webhook: Webhook) -> str:
        """Return a token that is valid now; raises as `Dispatcher.send` does."""
        key = _key(webhook)
        token = self._tokens.get(key)
        if token is not None and self._clock.monotonic() < token.until:
            return token.text
        asking = self._asking.get(key)
        if asking is None:
            asking = _Asking(asyncio.create_task(self._ask(webhook)))
            self._asking[key] = asking
        asking.waiting += 1
        try:
            token = await asyncio.shield(asking.task)
        except asyncio.CancelledError as error:
            error.add_note("waiting for a token of the OAuth 2.0 server")
            raise
        except DispatchError as error:
            # Each who waits gets an exception of its own: raising one adds to its traceback.
            raise error.with_message(error.message) from error
        finally:
            asking.waiting -= 1
            if asking.task.done() or not asking.waiting:
                asking.task.cancel()
                if self._asking.get(key) is asking:
                    del self._asking[key]
        return token.text

    def drop(self, webhook: Webhook, token: str) -> None:
        """Forget a token that was refused, unless there is a newer one already."""
        key = _key(webhook)
        held = self._tokens.get(key)
        if held is not None and held.text == token:
            del self._tokens[key]

    async def close(self) -> None:
        """Stop asking."""
        for asking in self._asking.values():
            asking.task.cancel()
            with suppress(asyncio.CancelledError, DispatchError):
                await asking.task
        self._asking.clear()

    async def _ask(self, webhook: Webhook) -> _Token:
        request = _request(_client(webhook))
        for secret in request.secrets:
            self._learn(secret)
        where = f"OAuth 2.0 server {_client(webhook).token_url}"
        try:
            answer = await self._connections.exchange(request, route(webhook, request.url))
        except FAILURES as error:
            raise translated(error, where) from error
        text, life = _granted(answer, where)
        self._learn(text)
        token = _Token(text, self._clock.monotonic() + life - min(_MARGIN, life / 10))
        self._tokens[_key(webhook)] = token
        return token


def _client(webhook: Webhook) -> OAuth2Client:
    assert webhook.auth is not None
    assert webhook.auth.oauth2 is not None
    return webhook.auth.oauth2


def _key(webhook: Webhook) -> bytes:
    """Return what a token depends on."""
    return msgspec.json.encode([_client(webhook), webhook.tls, webhook.proxy])


def _request(client: OAuth2Client) -> Outgoing:
    secret = secret_text(client.client_secret, client.client_secret_file)
    fields = {"grant_type": "client_credentials"}
    fields |= {"scope": client.scope} if client.scope else {}
    fields |= {"audience": client.audience} if client.audience else {}
    headers = [("Accept", "application/json"), ("Accept-Encoding", "gzip, identity")]
    secrets = [secret]
    if client.client_auth == "post":
        fields |= {"client_id": client.client_id, "client_secret": secret}
    else:
        header = basic(quote_plus(client.client_id), quote_plus(secret))
        headers.append(("Authorization", header))
        secrets.append(header.removeprefix("Basic "))
    body = form_body({**fields, **client.params})
    headers.append(("Content-Type", body.content_type))
    return Outgoing("POST", client.token_url, headers, body, frozenset(), secrets)


def _granted(answer: Answer, where: str) -> tuple[str, float]:
    """Return the token of an answer and its life in seconds (for ever when it does not say)."""
    if answer.status != 200:
        reason = excerpt(answer.text, _LONGEST_REASON)
        message = f"the {where} gave no token: {answer.status} {reason}".rstrip()
        if is_not_now(answer.status):
            raise UnreachableError(message, code=f"OAUTH2 {answer.status}")
        raise RejectedError(message, code=f"OAUTH2 {answer.status}")
    try:
        granted = json.loads(answer.body)
        token, kind = granted["access_token"], granted.get("token_type", "Bearer")
        life = float(granted.get("expires_in") or "inf")
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise RejectedError(f"the {where} gave no token that can be read", code="OAUTH2") from error
    if not isinstance(token, str) or str(kind).lower() != "bearer":
        raise RejectedError(f"the {where} gave a token that is no bearer token", code="OAUTH2")
    return token, max(0.0, life)
