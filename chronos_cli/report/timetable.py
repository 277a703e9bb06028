"""Coming fire times as JSON data and as plain lines."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct

from chronos_cli.report.text import printable
from chronos_cli.units import format_duration

SCHEMA_VERSION = 1
# How a time that does not fire is written, and what a terminal strikes out (SGR 9 of ECMA-48).
_MARK = "- "
_STRUCK, _PLAIN = "\x1b[9m", "\x1b[29m"


class Fire(Struct, frozen=True):
    """A fire time, in the job's zone, and what a change of the clock did to it."""

    time: datetime
    note: str | None = None


class Excepted(Struct, frozen=True):
    """A time, in the job's zone, at which an exception keeps the job silent; its words.

    With `more`, others follow that are not listed.
    """

    time: datetime
    words: str
    more: bool = False


Time = Fire | Excepted


class Listing(Struct, frozen=True):
    """A job with its coming times; `jitter` is how far starts may be put off, in seconds."""

    job_id: str
    schedules: Sequence[str]
    timezone: str
    enabled: bool
    description: str
    times: Sequence[Time]
    jitter: float = 0.0


def timetable_document(listings: Sequence[Listing]) -> dict[str, Any]:
    """Return the fire times in their stable JSON shape; a disabled job has none."""
    results = [_data(listing) for listing in listings]
    return {"schema_version": SCHEMA_VERSION, "results": results}


def _data(listing: Listing) -> dict[str, Any]:
    times = listing.times if listing.enabled else ()
    several = len(listing.schedules) > 1
    return {
        "job_id": listing.job_id,
        "schedule": list(listing.schedules) if several else listing.schedules[0],
        "timezone": listing.timezone,
        "fires": [rfc3339(one.time) for one in times if isinstance(one, Fire)],
        "excepted": [
            {"time": rfc3339(one.time), "exception": one.words}
            | ({"more": True} if one.more else {})
            for one in times
            if isinstance(one, Excepted)
        ],
    }


def timetable_lines(listings: Sequence[Listing], width: int | None = None) -> str:
    """Return a block for each job: what its schedule says, and each time locally and in UTC.

    Before a time that does not fire stands a dash. With a `width`, that of a terminal, what is
    too long for a line goes on below it, indented.
    """
    return "\n".join(_block(listing, width) for listing in listings)


def strike_out(text: str) -> str:
    """Strike out, for a terminal, the times in `timetable_lines` that do not fire."""
    return "".join(
        f"{_MARK}{_STRUCK}{line[2:-1].replace('UTC', f'UTC{_PLAIN}', 1)}\n"
        if line.startswith(_MARK)
        else line
        for line in text.splitlines(keepends=True)
    )


def _block(listing: Listing, width: int | None) -> str:
    mark = "" if listing.enabled else " (disabled: does not fire)"
    schedules = printable(" | ".join(listing.schedules))
    lines = [
        printable(f"{listing.job_id}{mark}: {listing.description}"),
        f"  {schedules}  {printable(listing.timezone)}{_put_off(listing.jitter)}",
    ]
    for one in listing.times:
        lines += _lines(one, width)
    if not any(isinstance(one, Fire) for one in listing.times) and not _is_at_start(listing):
        lines.append("  never again")
    if width is not None:
        lines = [part for line in lines for part in _wrapped(line, width)]
    return "\n".join(lines) + "\n"


def _is_at_start(listing: Listing) -> bool:
    """Whether a job fires at the start of the loop, whatever its times are."""
    return any(schedule.strip() == "@reboot" for schedule in listing.schedules)


def _lines(one: Time, width: int | None) -> list[str]:
    """Return a time, and what is to be said of it, on one line or on two."""
    mark = "  " if isinstance(one, Fire) else _MARK
    times = f"{mark}{local(one.time)}  =  {clock_text(one.time.astimezone(UTC))} UTC"
    if not (note := _note(one)):
        return [times]
    if width is not None and len(f"{times}  ! {note}") > width:
        return [times, f"    ! {note}"]
    return [f"{times}  ! {note}"]


def _note(one: Time) -> str | None:
    if isinstance(one, Fire):
        return one.note
    more = ", and more after it" if one.more else ""
    return f"does not fire: {printable(one.words)}{more}"


def _wrapped(line: str, width: int) -> list[str]:
    """Return a line in parts that fit, what goes on being indented further than its begin."""
    if len(line) <= width:
        return [line]
    import textwrap  # only where something is too long

    indent = " " * (len(line) - len(line.lstrip()) + 4)
    return textwrap.wrap(line, width, subsequent_indent=indent, break_on_hyphens=False)


def _put_off(jitter: float) -> str:
    return f"  (starts up to {format_duration(jitter)} later: jitter)" if jitter else ""


def local(time: datetime) -> str:
    """Write a time on its own clock, with the day of the week and the offset."""
    offset = time.isoformat()[len(time.replace(tzinfo=None).isoformat()) :]
    return f"{time:%a} {clock_text(time)} {offset}"


def clock_text(time: datetime) -> str:
    """Write what the clock reads, without an offset."""
    return time.replace(tzinfo=None).isoformat(" ")


def rfc3339(time: datetime) -> str:
    """Write a time with its offset; one that is no whole minute, of long ago, in UTC."""
    text = time.isoformat()
    return text if text[-6] in "+-" else time.astimezone(UTC).isoformat()
