"""The protocol HTTP: the target block `webhook`."""

from chronos_cli.dispatch.plugin import Dispatcher, Plugin
from chronos_cli.protocols.http.target import HttpSettings, Webhook


def _dispatcher(settings: HttpSettings) -> Dispatcher[Webhook]:
    from chronos_cli.protocols.http.dispatcher import HttpDispatcher

    return HttpDispatcher(settings)


plugin = Plugin(
    key="webhook",
    protocol="http",
    target=Webhook,
    settings=HttpSettings,
    dispatcher=_dispatcher,
    client_modules=("h11",),
    event_modes=("binary", "structured"),
)
