"""What to write in the place of a schedule or a time zone that is none."""

import difflib
import re
from collections.abc import Iterator

from chronos_cli.schedule.expression import NICKNAMES, check_schedule
from chronos_cli.schedule.zones import check_zone
from chronos_cli.units import meant_duration

_EXAMPLE = 'a schedule is: minute hour day month weekday, such as "0 9 * * 1-5" or "*/5 * * * *"'
_FIELDS = 5
# Of a list without quotes a part is left.
_QUOTED = 'a comma ends an entry of a list; write each in quotes: ["0 9 * * 1,2", "0 12 * * 6"]'
_UNITS = {"second": "* * * * * *", "minute": "* * * * *", "hour": "@hourly", "day": "@daily"}
_UNITS |= {"week": "@weekly", "month": "@monthly", "year": "@yearly"}
_FIRST_YEAR = 1970
_NAMES_IN_FULL = (
    r"\b((?:mon|tues|wednes|thurs|fri|satur|sun)day|january|february|march|april|june|july"
    r"|august|september|october|november|december)\b"
)
_TIME = r"(?:(?:every\s*day|daily)\s+)?(?:at\s+)?(\d{1,2}):(\d\d)(?::00)?"


def line_to_write(key: str, text: str) -> str | None:
    """Return the line to write for `schedule` or `timezone`; for the former what one looks like."""
    if key == "timezone":
        zone = next(_zones(text.strip()), None)
        return f"write: {key}: {zone}" if zone else None
    schedule = _schedule(text)
    return f'write: {key}: "{schedule}"' if schedule else _EXAMPLE


def schedule_to_write(text: str) -> str:
    """Return what to write in the place of one schedule of a list."""
    if len(text.split()) < _FIELDS and text.strip()[:1].isdigit():
        return _QUOTED
    schedule = _schedule(text)
    return f'write: "{schedule}"' if schedule else _EXAMPLE


def _schedule(text: str) -> str | None:
    schedules = (one for one in _schedules(text.strip()) if check_schedule(one) is None)
    return next(schedules, None)


def _schedules(text: str) -> Iterator[str]:
    """Yield what a text may mean that is no schedule; not all of it need be one."""
    words = text.split()
    yield from _in_words(text.lower())
    yield re.sub(_NAMES_IN_FULL, lambda name: name[0][:3], text.lower())
    if text.startswith("@at "):  # a date alone
        yield f"{text}T00:00"
    if len(words) == 7:  # Quartz ends with a year
        yield " ".join(words[:6])
    if len(words) == 6 and words[5].isdigit() and int(words[5]) >= _FIRST_YEAR:
        yield " ".join(words[:5])
    if len(words) == 6:  # seconds stand first
        yield " ".join([words[5], *words[:5]])
    if len(words) > 6:  # a line of a crontab, with its command
        yield " ".join(words[:5])
    yield _without_hash(words)
    if len(words) == 5 and words[1] == "24":
        yield " ".join([words[0], "0", *words[2:]])
    if len(words) == 4:
        yield " ".join([*words, "*"])


def _in_words(text: str) -> Iterator[str]:
    """Yield the schedule of `every 5 minutes`, `hourly`, `09:30`."""
    if f"@{text}" in NICKNAMES:
        yield f"@{text}"
    if match := re.fullmatch(_TIME, text):
        yield f"{int(match[2])} {int(match[1])} * * *"
    if (match := re.fullmatch(r"(?:at\s+)?(\d{1,2})(?::(\d\d))?\s*([ap])m", text)) and match[
        1
    ] != "0":
        yield f"{int(match[2] or 0)} {int(match[1]) % 12 + 12 * (match[3] == 'p')} * * *"
    rest = re.sub(r"^(@?every|each|\*/)\s*", "", text)
    if rest.removesuffix("s") in _UNITS:
        yield _UNITS[rest.removesuffix("s")]
    if duration := meant_duration(rest):
        minutes = duration.removesuffix("m")
        if minutes.isdigit() and 60 % int(minutes) == 0:
            yield f"*/{minutes} * * * *"
        yield f"@every {duration}"


def _without_hash(words: list[str]) -> str:
    """Return a schedule of Jenkins without its `H`: `H/5` is `*/5`, and `H` alone 0 or 1."""
    lowest = ["0", "0", "1", "1", "0"] if len(words) == 5 else ["0"] * len(words)
    plain = (re.sub(r"^[Hh](\([0-9-]*\))?/", "*/", word) for word in words)
    return " ".join(
        low if re.fullmatch(r"[Hh](\([0-9-]*\))?", word) else word
        for word, low in zip(plain, lowest, strict=True)
    )


def _zones(text: str) -> Iterator[str]:
    """Yield the zones that a text may mean."""
    from zoneinfo import available_timezones

    if match := re.fullmatch(r"(?:UTC|GMT)?([+-])0?(\d{1,2})(?::?00)?", text.upper()):
        # POSIX counts to the west.
        sign = "-" if match[1] == "+" else "+"
        zone = f"Etc/GMT{sign}{int(match[2])}"
        if check_zone(zone) is None:
            yield zone
    names = sorted(available_timezones())
    by_lower = {name.lower(): name for name in names}
    wanted = text.lower().replace(" ", "_")
    if wanted in by_lower:
        yield by_lower[wanted]
    cities = {name.rpartition("/")[2].lower(): name for name in names if "/" in name}
    if wanted in cities:
        yield cities[wanted]
    if text.isupper():  # an abbreviation, of which there are many
        return
    if near := difflib.get_close_matches(wanted[:60], by_lower, n=1, cutoff=0.8):
        yield by_lower[near[0]]
