"""One lock for each job with `forbid` or `replace`: whose execution runs, in the whole cluster.

It is a key, written by compare and set. That alone is not enough: nats-server 2.9 compares when a
message comes in, so that of several which come together all are stored. It compares with nothing,
sequence 0, when it stores. So whoever wants a lock first stores its turn, under a subject of the
lock as it stands, which can be stored once. The one who has the turn writes the key.
"""

from itertools import count

import msgspec
from msgspec import Struct

from chronos_cli.cluster.api import EXPECTED, Api, RefusedError, StoredMessage
from chronos_cli.cluster.members import Members
from chronos_cli.cluster.names import Names

# Of the time after which a lock is taken over: how old it may be when it is renewed.
_SAFE = 0.75


class Holder(Struct, frozen=True):
    """Who holds a lock: an execution of a tick (unix ms), on a host."""

    execution_id: str
    ms: int
    host: str


class Lock(Struct):
    """A lock that is held here; `seq` is its key's last message, which we wrote.

    It was `renewed` then, at the latest (monotonic).
    """

    job_id: str
    holder: Holder
    seq: int
    renewed: float = 0.0


class Locks:
    """Takes, renews and frees locks, by compare and set. Each call raises StateError."""

    def __init__(self, api: Api, names: Names, members: Members, ack_wait: float) -> None:
        self._api = api
        self._names = names
        self._members = members
        self._clock = members.clock
        self._age = 2 * ack_wait

    async def take(self, job_id: str, execution_id: str, moment: int) -> Lock | Holder:
        """Return the lock, or who holds it.

        It is taken over from the same execution elsewhere, and from one that did not renew it for
        twice `ack_wait`.
        """
        wanted = Holder(execution_id, moment, self._members.me.id)
        while True:
            last = await self._api.last(self._names.bucket, self._names.key("lock", job_id))
            holder = _holder(last)
            if last and holder and not self._is_free(last, holder, execution_id):
                return holder
            began = self._clock.monotonic()
            lock = Lock(job_id, wanted, last.seq if last else 0)
            other = await self._other_in_turn(lock)
            if other is not None:
                return other
            # Whoever was away for so long may have lost its turn meanwhile.
            is_prompt = self._clock.monotonic() - began < self._age / 2
            if is_prompt and await self._write(lock, msgspec.json.encode(wanted)):
                return lock

    async def renew(self, lock: Lock) -> bool:
        """Write a lock anew; whether it is still ours."""
        # When another may be taking it over, it is not written any more.
        if self._clock.monotonic() - lock.renewed > self._age * _SAFE:
            return False
        return await self._write(lock, msgspec.json.encode(lock.holder))

    async def free(self, lock: Lock) -> None:
        """Give a lock up; nothing happens when it is another's by now."""
        await self._write(lock, b"", {"KV-Operation": "DEL"})

    def _is_free(self, last: StoredMessage, holder: Holder, execution_id: str) -> bool:
        return holder.execution_id == execution_id or self._age_of(last) > self._age

    def _age_of(self, message: StoredMessage) -> float:
        """Return how long ago a message was stored, in seconds of the server's time."""
        return (self._members.server_now() - message.time).total_seconds()

    async def _other_in_turn(self, lock: Lock) -> Holder | None:
        """Take the turn to write a lock as it stands; return who has it, if not we.

        One that did not write for as long as a lock lives is passed over.
        """
        body = msgspec.json.encode(lock.holder)
        for number in count():
            subject = self._names.turn(lock.job_id, lock.seq, number)
            try:
                await self._api.store(subject, body, {EXPECTED: "0"})
            except RefusedError as error:
                if not error.is_taken:
                    raise
            else:
                return None
            taken = await self._api.last(self._names.ticks, subject)
            other = _holder(taken)
            if other == lock.holder:
                return None  # our own, whose answer was lost
            if taken and other and self._age_of(taken) <= self._age:
                return other
        raise AssertionError  # the numbers have no end

    async def _write(self, lock: Lock, body: bytes, more: dict[str, str] | None = None) -> bool:
        headers = {EXPECTED: str(lock.seq), **(more or {})}
        began = self._clock.monotonic()
        key = self._names.key("lock", lock.job_id)
        try:
            lock.seq = (await self._api.store(key, body, headers)).seq
        except RefusedError as error:
            if not error.is_wrong_sequence:
                raise
            # An answer that was lost leaves a lock that is ours all the same.
            last = await self._api.last(self._names.bucket, key)
            if last is None or not body or last.data != body:
                return False
            lock.seq = last.seq
        lock.renewed = began
        return True


def _holder(message: StoredMessage | None) -> Holder | None:
    if message is None or not message.data:
        return None
    try:
        return msgspec.json.decode(message.data, type=Holder)
    except msgspec.DecodeError:
        return None
