"""The protocol Kafka: the target block `kafka`."""

from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any

from chronos_cli.dispatch.plugin import Dispatcher, Plugin
from chronos_cli.protocols.kafka.target import KafkaSettings, KafkaTarget

if TYPE_CHECKING:
    from chronos_cli.dispatch.delivery import Delivery
    from chronos_cli.dispatch.importer import CommandLine, Draft
    from chronos_cli.dispatch.spans import MessageSpan
    from chronos_cli.dispatch.steps import Steps


def _dispatcher(settings: KafkaSettings) -> Dispatcher[KafkaTarget]:
    from chronos_cli.protocols.kafka.dispatcher import KafkaDispatcher

    return KafkaDispatcher(settings)


async def _check(
    settings: KafkaSettings, delivery: "Delivery[KafkaTarget]", steps: "Steps"
) -> None:
    from chronos_cli.protocols.kafka.check import check

    await check(settings, delivery, steps)


def _certificate_key(target: KafkaTarget) -> Hashable | None:
    from chronos_cli.protocols.kafka.check import certificate_key

    return certificate_key(target)


def _from_kcat(call: "CommandLine") -> "Draft":
    from chronos_cli.protocols.kafka.kcat import job_of

    return job_of(call)


def _span(target: KafkaTarget, code: str | None, receipt: Mapping[str, Any]) -> "MessageSpan":
    from chronos_cli.protocols.kafka.spans import message_span

    return message_span(target, code, receipt)


plugin = Plugin(
    key="kafka",
    protocol="kafka",
    target=KafkaTarget,
    settings=KafkaSettings,
    dispatcher=_dispatcher,
    check=_check,
    certificate_key=_certificate_key,
    client_modules=("confluent_kafka",),
    extra="kafka",
    event_modes=("binary", "structured"),
    importers={"kcat": _from_kcat, "kafkacat": _from_kcat},
    span=_span,
)
