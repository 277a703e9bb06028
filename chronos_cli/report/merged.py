"""The fire times of all jobs in one list, in order of time."""

from collections.abc import Iterator, Sequence
from datetime import UTC
from typing import Any

from chronos_cli.report.text import printable
from chronos_cli.report.timetable import SCHEMA_VERSION, Fire, Listing, clock_text, local, rfc3339


def merged_document(listings: Sequence[Listing], count: int) -> dict[str, Any]:
    """Return the first `count` fire times of all jobs as JSON data."""
    results = [
        {"time": rfc3339(fire.time), "job_id": listing.job_id, "timezone": listing.timezone}
        for fire, listing in _merged(listings, count)
    ]
    return {"schema_version": SCHEMA_VERSION, "results": results}


def merged_lines(listings: Sequence[Listing], count: int) -> str:
    """Return a line for each of the first `count` fire times: locally, in UTC, the job."""
    return "".join(f"{line}\n" for line in _lines(listings, count))


def _lines(listings: Sequence[Listing], count: int) -> Iterator[str]:
    for fire, listing in _merged(listings, count):
        line = f"{local(fire.time)}  =  {clock_text(fire.time.astimezone(UTC))} UTC"
        note = f"  ! {fire.note}" if fire.note else ""
        yield f"{line}  {printable(listing.job_id)}{note}"


def _merged(listings: Sequence[Listing], count: int) -> list[tuple[Fire, Listing]]:
    """Return the first fire times of all; those of a job are as many as are wanted in all."""
    enabled = [listing for listing in listings if listing.enabled]
    pairs = [(fire, one) for one in enabled for fire in one.times if isinstance(fire, Fire)]
    return sorted(pairs, key=lambda pair: pair[0].time)[:count]
