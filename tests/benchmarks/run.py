"""Measures rows: each ends as a figure, or as a blank with its reason."""

from collections.abc import Iterator, Sequence, Set

from tests.benchmarks import fanout, overhead, reading, startup, ticks, timetable
from tests.benchmarks.bench import Bench, Measurement
from tests.benchmarks.measure import FailureError, Figure, UnavailableError
from tests.benchmarks.table import ROWS, Result, Row
from tests.brokers.process import BrokerError

MEASUREMENTS: tuple[Measurement, ...] = (
    *startup.MEASUREMENTS,
    *fanout.MEASUREMENTS,
    *overhead.MEASUREMENTS,
    *reading.MEASUREMENTS,
    *timetable.MEASUREMENTS,
    *ticks.MEASUREMENTS,
)


def measured(bench: Bench, only: Set[str] = frozenset()) -> Iterator[Result]:
    """Measure all rows, or those that are named."""
    rows = {row.name: row for row in ROWS}
    for measurement in MEASUREMENTS:
        wanted = [rows[name] for name in measurement.rows]
        if only and not only & set(measurement.rows):
            continue
        yield from results_of(bench, measurement, wanted)


def results_of(bench: Bench, measurement: Measurement, rows: Sequence[Row]) -> list[Result]:
    """Take one measurement; what keeps it from a figure is the reason of its rows."""
    try:
        figures: Sequence[Figure] = measurement.take(bench)
    except UnavailableError as error:
        return [Result(row, reason=str(error)) for row in rows]
    except (FailureError, BrokerError) as error:
        return [Result(row, reason=str(error), failed=True) for row in rows]
    return [Result(row, figure) for row, figure in zip(rows, figures, strict=True)]
