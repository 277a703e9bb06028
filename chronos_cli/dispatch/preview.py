"""Showing a message as it would leave, without its secrets."""

from msgspec import structs

from chronos_cli.dispatch import foreign
from chronos_cli.dispatch.delivery import Delivery
from chronos_cli.dispatch.plugin import Dispatcher, Preview
from chronos_cli.errors import RejectedError
from chronos_cli.jobs.model import Target
from chronos_cli.redact import MASK, bears_secret


async def preview(dispatcher: Dispatcher[Target], delivery: Delivery[Target]) -> Preview:
    """Return a message as it would leave, its secret headers masked; raises as `send` does."""
    shown = await foreign.call_async(lambda: dispatcher.preview(delivery))
    if not isinstance(shown, Preview):
        raise RejectedError(f"the plug-in returned no preview but {shown!r:.100}", code="PLUGIN")
    headers = [
        (name, MASK if name.lower() in shown.secret_headers or bears_secret(name) else value)
        for name, value in shown.headers
    ]
    return structs.replace(shown, headers=headers)
