"""Asking the servers for ticks: for as many as there is room for."""

import asyncio
from collections.abc import Callable
from secrets import token_hex
from typing import TYPE_CHECKING

import msgspec

from chronos_cli.clock import Clock
from chronos_cli.cluster.link import INBOX, Link
from chronos_cli.cluster.names import CONSUMER, Names

if TYPE_CHECKING:
    from nats.aio.msg import Msg

# Seconds until the servers forget a request; and until then while they are silent: what is asked
# of a consumer without a leader has no answer, and a new leader knows nothing of it.
EXPIRES, _EXPIRES_IN_SILENCE = 3.0, 0.75
# A request is given up here so many times later.
_GIVEN_UP = 1.5
# After a request that was turned away, in seconds.
_PAUSE = 0.5


class Puller:
    """Keeps requests for ticks open.

    `room` tells how many more could be carried out; `take` is handed each message.
    """

    def __init__(
        self,
        link: Link,
        names: Names,
        clock: Clock,
        room: Callable[[], int],
        take: Callable[["Msg"], None],
    ) -> None:
        self._link = link
        self._subject = f"$JS.API.CONSUMER.MSG.NEXT.{names.ticks}.{CONSUMER}"
        self._clock = clock
        self._room = room
        self._take = take
        self._inbox = f"{INBOX}.pull.{token_hex(8)}"
        # By token: how many are still to come, and when the request is given up.
        self._requests: dict[str, list[float]] = {}
        self._count = 0
        self._wake = asyncio.Event()
        self._stopping = False
        self._not_before = 0.0
        # Whether the last request was given up without an answer.
        self._is_silent = False
        link.on_open.append(self._forget)

    @property
    def outstanding(self) -> int:
        """How many ticks may still come that were asked for."""
        return int(sum(left for left, _ in self._requests.values()))

    def wake(self) -> None:
        """Say that there is more room."""
        self._wake.set()

    async def serve(self) -> None:
        """Ask for ticks; ends by being cancelled."""
        await self._link.subscribe(f"{self._inbox}.*", self._on_message)
        while True:
            self._wake.clear()
            self._give_up()
            await self._ask()
            try:
                async with asyncio.timeout(0.25):
                    await self._wake.wait()
            except TimeoutError:
                pass

    async def stop(self) -> None:
        """Ask for no more, and wait until nothing comes that was asked for."""
        self._stopping = True
        while self.outstanding and self._link.is_open:
            self._give_up()
            await asyncio.sleep(0.05)

    async def _ask(self) -> None:
        now = self._clock.monotonic()
        if self._stopping or not self._link.is_open or now < self._not_before:
            return
        room, outstanding = self._room(), self.outstanding
        missing = room - outstanding
        # One request for many, not one for each that ends.
        if missing <= 0 or (outstanding and missing * 4 < room):
            return
        self._count += 1
        token = str(self._count)
        expires = _EXPIRES_IN_SILENCE if self._is_silent else EXPIRES
        self._requests[token] = [missing, now + expires * _GIVEN_UP]
        body = {"batch": missing, "expires": round(expires * 1_000_000_000)}
        await self._link.send(self._subject, msgspec.json.encode(body), f"{self._inbox}.{token}")

    async def _on_message(self, message: "Msg") -> None:
        self._is_silent = False
        if message.subject.startswith(self._inbox):
            self._on_status(message)
            return
        for token, request in self._requests.items():  # the oldest is met first
            request[0] -= 1
            if request[0] <= 0:
                del self._requests[token]
            break
        self._take(message)

    def _on_status(self, message: "Msg") -> None:
        """Take in that a request ends, or was turned away; 100 is a sign of life."""
        status = (message.headers or {}).get("Status", "")
        if status == "100":
            return
        self._requests.pop(message.subject.rpartition(".")[2], None)
        if status not in {"404", "408"}:
            self._not_before = self._clock.monotonic() + _PAUSE
        self._wake.set()

    def _give_up(self) -> None:
        now = self._clock.monotonic()
        for token, (_, until) in list(self._requests.items()):
            if until < now:
                del self._requests[token]
                self._is_silent = True

    def _forget(self) -> None:
        self._requests.clear()
        self._is_silent = True  # servers that come back elect first
        self._wake.set()
