"""The dispatchers of one set of jobs: they outlive a reload for as long as somebody uses them."""

import asyncio

from chronos_cli.dispatch.dispatchers import Dispatchers
from chronos_cli.dispatch.plugin import Dispatcher
from chronos_cli.jobs.model import Target


class Fleet:
    """Dispatchers that are closed when they have been replaced and nobody holds them."""

    def __init__(self, dispatchers: Dispatchers) -> None:
        self._dispatchers = dispatchers
        self._holders = 0
        self._retired = False
        self._closing: asyncio.Task[None] | None = None

    def get(self, key: str) -> Dispatcher[Target]:
        """Return the dispatcher of a target block's key; who uses it holds the fleet."""
        return self._dispatchers.get(key)

    def hold(self) -> None:
        """Keep the dispatchers open until `let_go`."""
        self._holders += 1

    def let_go(self) -> None:
        """Undo one `hold`."""
        self._holders -= 1
        self._close_if_idle()

    def retire(self) -> None:
        """Close the dispatchers once nobody holds them."""
        self._retired = True
        self._close_if_idle()

    async def close(self) -> None:
        """Close them now."""
        await (self._closing or self._dispatchers.close())

    def _close_if_idle(self) -> None:
        if self._retired and not self._holders and self._closing is None:
            self._closing = asyncio.create_task(self._dispatchers.close())
