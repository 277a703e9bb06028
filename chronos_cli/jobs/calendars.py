"""What a job's ticks depend on: its keys `schedule`, `timezone`, `starts`, `ends`, `except`."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, tzinfo
from functools import lru_cache, partial
from pathlib import Path as FilePath
from typing import TypeVar

from chronos_cli.errors import FileTooLargeError, UnreadableFileError
from chronos_cli.files import read_text
from chronos_cli.jobs.model import Job
from chronos_cli.jobs.nodes import Mapping, Node, Scalar, Sequence, is_null
from chronos_cli.jobs.read import Reader
from chronos_cli.problems import Path
from chronos_cli.schedule.calendar import Calendar
from chronos_cli.schedule.exceptions import Exemption, QuietHours, never_speaks, parse_exemption
from chronos_cli.schedule.expression import Cron, check_schedule, parse_schedule
from chronos_cli.schedule.moments import is_day, parse_day, parse_moment
from chronos_cli.schedule.timetable import instant_of
from chronos_cli.schedule.zones import check_zone, load_zone

MAX_ICS = 1024 * 1024
# Each is looked at for each tick.
_MOST_SCHEDULES = 100
_MOST_EXCEPTIONS = 2000
_INSTANT = timedelta(microseconds=1)

T = TypeVar("T")
_HintOf = Callable[[str], str | None]


def calendar_of(job: Job) -> Calendar:
    """Return what a job's ticks depend on; the job must have a schedule."""
    if job.calendar is not None:
        return job.calendar
    assert isinstance(job.spec.schedule, str)
    return Calendar((job.spec.schedule,), job.spec.timezone)


def has_schedule(job: Job, name: str) -> bool:
    """Whether one of a job's schedules is, or begins with, `@reboot` or `@at`."""
    schedule = job.spec.schedule or ""
    # No other schedule has such a text in it.
    return name in (schedule if isinstance(schedule, str) else " ".join(schedule))


@lru_cache(maxsize=4096)
def text_of(calendar: Calendar) -> str:
    """Return all that a calendar says as a text, the same in every process."""
    text = f"{' | '.join(calendar.schedules)} {calendar.zone}"
    if calendar.is_plain:
        return text
    from hashlib import blake2b

    bounds = f"{calendar.starts} {calendar.ends} {calendar.exceptions}"
    return f"{text} {blake2b(bounds.encode(), digest_size=12).hexdigest()}"


def read_calendar(reader: Reader, node: Mapping, path: Path) -> Calendar | None:
    """Return what the ticks of a job depend on; None, with the problems recorded, if not known.

    `node` is the job's mapping, with all that it inherits.
    """
    return _Reading(reader, node, path).calendar()


class _Reading:
    def __init__(self, reader: Reader, node: Mapping, path: Path) -> None:
        self._reader = reader
        self._node = node
        self._path = path
        self._before = reader.problems.found
        self._is_known = True

    def calendar(self) -> Calendar | None:
        schedules = self._schedules()
        zone = self._one("timezone", _checked(check_zone), hint_of=_zone_hint) or "UTC"
        place = load_zone(zone)
        starts = self._one("starts", lambda text: _first_instant(text, place))
        ends = self._one("ends", lambda text: _last_instant(text, place))
        if starts and ends and ends < starts:
            self._fail("ends", f"'ends' is before 'starts', {starts.astimezone(place).isoformat()}")
        exceptions = tuple(self._exceptions())
        if not self._is_complete() or not schedules:
            return None
        self._check_quiet(schedules, exceptions)
        return _shared(Calendar(schedules, zone, starts, ends, exceptions))

    def _is_complete(self) -> bool:
        return self._is_known and self._reader.problems.found == self._before

    def _schedules(self) -> tuple[str, ...]:
        found = []
        for item, path in self._items("schedule", _MOST_SCHEDULES):
            text = self._parsed(item, path, _checked(check_schedule), _schedule_hint)
            found += [text] if text is not None else []
        return tuple(dict.fromkeys(found))

    def _exceptions(self) -> Iterator[Exemption]:
        for item, path in self._items("except", _MOST_EXCEPTIONS):
            if item.text.lower().endswith(".ics"):
                yield from self._parsed(item, path, partial(_events, item.file)) or ()
            elif (one := self._parsed(item, path, parse_exemption)) is not None:
                yield one

    def _check_quiet(self, schedules: tuple[str, ...], exceptions: tuple[Exemption, ...]) -> None:
        quiet = [one for one in exceptions if isinstance(one, QuietHours)]
        for text in schedules if quiet else ():
            parsed = parse_schedule(text)
            if isinstance(parsed, Cron) and never_speaks(parsed, quiet):
                hours = ", ".join(one.words for one in quiet)
                message = f"'{text}' can never fire: all its times lie in the quiet hours {hours}"
                self._fail("except", message)

    def _items(self, name: str, most: int) -> Iterator[tuple[Scalar, Path]]:
        """Yield the texts under a key, of which there may be one or a list."""
        entry = self._node.entries.get(name)
        if entry is None or is_null(entry.value):
            return
        path = (*self._path, name)
        items: list[Node] = [entry.value]
        if isinstance(entry.value, Sequence):
            items = entry.value.items
            if not items and name == "schedule":
                self._fail(name, "the list holds no schedule")
        if len(items) > most:
            self._fail(name, f"more than {most:,} entries")
            return
        for number, item in enumerate(items):
            if isinstance(item, Scalar):
                yield item, path if item is entry.value else (*path, number)

    def _one(
        self, name: str, parse: Callable[[str], T], hint_of: _HintOf | None = None
    ) -> T | None:
        entry = self._node.entries.get(name)
        if entry is None or is_null(entry.value) or not isinstance(entry.value, Scalar):
            return None
        return self._parsed(entry.value, (*self._path, name), parse, hint_of)

    def _parsed(
        self,
        item: Scalar,
        path: Path,
        parse: Callable[[str], T],
        hint_of: _HintOf | None = None,
    ) -> T | None:
        if item.unknown or item.template:  # the latter is told of already
            self._is_known = False
            return None
        try:
            return parse(item.text)
        except ValueError as error:
            self._reader.fail(item, path, str(error), hint_of(item.text) if hint_of else None)
            return None

    def _fail(self, name: str, message: str) -> None:
        self._reader.fail(self._node.entries[name].value, (*self._path, name), message)


@lru_cache(maxsize=1024)
def _shared(calendar: Calendar) -> Calendar:
    """Return an equal calendar; one that many jobs have is kept once."""
    return calendar


def _schedule_hint(text: str) -> str | None:
    from chronos_cli.schedule.advice import schedule_to_write  # only on failure

    return schedule_to_write(text)


def _zone_hint(text: str) -> str | None:
    from chronos_cli.schedule.advice import line_to_write

    return line_to_write("timezone", text)


def _checked(check: Callable[[str], str | None]) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if message := check(text):
            raise ValueError(message)
        return text

    return parse


def _first_instant(text: str, zone: tzinfo) -> datetime:
    return instant_of(_midnight(text) if is_day(text) else _moment(text), zone)


def _last_instant(text: str, zone: tzinfo) -> datetime:
    """Return the last instant that counts: a day is meant to its end."""
    if is_day(text):
        return instant_of(_midnight(text) + timedelta(days=1), zone) - _INSTANT
    return instant_of(_moment(text), zone)


def _moment(text: str) -> datetime:
    try:
        return parse_moment(text)
    except ValueError as error:
        raise ValueError(f"{error}, or a date such as 2027-01-04") from None


def _midnight(text: str) -> datetime:
    return datetime.combine(parse_day(text), datetime.min.time())


def ics_files(job: Job) -> list[str]:
    """Return the paths of the iCalendar files that a job names."""
    named = job.spec.exceptions
    names = [named] if isinstance(named, str) else named
    return [ics_path(one, job.position.file) for one in names if one.lower().endswith(".ics")]


def ics_path(name: str, file: str) -> str:
    """Return the path of a file that a job file names; it is looked for beside that."""
    return str(FilePath(file).absolute().parent / name)


def _events(file: str, name: str) -> tuple[Exemption, ...]:
    if "://" in name:
        message = f"'{name[:60]}' is a URL: save the calendar beside the job file, and name that"
        raise ValueError(message)
    try:
        return _parsed_events(read_text(ics_path(name, file), MAX_ICS))
    except FileTooLargeError:
        raise ValueError(f"'{name[:60]}' is larger than {MAX_ICS // 2**20} MiB") from None
    except UnreadableFileError as error:
        raise ValueError(f"cannot read '{name[:60]}': {error}") from None
    except ValueError as error:
        raise ValueError(f"{name[:60]}: {error}") from None


@lru_cache(maxsize=16)
def _parsed_events(text: str) -> tuple[Exemption, ...]:
    from chronos_cli.schedule.icalendar import events  # only where there is such a file

    return tuple(events(text))
