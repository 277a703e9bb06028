"""The connection to the cluster's servers: opened anew whenever it is lost."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

from msgspec import structs

from chronos_cli.dispatch.limit import end_task
from chronos_cli.errors import DispatchError, StateError
from chronos_cli.protocols.nats.login import ConnectionOptions
from chronos_cli.protocols.nats.opening import Opening
from chronos_cli.protocols.servers import Limit

if TYPE_CHECKING:
    from nats.aio.msg import Msg

    from chronos_cli.protocols.nats.client import Client

# Seconds for a connection with all servers together, and between two tries.
_OPENING = 6.0
_PAUSE = 0.25
# How often the server is asked for a sign of life, in seconds: by default the client asks every
# two minutes, and a partition stays unseen for so long.
_PING = 2
# The inbox of replies, which a host may be given the right to subscribe to.
INBOX = "_INBOX_chronos"
_NO_RESPONDERS = "503"

# What to look at when servers give no answer.
ADVICE = "is JetStream on there, and does a majority of the servers run?"

# The same when no server could even be connected to.
_UNHEARD = "do they run, and is that where?"
# Failures whose cure is among the settings, and where these are.
_LOGIN = ("AUTHORIZATION", "CREDENTIALS", "TLS")
_SETTINGS = "chronos.yaml, scheduler.cluster"

Callback = Callable[["Msg"], Awaitable[None]]


class NoAnswerError(StateError):
    """Nobody answered, or not in time: whether it was done is not known."""


class NoRightError(StateError):
    """The server refuses a subject to this user."""


class Link:
    """One connection, kept up from `open` to `close`; nothing is buffered while there is none.

    `on_open` is called after each opening, when the subscriptions are there.
    """

    def __init__(self, options: ConnectionOptions) -> None:
        self._options = options
        self._servers = list(options.servers)
        random.shuffle(self._servers)  # the hosts spread over the servers
        self._client: Client | None = None
        self._opening: Opening | None = None
        self._lost = asyncio.Event()
        self._pending: dict[asyncio.Future[Any], str] = {}
        self._subscriptions: dict[str, Callback] = {}
        self._refused: list[str] = []
        self._keeper: asyncio.Task[None] | None = None
        self.on_open: list[Callable[[], None]] = []
        self.on_refused: Callable[[str], None] = lambda _: None

    @property
    def is_open(self) -> bool:
        """Whether something can be sent now."""
        return self._client is not None and self._client.is_reading

    @property
    def where(self) -> str:
        """The servers, for messages."""
        return ", ".join(server.url for server in self._options.servers)

    async def open(self) -> None:
        """Connect; raises StateError when no server takes us."""
        try:
            async with asyncio.timeout(_OPENING):
                await self._connect()
        except TimeoutError as error:
            hint = (
                self._opening and self._opening.waits_for()
            ) or "do they run, and is that where?"
            words = f"no server let us in within {_OPENING:g}s ({self.where})"
            raise StateError(f"--cluster: {words}; {hint}") from error
        except DispatchError as error:
            where = f" ({_SETTINGS})" if error.code in _LOGIN else ""
            raise StateError(f"--cluster: {error.message}{where}") from error
        self._keeper = asyncio.create_task(self._keep())

    async def close(self) -> None:
        """End the connection for good."""
        if self._keeper is not None:
            await end_task(self._keeper)
        if self._client is not None:
            await self._client.abandon()
        self._fail_pending()

    async def subscribe(self, subject: str, callback: Callback) -> None:
        """Hand what comes on a subject to a callback, on this connection and those after it."""
        self._subscriptions[subject] = callback
        if self._client is not None:
            try:
                await self._client.subscribe(subject, cb=callback)
            except Exception as error:
                if not _is_theirs(error):
                    raise  # else the connection is lost, and the next one has it

    async def request(
        self, subject: str, body: bytes = b"", headers: bytes = b"", limit: float = 5.0
    ) -> "Msg":
        """Send a request and return its answer.

        Raises NoAnswerError when there is none in `limit` seconds, NoRightError when the server
        refuses the subject.
        """
        client = self._client
        if client is None or not client.is_reading:
            raise NoAnswerError(f"not connected to {self.where}")
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._pending[answer] = subject
        try:
            async with asyncio.timeout(limit):
                await client.ask(subject, headers, body, answer)
                message: Msg = await answer
        except TimeoutError as error:
            raise NoAnswerError(f"no answer on {subject} in {limit:g}s") from error
        except Exception as error:
            if isinstance(error, StateError) or not _is_theirs(error):
                raise
            raise NoAnswerError(f"the connection failed: {error}") from error
        finally:
            self._pending.pop(answer, None)
            answer.cancel()
        if message.headers and message.headers.get("Status") == _NO_RESPONDERS:
            raise NoAnswerError(f"nobody answers on {subject}")
        return message

    async def send(self, subject: str, body: bytes = b"", reply: str = "") -> None:
        """Send a message without an answer; lost in silence while there is no connection."""
        client = self._client
        if client is not None and client.is_reading:
            try:
                await client.write(subject, reply, b"", body)
            except Exception as error:
                if not _is_theirs(error):
                    raise

    async def refusals(self) -> Sequence[str]:
        """Return what the server has refused so far, in its words."""
        if self._client is not None:
            try:
                # The first ping overtakes what was sent before it; a refusal comes before the
                # second one's answer.
                await self._client.rtt(5)
                await self._client.rtt(5)
            except Exception as error:
                if not _is_theirs(error):
                    raise
                raise NoAnswerError(f"the connection failed: {error}") from error
        return self._refused

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        self._lost.clear()
        options = structs.replace(self._options, servers=tuple(self._servers))
        opening = self._opening = Opening(
            options, on_lost=self._on_lost, on_error=self._on_error, ping_interval=_PING
        )
        self._client, server = await opening.first(Limit(loop.time() + _OPENING))
        # The next time another one is tried first.
        at = self._servers.index(server)
        self._servers = [*self._servers[at + 1 :], *self._servers[: at + 1]]
        for subject, callback in self._subscriptions.items():
            await self._client.subscribe(subject, cb=callback)
        for call in self.on_open:
            call()

    async def _keep(self) -> None:
        while True:
            await self._lost.wait()
            client, self._client = self._client, None
            self._fail_pending()
            if client is not None:
                await client.abandon()
            while not self.is_open:
                try:
                    async with asyncio.timeout(_OPENING * 2):
                        await self._connect()
                except Exception:  # noqa: BLE001 - the library lets out whatever a server does to it
                    await asyncio.sleep(_PAUSE)

    def _on_lost(self) -> None:
        self._lost.set()
        self._fail_pending()

    def _fail_pending(self) -> None:
        for answer in list(self._pending):
            if not answer.done():
                answer.set_exception(NoAnswerError("the connection was lost"))

    async def _on_error(self, error: Exception) -> None:
        said = str(error)
        if "permissions violation" not in said:
            return
        self._refused.append(said)
        self.on_refused(said)
        # Without its inbox nothing that is asked has an answer.
        is_inbox = INBOX.lower() in said
        for answer, subject in list(self._pending.items()):
            if (is_inbox or subject.lower() in said) and not answer.done():
                answer.set_exception(NoRightError(f"{subject}: {said.removeprefix('nats: ')}"))


def _is_theirs(error: Exception) -> bool:
    from nats.errors import Error

    return isinstance(error, Error | OSError | TimeoutError)
