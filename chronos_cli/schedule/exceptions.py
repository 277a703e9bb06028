"""When a schedule keeps silent: days, ranges, events of a calendar, quiet hours."""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from itertools import product

from msgspec import Struct, structs

from chronos_cli.schedule.expression import Cron
from chronos_cli.schedule.moments import is_day, parse_day, parse_moment
from chronos_cli.schedule.passage import first_instant
from chronos_cli.schedule.zones import load_zone

_DAY = timedelta(days=1)
_MIDNIGHT = time()


class Span(Struct, frozen=True):
    """From `first` up to before `last`, readings of the clock of `zone`; None is the job's own.

    It comes again every so many years where `years` is not 0, up to a last `first`, `until`.
    `words` is what people are told of it.
    """

    first: datetime
    last: datetime
    words: str
    zone: str | None = None
    years: int = 0
    until: datetime | None = None

    def occurrences(self, year: int) -> Iterator[tuple[datetime, datetime]]:
        """Yield the times that it takes in and around a year."""
        if not self.years:
            yield self.first, self.last
            return
        for one in (year - 1, year, year + 1):
            begins = self._in_year(one)
            if begins is not None:
                yield begins, begins + (self.last - self.first)

    def _in_year(self, year: int) -> datetime | None:
        if year < self.first.year or (year - self.first.year) % self.years:
            return None
        try:
            begins = self.first.replace(year=year)
        except ValueError:  # 29 February comes in leap years only
            return None
        return begins if self.until is None or begins <= self.until else None


class QuietHours(Struct, frozen=True):
    """Every day from `begin` up to before `end` on the job's clock; past midnight where less."""

    begin: time
    end: time
    words: str

    def includes(self, clock: time) -> bool:
        """Whether a reading of the clock lies in them."""
        if self.begin < self.end:
            return self.begin <= clock < self.end
        return clock >= self.begin or clock < self.end

    def end_after(self, reading: datetime) -> datetime:
        """Return when those that a reading lies in are over, on the same clock."""
        end = reading.replace(hour=self.end.hour, minute=self.end.minute, second=0, microsecond=0)
        return end if end > reading else end + _DAY


Exemption = Span | QuietHours


class Window(Struct, frozen=True):
    """A span as instants, in UTC; up to `silent_until` others follow without a gap."""

    begins: datetime
    ends: datetime
    words: str
    silent_until: datetime


def parse_exemption(text: str) -> Exemption:
    """Read a date, a range `A..B` of dates or times, or quiet hours `22:00-06:00`.

    Raises ValueError, with a message for the user.
    """
    first, dots, last = text.partition("..")
    if dots:
        return _range(first.strip(), last.strip(), text)
    if is_day(text):
        return whole_days(parse_day(text), parse_day(text), text)
    begin, dash, end = text.partition("-")
    if dash and len(begin) == len(end) == 5 and begin[2] == end[2] == ":":
        return _quiet_hours(begin, end, text)
    forms = "2026-12-24, 2026-12-24..2027-01-01, 22:00-06:00 or holidays.ics"
    raise ValueError(f"'{text[:40]}' is no date, range, hours or file; write such as {forms}")


def whole_days(first: date, last: date, words: str) -> Span:
    """Return a span of days, both included."""
    begins, ends = (datetime.combine(day, _MIDNIGHT) for day in (first, last))
    return Span(begins, ends + _DAY, words)


def windows(spans: Iterable[Span], zone: str, year: int) -> list[Window]:
    """Return what spans take of a year, in order; none reaches into another."""
    begins = datetime(year, 1, 1, tzinfo=UTC)
    ends = datetime(year, 12, 31, 23, 59, 59, 999_999, UTC)
    found = [
        window
        for span in spans
        for window in _windows(span, load_zone(span.zone or zone), year)
        if window.begins <= ends and window.ends > begins
    ]
    return _chained(list(_apart(sorted(found, key=lambda window: window.begins))))


def never_speaks(cron: Cron, quiet: Iterable[QuietHours]) -> bool:
    """Whether all times of the day of an expression lie in quiet hours."""
    hours = list(quiet)
    times = product(cron.hour.values, cron.minute.values, cron.second.values)
    return all(any(one.includes(time(*clock)) for one in hours) for clock in times)


def _range(first: str, last: str, text: str) -> Span:
    if is_day(first) != is_day(last):
        raise ValueError(f"'{text[:60]}' goes from a date to a time; write two dates or two times")
    if is_day(first):
        span = whole_days(parse_day(first), parse_day(last), text)
    else:
        begins, ends = parse_moment(first), parse_moment(last)
        if (begins.tzinfo is None) != (ends.tzinfo is None):
            raise ValueError(f"'{text[:60]}': one time has an offset, the other has none")
        zone = None if begins.tzinfo is None else "UTC"
        span = Span(_naive(begins), _naive(ends), text, zone)
    if span.last <= span.first:
        raise ValueError(f"'{text[:60]}' ends before it begins")
    return span


def _naive(moment: datetime) -> datetime:
    return moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)


def _quiet_hours(begin: str, end: str, text: str) -> QuietHours:
    try:
        # A day ends with 24:00, which is the next one's 00:00.
        hours = time.fromisoformat(begin), time.fromisoformat("00:00" if end == "24:00" else end)
    except ValueError:
        raise ValueError(f"'{text}' is not a time of the day such as 22:00-06:00") from None
    if hours[0] == hours[1]:
        raise ValueError(f"'{text}' leaves no time of the day; 'enabled: false' stops a job")
    return QuietHours(*hours, text)


def _windows(span: Span, zone: tzinfo, year: int) -> Iterator[Window]:
    for first, last in span.occurrences(year):
        begins, ends = first_instant(first, zone), first_instant(last, zone)
        yield Window(begins, ends, span.words, ends)


def _apart(found: Iterable[Window]) -> Iterator[Window]:
    """Yield windows, which are in order, each without what earlier ones took."""
    taken = datetime.min.replace(tzinfo=UTC)
    for window in found:
        if window.ends > taken:
            begins = max(window.begins, taken)
            taken = window.ends
            yield Window(begins, taken, window.words, taken)


def _chained(found: list[Window]) -> list[Window]:
    """Return windows that know how far they go on with those that follow at once."""
    chained: list[Window] = []
    for window in reversed(found):
        goes_on = bool(chained) and chained[-1].begins == window.ends
        until = chained[-1].silent_until if goes_on else window.ends
        chained.append(structs.replace(window, silent_until=until))
    return chained[::-1]
