"""What was recorded, as JSON data and as plain lines."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import msgspec

from chronos_cli.dispatch.outcome import Attempt, Status
from chronos_cli.report.outcomes import STYLES, notice_words
from chronos_cli.report.text import Paint, aligned, count, milliseconds, printable, unpainted
from chronos_cli.state.entries import HistoryEntry, HistoryStatus

SCHEMA_VERSION = 1
TITLES = ("Started", "Job", "Status", "Origin", "Attempts", "Duration", "Execution ID")


def history_document(entries: Sequence[HistoryEntry]) -> dict[str, Any]:
    """Return entries as JSON data: what a report of `run` says, and where and when it was."""
    return {"schema_version": SCHEMA_VERSION, "results": [_data(entry) for entry in entries]}


def _data(entry: HistoryEntry) -> dict[str, Any]:
    data: dict[str, Any] = msgspec.to_builtins(entry)
    snapshot = data.pop("snapshot")
    times = {"started_at": _rfc3339(entry.started_at), "ended_at": _rfc3339(entry.ended_at)}
    return {**data, **times, "job_file": snapshot.get("file")}


def _rfc3339(moment: datetime | None) -> str | None:
    """Write a time as everywhere else in JSON: with a numeric offset."""
    return moment.isoformat(timespec="milliseconds") if moment else None


def cells(entry: HistoryEntry) -> tuple[str, ...]:
    """Return an entry under the `TITLES`; its time is that of this machine's zone."""
    return (
        local_time(entry.started_at),
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


def style(status: HistoryStatus) -> str:
    """Return the style in which a status is shown."""
    return "bold" if status is HistoryStatus.RUNNING else STYLES[Status(status.value)]


def history_lines(entries: Sequence[HistoryEntry], paint: Paint = unpainted) -> str:
    """Return one aligned line for each entry, below a line of titles."""
    rows = [tuple(title.upper() for title in TITLES), *map(cells, entries)]

    def shown(row: int, column: int, cell: str) -> str:
        return paint(cell, style(entries[row - 1].status)) if row and column == 2 else cell

    return "\n".join(aligned(rows, shown)) + "\n"


def execution_lines(entries: Sequence[HistoryEntry]) -> str:
    """Return all that is known of one execution: its runs, oldest first, with their attempts."""
    return "\n".join(line for entry in reversed(entries) for line in _run_lines(entry)) + "\n"


def _run_lines(entry: HistoryEntry) -> Iterator[str]:
    head = f"{entry.origin} of {entry.job_id}: {status(entry.status, entry.code)}"
    yield printable(head)
    yield f"  execution  {printable(entry.execution_id)}"
    yield f"  target     {printable(f'{entry.protocol} {entry.target}'.strip())}"
    yield f"  scheduled  {printable(entry.scheduled_time)}"
    started = local_time(entry.started_at)
    yield f"  started    {started} by pid {entry.pid} on {printable(entry.host)}"
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
    at = local_time(datetime.fromisoformat(attempt.started_at))
    words = f"{at}  {status(attempt.status, attempt.code)}  {milliseconds(attempt.duration_ms)}"
    return f"{words}  {printable(attempt.message)}".rstrip()


def local_time(moment: datetime) -> str:
    """Write a time on the clock of this machine's zone, with its offset, to the second."""
    return moment.astimezone().isoformat(sep=" ", timespec="seconds")
