"""The protocol Kafka: the target block `kafka`."""

from chronos_cli.dispatch.plugin import Dispatcher, Plugin
from chronos_cli.protocols.kafka.target import KafkaSettings, KafkaTarget


def _dispatcher(settings: KafkaSettings) -> Dispatcher[KafkaTarget]:
    from chronos_cli.protocols.kafka.dispatcher import KafkaDispatcher

    return KafkaDispatcher(settings)


plugin = Plugin(
    key="kafka",
    protocol="kafka",
    target=KafkaTarget,
    settings=KafkaSettings,
    dispatcher=_dispatcher,
    client_modules=("confluent_kafka",),
    extra="kafka",
    event_modes=("binary", "structured"),
)
