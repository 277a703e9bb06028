"""The log of a state file is moved into the file beside the event loop."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from chronos_cli.state.entries import HistoryFilter
from chronos_cli.state.log import keep_log_short
from tests.state.support import HandClock, outcome, store_in


class Looks(HandClock):
    """A clock whose sleeps do something each, and whose last one is cancelled."""

    def __init__(self, *naps: Callable[[], object]) -> None:
        super().__init__()
        self._naps = iter(naps)

    async def sleep(self, _seconds: float) -> None:
        if (nap := next(self._naps, None)) is None:
            raise asyncio.CancelledError
        nap()


def test_a_long_log_is_moved_and_a_short_one_is_not(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    file = tmp_path / "state.sqlite"
    store.move_log()
    empty = file.stat().st_size
    two_pages = dict.fromkeys("abcd", "x" * 2000)

    def write(count: int) -> None:
        with store.together():
            for number in range(count):
                store.ended(outcome(f"{count}-{number}", receipt=two_pages), origin="cron")
        assert file.stat().st_size == empty  # the writer has not waited for the disk

    def is_unchanged() -> None:
        assert file.stat().st_size == empty

    clock = Looks(lambda: write(10), is_unchanged, lambda: write(700), lambda: None)
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(keep_log_short(store, clock))
    assert file.stat().st_size > empty
    assert len(store.history(HistoryFilter(limit=5000))) == 710
    store.close()


def test_a_file_that_is_gone_is_no_failure(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    (tmp_path / "state.sqlite").unlink()
    store.move_log()
    assert not (tmp_path / "state.sqlite").exists()
    store.close()
