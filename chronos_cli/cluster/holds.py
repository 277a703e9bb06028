"""What this host carries out: kept by signs of life, ended by an outcome, or handed back."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Struct, structs

from chronos_cli.clock import Clock
from chronos_cli.cluster.api import EXPECTED, Api, RefusedError
from chronos_cli.cluster.link import NoAnswerError, NoRightError
from chronos_cli.cluster.locks import Lock, Locks
from chronos_cli.cluster.names import Names
from chronos_cli.cluster.records import Record, is_same_start, record_of
from chronos_cli.cluster.say import Troubles
from chronos_cli.errors import StateError

# Of `ack_wait`: how often a sign of life is given, and how old the last answered one may be when
# something is sent.
_BEAT, _FRESH = 1 / 3, 0.8
_PAUSE = 0.5


class Hold(Struct):
    """A tick that was handed to this host. `reply` is where the servers hear of it.

    `seq` is the last message of its outcome's subject, 0 for none; `answered` when a sign of life
    was last answered (monotonic). One that `is_lost` is another host's by now; of one that
    `is_unsure` that is not known.
    """

    subject: str
    job_id: str
    ms: int
    reply: str
    answered: float
    seq: int
    record: Record | None = None
    lock: Lock | None = None
    is_lost: bool = False
    is_unsure: bool = False
    is_ending: bool = False


class Holds:
    """The ticks that this host holds, by the subject of the tick."""

    def __init__(  # noqa: PLR0913, PLR0917 - what it keeps them with
        self,
        api: Api,
        names: Names,
        clock: Clock,
        locks: Locks,
        troubles: Troubles,
        ack_wait: float,
    ) -> None:
        self._api = api
        self._names = names
        self._clock = clock
        self._locks = locks
        self._troubles = troubles
        self._ack_wait = ack_wait
        self._held: dict[str, Hold] = {}
        # The same by execution, for those that were started.
        self._started: dict[str, Hold] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self.on_freed: Callable[[], None] = lambda: None

    def __len__(self) -> int:
        return len(self._held)

    def __iter__(self) -> Iterator[Hold]:
        return iter(list(self._held.values()))

    def get(self, subject: str) -> Hold | None:
        """Return what is held of a tick."""
        return self._held.get(subject)

    def of_execution(self, execution_id: str) -> Hold | None:
        """Return the hold of an execution that was started here."""
        return self._started.get(execution_id)

    def add(self, hold: Hold) -> None:
        """Begin to give signs of life for a tick."""
        self._held[hold.subject] = hold

    def drop(self, hold: Hold) -> None:
        """Give none any more."""
        self._held.pop(hold.subject, None)
        if hold.record is not None:
            self._started.pop(hold.record.execution_id, None)
        self.on_freed()

    async def serve(self) -> None:
        """Give signs of life; ends by being cancelled."""
        while True:
            await self._clock.sleep(self._ack_wait * _BEAT)
            for hold in self:
                self._begin(self._beat(hold))

    async def start(self, hold: Hold, record: Record) -> bool:
        """Write that an execution starts; False when another host has written since.

        Raises StateError when that cannot be written.
        """
        if not await self._write(hold, record):
            return False
        self.adopt(hold, record)
        return True

    def adopt(self, hold: Hold, record: Record) -> None:
        """Take in which execution a tick is, without writing that it starts."""
        hold.record = record
        self._started[record.execution_id] = hold

    async def is_ours(self, hold: Hold) -> bool:
        """Whether something may be sent: no other host can have taken the tick over.

        A host that was stopped and goes on knows nothing of the time in between. It writes its
        start anew; who took over has written since, and so that is refused.
        """
        assert hold.record is not None
        while self._clock.monotonic() - hold.answered > self._ack_wait * _FRESH:
            hold.is_unsure = True
            began = self._clock.monotonic()
            try:
                if not await self._write(hold, hold.record):
                    hold.is_lost = True
                    return False
                hold.answered = began
            except StateError:
                await asyncio.sleep(_PAUSE)
                continue
            self._begin(self._beat(hold))
        hold.is_unsure = False
        return not hold.is_lost

    def end(self, hold: Hold, record: Record) -> None:
        """Store an outcome, however long that takes; then free the lock, then acknowledge."""
        hold.is_ending = True
        self._begin(self._settle(hold, record))

    def hand_back(self, hold: Hold) -> None:
        """Let another host carry out what this one does not."""
        hold.is_ending = True
        self._begin(self._return(hold))

    async def answer(self, reply: str, word: bytes, **more: Any) -> None:
        """Tell the servers of a tick: `+ACK`, or `-NAK` with a `delay` in seconds."""
        if "delay" in more:
            word += b" " + msgspec.json.encode({"delay": round(more["delay"] * 1_000_000_000)})
        await self._api.link.send(reply, word)

    async def finish(self, seconds: float) -> None:
        """Wait until what has ended is written down, for so long."""
        tasks = {task for task in self._tasks if not task.done()}
        if tasks:
            await asyncio.wait(tasks, timeout=seconds)

    async def _settle(self, hold: Hold, record: Record) -> None:
        while not hold.is_lost:
            try:
                hold.is_lost = not await self._write(hold, record)
                self._troubles.end("outcomes")
                break
            except StateError as error:
                self._troubles.begin("outcomes", f"an outcome cannot be stored yet: {error}")
                await asyncio.sleep(_PAUSE)
        await self._free(hold)
        if hold.is_lost:
            words = f"execution {record.execution_id} was taken over by another host: its outcome"
            self._troubles.warn(hold.subject, f"{words} here is not kept, it is sent again there")
        else:
            await self._acknowledge(hold)
        self.drop(hold)

    async def _return(self, hold: Hold) -> None:
        record = hold.record
        if record is not None and not hold.is_lost:
            try:
                # It is no start that a host died over.
                handed = structs.replace(record, kind="handed", number=record.number - 1)
                await self._write(hold, handed)
            except StateError:
                pass  # it comes again after `ack_wait`, and is taken over then
        await self._free(hold)
        if not hold.is_lost:
            await self.answer(hold.reply, b"-NAK")
        self.drop(hold)

    async def _acknowledge(self, hold: Hold) -> None:
        """Acknowledge; one that is lost makes the tick come again, and be acknowledged then."""
        try:
            await self._api.link.request(hold.reply, b"+ACK", limit=2.0)
        except (NoAnswerError, NoRightError):
            await self.answer(hold.reply, b"+ACK")

    async def _free(self, hold: Hold) -> None:
        if hold.lock is not None and not hold.is_lost:
            try:
                await self._locks.free(hold.lock)
            except StateError as error:
                self._troubles.warn(
                    "lock", f"the lock of {hold.job_id} stays until it ages: {error}"
                )
        hold.lock = None

    async def _beat(self, hold: Hold) -> None:
        began = self._clock.monotonic()
        try:
            await self._api.link.request(hold.reply, b"+WPI", limit=self._ack_wait * _BEAT)
            if hold.lock is not None and not await self._locks.renew(hold.lock):
                self._troubles.warn("lock", f"the lock of {hold.job_id} was taken over")
                hold.lock = None
        except StateError:
            return
        hold.answered = max(hold.answered, began)

    async def _write(self, hold: Hold, record: Record) -> bool:
        """Write a record after the last one that is known; False when there is one of others."""
        subject = self._names.outcome(hold.job_id, hold.ms)
        body = record.encode()
        while True:
            try:
                stored = await self._api.store(subject, body, {EXPECTED: str(hold.seq)})
            except RefusedError as error:
                if not error.is_wrong_sequence:
                    raise
            else:
                hold.seq = stored.seq
                return True
            # Writes of our own may have been stored whose answers were lost, and more than once.
            last = await self._api.last(self._names.outcomes, subject)
            if last is None or last.seq <= hold.seq or not is_same_start(record_of(last), record):
                return False
            hold.seq = last.seq
            if last.data == body:
                return True

    async def last_record(self, job_id: str, moment: int) -> tuple[Record, int, datetime] | None:
        """Return what is known of a tick, its message's number, and when that was stored."""
        message = await self._api.last(self._names.outcomes, self._names.outcome(job_id, moment))
        if message is None:
            return None
        return record_of(message), message.seq, message.time.astimezone(UTC)

    async def last_of_job(self, job_id: str) -> Record | None:
        """Return the record of a job that was written last."""
        message = await self._api.last(self._names.outcomes, self._names.outcome(job_id, "*"))
        return None if message is None else record_of(message)

    def _begin(self, call: Any) -> None:
        task = asyncio.create_task(call)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
