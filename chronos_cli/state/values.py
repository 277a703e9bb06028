"""What the rows of a state file are made of, and read as."""

import sqlite3
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from chronos_cli.dispatch.outcome import Attempt, Notice
from chronos_cli.state.entries import (
    HistoryEntry,
    HistoryStatus,
    LastEnd,
    Snapshot,
    StartedExecution,
    UnfinishedNotice,
)
from chronos_cli.state.process import Process

# Of what a far side gave back, longer texts are cut: the history is no archive of answers.
_LONGEST_TEXT = 2000


Row = dict[str, Any]


def encoded(value: Any) -> str:
    """Return JSON-like data as JSON, with long texts cut."""
    text = json_text(value)
    return text if len(text) <= _LONGEST_TEXT else json_text(_cut(value))


def json_text(value: Any) -> str:
    """Return JSON-like data as JSON; what UTF-8 cannot carry is escaped."""
    try:
        return msgspec.json.encode(value).decode()
    except UnicodeEncodeError:  # a lone half of a surrogate pair, which a far side may send
        return msgspec.json.encode(_repaired(value)).decode()


def rows_of(db: sqlite3.Connection, query: str, values: Sequence[Any] = ()) -> Iterator[Row]:
    """Yield the rows of a query by the names of their columns."""
    names: list[str] | None = None
    cursor = db.execute(query, values)
    for row in cursor:
        names = names or [column[0] for column in cursor.description]
        yield dict(zip(names, row, strict=True))


def process_of(row: Row) -> Process:
    """Return the process of a run."""
    return Process(row["pid"], row["host"], row["boot"], row["process_start"])


def gone_message(row: Row) -> str:
    """Return what is said of a run whose process died."""
    return f"{process_of(row)} ended without a word of this; it may have arrived"


def started_of(row: Row) -> StartedExecution:
    """Return a run as an execution that has not ended."""
    return StartedExecution(
        execution_id=row["execution_id"],
        job_id=row["job_id"],
        scheduled_time=datetime.fromisoformat(row["scheduled_time"]),
        origin=row["origin"],
        started_at=_moment(row["started_at"]),
        process=process_of(row),
        snapshot=msgspec.json.decode(row["snapshot"], type=Snapshot),
    )


def entry_of(
    row: Row, status: HistoryStatus, attempts: list[Attempt], notices: list[Notice]
) -> HistoryEntry:
    """Return a run as an entry of the history."""
    snapshot = msgspec.json.decode(row["snapshot"], type=Snapshot)
    known = {name: getattr(snapshot, name) for name in ("job_name", "protocol", "target")}
    if row["outcome"]:
        known |= msgspec.json.decode(row["outcome"])
    elif status is HistoryStatus.INTERRUPTED:
        known["message"] = gone_message(row)
    return HistoryEntry(
        execution_id=row["execution_id"],
        job_id=row["job_id"],
        origin=row["origin"],
        scheduled_time=row["scheduled_time"],
        started_at=_moment(row["started_at"]),
        ended_at=_moment(row["ended_at"]) if row["ended_at"] else None,
        status=status,
        attempts=attempts,
        notices=notices,
        pid=row["pid"],
        host=row["host"],
        snapshot=snapshot,
        **known,
    )


def last_end_of(row: Row, status: HistoryStatus) -> LastEnd:
    """Return what is shown of a run that was its job's last one."""
    outcome = msgspec.json.decode(row["outcome"]) if row["outcome"] else {}
    ended_at = _moment(row["ended_at"]) if row["ended_at"] else None
    return LastEnd(row["execution_id"], status, outcome.get("code"), ended_at)


def notice_of(row: Row) -> UnfinishedNotice:
    """Return a row of notices as what it records."""
    return UnfinishedNotice(
        execution_id=row["execution_id"],
        job_id=row["job_id"],
        name=row["name"],
        scheduled_time=datetime.fromisoformat(row["scheduled_time"]),
        outcome=msgspec.json.decode(row["outcome"]),
    )


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _cut(value: Any) -> Any:
    if isinstance(value, str) and len(value) > _LONGEST_TEXT:
        return value[: _LONGEST_TEXT - 1] + "…"
    if isinstance(value, dict):
        return {key: _cut(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_cut(item) for item in value]
    return value


def _repaired(value: Any) -> Any:
    """Return JSON-like data with every text as UTF-8 can carry it."""
    if isinstance(value, str):
        return value.encode(errors="backslashreplace").decode()
    if isinstance(value, dict):
        return {_repaired(key): _repaired(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_repaired(item) for item in value]
    return value
