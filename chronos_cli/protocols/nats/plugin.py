"""The protocol NATS: the target block `nats`."""

from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any

from chronos_cli.dispatch.plugin import Dispatcher, Plugin
from chronos_cli.protocols.nats.target import Nats, NatsSettings

if TYPE_CHECKING:
    from chronos_cli.dispatch.delivery import Delivery
    from chronos_cli.dispatch.importer import CommandLine, Draft
    from chronos_cli.dispatch.spans import MessageSpan
    from chronos_cli.dispatch.steps import Steps


def _dispatcher(settings: NatsSettings) -> Dispatcher[Nats]:
    from chronos_cli.protocols.nats.dispatcher import NatsDispatcher

    return NatsDispatcher(settings)


async def _check(settings: NatsSettings, delivery: "Delivery[Nats]", steps: "Steps") -> None:
    from chronos_cli.protocols.nats.check import check

    await check(settings, delivery, steps)


def _certificate_key(target: Nats) -> Hashable | None:
    from chronos_cli.protocols.nats.check import certificate_key

    return certificate_key(target)


def _from_nats(call: "CommandLine") -> "Draft":
    from chronos_cli.protocols.nats.pub import job_of

    return job_of(call)


def _span(target: Nats, code: str | None, receipt: Mapping[str, Any]) -> "MessageSpan":
    from chronos_cli.protocols.nats.spans import message_span

    return message_span(target, code, receipt)


plugin = Plugin(
    key="nats",
    protocol="nats",
    target=Nats,
    settings=NatsSettings,
    dispatcher=_dispatcher,
    check=_check,
    certificate_key=_certificate_key,
    client_modules=("nats", "nkeys"),
    extra="nats",
    # The NATS binding of CloudEvents 1.0.2 has no other than structured.
    event_modes=("structured", "binary"),
    importers={"nats": _from_nats},
    span=_span,
)
