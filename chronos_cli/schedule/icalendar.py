"""The events of an iCalendar file (RFC 5545), as spans; what is not understood is refused.

Only what calendars of holidays and maintenance hold: single events and yearly ones, with DTSTART
and DTEND or DURATION, of whole days or with a time.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta

from msgspec import Struct

from chronos_cli.schedule.exceptions import Span
from chronos_cli.schedule.zones import load_zone

_MOST_EVENTS = 2000
_DEEPEST = 10
_DAY = timedelta(days=1)
_LONGEST = timedelta(days=366)
_LINE = r"([A-Za-z0-9-]+)((?:;[^:;=]+=(?:\"[^\"]*\"|[^:;\"]*))*):(.*)"
_PARAMETER = r";([^:;=]+)=(\"[^\"]*\"|[^:;\"]*)"
_STAMP = r"(\d{8})(?:T(\d{6})(Z?))?"
_DURATION = r"\+?P(?:(\d{1,4})W|(?:(\d{1,4})D)?(?:T(?:(\d{1,4})H)?(?:(\d{1,5})M)?(?:(\d{1,6})S)?)?)"
_IN_EVENT = ["VCALENDAR", "VEVENT"]
# What says when an event takes place, once.
_TIMES = frozenset({"DTSTART", "DTEND", "DURATION", "RRULE"})
# What would change when an event takes place, in ways that are not known here.
_UNKNOWN = ("RDATE", "EXDATE", "EXRULE", "RECURRENCE-ID")


class _Property(Struct, frozen=True):
    line: int
    name: str
    parameters: Mapping[str, str]
    value: str


class IcsError(ValueError):
    """What is wrong with a file, with its line: a message for the user."""


def events(text: str) -> list[Span]:
    """Return the events of a calendar; IcsError for a file that is none, or not understood."""
    found: list[Span] = []
    for properties in _components(text):
        span = _span(properties)
        if span is not None:
            found.append(span)
        if len(found) > _MOST_EVENTS:
            raise IcsError(f"it holds more than {_MOST_EVENTS} events")
    return found


def _components(text: str) -> Iterator[dict[str, _Property]]:
    """Yield the properties of each event, those of alarms and other components left out."""
    within: list[str] = []
    event: dict[str, _Property] = {}
    for one in _properties(text):
        if one.name == "BEGIN":
            within.append(one.value.upper())
            if len(within) > _DEEPEST:
                raise IcsError(f"line {one.line}: more than {_DEEPEST} components in each other")
            event = {} if within == _IN_EVENT else event
        elif one.name == "END":
            if not within or within.pop() != one.value.upper():
                raise IcsError(f"line {one.line}: END:{one.value[:40]} ends nothing")
            if [*within, one.value.upper()] == _IN_EVENT:
                yield event
            if not within:
                return
        elif within == _IN_EVENT:
            _add(one, event)
        if within[:1] != ["VCALENDAR"]:
            break
    raise IcsError("it is no whole iCalendar file (BEGIN:VCALENDAR … END:VCALENDAR)")


def _add(one: _Property, event: dict[str, _Property]) -> None:
    if one.name in event and one.name in _TIMES:
        raise IcsError(f"line {one.line}: a second {one.name} in one event")
    event[one.name] = one


def _properties(text: str) -> Iterator[_Property]:
    for number, line in _unfolded(text):
        match = re.fullmatch(_LINE, line)
        if match is None:
            raise IcsError(f"line {number}: cannot read '{line[:40]}'")
        pairs = re.findall(_PARAMETER, match[2])
        parameters = {name.upper(): value.strip('"') for name, value in pairs}
        yield _Property(number, match[1].upper(), parameters, match[3].strip())


def _unfolded(text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines with their numbers; one that begins with a blank goes on the one before."""
    parts: list[str] = []
    first = 0
    for number, ended in enumerate(text.lstrip("\ufeff").split("\n"), 1):
        line = ended.removesuffix("\r")
        if line[:1] in {" ", "\t"} and parts:
            parts.append(line[1:])
            continue
        if parts:
            yield first, "".join(parts)
        parts, first = ([line], number) if line.strip() else ([], number)
    if parts:
        yield first, "".join(parts)


def _span(event: Mapping[str, _Property]) -> Span | None:
    """Return what an event takes; None for one that is cancelled."""
    if "STATUS" in event and event["STATUS"].value.upper() == "CANCELLED":
        return None
    for name in _UNKNOWN:
        if name in event:
            raise IcsError(f"line {event[name].line}: {name} is not supported")
    start = event.get("DTSTART")
    if start is None:
        raise IcsError("an event has no DTSTART")
    first, zone = _moment(start)
    last = _end(event, first, zone)
    summary = re.sub(r"\\(.)", r"\1", event["SUMMARY"].value) if "SUMMARY" in event else ""
    words = summary[:60] or f"{first:%Y-%m-%d}"
    span = Span(_start_of(first), _start_of(last), words, zone)
    if span.last <= span.first or span.last - span.first > _LONGEST:
        raise IcsError(f"line {start.line}: the event ends before it begins, or after a year")
    return _repeated(span, event["RRULE"]) if "RRULE" in event else span


def _end(event: Mapping[str, _Property], first: date, zone: str | None) -> date:
    if end := event.get("DTEND"):
        last, other = _moment(end)
        if isinstance(last, datetime) != isinstance(first, datetime):
            raise IcsError(f"line {end.line}: DTSTART and DTEND are not both dates or both times")
        if isinstance(last, datetime) and other != zone:
            aware = last.replace(tzinfo=load_zone(other or "UTC"))
            if zone is None or other is None:
                raise IcsError(f"line {end.line}: DTSTART and DTEND are not of the same kind")
            return aware.astimezone(load_zone(zone)).replace(tzinfo=None)
        return last
    if duration := event.get("DURATION"):
        length = _duration(duration)
        return first + length if isinstance(first, datetime) or not length.seconds else first
    return first + (timedelta() if isinstance(first, datetime) else _DAY)


def _moment(one: _Property) -> tuple[date, str | None]:
    """Return a date, or a naive time with its zone; None for the clock of the job."""
    match = re.fullmatch(_STAMP, one.value, re.ASCII)
    try:
        if match is None:
            raise ValueError
        day = datetime.strptime(match[1], "%Y%m%d").date()
        if match[2] is None:
            return day, None
        clock = time.fromisoformat(f"{match[2][:2]}:{match[2][2:4]}:{match[2][4:]}")
    except ValueError:
        raise IcsError(f"line {one.line}: cannot read {one.name} '{one.value[:40]}'") from None
    zone = "UTC" if match[3] else one.parameters.get("TZID")
    try:
        load_zone(zone or "UTC")
    except ValueError as error:
        raise IcsError(f"line {one.line}: {error}") from None
    return datetime.combine(day, clock), zone


def _duration(one: _Property) -> timedelta:
    match = re.fullmatch(_DURATION, one.value, re.ASCII)
    if match is None:
        raise IcsError(f"line {one.line}: cannot read DURATION '{one.value[:40]}'")
    weeks, days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return timedelta(days, seconds, weeks=weeks, hours=hours, minutes=minutes)


def _start_of(day: date) -> datetime:
    return day if isinstance(day, datetime) else datetime.combine(day, time())


def _repeated(span: Span, rule: _Property) -> Span:
    """Return a span that comes again every year; IcsError for any other rule."""
    parts = dict(part.partition("=")[::2] for part in rule.value.upper().split(";"))
    frequency, interval = parts.pop("FREQ", ""), parts.pop("INTERVAL", "1")
    until, count = parts.pop("UNTIL", ""), parts.pop("COUNT", "")
    # Many programs say once more what DTSTART says already.
    same = {"BYMONTH": str(span.first.month), "BYMONTHDAY": str(span.first.day), "WKST": None}
    others = [name for name, value in parts.items() if same.get(name, "") not in {value, None}]
    if frequency != "YEARLY" or others or not re.fullmatch("[1-9][0-9]{0,3}", interval, re.ASCII):
        raise IcsError(
            f"line {rule.line}: of rules only FREQ=YEARLY is known, not '{rule.value[:60]}'"
        )
    years = int(interval)
    last = None
    if until:
        last = _until(_Property(rule.line, "UNTIL", {}, until), span)
    elif count:
        last = _last_of(count, span, years, rule)
    return Span(span.first, span.last, span.words, span.zone, years, last)


def _until(one: _Property, span: Span) -> datetime:
    last, zone = _moment(one)
    if not isinstance(last, datetime):
        return datetime.combine(last, time.max)
    if zone is None or span.zone is None:
        return last
    aware = last.replace(tzinfo=UTC)
    return aware.astimezone(load_zone(span.zone)).replace(tzinfo=None)


def _last_of(count: str, span: Span, years: int, rule: _Property) -> datetime:
    leap = (span.first.month, span.first.day) == (2, 29)
    if leap or not re.fullmatch("[1-9][0-9]{0,3}", count, re.ASCII):
        raise IcsError(f"line {rule.line}: cannot read COUNT '{count[:40]}' of this rule")
    return span.first.replace(year=min(9999, span.first.year + (int(count) - 1) * years))
