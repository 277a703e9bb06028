"""HTTP: the target block `webhook`.

A dispatch succeeds when the response is the expected one (2xx unless the job says otherwise) and
its body has arrived. 408, 425, 429 and 5xx mean
"not now" and are unreachable; any other status is
rejected. Redirects are answers, unless the job says that they are to be followed.
"""

from typing import TYPE_CHECKING, Any

from chronos_cli.clock import SystemClock
from chronos_cli.dispatch.delivery import Delivery
from chronos_cli.dispatch.plugin import Preview, Receipt
from chronos_cli.errors import DispatchError, RejectedError
from chronos_cli.protocols.http.errors import FAILURES, translated
from chronos_cli.protocols.http.pool import Connections
from chronos_cli.protocols.http.request import Outgoing, outgoing, refusal
from chronos_cli.protocols.http.response import Answer, judged, unmet_expectation
from chronos_cli.protocols.http.route import route
from chronos_cli.protocols.http.syntax import origin
from chronos_cli.protocols.http.target import HttpSettings, Webhook
from chronos_cli.protocols.http.url import place
from chronos_cli.redact import MASK, Redactor, excerpt

if TYPE_CHECKING:
    from chronos_cli.protocols.http.challenge import Login
    from chronos_cli.protocols.http.oauth2 import Tokens

_MOST_SECRETS = 1000
_LONGEST_HOP = 2000
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class HttpDispatcher:
    """Sends deliveries over HTTP, keeping connections and tokens between them."""

    def __init__(self, settings: HttpSettings) -> None:
        self._clock = SystemClock()
        self._connections = Connections(settings.max_idle_conns)
        # Secrets that the job file does not hold: of files, and tokens that were given to us.
        self._redactor = Redactor()
        self._secrets: dict[str, None] = {}
        self._tokens: Tokens | None = None

    async def send(self, delivery: Delivery[Webhook]) -> Receipt:
        """Send one request; see `Dispatcher.send`."""
        try:
            return await self._sent(delivery, delivery.target)
        except DispatchError as error:
            raise error.with_message(self._redactor.text(error.message)) from error

    async def preview(self, delivery: Delivery[Webhook]) -> Preview:
        """Return the request as it would leave; see `Dispatcher.preview`."""
        webhook = delivery.target
        sent = self._outgoing(delivery, webhook)
        if webhook.auth is not None and (webhook.auth.oauth2 or webhook.auth.digest):
            sent = sent.with_private("Authorization", MASK)
        try:
            where = place(sent.url)
        except UnicodeError as error:
            raise translated(error, webhook.describe()) from error
        return Preview(
            summary=self._redactor.text(f"{sent.method} {where.target} HTTP/1.1"),
            headers=[(name, self._redactor.text(value)) for name, value in sent.head(where)],
            body=self._redactor.text(sent.body.shown.decode(errors="replace")) if sent.body else "",
            secret_headers=frozenset(sent.hidden),
        )

    async def close(self) -> None:
        """Close all connections."""
        if self._tokens is not None:
            await self._tokens.close()
        await self._connections.close()

    async def _sent(self, delivery: Delivery[Webhook], webhook: Webhook) -> Receipt:
        login = self._login(webhook)
        request = self._outgoing(delivery, webhook)
        if login is not None:
            request = await login.begin(request)
        hops: list[str] = []
        while True:
            answer = await self._exchange(webhook, request, hops)
            if answer.status == 401 and login is not None:
                again = await login.again(request, answer)
                if again is not None:
                    request = again
                    answer = await self._exchange(webhook, request, hops)
            location = answer.header("location")
            if not (webhook.redirects.follow and answer.status in _REDIRECTS and location):
                return await self._judged(webhook, answer, hops)
            if why := refusal(webhook, request, location, len(hops)):
                raise self._not_followed(answer, location, why, hops)
            request = request.redirected(answer.status, location)
            hops.append(excerpt(self._redactor.text(request.url), _LONGEST_HOP))
            if origin(request.url) != origin(webhook.url):
                login = None  # for good, even if a later redirect leads back

    async def _judged(self, webhook: Webhook, answer: Answer, hops: list[str]) -> Receipt:
        details: dict[str, Any] = {"redirects": hops} if hops else {}
        if webhook.http2:
            details["http_version"] = answer.version
        unmet = None
        if webhook.expect.has_status(answer.status):
            unmet = await unmet_expectation(webhook.expect, answer)
        return judged(webhook.expect, answer, unmet, details, self._redactor.text)

    def _login(self, webhook: Webhook) -> "Login | None":
        """Return the login that goes on after a 401."""
        if webhook.auth is None:
            return None
        from chronos_cli.protocols.http.challenge import login_of

        return login_of(webhook.auth, webhook, self._token_store)

    def _token_store(self) -> "Tokens":
        """Return the tokens of OAuth 2.0; what asks for them is imported where a job needs it."""
        if self._tokens is None:
            from chronos_cli.protocols.http.oauth2 import Tokens

            self._tokens = Tokens(self._connections, self._clock, self._learn)
        return self._tokens

    def _not_followed(
        self, answer: Answer, location: str, why: str, hops: list[str]
    ) -> RejectedError:
        message = f"{answer.status} {answer.reason}".strip()
        message += (
            f"; redirect to {excerpt(self._redactor.text(location), 200)} not followed: {why}"
        )
        receipt = {
            "status": answer.status,
            "body": self._redactor.text(answer.text),
            "redirects": hops,
        }
        return RejectedError(message, code=str(answer.status), receipt=receipt)

    def _learn(self, secret: str) -> None:
        """Mask a secret from now on. Tokens come and go: the oldest of very many are forgotten."""
        if secret in self._secrets:
            return
        self._secrets[secret] = None
        if len(self._secrets) > _MOST_SECRETS:
            self._secrets = dict.fromkeys(list(self._secrets)[_MOST_SECRETS // 2 :])
            self._redactor = Redactor()
            for known in self._secrets:
                self._redactor.add(known)
        self._redactor.add(secret)

    def _outgoing(self, delivery: Delivery[Webhook], webhook: Webhook) -> Outgoing:
        request = outgoing(delivery, webhook, self._clock.now())
        for secret in request.secrets:
            self._learn(secret)
        return request

    async def _exchange(self, webhook: Webhook, request: Outgoing, hops: list[str]) -> Answer:
        """Send one request and read the answer; `hops` are the redirects that led to it."""
        way = route(webhook, request.url)
        where = f"{request.method} {hops[-1]}" if hops else webhook.describe()
        if way.proxy is not None:
            where += ", by the proxy {}://{}:{}".format(*origin(way.proxy))
        try:
            return await self._connections.exchange(request, way)
        except FAILURES as error:
            raise _with_hops(translated(error, where), hops) from error


def _with_hops(error: DispatchError, hops: list[str]) -> DispatchError:
    return error.with_receipt(redirects=hops) if hops else error
