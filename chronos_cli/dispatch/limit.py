"""Holding a call to a time limit, also one that loses its cancellation."""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

from chronos_cli.clock import Clock

T = TypeVar("T")

# After how long a call that goes on is cancelled again, and how often, in seconds.
_AGAIN_AFTER = 0.5
_TIMES = 8


class LimitError(Exception):
    """The call did not end in time. `notes` are what it left on its cancellation."""

    def __init__(self, notes: list[str]) -> None:
        super().__init__("no end in time")
        self.notes = notes


_left_behind: set["asyncio.Task[Any]"] = set()


def is_held_up() -> bool:
    """Whether a call goes on that cannot be stopped, so that asyncio would wait for it."""
    return any(not task.done() for task in _left_behind)


async def within(seconds: float, call: Coroutine[Any, Any, T]) -> T:
    """Return what a call returns; raise LimitError when it takes longer than `seconds`.

    At the limit, and when the caller is cancelled, the call is cancelled until it ends: client
    libraries lose a cancellation now and then (`asyncio.wait_for` of Python 3.11 does when it
    comes in the moment in which what it waits for is there). One that ends with a result all
    the same has that result. One that cannot be ended is left behind after some seconds, so that
    nobody waits for it for ever.
    """
    task = asyncio.create_task(call)
    try:
        await _ended_or_late(task, seconds)
    except asyncio.CancelledError:
        await end_task(task)
        if _has_ended(task) and task.exception() is None:
            return task.result()
        raise
    if not task.done():
        await end_task(task)
        if not _has_ended(task):
            raise LimitError(_notes(task))
    return task.result()


async def wait_at_most(
    clock: Clock, tasks: Iterable["asyncio.Task[Any]"], seconds: float | None
) -> None:
    """Wait until all tasks have ended, or for so long; without `seconds`, for all of them."""
    rest = set(tasks)
    if not rest:
        return
    if seconds is None:
        await asyncio.wait(rest)
        return
    limit = asyncio.create_task(clock.sleep(seconds))
    while rest and not limit.done():
        _, pending = await asyncio.wait({limit, *rest}, return_when=asyncio.FIRST_COMPLETED)
        rest = pending - {limit}
    limit.cancel()


async def _ended_or_late(task: "asyncio.Task[Any]", seconds: float) -> None:
    """Wait as `asyncio.wait` does for one task, at two thirds of the cost: each attempt pays it."""
    loop = asyncio.get_running_loop()
    waiter = loop.create_future()

    def wake(_: object = None) -> None:
        if not waiter.done():
            waiter.set_result(None)

    task.add_done_callback(wake)
    timer = loop.call_later(seconds, wake)
    try:
        await waiter
    finally:
        timer.cancel()


async def end_task(task: "asyncio.Task[Any]") -> None:
    """Cancel a task until it ends; one that cannot be ended is left behind after some seconds."""
    for _ in range(_TIMES):
        task.cancel()
        await asyncio.wait({task}, timeout=_AGAIN_AFTER)
        if task.done():
            return
    _left_behind.add(task)
    task.add_done_callback(_forget)


def _has_ended(task: "asyncio.Task[Any]") -> bool:
    """Whether a task came to a result, or to a failure of its own, before it was cancelled."""
    return task.done() and not task.cancelled()


def _notes(task: "asyncio.Task[Any]") -> list[str]:
    if not task.done():
        return ["it cannot be stopped, and may still go on"]
    try:
        task.result()
    except asyncio.CancelledError as cancelled:
        return list(getattr(cancelled, "__notes__", []))
    return []


def _forget(task: "asyncio.Task[Any]") -> None:
    """Take note of how it ended, lest asyncio complains of it."""
    _left_behind.discard(task)
    if not task.cancelled():
        task.exception()
