"""Dispatchers that look, before each attempt, whether the execution is still this host's."""

from chronos_cli.cluster.holds import Holds
from chronos_cli.dispatch.dispatchers import Dispatchers
from chronos_cli.dispatch.execution import Execution
from chronos_cli.dispatch.plugin import Dispatcher
from chronos_cli.errors import RejectedError
from chronos_cli.jobs.model import Target


class GuardedDispatchers(Dispatchers):
    """A set of dispatchers, each of them guarded."""

    def __init__(self, inner: Dispatchers, holds: Holds) -> None:
        # Nothing of its own: all is the inner one's.
        self._inner = inner
        self._holds = holds

    async def admit(self, execution: Execution) -> None:
        """Wait until it is known whose an execution is; RejectedError if it is another host's.

        That takes no time of the attempt's own: without a majority of the servers it waits.
        """
        hold = self._holds.of_execution(execution.id)
        if hold is not None and not await self._holds.is_ours(hold):
            raise RejectedError("another host has taken it over", code="TAKEN_OVER", final=True)

    def get(self, key: str) -> Dispatcher[Target]:
        """Return the dispatcher of a target block's key; raises as `Dispatchers.get`."""
        return self._inner.get(key)

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
