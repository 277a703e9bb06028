"""What was recorded, as JSON data and as plain lines."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import msgspec

from chronos_cli.dispatch.outcome import Attempt
from chronos_cli.report.outcomes import notice_words
from chronos_cli.report.text import count, milliseconds, printable
from chronos_cli.state.entries import HistoryEntry

SCHEMA_VERSION = 1
TITLES = ("Started", "Job", "Status", "Origin", "Attempts", "Duration", "Execution ID")


def history_document(entries: Sequence[HistoryEntry]) -> dict[str, Any]:
    """Return entries as JSON data: what a report of `run` says, and where and when it was."""
    return {"schema_version": SCHEMA_VERSION, "results": [_data(entry) for entry in entries]}


def _data(entry: HistoryEntry) -> dict[str, Any]:
    data: dict[str, Any] = msgspec.to_builtins(entry)
    snapshot = data.pop("snapshot")
    return {**data, "job_file": snapshot.get("file")}


def cells(entry: HistoryEntry) -> tuple[str, ...]:
    """Return an entry under the `TITLES`; its time is that of this machine's zone."""
    return (
        entry.started_at.astimezone().strftime("%Y-%m-%d %H:%M:%S"),
        printable(entry.job_id),
        status(entry.status, entry.code),
        entry.origin,
        str(len(entry.attempts)),
        "" if entry.duration_ms is None else milliseconds(entry.duration_ms),
        printable(entry.execution_id),
    )


def status(name: str, code: str | None) -> str:
    """Return a status as people say it, with the protocol's code."""
    words = name.replace("_", " ")
    return f"{words} {printable(code)}" if code else words


def history_lines(entries: Sequence[HistoryEntry]) -> str:
    """Return one aligned line for each entry, below a line of titles."""
    rows = [tuple(title.upper() for title in TITLES), *map(cells, entries)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    return "\n".join(lines) + "\n"


def execution_lines(entries: Sequence[HistoryEntry]) -> str:
    """Return all that is known of one execution: its runs, oldest first, with their attempts."""
    return "\n".join(line for entry in reversed(entries) for line in _run_lines(entry)) + "\n"


def _run_lines(entry: HistoryEntry) -> Iterator[str]:
    head = f"{entry.origin} of {entry.job_id}: {status(entry.status, entry.code)}"
    yield printable(head)
    yield f"  execution  {printable(entry.execution_id)}"
    yield f"  target     {printable(f'{entry.protocol} {entry.target}'.strip())}"
    yield f"  scheduled  {printable(entry.scheduled_time)}"
    yield f"  started    {_local(entry.started_at)} by pid {entry.pid} on {printable(entry.host)}"
    if entry.duration_ms is not None:
        duration = milliseconds(entry.duration_ms)
        yield f"  took       {duration}, {count(len(entry.attempts), 'attempt')}"
    if entry.message:
        yield f"  reason     {printable(entry.message)}"
    for attempt in entry.attempts:
        yield f"  attempt {attempt.number}  {_attempt_words(attempt)}"
    for notice in entry.notices:
        yield f"  notice     {notice_words(notice)}"


def _attempt_words(attempt: Attempt) -> str:
    at = _local(datetime.fromisoformat(attempt.started_at))
    words = f"{at}  {status(attempt.status, attempt.code)}  {milliseconds(attempt.duration_ms)}"
    return f"{words}  {printable(attempt.message)}".rstrip()


def _local(moment: datetime) -> str:
    return moment.astimezone().isoformat(sep=" ", timespec="seconds")
