"""A call is held to its limit, whatever it makes of being cancelled."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from chronos_cli.dispatch import limit
from chronos_cli.dispatch.limit import LimitError, within

LONG = 1.0  # in seconds, beside the milliseconds of everything else


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limit, "_AGAIN_AFTER", 0.01)


async def stubborn(losses: int) -> str:
    """Lose so many cancellations, as `asyncio.wait_for` of Python 3.11 can."""
    for _ in range(losses):
        try:
            await asyncio.sleep(LONG)
        except asyncio.CancelledError:
            continue
    await asyncio.sleep(LONG)
    return "never"


async def noted() -> str:
    try:
        await asyncio.sleep(LONG)
    except asyncio.CancelledError as cancelled:
        cancelled.add_note("waiting for a token")
        raise
    return "never"


async def resulting(result: str | Exception) -> str:
    """Be through in the very moment in which the cancellation comes."""
    try:
        await asyncio.sleep(LONG)
    except asyncio.CancelledError:
        if isinstance(result, Exception):
            raise result from None
    return str(result)


def limited(call: Coroutine[Any, Any, str]) -> str:
    return asyncio.run(within(0.02, call))


def test_what_ends_in_time_has_its_result() -> None:
    assert limited(asyncio.sleep(0, "done")) == "done"


@pytest.mark.parametrize("losses", [0, 1, 5])
def test_a_lost_cancellation_is_sent_again(losses: int) -> None:
    with pytest.raises(LimitError) as caught:
        limited(stubborn(losses))
    assert caught.value.notes == []


def test_what_cannot_be_stopped_holds_nobody_up() -> None:
    with pytest.raises(LimitError) as caught:
        limited(stubborn(10))
    assert caught.value.notes == ["it cannot be stopped, and may still go on"]


def test_the_notes_on_the_cancellation_are_kept() -> None:
    with pytest.raises(LimitError) as caught:
        limited(noted())
    assert caught.value.notes == ["waiting for a token"]


def test_a_result_in_the_last_moment_is_a_result() -> None:
    assert limited(resulting("arrived")) == "arrived"
    with pytest.raises(ZeroDivisionError):
        limited(resulting(ZeroDivisionError()))


async def cancelled(call: Coroutine[Any, Any, str]) -> str:
    """What the caller gets that is cancelled while it waits."""
    task = asyncio.create_task(within(LONG, call))
    await asyncio.sleep(0.01)
    task.cancel()
    return await task


@pytest.mark.parametrize("losses", [0, 3, 10])
def test_a_caller_that_is_cancelled_ends_the_call(losses: int) -> None:
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cancelled(stubborn(losses)))


def test_a_cancelled_caller_gets_a_result_but_nothing_to_try_again() -> None:
    assert asyncio.run(cancelled(resulting("arrived"))) == "arrived"
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cancelled(resulting(ConnectionError())))
