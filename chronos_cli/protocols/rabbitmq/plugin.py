"""The protocol RabbitMQ: the target block `rabbitmq`."""

from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any

from chronos_cli.dispatch.plugin import Dispatcher, Plugin
from chronos_cli.protocols.rabbitmq.target import Rabbitmq, RabbitmqSettings

if TYPE_CHECKING:
    from chronos_cli.dispatch.delivery import Delivery
    from chronos_cli.dispatch.spans import MessageSpan
    from chronos_cli.dispatch.steps import Steps


def _dispatcher(settings: RabbitmqSettings) -> Dispatcher[Rabbitmq]:
    from chronos_cli.protocols.rabbitmq.dispatcher import RabbitmqDispatcher

    return RabbitmqDispatcher(settings)


async def _check(
    settings: RabbitmqSettings, delivery: "Delivery[Rabbitmq]", steps: "Steps"
) -> None:
    from chronos_cli.protocols.rabbitmq.check import check

    await check(settings, delivery, steps)


def _certificate_key(target: Rabbitmq) -> Hashable | None:
    from chronos_cli.protocols.rabbitmq.check import certificate_key

    return certificate_key(target)


def _span(target: Rabbitmq, code: str | None, receipt: Mapping[str, Any]) -> "MessageSpan":
    from chronos_cli.protocols.rabbitmq.spans import message_span

    return message_span(target, code, receipt)


plugin = Plugin(
    key="rabbitmq",
    protocol="rabbitmq",
    target=Rabbitmq,
    settings=RabbitmqSettings,
    dispatcher=_dispatcher,
    check=_check,
    certificate_key=_certificate_key,
    client_modules=("pika",),
    extra="rabbitmq",
    event_modes=("binary", "structured"),
    span=_span,
)
