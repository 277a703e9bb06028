"""Coming fire times as JSON data and as plain lines."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct

from chronos_cli.report.text import printable
from chronos_cli.units import format_duration

SCHEMA_VERSION = 1


class Fire(Struct, frozen=True):
    """A fire time, in the job's zone, and what a change of the clock did to it."""

    time: datetime
    note: str | None = None


class Listing(Struct, frozen=True):
    """A job with its coming fire times; `jitter` is how far starts may be put off, in seconds."""

    job_id: str
    schedule: str
    timezone: str
    enabled: bool
    description: str
    fires: Sequence[Fire]
    jitter: float = 0.0


def timetable_document(listings: Sequence[Listing]) -> dict[str, Any]:
    """Return the fire times in their stable JSON shape; a disabled job has none."""
    return {
        "schema_version": SCHEMA_VERSION,
        "results": [
            {
                "job_id": listing.job_id,
                "schedule": listing.schedule,
                "timezone": listing.timezone,
                "fires": [_rfc3339(fire.time) for fire in listing.fires if listing.enabled],
            }
            for listing in listings
        ],
    }


def timetable_lines(listings: Sequence[Listing], width: int | None = None) -> str:
    """Return a block for each job: what its schedule says, and each time locally and in UTC.

    With a `width`, that of a terminal, what is too long for a line goes on below it, indented.
    """
    return "\n".join(_block(listing, width) for listing in listings)


def _block(listing: Listing, width: int | None) -> str:
    mark = "" if listing.enabled else " (disabled: does not fire)"
    lines = [
        printable(f"{listing.job_id}{mark}: {listing.description}"),
        f"  {printable(listing.schedule)}  {printable(listing.timezone)}{_put_off(listing.jitter)}",
    ]
    for fire in listing.fires:
        line = f"  {_local(fire.time)}  =  {_clock(fire.time.astimezone(UTC))} UTC"
        if fire.note and width is not None and len(f"{line}  ! {fire.note}") > width:
            lines += [line, f"    ! {fire.note}"]
        else:
            lines.append(f"{line}  ! {fire.note}" if fire.note else line)
    if not listing.fires:
        lines.append("  never again before the year 10000")
    if width is not None:
        lines = [part for line in lines for part in _wrapped(line, width)]
    return "\n".join(lines) + "\n"


def _wrapped(line: str, width: int) -> list[str]:
    """Return a line in parts that fit, what goes on being indented further than its begin."""
    if len(line) <= width:
        return [line]
    import textwrap  # only where something is too long

    indent = " " * (len(line) - len(line.lstrip()) + 4)
    return textwrap.wrap(line, width, subsequent_indent=indent, break_on_hyphens=False)


def _put_off(jitter: float) -> str:
    return f"  (starts up to {format_duration(jitter)} later: jitter)" if jitter else ""


def _local(time: datetime) -> str:
    offset = time.isoformat()[len(time.replace(tzinfo=None).isoformat()) :]
    return f"{time:%a} {_clock(time)} {offset}"


def _clock(time: datetime) -> str:
    return time.replace(tzinfo=None).isoformat(" ")


def _rfc3339(time: datetime) -> str:
    """Write a time with its offset; one that is no whole minute, of long ago, in UTC."""
    text = time.isoformat()
    return text if text[-6] in "+-" else time.astimezone(UTC).isoformat()
