"""The far sides of the demo: one for each protocol, as far as this machine can have them."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Self

from chronos_cli.receiver.grpc import GrpcReceiver, ReceivedCall
from chronos_cli.receiver.http import HttpReceiver, ReceivedRequest, Reply
from chronos_cli.receiver.kafka import MockKafka
from chronos_cli.receiver.servers import UnavailableError, nats_server, rabbitmq_server


@asynccontextmanager
async def _http() -> AsyncIterator[str]:
    """Run an HTTP receiver whose /flaky refuses the first request, to show a retry."""
    seen: set[str] = set()

    async def answer(request: ReceivedRequest) -> Reply:
        is_first = request.target not in seen
        seen.add(request.target)
        if request.target == "/flaky" and is_first:
            return Reply(status=503, body=b'{"busy": true}\n', headers=[("Retry-After", "1")])
        return Reply()

    receiver = HttpReceiver(answer)
    host, port = await receiver.start("127.0.0.1", 0)
    try:
        yield f"http://{host}:{port}"
    finally:
        await receiver.close()


@asynccontextmanager
async def _grpc() -> AsyncIterator[str]:
    async def on_call(call: ReceivedCall) -> None:
        """Take it: the answer is OK."""

    receiver = GrpcReceiver(on_call)
    port = await receiver.start("127.0.0.1", 0)
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await receiver.close()


@asynccontextmanager
async def _kafka() -> AsyncIterator[str]:
    cluster = MockKafka()
    try:
        yield cluster.start()
    except RuntimeError as error:
        raise UnavailableError(str(error)) from error
    finally:
        cluster.close()


_SIDES: dict[str, Callable[[], AbstractAsyncContextManager[str]]] = {
    "webhook": _http,
    "grpc": _grpc,
    "kafka": _kafka,
    "nats": nats_server,
    "rabbitmq": rabbitmq_server,
}
_VARIABLES = {
    "webhook": "CHRONOS_DEMO_HTTP",
    "grpc": "CHRONOS_DEMO_GRPC",
    "kafka": "CHRONOS_DEMO_KAFKA",
    "nats": "CHRONOS_DEMO_NATS",
    "rabbitmq": "CHRONOS_DEMO_RABBITMQ",
}


@dataclass
class DemoSides:
    """Starts what it can; `variables` tell the sample jobs where, `missing` why not."""

    variables: dict[str, str] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def start(self, key: str) -> str | None:
        """Start the far side of a target block's key; return its address, None if missing."""
        try:
            address = await self._stack.enter_async_context(_SIDES[key]())
        except UnavailableError as error:
            self.missing[key] = str(error)
            return None
        self.variables[_VARIABLES[key]] = address
        return address

    async def __aenter__(self) -> Self:
        """Begin with nothing started."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """End all that was started."""
        await self._stack.aclose()


def demo_keys() -> list[str]:
    """Return the target blocks' keys that the demo has a far side for."""
    return list(_SIDES)
