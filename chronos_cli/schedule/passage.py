"""How a zone's wall clock runs past an instant: readings, gaps and folds.

Instants are aware datetimes in UTC, readings naive ones on the wall clock; all in whole seconds.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo

from msgspec import Struct

_SECOND = timedelta(seconds=1)
# Two changes within it that undo each other would be passed by.
_STRIDE = timedelta(days=7)


class Change(Struct, frozen=True):
    """The clock is put: at `instant` it would have read `before`, and reads `after`."""

    instant: datetime
    before: datetime
    after: datetime


def reading(instant: datetime, zone: tzinfo) -> datetime:
    """Return what the clock reads, with `fold` 1 in the second pass of a fold."""
    return instant.astimezone(zone).replace(tzinfo=None)


def first_instant(moment: datetime, zone: tzinfo) -> datetime:
    """Return when the clock first reads `moment` or, if it is put past it, when that happens."""
    if gap := gap_at(moment, zone):
        return gap.instant
    return moment.replace(tzinfo=zone, fold=0).astimezone(UTC)


def second_instant(moment: datetime, zone: tzinfo) -> datetime:
    """Return when the clock reads `moment` for the last time; it must not be in a gap."""
    return moment.replace(tzinfo=zone, fold=1).astimezone(UTC)


def gap_at(moment: datetime, zone: tzinfo) -> Change | None:
    """Return the gap that swallows a reading."""
    late = moment.replace(tzinfo=zone, fold=0).astimezone(UTC)
    early = moment.replace(tzinfo=zone, fold=1).astimezone(UTC)
    # Of a time in a gap, fold 0 counts with the offset before it and so lands after it.
    return _change_between(early, late, zone) if early < late else None


def fold_at(moment: datetime, zone: tzinfo) -> Change | None:
    """Return the fold in which the clock reads `moment` twice."""
    early = moment.replace(tzinfo=zone, fold=0).astimezone(UTC)
    late = moment.replace(tzinfo=zone, fold=1).astimezone(UTC)
    return _change_between(early, late, zone) if early < late else None


def gap_ending(instant: datetime, zone: tzinfo) -> Change | None:
    """Return the gap whose end an instant is."""
    change = _change(instant, zone)
    return change if change.before < change.after else None


def changes(zone: tzinfo, after: datetime, until: datetime) -> Iterator[Change]:
    """Yield the changes of the clock later than `after` and not later than `until`, in order."""
    low = after.replace(microsecond=0)
    while low < until:
        high = min(low + _STRIDE, until)
        offset = low.astimezone(zone).utcoffset()
        if high.astimezone(zone).utcoffset() != offset:
            change = _change_between(low, high, zone)
            yield change
            high = change.instant
        low = high


def _change_between(low: datetime, high: datetime, zone: tzinfo) -> Change:
    """Return the one change of the offset after `low` and not after `high`."""
    offset = low.astimezone(zone).utcoffset()
    while high - low > _SECOND:
        middle = low + (high - low) // _SECOND // 2 * _SECOND
        if middle.astimezone(zone).utcoffset() == offset:
            low = middle
        else:
            high = middle
    return _change(high, zone)


def _change(instant: datetime, zone: tzinfo) -> Change:
    return Change(
        instant,
        reading(instant - _SECOND, zone).replace(fold=0) + _SECOND,
        reading(instant, zone).replace(fold=0),
    )
