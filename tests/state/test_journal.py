"""The state file as executions see it: few transactions, and what becomes of failures."""

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from chronos_cli.dispatch.delivery import Delivery
from chronos_cli.dispatch.execution import Execution
from chronos_cli.dispatch.executor import Executor
from chronos_cli.dispatch.journal import NoJournal
from chronos_cli.dispatch.outcome import Attempt, Outcome, Status
from chronos_cli.dispatch.plugin import Receipt
from chronos_cli.errors import StateError
from chronos_cli.jobs.model import Target
from chronos_cli.redact import Redactor
from chronos_cli.state.entries import HistoryFilter
from chronos_cli.state.journal import StateJournal
from chronos_cli.state.store import Store
from tests.cron.stage import FakeClock, Nowhereness, OneDispatcher, job, settle
from tests.state.support import TICK, HandClock, outcome, store_in


class Silent:
    """Takes in what happens."""

    def on_attempt(self, execution: Execution, attempt: Attempt, wait: float | None) -> None: ...
    def on_outcome(self, outcome: Outcome) -> None: ...
    def on_notice(self, outcome: Outcome) -> None: ...


class Commits:
    """Counts the transactions of a store."""

    def __init__(self, store: Store) -> None:
        self.count = 0
        db = store._database._db
        assert db is not None
        db.set_trace_callback(self._note)

    def _note(self, statement: str) -> None:
        self.count += statement == "COMMIT"


def fail(error: StateError) -> None:
    raise error


def journal_on(
    store: Store,
    on_failed: Callable[[StateError], None] = fail,
    on_restored: Callable[[], None] = lambda: None,
) -> StateJournal:
    return StateJournal(
        lambda: store,
        Redactor(),
        HandClock(),
        origin="run",
        config=None,
        on_failed=on_failed,
        on_restored=on_restored,
        pause=0.0,
    )


def execution(identity: str) -> Execution:
    return Execution(identity, job("report"), TICK)


def statuses(folder: Path) -> dict[str, str]:
    """What another process sees."""
    store = store_in(folder)
    found = {entry.execution_id: entry.status.value for entry in store.history(HistoryFilter())}
    store.close()
    return found


def test_what_begins_in_one_turn_is_recorded_in_one_transaction_before_it_is_sent(
    tmp_path: Path,
) -> None:
    store = store_in(tmp_path)
    journal, commits = journal_on(store), Commits(store)

    async def carry_out(number: int) -> None:
        journal.begin(execution(f"x{number}"))
        await journal.recorded()
        assert statuses(tmp_path)[f"x{number}"] == "running"

    async def play() -> None:
        await asyncio.gather(*map(carry_out, range(50)))

    asyncio.run(play())
    assert commits.count == 1


def test_the_executor_sends_nothing_that_is_not_recorded(tmp_path: Path) -> None:
    """Whichever way it is asked."""
    journal = journal_on(store_in(tmp_path))
    seen: list[str] = []

    class Looking(Nowhereness):
        async def send(self, delivery: Delivery[Target]) -> Receipt:
            seen.append(statuses(tmp_path)[delivery.execution.id])
            return Receipt()

    async def play() -> None:
        dispatchers = OneDispatcher(Looking(FakeClock(TICK), []))
        executor = Executor(HandClock(), journal, Silent(), lambda data: data)
        executor.begin(execution("x"))
        await executor.execute(execution("x"), dispatchers)
        executor.begin(execution("y"))
        await executor.start(execution("y"), dispatchers)

    asyncio.run(play())
    assert seen == ["running"] * 2
    assert statuses(tmp_path) == {"x": "succeeded", "y": "succeeded"}


def test_the_executor_waits_for_the_record(tmp_path: Path) -> None:
    class Slow(NoJournal):
        def __init__(self) -> None:
            self.is_recorded = asyncio.Event()

        async def recorded(self) -> None:
            await self.is_recorded.wait()

    async def play() -> None:
        clock, journal = FakeClock(TICK), Slow()
        far_side = Nowhereness(clock, [])
        executor = Executor(clock, journal, Silent(), lambda data: data)
        task = executor.start(execution("x"), OneDispatcher(far_side))
        await settle()
        assert far_side.sent == []
        journal.is_recorded.set()
        await task
        assert len(far_side.sent) == 1

    asyncio.run(play())


def test_outcomes_are_recorded_at_the_end_of_the_turn(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    journal, commits = journal_on(store), Commits(store)

    async def play() -> None:
        for number in range(50):
            journal.begin(execution(f"x{number}"))
        await journal.recorded()
        for number in range(50):
            attempt = Attempt(number=1, started_at="", duration_ms=1.0, status=Status.SUCCEEDED)
            journal.attempt(execution(f"x{number}"), attempt)
            journal.end(execution(f"x{number}"), of(f"x{number}"))
        await asyncio.sleep(0)
        assert set(statuses(tmp_path).values()) == {"succeeded"}

    asyncio.run(play())
    assert commits.count == 2


def test_an_attempt_that_another_follows_is_recorded_alone(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    journal = journal_on(store)
    attempt = Attempt(number=1, started_at="", duration_ms=1.0, status=Status.UNREACHABLE)

    async def play() -> None:
        journal.begin(execution("x"))
        await journal.recorded()
        journal.attempt(execution("x"), attempt)
        await asyncio.sleep(0)
        (entry,) = store_in(tmp_path).find("x")
        assert entry.attempts == [attempt]

    asyncio.run(play())


def test_what_was_recorded_is_seen_at_once_by_whoever_asks(tmp_path: Path) -> None:
    journal = journal_on(store_in(tmp_path))

    async def play() -> None:
        journal.begin(execution("x"), tick=True)
        assert journal.has("x")
        assert journal.last_ticks([job("report")]) == {"report": TICK}

    asyncio.run(play())


def test_a_batch_that_fails_loses_no_outcome(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    store.set_patience(0.01)
    failures: list[StateError] = []
    restored: list[bool] = []
    journal = journal_on(
        store, on_failed=failures.append, on_restored=lambda: restored.append(True)
    )
    holder = sqlite3.connect(tmp_path / "state.sqlite", isolation_level=None)

    async def play() -> None:
        journal.begin(execution("before"))
        await journal.recorded()
        holder.execute("BEGIN IMMEDIATE")
        journal.begin(execution("during"))
        await journal.recorded()
        for identity in ("before", "during"):
            journal.end(execution(identity), of(identity))
            await asyncio.sleep(0)
        assert failures
        holder.execute("ROLLBACK")
        journal.begin(execution("after"))
        await journal.recorded()

    asyncio.run(play())
    holder.close()
    assert restored == [True]
    expected = {"before": "succeeded", "during": "succeeded", "after": "running"}
    assert statuses(tmp_path) == expected


def test_a_transaction_without_a_change_is_no_sign_that_the_file_can_be_written(
    tmp_path: Path,
) -> None:
    store = store_in(tmp_path)
    restored: list[bool] = []
    journal = journal_on(store, on_failed=lambda _: None, on_restored=lambda: restored.append(True))
    store.set_patience(0.01)
    journal.mark(job("report"), TICK)
    holder = sqlite3.connect(tmp_path / "state.sqlite", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    journal.mark(job("report"), TICK.replace(hour=10))
    holder.execute("ROLLBACK")
    holder.close()
    journal.mark(job("report"), TICK)
    assert restored == []
    journal.mark(job("report"), TICK.replace(hour=11))
    assert restored == [True]


@pytest.mark.parametrize("is_deleted", [True, False])
def test_the_end_of_a_process_restores_nothing_that_is_gone(
    tmp_path: Path, is_deleted: bool
) -> None:
    store = store_in(tmp_path)
    failures: list[StateError] = []
    restored: list[bool] = []
    journal = journal_on(
        store, on_failed=failures.append, on_restored=lambda: restored.append(True)
    )
    path = tmp_path / "state.sqlite"
    path.rename(tmp_path / "away")
    journal.end(execution("x"), of("x"))
    assert failures
    if not is_deleted:
        (tmp_path / "away").rename(path)
    journal.close()
    assert restored == ([] if is_deleted else [True])


def of(identity: str) -> Outcome:
    return outcome(identity, job_id="report")
