"""The protocol RabbitMQ: the target block `rabbitmq`."""

from chronos_cli.dispatch.plugin import Dispatcher, Plugin
from chronos_cli.protocols.rabbitmq.target import Rabbitmq, RabbitmqSettings


def _dispatcher(settings: RabbitmqSettings) -> Dispatcher[Rabbitmq]:
    from chronos_cli.protocols.rabbitmq.dispatcher import RabbitmqDispatcher

    return RabbitmqDispatcher(settings)


plugin = Plugin(
    key="rabbitmq",
    protocol="rabbitmq",
    target=Rabbitmq,
    settings=RabbitmqSettings,
    dispatcher=_dispatcher,
    client_modules=("pika",),
    extra="rabbitmq",
    event_modes=("binary", "structured"),
)
