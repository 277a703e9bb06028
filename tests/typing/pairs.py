"""Plug-ins whose parts belong together, and some whose parts do not.

Nothing runs this. Every `type: ignore` here must be needed: mypy reports one that is not, so that a
wrong pair that is accepted fails the check of types.
"""

from chronos_cli.dispatch.delivery import Delivery
from chronos_cli.dispatch.plugin import Dispatcher, Plugin, Preview
from chronos_cli.protocols.grpc.target import GrpcSettings
from chronos_cli.protocols.kafka.target import KafkaTarget
from chronos_cli.protocols.nats.dispatcher import NatsDispatcher
from chronos_cli.protocols.nats.target import Nats, NatsSettings


def nats_dispatcher(settings: NatsSettings) -> Dispatcher[Nats]:
    return NatsDispatcher(settings)


# A class does where a function does.
right = Plugin(key="a", protocol="a", target=Nats, settings=NatsSettings, dispatcher=NatsDispatcher)

target_of_another = Plugin(
    key="a",
    protocol="a",
    target=KafkaTarget,
    settings=NatsSettings,
    dispatcher=nats_dispatcher,  # type: ignore[arg-type]
)

settings_of_another = Plugin(
    key="a",
    protocol="a",
    target=Nats,
    settings=GrpcSettings,
    dispatcher=nats_dispatcher,  # type: ignore[arg-type]
)


class SaysNothing:
    """Its `send` returns no receipt, which would be a success that nobody confirmed."""

    def __init__(self, settings: NatsSettings) -> None: ...

    async def send(self, delivery: Delivery[Nats]) -> None: ...

    async def preview(self, delivery: Delivery[Nats]) -> Preview:
        return Preview("", [], "")

    async def close(self) -> None: ...


class NeverCloses:
    def __init__(self, settings: NatsSettings) -> None: ...

    send = NatsDispatcher.send
    preview = NatsDispatcher.preview


no_receipt = Plugin(
    key="a",
    protocol="a",
    target=Nats,
    settings=NatsSettings,
    dispatcher=SaysNothing,  # type: ignore[arg-type]
)

no_close = Plugin(
    key="a",
    protocol="a",
    target=Nats,
    settings=NatsSettings,
    dispatcher=NeverCloses,  # type: ignore[arg-type]
)

no_target = Plugin(
    key="a",
    protocol="a",
    target=NatsSettings,  # type: ignore[type-var]
    settings=NatsSettings,
    dispatcher=nats_dispatcher,  # type: ignore[arg-type]
)
