"""Keeping the log of a state file short, beside the event loop: moving it waits for the disk."""

import asyncio

from chronos_cli.clock import Clock
from chronos_cli.state.store import Store

# How often is looked, in seconds, and how many rows are worth it: about a thousand pages.
_INTERVAL = 1.0
_MANY = 2000


async def keep_log_short(store: Store, clock: Clock) -> None:
    """Move what is written into the file now and then; ends by being cancelled."""
    store.write_log_only()
    moved = store.changes
    while True:
        await clock.sleep(_INTERVAL)
        if store.changes - moved >= _MANY:
            moved = store.changes
            await asyncio.to_thread(store.move_log)
