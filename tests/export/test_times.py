"""What is exported fires when Chronos does, or the export says where it does not.

The judges are systemd itself, and readings of cron expressions that know nothing of the program.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from functools import cache
from heapq import merge
from itertools import islice, takewhile
from zoneinfo import ZoneInfo

import pytest
from croniter import croniter

from chronos_cli.export.clockchange import ClockRule, Difference, first_difference
from chronos_cli.export.expression import DayRule, Expression, expressions
from chronos_cli.export.model import CannotSayError
from chronos_cli.export.oncalendar import calendars
from chronos_cli.schedule.passage import changes
from chronos_cli.schedule.timetable import fires
from chronos_cli.schedule.zones import load_zone
from tests.export.support import NOW, systemd_times
from tests.schedule.oracle import walk

COUNT = 100
# systemd's calendar ends with the year 2199.
LAST = datetime(2199, 1, 1, tzinfo=UTC)
SCHEDULES = """\
* * * * *
*/15 * * * *
*/7 * * * *
5/20 * * * *
0 * * * *
30 1 * * *
30 2 * * *
0 2,3 * * *
0-59 1 * * *
0,30 0-3 * * *
*/30 2 * * *
0 */2 * * *
15 */5 * * *
* 2 * * *
0 9 * * 1-5
0 9 * * mon,wed,fri
0 9 * * 7
0 9 * * 5-7
0 9 * * 0-3
0 9-17/2 * * sat
0 0 1 * *
0 0 1,15 * *
0 0 29 2 *
0 0 31 * *
0 0 1 jan,jul *
0 6 13 * 5
0 6 1-7 * 1
0 6 1-31 * 1
0 6 */2 * *
0 6 * */3 *
0 6 10-20/3 6-8 *
0 6 ? * 1-5
@hourly
@daily
@weekly
@monthly
@yearly
@every 1m
@every 5m
@every 90m
@every 6h
@every 24h
@every 168h""".splitlines()
FOR_SYSTEMD = """\
*/20 * * * * *
0 30 2 * * *
15,45 */10 1 * * *
0 0 9 L * *
0 9 L * 1
0 9 * * 5#2
0 9 * * L5
0 9 * * 1,5#1
0 9 1 * 5#3
0 6 */2 * 1
@every 45s
@every 96m""".splitlines()
FOR_DEBIAN = ["0 6 */2 * 1", "0 6 1 * */2", "0 6 */10 * 1-5"]
# Those for which it matters that the clock is put.
AT_NIGHT = """\
* * * * *
*/15 * * * *
5/20 * * * *
0 * * * *
30 1 * * *
30 2 * * *
0 2,3 * * *
0-59 1 * * *
0,30 0-3 * * *
*/30 2 * * *
0 */2 * * *
* 2 * * *
30 2 * * 0
@every 90m""".splitlines()
AT_NIGHT_FOR_SYSTEMD = ["*/20 * * * * *", "0 30 2 * * *", "15,45 */10 1 * * *", "@every 45s"]
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata")
PUT = ZONES[1:4]
FEW = 8


def spread(schedules: list[str]) -> list[tuple[str, str]]:
    """Each schedule in one zone."""
    return [(schedule, ZONES[number % len(ZONES)]) for number, schedule in enumerate(schedules)]


@cache
def nights(zone: str) -> list[datetime]:
    """Just before the clock is put, and before all that it will read again."""
    found = changes(load_zone(zone), NOW, NOW + timedelta(days=365))
    before = timedelta(minutes=5), timedelta(minutes=65)
    return [change.instant - wait for change in found for wait in before]


def ours(schedule: str, zone: str, after: datetime, count: int) -> list[datetime]:
    return [one.astimezone(UTC) for one in islice(fires(schedule, zone, after), count)]


def require_equal(
    found: list[datetime], wanted: list[datetime], difference: Difference | None
) -> bool:
    """The first time that differs must be the one that the export names; return if there is one."""
    assert len(found) == len(wanted)
    found, wanted = ([one for one in times if one < LAST] for times in (found, wanted))
    assert len(wanted) >= FEW
    pairs = zip(found, wanted, strict=True)
    first = next((min(pair) for pair in pairs if pair[0] != pair[1]), None)
    named = difference.time.astimezone(UTC) if difference else None
    if named is not None and named > max(found[-1], wanted[-1]):
        named = None
    assert first == named
    if difference and first:
        assert (first in wanted) == difference.is_ours
        assert (first in found) != difference.is_ours
    return first is not None


def require_by_systemd(pairs: list[tuple[str, str]], after: datetime, count: int) -> int:
    """Compare with systemd's own reading; return for how many it differs as the export says."""
    said = {pair: calendars(*pair) for pair in pairs}
    read = systemd_times((one for values in said.values() for one in values), after, count)
    differing = 0
    for (schedule, zone), values in said.items():
        together = sorted({one for value in values for one in read[value]})[:count]
        wanted = ours(schedule, zone, after, count)[: len(together)]
        difference = first_difference(schedule, zone, ClockRule.ONCE, after)
        differing += require_equal(together, wanted, difference)
    return differing


def test_systemd_fires_as_chronos_does() -> None:
    require_by_systemd(spread([*SCHEDULES, *FOR_SYSTEMD]), NOW, COUNT)


@pytest.mark.parametrize("moment", ["2027-03-28T02:30", "2027-10-31T02:30", "2027-05-01T09:00Z"])
def test_one_moment_by_systemd(moment: str) -> None:
    [found] = calendars(f"@at {moment}", "Europe/Berlin")
    assert systemd_times([found], NOW, 3)[found] == ours(f"@at {moment}", "Europe/Berlin", NOW, 3)


@pytest.mark.parametrize("zone", PUT)
def test_systemd_differs_at_changes_of_the_clock_where_it_is_said(zone: str) -> None:
    pairs = [(schedule, zone) for schedule in [*AT_NIGHT, *AT_NIGHT_FOR_SYSTEMD]]
    assert sum(require_by_systemd(pairs, after, FEW) for after in nights(zone)) > 0


def by_the_wall_clock(
    found: list[Expression], after: datetime, count: int, *, debian: bool = False
) -> list[datetime]:
    """As robfig/cron, which Kubernetes uses: whatever the clock reads, it fires.

    Its own test has it so: 2am is skipped where the clock is put from 2 to 3, and 1am runs twice
    where it is put from 2 to 1. `debian`: days are read as Debian's cron does.
    """
    times = (_by_the_wall_clock(one, after, count, debian=debian) for one in found)
    return list(islice(merge(*times), count))


def _by_the_wall_clock(
    expression: Expression, after: datetime, count: int, *, debian: bool
) -> Iterable[datetime]:
    zone = ZoneInfo(expression.zone)
    # From before the pass that `after` may be in.
    start = after.astimezone(zone).replace(tzinfo=None) - timedelta(hours=1)
    readings = croniter(expression.text, start, implement_cron_bug=debian).all_next(datetime)
    passes: list[list[datetime]] = [[], []]
    for reading in islice(readings, count + 130):
        for fold in (0, 1):
            instant = reading.replace(tzinfo=zone, fold=fold).astimezone(UTC)
            back = instant.astimezone(zone)
            if back.replace(tzinfo=None) == reading and back.fold == fold and instant > after:
                passes[fold].append(instant)
    return merge(*passes)


@pytest.mark.parametrize("rule", DayRule)
def test_cron_expressions_fire_as_chronos_does(rule: DayRule) -> None:
    is_debian = rule is DayRule.DEBIAN
    for schedule, zone in spread([*SCHEDULES, *(FOR_DEBIAN if is_debian else [])]):
        found = expressions(schedule, zone, rule)
        difference = first_difference(schedule, zone, ClockRule.TWICE, NOW)
        times = by_the_wall_clock(found, NOW, COUNT, debian=is_debian)
        require_equal(times, ours(schedule, zone, NOW, COUNT), difference)


@pytest.mark.parametrize("zone", PUT)
def test_kubernetes_differs_at_changes_of_the_clock_where_it_is_said(zone: str) -> None:
    differing = 0
    for schedule in AT_NIGHT:
        found = expressions(schedule, zone, DayRule.VALUES)
        for after in nights(zone):
            difference = first_difference(schedule, zone, ClockRule.TWICE, after)
            times = by_the_wall_clock(found, after, FEW)
            differing += require_equal(times, ours(schedule, zone, after, FEW), difference)
    assert differing > 0


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York"])
def test_a_crontab_fires_as_chronos_does_when_the_clock_is_put(zone: str) -> None:
    """By the rule of Debian's cron, and in zones of whole hours, as the walk needs them."""
    for schedule in AT_NIGHT:
        found = expressions(schedule, zone, DayRule.DEBIAN)
        for after in nights(zone):
            until = after + timedelta(hours=26)
            walked = {time for one in found for time in walk(one.text, one.zone, after, until)}
            times = (one.astimezone(UTC) for one in fires(schedule, zone, after))
            assert sorted(walked) == list(takewhile(lambda one: one <= until, times)), schedule  # noqa: B023


@pytest.mark.parametrize(
    ("say", "schedule", "reason"),
    [
        (crontab, schedule, reason)
        for crontab in (
            lambda text: expressions(text, "UTC", DayRule.DEBIAN),
            lambda text: expressions(text, "UTC", DayRule.VALUES),
        )
        for schedule, reason in [
            ("*/10 * * * * *", "it has seconds"),
            ("30 0 9 * * *", "it has seconds"),
            ("@every 45s", "not whole minutes"),
            ("@every 7m", "differ from day to day"),
            ("@every 48h", "differ from day to day"),
            ("@every 1.5s", "differ from day to day"),
            ("@every 32s", "to say its times"),
            ("0 9 L * *", "no form there"),
            ("@at 2027-03-28T02:30", "has no year"),
            ("0 9 * * 5#2", "no form there"),
        ]
    ]
    + [
        (lambda text: expressions(text, "UTC", DayRule.VALUES), one, "must both match")
        for one in FOR_DEBIAN
    ]
    + [
        (lambda text: calendars(text, "UTC"), "@every 7s", "differ from day to day"),
        (lambda text: calendars(text, "UTC"), "@reboot", "no form there"),
        (lambda text: expressions(text, "UTC", DayRule.VALUES), "@reboot", "no form there"),
        (lambda text: calendars(text, "UTC"), "0 9 */2 * 5#2", "has no form there"),
    ],
)
def test_what_cannot_be_said(say: Callable[[str], object], schedule: str, reason: str) -> None:
    with pytest.raises(CannotSayError, match=reason):
        say(schedule)
