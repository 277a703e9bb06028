"""The protocol gRPC: the target block `grpc`."""

from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any

from chronos_cli.dispatch.plugin import Dispatcher, Plugin
from chronos_cli.protocols.grpc.target import Grpc, GrpcSettings

if TYPE_CHECKING:
    from chronos_cli.dispatch.delivery import Delivery
    from chronos_cli.dispatch.importer import CommandLine, Draft
    from chronos_cli.dispatch.spans import MessageSpan
    from chronos_cli.dispatch.steps import Steps


def _dispatcher(settings: GrpcSettings) -> Dispatcher[Grpc]:
    from chronos_cli.protocols.grpc.dispatcher import GrpcDispatcher

    return GrpcDispatcher(settings)


async def _check(settings: GrpcSettings, delivery: "Delivery[Grpc]", steps: "Steps") -> None:
    from chronos_cli.protocols.grpc.check import check

    await check(settings, delivery, steps)


def _certificate_key(target: Grpc) -> Hashable | None:
    from chronos_cli.protocols.grpc.check import certificate_key

    return certificate_key(target)


def _from_grpcurl(call: "CommandLine") -> "Draft":
    from chronos_cli.protocols.grpc.grpcurl import job_of

    return job_of(call)


def _span(target: Grpc, code: str | None, receipt: Mapping[str, Any]) -> "MessageSpan":
    from chronos_cli.protocols.grpc.spans import message_span

    return message_span(target, code, receipt)


plugin = Plugin(
    key="grpc",
    protocol="grpc",
    target=Grpc,
    settings=GrpcSettings,
    dispatcher=_dispatcher,
    check=_check,
    certificate_key=_certificate_key,
    # The second is the compiler of .proto files; it brings protobuf along.
    client_modules=("grpc", "grpc_tools"),
    extra="grpc",
    event_modes=("binary", "structured"),
    importers={"grpcurl": _from_grpcurl},
    span=_span,
)
