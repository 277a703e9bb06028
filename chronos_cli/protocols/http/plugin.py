"""The protocol HTTP: the target block `webhook`."""

from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any

from chronos_cli.dispatch.plugin import Dispatcher, Plugin
from chronos_cli.protocols.http.target import HttpSettings, Webhook

if TYPE_CHECKING:
    from chronos_cli.dispatch.delivery import Delivery
    from chronos_cli.dispatch.importer import CommandLine, Draft
    from chronos_cli.dispatch.spans import MessageSpan
    from chronos_cli.dispatch.steps import Steps


def _dispatcher(settings: HttpSettings) -> Dispatcher[Webhook]:
    from chronos_cli.protocols.http.dispatcher import HttpDispatcher

    return HttpDispatcher(settings)


async def _check(settings: HttpSettings, delivery: "Delivery[Webhook]", steps: "Steps") -> None:
    from chronos_cli.protocols.http.check import check

    await check(settings, delivery, steps)


def _certificate_key(target: Webhook) -> Hashable | None:
    from chronos_cli.protocols.http.check import certificate_key

    return certificate_key(target)


def _from_curl(call: "CommandLine") -> "Draft":
    from chronos_cli.protocols.http.curl import job_of

    return job_of(call)


def _from_wget(call: "CommandLine") -> "Draft":
    from chronos_cli.protocols.http.wget import job_of

    return job_of(call)


def _span(target: Webhook, code: str | None, receipt: Mapping[str, Any]) -> "MessageSpan":
    from chronos_cli.protocols.http.spans import message_span

    return message_span(target, code, receipt)


plugin = Plugin(
    key="webhook",
    protocol="http",
    target=Webhook,
    settings=HttpSettings,
    dispatcher=_dispatcher,
    check=_check,
    certificate_key=_certificate_key,
    client_modules=("h11",),
    event_modes=("binary", "structured"),
    importers={"curl": _from_curl, "wget": _from_wget},
    span=_span,
)
