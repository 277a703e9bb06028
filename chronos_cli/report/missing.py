"""The ticks that a backfill would send, as JSON data and as plain lines."""

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from chronos_cli.report.text import count, printable

SCHEMA_VERSION = 1


class MissingTick(Struct, frozen=True):
    """One of them; `scheduled_time` is RFC 3339, `reason` is `missing` or a status."""

    job_id: str
    execution_id: str
    scheduled_time: str
    reason: str


def missing_document(missing: Sequence[MissingTick]) -> dict[str, Any]:
    """Return the ticks as JSON data, in the frame of a dry run."""
    return {
        "schema_version": SCHEMA_VERSION,
        "exit_code": 0,
        "dry_run": True,
        "results": [
            {
                "job_id": one.job_id,
                "execution_id": one.execution_id,
                "scheduled_time": one.scheduled_time,
                "reason": one.reason,
            }
            for one in missing
        ],
    }


def missing_lines(missing: Sequence[MissingTick]) -> str:
    """Return an aligned line for each tick, and how many there are."""
    rows = [(one.scheduled_time, printable(one.job_id), one.reason) for one in missing]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            [
                *(cell.ljust(w) for cell, w in zip(row, widths, strict=True)),
                printable(one.execution_id),
            ]
        )
        for row, one in zip(rows, missing, strict=True)
    ]
    return "\n".join([*lines, f"{count(len(missing), 'tick')} to send"]) + "\n"
