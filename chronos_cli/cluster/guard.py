"""Dispatchers that look, before each attempt, whether the execution is still this host's."""

from chronos_cli.cluster.holds import Holds
from chronos_cli.dispatch.delivery import Delivery
from chronos_cli.dispatch.dispatchers import Dispatchers
from chronos_cli.dispatch.plugin import Dispatcher, Preview, Receipt
from chronos_cli.errors import RejectedError
from chronos_cli.jobs.model import Target


class Guarded:
    """One dispatcher; see `Dispatcher`."""

    def __init__(self, inner: Dispatcher[Target], holds: Holds) -> None:
        self._inner = inner
        self._holds = holds

    async def send(self, delivery: Delivery[Target]) -> Receipt:
        """Send, unless another host has taken the execution over."""
        hold = self._holds.of_execution(delivery.execution.id)
        if hold is not None and not await self._holds.is_ours(hold):
            raise RejectedError("another host has taken it over", code="TAKEN_OVER", final=True)
        return await self._inner.send(delivery)

    async def preview(self, delivery: Delivery[Target]) -> Preview:
        """Return the message as it would leave."""
        return await self._inner.preview(delivery)

    async def close(self) -> None:
        """Give back every connection."""
        await self._inner.close()


class GuardedDispatchers(Dispatchers):
    """A set of dispatchers, each of them guarded."""

    def __init__(self, inner: Dispatchers, holds: Holds) -> None:
        # Nothing of its own: all is the inner one's.
        self._inner = inner
        self._holds = holds

    def get(self, key: str) -> Dispatcher[Target]:
        """Return the dispatcher of a target block's key; raises as `Dispatchers.get`."""
        return Guarded(self._inner.get(key), self._holds)

    def hold(self) -> None:
        """Take a lease."""
        self._inner.hold()

    def release(self) -> None:
        """End a lease."""
        self._inner.release()

    def retire(self) -> None:
        """Close the dispatchers once the last lease has ended."""
        self._inner.retire()

    async def close(self) -> None:
        """Close every dispatcher that was made."""
        await self._inner.close()
