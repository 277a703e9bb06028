"""Which messages the broker is known to take.

A message that it refuses makes it close the channel, and the answers to all others in flight there
never come: whether those arrived, nobody knows. So a message that could be refused is alone on its
channel, and only those like one that was taken go together.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from chronos_cli.protocols.rabbitmq.message import Message, Route

# More are forgotten, and tried anew: routing keys may be templates.
_MOST_KNOWN = 4096


class _Trial:
    """The first message of a route: when it has ended, and the largest body taken since."""

    def __init__(self) -> None:
        self.ended = asyncio.Event()
        self.largest = -1


class Trials:
    """The routes that were tried on one connection."""

    def __init__(self) -> None:
        self._trials: dict[Route, _Trial] = {}

    async def is_known(self, message: Message) -> bool:
        """Whether the broker has taken a message that it would have refused for the same reasons.

        Of many with one route the first is to be tried; the others wait to learn from it.
        """
        trial = self._trials.get(message.route)
        if trial is None or message.is_refusable:
            return False
        if not trial.ended.is_set():
            await trial.ended.wait()
        return len(message.body) <= trial.largest

    @asynccontextmanager
    async def trying(self, message: Message) -> AsyncIterator[None]:
        """Learn from a message that the block sends, alone on a channel, and which is taken."""
        trial = self._trial(message)
        try:
            yield
            if trial is not None:
                trial.largest = max(trial.largest, len(message.body))
        finally:
            if trial is not None:
                trial.ended.set()

    def forget(self) -> None:
        """Forget all: what was taken once is refused now."""
        self._trials.clear()

    def _trial(self, message: Message) -> _Trial | None:
        if message.is_refusable:
            return None
        if len(self._trials) >= _MOST_KNOWN:
            self.forget()
        return self._trials.setdefault(message.route, _Trial())
