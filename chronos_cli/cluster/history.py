"""What all hosts of a group did, as the servers keep it: read for a command, newest first."""

import asyncio
from collections.abc import Callable, Iterable, Sequence

import msgspec

from chronos_cli.cluster.api import NO_MESSAGE, Api, RefusedError, StoredMessage
from chronos_cli.cluster.link import NoAnswerError
from chronos_cli.cluster.names import Names
from chronos_cli.cluster.records import Record, record_of
from chronos_cli.dispatch.outcome import Attempt
from chronos_cli.errors import StateError
from chronos_cli.state.entries import HistoryEntry, HistoryFilter, HistoryStatus

# Messages that are asked for at the same time.
_AT_ONCE = 64
# By what the span grows and shrinks in which messages of a job are looked for.
_STEP = 8


class ClusterHistory:
    """Entries that were read from the servers, in whatever order."""

    def __init__(self, entries: Iterable[HistoryEntry]) -> None:
        self._entries = sorted(entries, key=lambda one: one.started_at, reverse=True)

    def history(self, wanted: HistoryFilter) -> list[HistoryEntry]:
        """Return the entries that a filter wants, newest first."""
        return [one for one in self._entries if _fits(one, wanted)][: wanted.limit]

    def has(self, execution_id: str) -> bool:
        """Whether an execution is among them."""
        return any(one.execution_id == execution_id for one in self._entries)

    def find(self, execution_id: str) -> list[HistoryEntry]:
        """Return all runs of an execution, newest first."""
        return [one for one in self._entries if one.execution_id == execution_id]

    def ids_beginning(self, text: str, most: int) -> list[tuple[str, str]]:
        """Return up to `most` execution IDs that begin with a text, and their jobs."""
        found = {
            one.execution_id: one.job_id
            for one in self._entries
            if one.execution_id.startswith(text)
        }
        return sorted(found.items())[:most]


async def read_history(api: Api, names: Names, wanted: HistoryFilter) -> ClusterHistory:
    """Read as much as a filter can need, from the end on; raises StateError.

    An ID, which may be cut, is looked for in all that there is: so is a filter without a limit.
    """
    return ClusterHistory(await read_newest(api, names, lambda found: _is_enough(found, wanted)))


async def read_newest(
    api: Api, names: Names, is_enough: Callable[[list[HistoryEntry]], bool]
) -> list[HistoryEntry]:
    """Read entries from the newest on until there are enough; raises StateError."""
    try:
        info = await api.call(f"STREAM.INFO.{names.outcomes}")
    except RefusedError as error:
        raise StateError(
            f"{names.outcomes}: {error.text}; chronos cluster init makes it"
        ) from error
    state = info["state"]
    reading = _Reading()
    last, first = int(state["last_seq"]), max(1, int(state["first_seq"]))
    while last >= first and not is_enough(reading.entries):
        span = range(last, max(first, last - _AT_ONCE + 1) - 1, -1)
        for message in await read_messages(api, names.outcomes, span):
            reading.add(message)
        last = span[-1] - 1
    return reading.entries


async def read_job(
    api: Api, names: Names, job_id: str, most: int, seconds: float
) -> list[HistoryEntry]:
    """Return a job's last entries, newest first: as many as can be read in so many seconds.

    Raises StateError.
    """
    found: list[StoredMessage] = []
    try:
        async with asyncio.timeout(seconds):
            # A start and an end of each.
            await _read_back(api, names, job_id, most * 2, found)
    except TimeoutError as error:
        if not found:
            raise NoAnswerError(f"no answer in {seconds:g}s") from error
    reading = _Reading()
    for message in found:
        reading.add(message)
    return reading.entries[:most]


async def _read_back(
    api: Api, names: Names, job_id: str, most: int, found: list[StoredMessage]
) -> None:
    """Add a job's last messages to those found, newest first, `most` or some more.

    The servers find the next message of a subject, but not the one before: what comes before is
    looked for in spans, which grow while there is little in them and shrink where there is much.
    """
    stream, subject = names.outcomes, names.outcome(job_id, "*")
    newest = await api.last(stream, subject)
    if newest is None:
        return
    found.append(newest)
    begin, span, may_grow = newest.seq, most, True
    while begin > 1 and len(found) < most:
        before = max(1, begin - span)
        part = await _between(api, stream, subject, range(before, begin), most)
        if len(part) > most:
            # All that is still to be found is in there.
            span, may_grow = max(most, span // _STEP), False
            continue
        found += reversed(part)
        begin = before
        if may_grow and len(part) * _STEP < most:
            span *= _STEP


async def _between(
    api: Api, stream: str, subject: str, span: range, most: int
) -> list[StoredMessage]:
    """Return the messages of a subject in a span; where there are more than `most`, one more."""
    part: list[StoredMessage] = []
    async for message in api.each(stream, subject, span.start):
        if message.seq >= span.stop or len(part) > most:
            break
        part.append(message)
    return part


async def read_messages(api: Api, stream: str, seqs: Sequence[int]) -> list[StoredMessage]:
    """Return messages by their numbers, asked for at the same time, as far as they are there."""
    found = await asyncio.gather(*(_at(api, stream, seq) for seq in seqs))
    return [message for message in found if message is not None]


async def _at(api: Api, stream: str, seq: int) -> StoredMessage | None:
    try:
        return await api.at(stream, seq)
    except RefusedError as error:
        if error.number == NO_MESSAGE:
            return None
        raise


def _is_enough(entries: list[HistoryEntry], wanted: HistoryFilter) -> bool:
    if not entries:
        return False
    if wanted.since is not None and entries[-1].started_at < wanted.since:
        # Those that started before may have ended later.
        return sum(one.started_at < wanted.since for one in entries) >= _AT_ONCE
    return wanted.limit is not None and sum(_fits(one, wanted) for one in entries) >= wanted.limit


class _Reading:
    """Makes entries of records, which come newest first."""

    def __init__(self) -> None:
        self.entries: list[HistoryEntry] = []
        # Starts whose end was read already, and ticks of which something later was.
        self._ended: set[tuple[str, str, str]] = set()
        self._later: set[str] = set()

    def add(self, message: StoredMessage) -> None:
        """Take in the record that comes before those so far."""
        record = record_of(message)
        if not record.execution_id:
            return
        start = (record.execution_id, record.host, record.started_at.isoformat())
        is_first = start not in self._ended
        self._ended.add(start)
        if is_first:
            self.entries.append(_entry(record, has_later=message.subject in self._later))
        self._later.add(message.subject)


def _entry(record: Record, *, has_later: bool) -> HistoryEntry:
    known = dict(record.outcome)
    attempts = [_attempt(one) for one in known.get("attempts", [])]
    if record.kind == "ended":
        status = HistoryStatus(known.get("status", HistoryStatus.INTERRUPTED))
        message = known.get("message", "")
    elif record.kind == "handed":
        status, message = HistoryStatus.INTERRUPTED, "handed back to the other hosts"
    elif has_later:
        status, message = HistoryStatus.INTERRUPTED, f"{record.host} did not end it"
    else:
        status, message = HistoryStatus.RUNNING, ""
    snapshot = record.snapshot
    return HistoryEntry(
        execution_id=record.execution_id,
        job_id=record.job_id,
        job_name=snapshot.job_name,
        origin=record.origin,
        protocol=snapshot.protocol,
        target=known.get("target", snapshot.target),
        scheduled_time=record.scheduled_time,
        started_at=record.started_at,
        ended_at=record.ended_at,
        status=status,
        code=known.get("code"),
        message=message,
        duration_ms=known.get("duration_ms"),
        receipt=known.get("receipt", {}),
        attempts=attempts,
        pid=record.pid,
        host=record.host,
        snapshot=snapshot,
    )


def _attempt(found: dict[str, object]) -> Attempt:
    return msgspec.convert(found, type=Attempt)


def _fits(entry: HistoryEntry, wanted: HistoryFilter) -> bool:
    return (
        (wanted.execution_id is None or entry.execution_id == wanted.execution_id)
        and (not wanted.jobs or entry.job_id in wanted.jobs)
        and (not wanted.statuses or entry.status in wanted.statuses)
        and (wanted.since is None or entry.started_at >= wanted.since)
        and (wanted.until is None or entry.started_at < wanted.until)
    )
