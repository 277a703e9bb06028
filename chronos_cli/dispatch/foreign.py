"""Calls into the code of a plug-in: whatever they let out ends one job, and no more.

A library may call `sys.exit`, or have exceptions that are no `Exception` (a panic of one that is
written in Rust); where such a one got through, the whole program would end, with the exit code of
somebody else.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from chronos_cli.errors import DispatchError, UnreachableError

T = TypeVar("T")


class PluginError(Exception):
    """The code of a plug-in let out an exception, `error`."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(f"{type(error).__name__}: {error}")
        self.error = error


def call(function: Callable[[], T]) -> T:
    """Return what a function of a plug-in returns; PluginError when it fails in whatever way."""
    try:
        return function()
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise PluginError(error) from error


async def call_async(function: Callable[[], Awaitable[T]]) -> T:
    """Return what a coroutine function of a plug-in returns; raises DispatchError alone.

    What nobody foresaw while a far side was spoken to is that far side's disturbance: it may be
    otherwise the next time, and a hostile server must not look like a bug of ours.
    """
    try:
        return await function()
    except (DispatchError, KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as error:
        if _is_our_cancellation(error):
            raise
        message = f"unforeseen {type(error).__name__}: {error}"
        raise UnreachableError(message, code=type(error).__name__) from error


def _is_our_cancellation(error: BaseException) -> bool:
    """Whether it is us who end the current task; client libraries raise CancelledError too."""
    import asyncio  # not for those who only read files

    if not isinstance(error, asyncio.CancelledError):
        return False
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
