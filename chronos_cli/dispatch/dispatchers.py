"""The dispatchers of one set of jobs: made when first needed, closed when nobody uses them."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress

from chronos_cli.dispatch import foreign
from chronos_cli.dispatch.execution import Execution
from chronos_cli.dispatch.limit import LimitError, within
from chronos_cli.dispatch.plugin import Dispatcher, Plugin
from chronos_cli.dispatch.registry import Registry
from chronos_cli.errors import DispatchError, RejectedError
from chronos_cli.jobs.model import Settings, Target

# How long a dispatcher may take to give its connections back, in seconds.
_GOODBYE = 5.0
_METHODS = ("send", "preview", "close")


class Dispatchers:
    """Dispatchers by the key of their target block; `settings` are the operator's, by protocol.

    A set that was replaced (`retire`) is closed as soon as its last lease has ended.
    """

    def __init__(self, registry: Registry, settings: Mapping[str, Settings]) -> None:
        self._registry = registry
        self._settings = settings
        self._open: dict[str, Dispatcher[Target]] = {}
        self._leases = 0
        self._retired = False
        self._closing: asyncio.Task[None] | None = None

    def get(self, key: str) -> Dispatcher[Target]:
        """Return the dispatcher of a target block's key.

        Raises RejectedError for a plug-in that cannot make one.
        """
        if key not in self._open:
            self._open[key] = _opened(*self.plugin_of(key))
        return self._open[key]

    async def admit(self, execution: Execution) -> None:
        """Wait until an attempt of an execution may begin; RejectedError if none may any more."""

    def plugin_of(self, key: str) -> tuple[Plugin[Target, Settings], Settings | None]:
        """Return the plug-in of a target block's key, and what the operator has set for it."""
        plugin = self._registry.kind(key)
        return plugin, self._settings.get(plugin.protocol)

    def hold(self) -> None:
        """Take a lease: the dispatchers stay open until `release`."""
        self._leases += 1

    def release(self) -> None:
        """End a lease."""
        self._leases -= 1
        self._close_if_unused()

    def retire(self) -> None:
        """Close the dispatchers once the last lease has ended."""
        self._retired = True
        self._close_if_unused()

    async def close(self) -> None:
        """Close every dispatcher that was made, now."""
        await (self._closing or self._close())

    def _close_if_unused(self) -> None:
        if self._retired and not self._leases and self._closing is None:
            self._closing = asyncio.create_task(self._close())

    async def _close(self) -> None:
        for dispatcher in self._open.values():
            # What was sent has been acknowledged: no failure here makes it otherwise.
            with suppress(DispatchError, LimitError):
                await within(_GOODBYE, foreign.call_async(dispatcher.close))
        self._open.clear()


def _opened(plugin: Plugin[Target, Settings], settings: Settings | None) -> Dispatcher[Target]:
    try:
        dispatcher = foreign.call(lambda: plugin.dispatcher(settings or plugin.settings()))
    except foreign.PluginError as error:
        message = f"the plug-in for '{plugin.key}' fails: {error}"
        raise RejectedError(message, code="PLUGIN") from error
    missing = [name for name in _METHODS if not callable(getattr(dispatcher, name, None))]
    if missing:
        message = f"the plug-in for '{plugin.key}' has a dispatcher without '{missing[0]}'"
        raise RejectedError(message, code="PLUGIN")
    return dispatcher
