"""Whether a gRPC call would get through: the method, and the health of its service."""

from collections.abc import Hashable
from contextlib import AsyncExitStack, ExitStack

from chronos_cli.dispatch.delivery import Delivery
from chronos_cli.dispatch.steps import Step, Steps
from chronos_cli.errors import UnreachableError
from chronos_cli.protocols.grpc.address import parse_address
from chronos_cli.protocols.grpc.call import Call
from chronos_cli.protocols.grpc.dispatcher import failures_of
from chronos_cli.protocols.grpc.health import health
from chronos_cli.protocols.grpc.pool import GrpcPool
from chronos_cli.protocols.grpc.probe import server_name
from chronos_cli.protocols.grpc.target import Grpc, GrpcSettings
from chronos_cli.protocols.steps import Place, connected, gone, over_streams, secured
from chronos_cli.protocols.tls import make_context

_UP = ("SERVING", "UNKNOWN", None)


async def check(_settings: GrpcSettings, delivery: Delivery[Grpc], steps: Steps) -> None:
    """Take the steps to the method, which is not called; raises DispatchError."""
    target = delivery.target
    await _way(target, steps)
    pool = GrpcPool()
    try:
        async with AsyncExitStack() as lent:
            with steps.step("method") as step:
                loan = pool.lend(target, steps.time_left())
                connection = await lent.enter_async_context(loan)
                call = Call(connection, delivery)
                async with failures_of(connection, call):
                    method, request = await call.prepared()
                call.check_size(request.ByteSize())
                how = "described by files" if method.reflection is None else "by reflection"
                step.message = f"{method.path}, {how}"
            service = method.path[1:].rpartition("/")[0]
            with steps.step("health") as step:
                async with failures_of(connection, call):
                    options = {"metadata": call.metadata, "timeout": call.time_left()}
                    found = await health(connection.channel, service, target.address, **options)
                _judge(step, found, target)
    finally:
        await pool.close()


def certificate_key(target: Grpc) -> Hashable | None:
    """Return the address with its TLS block; None without TLS."""
    return (target.address, target.secure) if target.secure is not None else None


async def _way(target: Grpc, steps: Steps) -> None:
    address = parse_address(target.address)
    place = Place(address.host, address.port, address.path)
    opened = ExitStack()
    try:
        sockets = await connected(steps, [place], opened)
        if target.secure is not None:
            context = make_context(target.secure)
            context.set_alpn_protocols(["h2"])
            name = server_name(target, address)
            await secured(steps, sockets, over_streams(context, lambda _: name, opened))
    finally:
        await gone(opened)


def _judge(step: Step, found: str | None, target: Grpc) -> None:
    if found not in _UP:
        message = f"the server says of its health: {found} ({target.address})"
        raise UnreachableError(message)
    step.message = found or "not known: the server has no health checking"
