"""Figures of jobs, and executions that are found by the beginning of their ID."""

import math
import random
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path

import pytest
from msgspec import structs

from chronos_cli.app.identity import full_id
from chronos_cli.dispatch.outcome import Outcome, Status
from chronos_cli.errors import UsageError
from chronos_cli.state.entries import HistoryFilter, JobStats
from tests.state.support import TICK, HandClock, outcome, store_in
from tests.state.test_store import change

STATUSES = list(Status)


def expected(job_id: str, outcomes: Sequence[Outcome]) -> JobStats:
    """The same, counted by hand."""
    ended = [one for one in outcomes if one.status is not Status.SKIPPED]
    good = [one.status is Status.SUCCEEDED for one in ended]
    took = sorted(one.duration_ms for one in ended)
    streak = len(list(takewhile(lambda one: one == good[-1], reversed(good)))) if good else 0

    def rank(percent: int) -> float | None:
        return took[math.ceil(len(took) * percent / 100) - 1] if took else None

    return JobStats(
        job_id=job_id,
        executions=len(ended),
        succeeded=sum(good),
        failed=len(good) - sum(good),
        success_rate=sum(good) / len(good) if good else None,
        p50_ms=rank(50),
        p95_ms=rank(95),
        last_success=None,
        streak=streak if good and good[-1] else -streak,
    )


@pytest.mark.parametrize("seed", range(5))
def test_figures_are_those_that_one_counts_by_hand(tmp_path: Path, seed: int) -> None:
    draw = random.Random(seed)
    store = store_in(tmp_path)
    told: dict[str, list[Outcome]] = {}
    for number in range(draw.randrange(1, 80)):
        job_id = draw.choice("abc")
        status, took = draw.choice(STATUSES), float(draw.randrange(5))
        one = outcome(f"x{number}", status, job_id=job_id, duration_ms=took)
        told.setdefault(job_id, []).append(one)
        store.ended(one, origin="run")
    found = store.stats(HistoryFilter())
    assert [stats.job_id for stats in found] == sorted(told)
    for stats in found:
        by_hand = expected(stats.job_id, told[stats.job_id])
        assert (stats.last_success is None) == (stats.succeeded == 0)
        assert structs.replace(stats, last_success=None) == by_hand
    store.close()


def test_a_span_and_a_job_of_them(tmp_path: Path) -> None:
    clock = HandClock()
    store = store_in(tmp_path, clock)
    for number, status in enumerate((Status.REJECTED, Status.SUCCEEDED, Status.SUCCEEDED)):
        store.ended(outcome(f"x{number}", status), origin="run")
        clock.turn(60)
    store.ended(outcome("y", Status.TIMED_OUT, job_id="other"), origin="run")
    (report,) = store.stats(HistoryFilter(jobs=frozenset({"report"})))
    assert (report.executions, report.streak) == (3, 2)
    assert report.last_success is not None
    assert (report.last_success - TICK).total_seconds() == 120
    later = store.stats(HistoryFilter(since=clock.now()))
    assert [(one.job_id, one.streak, one.success_rate) for one in later] == [("other", -1, 0.0)]
    store.close()


def test_what_died_has_failed_and_what_runs_does_not_count(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    for name in ("died", "runs"):
        store.started(name, name, TICK, origin="run")
    change(tmp_path, "UPDATE runs SET boot = 'an earlier one' WHERE job_id = 'died'")
    (died,) = store.stats(HistoryFilter())
    assert (died.job_id, died.executions, died.failed, died.streak) == ("died", 1, 1, -1)
    assert (died.p50_ms, died.last_success) == (None, None)
    store.close()


def test_the_beginning_of_an_id_is_enough(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    where = tmp_path / "state.sqlite"
    for identity in ("5f0c1d1e-1", "5f0c9999-2", "x1", "x10", "ü1"):
        store.ended(outcome(identity), origin="run")
    store.ended(outcome("x1", job_id="other"), origin="run")
    assert full_id("5f0c1", store, where) == "5f0c1d1e-1"
    assert full_id("x10", store, where) == "x10"
    assert full_id("x1", store, where) == "x1"  # whole, though another begins so
    assert full_id("ü", store, where) == "ü1"
    with pytest.raises(UsageError) as caught:
        full_id("5f0c", store, where)
    assert str(caught.value) == (
        "'5f0c' is the beginning of several executions: 5f0c1d1e-1 (report), 5f0c9999-2 (report); "
        "write more of it"
    )
    for nothing in ("", "5g", "%", "5f0c1d1e-11", "X1"):
        with pytest.raises(UsageError, match="no execution"):
            full_id(nothing, store, where)
    store.ended(outcome("5f0c9999-2.on_failure"), origin="run")
    assert full_id("5f0c9", store, where) == "5f0c9999-2"  # not what tells of it
    for number in range(20):
        store.ended(outcome(f"many-{number:02}"), origin="run")
    with pytest.raises(UsageError, match=r"many-04 \(report\) and more; write more of it"):
        full_id("many", store, where)
    store.close()
