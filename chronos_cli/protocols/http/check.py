"""Whether an HTTP request would get through: the way to the far side, and its answer by choice."""

import asyncio
import socket
import time
from collections.abc import Hashable, Iterator
from contextlib import ExitStack, contextmanager

from msgspec import structs

from chronos_cli.dispatch.delivery import Delivery
from chronos_cli.dispatch.steps import Steps
from chronos_cli.protocols.http.connect import Contexts, proxy_headers
from chronos_cli.protocols.http.dispatcher import HttpDispatcher
from chronos_cli.protocols.http.errors import FAILURES, translated
from chronos_cli.protocols.http.expect import HttpExpect
from chronos_cli.protocols.http.route import Route, route
from chronos_cli.protocols.http.syntax import origin
from chronos_cli.protocols.http.target import HttpSettings, Webhook
from chronos_cli.protocols.http.url import connectable, in_url, tls_name
from chronos_cli.protocols.http.wire import Receiver, Wire
from chronos_cli.protocols.steps import (
    Peer,
    Place,
    connected,
    gone,
    patience,
    peer_of,
    secured,
)

# Statuses by which something answers that does not know the method of the question.
_NOT_THIS_METHOD = ("405", "501")
_ANSWERS = ("2xx", "3xx")


async def check(settings: HttpSettings, delivery: Delivery[Webhook], steps: Steps) -> None:
    """Take the steps to the far side; without `check` in the block nothing is asked of it.

    Raises DispatchError.
    """
    webhook = delivery.target
    opened = ExitStack()
    try:
        await _way(route(webhook, webhook.url), webhook, steps, opened)
    finally:
        await gone(opened)
    dispatcher = HttpDispatcher(settings)
    try:
        with steps.step("message"):  # with the files of secrets and of the form
            await dispatcher.preview(delivery)
        if webhook.check is not None:
            await _ask(dispatcher, delivery, webhook.check, steps)
    finally:
        await dispatcher.close()


def certificate_key(webhook: Webhook) -> Hashable | None:
    """Return the way to the far side; None without TLS. Raises RejectedError."""
    way = route(webhook, webhook.url)
    return way if way.is_tls else None


async def _way(way: Route, webhook: Webhook, steps: Steps, opened: ExitStack) -> None:
    where, contexts = webhook.describe(), Contexts()
    with _translating(where):
        host = connectable(way.origin[1])
        place = _first_place(way, host)
    sockets = await connected(steps, [place], opened)
    wire = Wire(sockets[place])
    opened.callback(wire.abort)
    await wire.open()
    if way.proxy is not None and way.is_proxy_tls:
        with steps.step("proxy tls"), _translating(where):
            name = tls_name(connectable(origin(way.proxy)[1]))
            await wire.start_tls(contexts.get(way.proxy_tls), name)
    if not way.is_tls:
        return
    if way.proxy is not None:
        from chronos_cli.protocols.http.tunnel import open_tunnel

        with steps.step("tunnel"), _translating(where):
            target = f"{in_url(host)}:{way.origin[2]}"
            await open_tunnel(wire, target, proxy_headers(way.proxy))
    name = (way.tls.server_name if way.tls else None) or tls_name(host)

    async def shake(_place: Place, _socket: socket.socket) -> Peer:
        with _translating(where):
            began = time.monotonic()
            await wire.start_tls(contexts.get(way.tls, http2=way.http2), name)
            peer = peer_of(wire.peer)
            await _listen(wire, patience(began))
        return peer

    await secured(steps, sockets, shake)


def _first_place(way: Route, host: str) -> Place:
    """Return where the socket is connected to: the far side, or what stands before it."""
    if way.unix_socket is not None:
        return Place(path=way.unix_socket)
    if way.proxy is not None:
        _, written, port = origin(way.proxy)
        return Place(connectable(written), port)
    return Place(host, way.origin[2])


class _Alert(Receiver):
    """Waits for what a far side says unasked."""

    def __init__(self) -> None:
        self.said: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def received(self, data: bytes) -> None:
        """Take note that it speaks, and so takes us."""
        del data
        self.ended(None)

    def ended(self, error: Exception | None) -> None:
        """Take note of the end."""
        if not self.said.done():
            self.said.set_exception(error) if error else self.said.set_result(None)


async def _listen(wire: Wire, seconds: float) -> None:
    """Listen for a while; raises OSError for an alert of TLS."""
    alert = _Alert()
    wire.give_to(alert)
    await asyncio.wait([alert.said], timeout=seconds)
    if alert.said.done():
        alert.said.result()


async def _ask(
    dispatcher: HttpDispatcher, delivery: Delivery[Webhook], method: str, steps: Steps
) -> None:
    """Take the step `answer`: send a request of that method, with the job's login and no body."""
    # To the job's own method the answer would be the same.
    is_other = method != delivery.target.method.upper()
    question = structs.replace(
        delivery.target,
        method=method,
        form=None,
        multipart=None,
        signing=None,
        expect=HttpExpect(status=[*_ANSWERS, *(_NOT_THIS_METHOD if is_other else ())]),
    )
    asked = structs.replace(
        delivery, target=question, metadata={}, body=b"", default_payload=True, event=None
    )
    with steps.step("answer") as step:
        receipt = await dispatcher.send(asked)
        code = receipt.code or ""
        step.message = f"{method}: {code}"
        if code in _NOT_THIS_METHOD:
            step.warn(f"something is there, but it does not answer {method}")
        elif code.startswith("3"):
            step.warn("a redirect, which is not followed")


@contextmanager
def _translating(where: str) -> Iterator[None]:
    try:
        yield
    except FAILURES as error:
        raise translated(error, where) from error
