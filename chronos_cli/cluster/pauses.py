"""The pauses of a group: kept by the servers, a key for each job and one for all of them."""

from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta

import msgspec
from msgspec import Struct, structs

from chronos_cli.clock import Clock
from chronos_cli.cluster.api import Api
from chronos_cli.cluster.link import NoAnswerError
from chronos_cli.cluster.names import Names, job_of_pause
from chronos_cli.cluster.say import Troubles
from chronos_cli.cron.pauses import pause_words
from chronos_cli.errors import StateError
from chronos_cli.jobs.calendars import calendar_of
from chronos_cli.jobs.model import Job
from chronos_cli.schedule.calendar import next_tick
from chronos_cli.state.entries import ALL_JOBS, Pause

# How often the servers are asked for what is new, in seconds.
_INTERVAL = 1.0
# A tick that is put off is looked at anew after so many seconds, and so many of them a second.
_AGAIN, _RATE = 1.0, 100.0
_INSTANT = timedelta(microseconds=1)


class PauseRecord(Struct, frozen=True, omit_defaults=True):
    """The last pause of a job, or of all, and how it ended. Times are aware.

    It is kept when it has `ended`: hosts that start later have to know from when ticks count. Those
    up to `seen_to` do not, by this pause or by one before it. With `catch_up` its own ones do.
    """

    by: str
    at: datetime
    reason: str | None = None
    until: datetime | None = None
    ended: datetime | None = None
    ended_by: str | None = None
    catch_up: bool = False
    seen_to: datetime | None = None

    @property
    def pause(self) -> Pause:
        """The pause itself."""
        return Pause(self.by, self.at, self.reason, self.until)

    def is_in_force(self, now: datetime) -> bool:
        """Whether ticks are passed over."""
        return self.ended is None and self.pause.holds(now)

    def seen_to_at(self, now: datetime) -> datetime | None:
        """Return up to when ticks do not count: also one whose time is over has an end."""
        if self.ended is None and self.until is not None and self.until <= now:
            return latest(self.seen_to, self.until - _INSTANT)
        return self.seen_to

    def passes_over(self, job: Job, moment: datetime, starts_at: datetime, now: datetime) -> bool:
        """Whether a tick that was claimed, and has not started, is one that does not count."""
        seen_to = self.seen_to_at(now)
        if seen_to is not None and starts_at <= seen_to:
            return True
        if self.ended is None or not self.catch_up or starts_at >= self.ended:
            return False
        return not _is_made_up_for(job, moment, self.ended)

    def encode(self) -> bytes:
        """Return the record as it is stored."""
        return msgspec.json.encode(self)


def begun(before: PauseRecord | None, pause: Pause, now: datetime) -> PauseRecord:
    """Return the record of a pause that takes the place of another one, or of none."""
    seen_to = before.seen_to_at(now) if before else None
    return PauseRecord(pause.by, pause.at, pause.reason, pause.until, seen_to=seen_to)


def ended(before: PauseRecord, by: str, now: datetime, *, catches_up: bool) -> PauseRecord:
    """Return the record of a pause that somebody ends."""
    return structs.replace(
        before,
        ended=now,
        ended_by=by,
        catch_up=catches_up,
        seen_to=before.seen_to if catches_up else now,
    )


def latest(*moments: datetime | None) -> datetime | None:
    """Return the latest of some times that may be unknown."""
    return max((one for one in moments if one is not None), default=None)


async def read_pauses(
    api: Api, names: Names, seq: int = 1
) -> AsyncIterator[tuple[str, PauseRecord | None, int]]:
    """Yield job ID, record and number of what was written from a number on; raises StateError.

    There is no record where somebody has deleted a key.
    """
    async for found in api.each(names.bucket, names.key("pause", "*"), seq):
        record = None
        if found.data:
            try:
                record = msgspec.json.decode(found.data, type=PauseRecord)
            except msgspec.DecodeError as error:
                raise StateError(
                    f"{found.subject} cannot be read: {error}; delete that key, or use the "
                    "version of Chronos that wrote it"
                ) from error
        yield job_of_pause(found.subject), record, found.seq


async def pauses_in_force(api: Api, names: Names) -> dict[str, Pause]:
    """Return the pauses that hold by this machine's clock, by job; raises StateError."""
    now = datetime.now(UTC)
    return {
        job_id: record.pause
        async for job_id, record, _ in read_pauses(api, names)
        if record is not None and record.is_in_force(now)
    }


class GroupPauses:
    """The pauses as this host knows them.

    `on_change` is called with job ID and record of each that others have written since `load`.
    """

    def __init__(self, api: Api, names: Names, clock: Clock, troubles: Troubles) -> None:
        self._api = api
        self._names = names
        self._clock = clock
        self._troubles = troubles
        self._records: dict[str, PauseRecord | None] = {}
        self._seq = 0
        # When the tick that was put off last is handed out again (monotonic).
        self._next_look = 0.0
        self.on_change: Callable[[str, PauseRecord | None], None] = lambda *_: None

    async def load(self) -> None:
        """Read what is new; raises StateError."""
        last = await self._api.last(self._names.bucket, self._names.key("pause", "*"))
        if last is None or last.seq <= self._seq:
            return
        async for job_id, record, seq in read_pauses(self._api, self._names, self._seq + 1):
            self._records[job_id], self._seq = record, seq
            self.on_change(job_id, record)

    async def serve(self) -> None:
        """Take over what others write; ends by being cancelled."""
        while True:
            await self._clock.sleep(_INTERVAL)
            try:
                await self.load()
            except NoAnswerError:
                continue  # others tell of that
            except StateError as error:
                self._troubles.begin("pauses", f"the pauses cannot be read: {error}")
            else:
                self._troubles.end("pauses")

    def in_force(self) -> dict[str, Pause]:
        """Return the pauses that hold now, by job; that of all under `ALL_JOBS`."""
        now = self._clock.now()
        known = self._records.items()
        return {job_id: one.pause for job_id, one in known if one and one.is_in_force(now)}

    def seen_to(self, job_id: str) -> datetime | None:
        """Return up to when the ticks of a job do not count, by pauses that have ended."""
        now = self._clock.now()
        return latest(*(one.seen_to_at(now) for one in self._of(job_id)))

    def puts_off(self, job_id: str, starts_at: datetime) -> float | None:
        """Return for how many seconds a tick is put off that is handed out in a pause, if it is.

        It was claimed before its job's pause was known. What becomes of it is decided at the end.
        """
        now = self._clock.now()
        if not any(one.is_in_force(now) and one.pause.holds(starts_at) for one in self._of(job_id)):
            return None
        present = self._clock.monotonic()
        self._next_look = max(present + _AGAIN, self._next_look + 1 / _RATE)
        return self._next_look - present

    def why_not(self, job: Job, moment: datetime, starts_at: datetime) -> str | None:
        """Return why a tick does not start after the end of a pause, if it does not."""
        now = self._clock.now()
        for one in self._of(job.id):
            if one.passes_over(job, moment, starts_at, now):
                return pause_words(one.pause)
        return None

    def _of(self, job_id: str) -> Iterator[PauseRecord]:
        for key in (job_id, ALL_JOBS):
            if record := self._records.get(key):
                yield record


def _is_made_up_for(job: Job, moment: datetime, end: datetime) -> bool:
    """Whether `missed_runs` wants a tick of a time that ended."""
    if job.spec.missed_runs == "execute_one":
        try:
            return next_tick(calendar_of(job), moment) > end
        except OverflowError:
            return True
    return job.spec.missed_runs == "execute_all"
