"""Retry in an injected time: nothing here waits."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chronos_cli.dispatch.attempts import Attempts
from chronos_cli.dispatch.delivery import Delivery
from chronos_cli.dispatch.execution import Execution
from chronos_cli.dispatch.outcome import Outcome, Status
from chronos_cli.dispatch.plugin import Preview, Receipt
from chronos_cli.dispatch.retry import backoff, is_retryable, wait_after
from chronos_cli.errors import DispatchError, RejectedError, TimedOutError, UnreachableError
from chronos_cli.jobs.model import Job, JobSpec, Payload, RetryPolicy, Target
from chronos_cli.problems import Position
from chronos_cli.protocols.http.response import retry_after


@dataclass
class FakeClock:
    elapsed: float = 0.0
    slept: list[float] = field(default_factory=list)

    def now(self) -> datetime:
        return datetime(2026, 11, 23, tzinfo=UTC) + timedelta(seconds=self.elapsed)

    def monotonic(self) -> float:
        return self.elapsed

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.elapsed += seconds


class Nowhere(Target, kw_only=True, frozen=True):
    def describe(self) -> str:
        return "nowhere"


class Scripted:
    """Fails as the script says, then succeeds; each attempt takes `took` seconds."""

    def __init__(self, script: list[DispatchError], clock: FakeClock, took: float = 0.0) -> None:
        self.script = script
        self.clock = clock
        self.took = took
        self.deliveries: list[Delivery[Target]] = []

    async def send(self, delivery: Delivery[Target]) -> Receipt:
        self.deliveries.append(delivery)
        self.clock.elapsed += self.took
        if self.script:
            raise self.script.pop(0)
        return Receipt(code="OK")

    async def preview(self, delivery: Delivery[Target]) -> Preview:
        raise NotImplementedError

    async def close(self) -> None:
        pass


def outcome(
    script: list[DispatchError], took: float = 0.0, admitted_after: float = 0.0, **spec: Any
) -> tuple[Outcome, FakeClock, Scripted]:
    clock = FakeClock()

    async def admit(execution: Execution) -> None:
        clock.elapsed += admitted_after

    dispatcher = Scripted(script, clock, took)
    policy = {"max_attempts": 3, "initial_interval": 1.0, "jitter": 0.0, **spec.pop("policy", {})}
    job = Job(
        id="a",
        spec=JobSpec(name="a", retry_policy=RetryPolicy(**policy), **spec),
        key="scripted",
        protocol="scripted",
        target=Nowhere(),
        payload=Payload(),
        position=Position("a.yaml"),
    )
    execution = Execution("id-1", job, clock.now())
    attempts = Attempts(clock, execution, dispatcher, admit=admit, random=random.Random(1))
    return asyncio.run(attempts.outcome()), clock, dispatcher


def busy(**details: Any) -> UnreachableError:
    return UnreachableError("busy", code="503", **details)


def test_succeeds_at_the_third_attempt() -> None:
    result, clock, dispatcher = outcome([busy(), busy()])
    assert result.status is Status.SUCCEEDED
    assert [attempt.status for attempt in result.attempts] == [
        Status.UNREACHABLE,
        Status.UNREACHABLE,
        Status.SUCCEEDED,
    ]
    assert clock.slept == [1.0, 2.0]
    assert {d.metadata["X-Chronos-Execution-ID"] for d in dispatcher.deliveries} == {"id-1"}
    assert [d.metadata["X-Chronos-Attempt"] for d in dispatcher.deliveries] == ["1", "2", "3"]


def test_what_is_waited_for_before_an_attempt_is_not_of_its_time() -> None:
    result, _, dispatcher = outcome([busy()], admitted_after=40.0, timeout=30.0)
    assert result.status is Status.SUCCEEDED
    assert [one.duration_ms for one in result.attempts] == [0, 0]
    assert [one.timeout for one in dispatcher.deliveries] == [30.0, 30.0]


def test_no_attempt_is_made_that_is_admitted_too_late() -> None:
    result, _, dispatcher = outcome([], admitted_after=40.0, deadline=30.0)
    assert result.status is Status.TIMED_OUT
    assert result.message.startswith("its time was over before it was sent (deadline 30s)")
    assert not dispatcher.deliveries


def test_each_attempt_has_a_parent_id_of_its_own_in_one_trace() -> None:
    _, _, dispatcher = outcome([busy(), busy()])
    parents = [d.metadata["traceparent"].split("-") for d in dispatcher.deliveries]
    assert len({parts[1] for parts in parents}) == 1
    assert len({parts[2] for parts in parents}) == 3


def test_gives_up_after_max_attempts() -> None:
    result, clock, _ = outcome([busy(), busy(), busy(), busy()])
    assert (result.status, result.code, len(result.attempts)) == (Status.UNREACHABLE, "503", 3)
    assert clock.slept == [1.0, 2.0]


def test_a_rejection_is_not_repeated() -> None:
    result, clock, _ = outcome([RejectedError("no", code="404")])
    assert (result.status, len(result.attempts), clock.slept) == (Status.REJECTED, 1, [])


def test_retry_after_is_honoured() -> None:
    result, clock, _ = outcome([busy(retry_after=7.0)])
    assert (result.status, clock.slept) == (Status.SUCCEEDED, [7.0])


def test_retry_after_beyond_the_deadline_ends_at_once() -> None:
    result, clock, _ = outcome([busy(retry_after=3600.0)], deadline=60.0)
    assert (result.status, len(result.attempts), clock.slept) == (Status.UNREACHABLE, 1, [])
    assert "deadline 1m" in result.message


@pytest.mark.parametrize(("wait", "attempts"), [(59.0, 2), (60.0, 1)])
def test_a_wait_that_takes_all_that_is_left_is_not_begun(wait: float, attempts: int) -> None:
    result, _, _ = outcome([busy(retry_after=wait)], deadline=60.0)
    assert len(result.attempts) == attempts


def test_without_deadline_a_day_of_retry_after_is_not_waited_for() -> None:
    result, clock, _ = outcome([busy(retry_after=86400.0)])
    assert (result.status, clock.slept) == (Status.UNREACHABLE, [])


def test_waits_never_overrun_the_deadline() -> None:
    policy = {"max_attempts": 100, "initial_interval": 2.0}
    result, clock, _ = outcome([busy() for _ in range(99)], 0.5, deadline=10.0, policy=policy)
    assert result.status is Status.UNREACHABLE
    assert clock.elapsed <= 10.0


def test_the_far_side_can_forbid_a_retry() -> None:
    result, _, _ = outcome([busy(final=True)])
    assert len(result.attempts) == 1


def test_a_timed_out_attempt_is_repeated() -> None:
    result, _, _ = outcome([TimedOutError("late")])
    assert [attempt.status for attempt in result.attempts] == [Status.TIMED_OUT, Status.SUCCEEDED]


@pytest.mark.parametrize(
    ("retry_on", "error", "expected"),
    [
        (("unreachable",), busy(), True),
        (("timeout",), busy(), False),
        (("503",), busy(), True),
        (("409",), RejectedError("no", code="409"), True),
        (("timeout",), TimedOutError("late"), True),
        (("timed_out",), TimedOutError("late"), True),
        (("timed_out",), busy(), False),
        (("312",), RejectedError("no route", code="312 NO_ROUTE"), True),
        (("expectation",), RejectedError("no", kind="expectation"), True),
        (("5xx",), busy(), True),
        (("4xx",), busy(), False),
        (("5XX",), busy(), True),
        (("3xx",), RejectedError("no route", code="312 NO_ROUTE"), True),
        ((), busy(), False),
    ],
)
def test_retry_on(retry_on: tuple[str, ...], error: DispatchError, expected: bool) -> None:
    statuses = {RejectedError: Status.REJECTED, TimedOutError: Status.TIMED_OUT}
    status = statuses.get(type(error), Status.UNREACHABLE)
    assert is_retryable(RetryPolicy(retry_on=retry_on), status, error) is expected


def test_backoff_grows_and_is_bounded() -> None:
    policy = RetryPolicy(initial_interval=1.0, max_interval=10.0, multiplier=2.0, jitter=0.0)
    waits = [backoff(policy, attempt, random.Random(1)) for attempt in (1, 2, 3, 4, 5, 5000)]
    assert waits == [1.0, 2.0, 4.0, 8.0, 10.0, 10.0]


def test_jitter_stays_in_its_share_and_under_the_bound() -> None:
    policy = RetryPolicy(initial_interval=9.0, max_interval=10.0, jitter=0.2)
    source = random.Random(7)
    waits = [backoff(policy, 1, source) for _ in range(1000)]
    assert 7.2 <= min(waits) < 7.5
    assert max(waits) == 10.0
    assert len(set(waits)) > 100


def test_the_wait_is_never_shorter_than_asked_for() -> None:
    wait: Callable[[float], float] = lambda asked: wait_after(  # noqa: E731
        RetryPolicy(jitter=0.0), 1, busy(retry_after=asked), random.Random(1)
    )
    assert (wait(0.0), wait(5.0)) == (1.0, 5.0)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        (" 0 ", 0.0),
        ("Mon, 23 Nov 2026 00:01:00 GMT", 60.0),
        ("Mon, 23 Nov 2020 00:00:00 GMT", 0.0),
        ("soon", None),
        ("-5", None),
        ("Mon, 99 Nov 2026 00:01:00 GMT", None),
        (None, None),
    ],
)
def test_retry_after_header(value: str | None, seconds: float | None) -> None:
    assert retry_after(value, datetime(2026, 11, 23, tzinfo=UTC)) == seconds
