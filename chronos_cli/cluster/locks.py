"""One lock for each job with `forbid` or `replace`: whose execution runs, in the whole cluster."""

import msgspec
from msgspec import Struct

from chronos_cli.cluster.api import EXPECTED, Api, RefusedError, StoredMessage
from chronos_cli.cluster.members import Members
from chronos_cli.cluster.names import Names


class Holder(Struct, frozen=True):
    """Who holds a lock: an execution of a tick (unix ms), on a host."""

    execution_id: str
    ms: int
    host: str


class Lock(Struct):
    """A lock that is held here; `seq` is its key's last message, which we wrote."""

    job_id: str
    holder: Holder
    seq: int


class Locks:
    """Takes, renews and frees locks, by compare and set. Each call raises StateError."""

    def __init__(self, api: Api, names: Names, members: Members, ack_wait: float) -> None:
        self._api = api
        self._names = names
        self._members = members
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
            lock = Lock(job_id, wanted, last.seq if last else 0)
            if await self._write(lock, msgspec.json.encode(wanted)):
                return lock

    async def renew(self, lock: Lock) -> bool:
        """Write a lock anew; whether it is still ours."""
        return await self._write(lock, msgspec.json.encode(lock.holder))

    async def free(self, lock: Lock) -> None:
        """Give a lock up; nothing happens when it is another's by now."""
        await self._write(lock, b"", {"KV-Operation": "DEL"})

    def _is_free(self, last: StoredMessage, holder: Holder, execution_id: str) -> bool:
        age = (self._members.server_now() - last.time).total_seconds()
        return holder.execution_id == execution_id or age > self._age

    async def _write(self, lock: Lock, body: bytes, more: dict[str, str] | None = None) -> bool:
        headers = {EXPECTED: str(lock.seq), **(more or {})}
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
        return True


def _holder(message: StoredMessage | None) -> Holder | None:
    if message is None or not message.data:
        return None
    try:
        return msgspec.json.decode(message.data, type=Holder)
    except msgspec.DecodeError:
        return None
