"""A clock to turn by hand, and stores to try."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from chronos_cli.dispatch.outcome import Attempt, Outcome, Status
from chronos_cli.redact import Redactor
from chronos_cli.state.store import Store

TICK = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


@dataclass
class HandClock:
    """A clock that stands until it is turned."""

    moment: datetime = field(default_factory=lambda: datetime(2026, 11, 23, 9, 0, tzinfo=UTC))
    seconds: float = 1000.0

    def now(self) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.turn(seconds)

    def turn(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)
        self.seconds += seconds


def store_in(
    folder: Path, clock: HandClock | None = None, redactor: Redactor | None = None
) -> Store:
    return Store.open(folder / "state.sqlite", redactor or Redactor(), clock or HandClock())


def outcome(execution_id: str, status: Status = Status.SUCCEEDED, **keys: Any) -> Outcome:
    attempt = Attempt(number=1, started_at=TICK.isoformat(), duration_ms=1.5, status=status)
    values: dict[str, Any] = {
        "job_id": "report",
        "job_name": "Report",
        "protocol": "http",
        "target": "POST http://far/",
        "scheduled_time": TICK.isoformat(),
        "attempts": [attempt],
    }
    return Outcome(execution_id=execution_id, status=status, **{**values, **keys})
