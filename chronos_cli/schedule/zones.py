"""IANA time zones by name, refusing what only looks like one."""

from datetime import UTC, tzinfo
from functools import cache


@cache
def load_zone(name: str) -> tzinfo:
    """Return the zone; ValueError, with a message for the user, when there is none."""
    if name == "UTC":
        return UTC
    from zoneinfo import ZoneInfo  # costs milliseconds that UTC jobs need not pay

    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError) as error:
        # A folder (`Europe`) is an OSError, a path out of the database a ValueError.
        raise ValueError(
            f"no time zone '{name[:60]}'; the names are IANA's, such as Europe/Berlin"
        ) from error


def check_zone(name: str) -> str | None:
    """Return what is wrong with a zone's name, or None."""
    try:
        load_zone(name)
    except ValueError as error:
        return str(error)
    return None
