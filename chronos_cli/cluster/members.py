"""Which hosts live, which of them a tick belongs to, and what time it is for most of them."""

import math
import os
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from statistics import median

import msgspec
from msgspec import Struct, structs

from chronos_cli.cluster.api import EXPECTED, Api, RefusedError, StoredMessage
from chronos_cli.cluster.clock import ClusterClock
from chronos_cli.cluster.names import Names, text_of
from chronos_cli.cluster.say import Troubles
from chronos_cli.errors import StateError

INTERVAL = 10.0
# While the cluster forms, hosts learn of each other sooner.
_SOON, _FORMING = 1.0, 10
# A host that has not written for so long is not counted on.
LIVES = 30.0
# One that should have written by now is not waited for.
_MISSED = INTERVAL + 2.0
# Clocks may differ by so much, in seconds; beyond the second a host is not fit.
TOLERATED, UNFIT = 2.0, 300.0
# An answer that took longer says too little of the time.
_LONGEST_ROUND = 1.0
# So often a host that starts measures anew, where answers are slow.
_TRIES = 10
# Bytes that stand for a job's ID in the list of a host's jobs.
_DIGEST = 6


class Member(Struct, frozen=True, kw_only=True):
    """What a host says of itself; `offset` is from its clock to the server's, in seconds.

    `ruler` is the server whose clock that was.
    """

    id: str
    machine: str
    pid: int
    started: str
    offset: float | None = None
    ruler: str = ""
    running: int = 0
    jobs: int = 0


class Seen(Struct, frozen=True):
    """A host as it was read, and how old that was, in seconds of the server's time."""

    member: Member
    age: float
    seq: int

    @property
    def is_live(self) -> bool:
        """Whether it counts."""
        return self.age < LIVES


class Members:
    """The host that runs here, among the others."""

    def __init__(self, api: Api, names: Names, clock: ClusterClock, troubles: Troubles) -> None:
        self._api = api
        self._names = names
        self._clock = self.clock = clock
        self._troubles = troubles
        self._seq: int | None = None
        self._rounds = 0
        self._ruler = ""
        self._offset: float | None = None
        # What it took to measure it, in seconds.
        self._round = math.inf
        machine = os.uname().nodename
        started = clock.machine.now().isoformat(timespec="seconds")
        self.me = Member(id=machine, machine=machine, pid=os.getpid(), started=started)
        self.live: list[str] = []
        self.seen: list[Seen] = []
        self.skew = 0.0
        self._told: bytes | None = None
        # Hosts that did not do what was theirs, with their last message then.
        self._silent: dict[str, int] = {}
        # How many executions run here, for the others to see.
        self.running = 0

    @property
    def server_offset(self) -> timedelta:
        """How far the server's clock is ahead of the machine's."""
        return timedelta(seconds=self._offset or 0.0)

    def server_now(self) -> datetime:
        """Return the time of the server that keeps the bucket."""
        return self._clock.machine.now() + self.server_offset

    async def join(self) -> None:
        """Take a name that no live host has, and learn what time it is; raises StateError."""
        others = {one.member.id: one async for one in read_members(self._api, self._names)}
        number = 1
        while True:
            suffix = "" if number == 1 else f"-{number}"
            name = f"{self.me.machine}{suffix}"
            known = others.get(name)
            if known is None or not known.is_live or self._is_me(known.member):
                self.me = structs.replace(self.me, id=name)
                if await self._take_name(known.seq if known else None):
                    break
            number += 1
        for _ in range(_TRIES):
            await self.look()
            if self._round < _LONGEST_ROUND:
                break
        await self.look()

    def _is_me(self, member: Member) -> bool:
        """Whether it was this process that wrote it, and the answer was lost."""
        me = self.me
        return (member.machine, member.pid, member.started) == (me.machine, me.pid, me.started)

    async def serve(self) -> None:
        """Go on saying that this host lives; ends by being cancelled."""
        while True:
            await self._clock.sleep(_SOON if self._rounds < _FORMING else INTERVAL)
            try:
                await self.look()
            except StateError as error:
                self._troubles.begin("quorum", f"the cluster does not answer: {error}")
            else:
                self._troubles.end("quorum")

    async def look(self) -> None:
        """Write what this host is, and read what the others are."""
        self._rounds += 1
        ruler = await self._leader()
        mine = await self._write()
        now = mine.time if mine else None
        seen = [one async for one in read_members(self._api, self._names, now)]
        self.seen = seen
        seqs = {one.member.id: one.seq for one in seen}
        self._silent = {one: seq for one, seq in self._silent.items() if seqs.get(one) == seq}
        self._silent |= {one.member.id: one.seq for one in seen if one.age > _MISSED}
        self.live = sorted(one.member.id for one in seen if one.is_live)
        if ruler == self._ruler or self._rounds == 1:
            self._correct([one.member for one in seen if one.is_live])
        self._ruler = ruler

    def rank(self, subject: str) -> int:
        """Return how many live hosts come before this one for a subject; 0 for its owner."""
        return len(self.before(subject).difference(self._silent))

    def suspect(self, subject: str, host: str) -> None:
        """Take in that a host had to claim a tick which belongs to others sooner.

        Until they write again, nobody waits for them.
        """
        seqs = {one.member.id: one.seq for one in self.seen}
        self._silent |= {one: seqs.get(one, 0) for one in self.before(subject, host)}

    def before(self, subject: str, host: str = "") -> set[str]:
        """Return the live hosts that a tick belongs to sooner than to one: by default, to us."""
        weight = _weight(host or self.me.id, subject)
        others = (one for one in self.live if one != self.me.id)
        return {one for one in others if _weight(one, subject) > weight}

    async def tell_jobs(self, job_ids: Iterable[str]) -> None:
        """Let the others know which jobs this host has; raises StateError."""
        digests = b"".join(sorted(map(job_digest, job_ids)))
        if digests != self._told:
            await self._api.store(self._names.key("jobs", self.me.id), digests)
            self._told = digests

    async def has_elsewhere(self, job_id: str) -> bool:
        """Whether another live host has a job; True when that cannot be told."""
        for one in self.live:
            if one == self.me.id:
                continue
            try:
                if job_digest(job_id) in await jobs_of(self._api, self._names, one):
                    return True
            except StateError:
                return True
        return False

    async def leave(self) -> None:
        """Say that this host is gone."""
        headers = {"KV-Operation": "DEL"}
        await self._api.store(self._names.key("host", self.me.id), b"", headers, limit=2)

    async def _leader(self) -> str:
        info = await self._api.call(f"STREAM.INFO.{self._names.bucket}")
        return str((info.get("cluster") or {}).get("leader", ""))

    async def _take_name(self, known: int | None) -> bool:
        """Write this host's key after the message that is known; False if another one did so."""
        key = self._names.key("host", self.me.id)
        last = await self._api.last(self._names.bucket, key)
        seq = last.seq if last else 0
        if (last and last.data and seq != known) or not await self._has_turn(seq):
            return False
        headers = {EXPECTED: str(seq)}
        try:
            await self._api.store(key, msgspec.json.encode(self.me), headers)
        except RefusedError as error:
            if error.is_wrong_sequence:
                return False
            raise
        return True

    async def _has_turn(self, seq: int) -> bool:
        """Whether it is this host's turn to take its name, as the key stands; see `Locks`."""
        subject = self._names.host_turn(self.me.id, seq)
        try:
            await self._api.store(subject, msgspec.json.encode(self.me), {EXPECTED: "0"})
        except RefusedError as error:
            if not error.is_taken:
                return True  # without turns, as in a full stream, the key's comparison has to do
            taken = await self._api.last(self._names.ticks, subject)
            return taken is not None and self._is_me(_member(taken))
        return True

    async def _write(self) -> StoredMessage | None:
        """Write this host's key and measure the server's time; return the message."""
        offset = self._offset if self._ruler else None
        me = structs.replace(self.me, offset=offset, ruler=self._ruler, running=self.running)
        began, steady = self._clock.machine.now(), self._clock.monotonic()
        key = self._names.key("host", me.id)
        stored = await self._api.store(key, msgspec.json.encode(me))
        took = self._clock.monotonic() - steady
        message = await self._api.at(self._names.bucket, stored.seq)
        # Half of what it took is how wrong it may be: until there is a quick one, the quickest.
        if message is not None and took < max(_LONGEST_ROUND, self._round):
            self._round = took
            middle = began + timedelta(seconds=took / 2)
            self._offset = (message.time - middle).total_seconds()
        return message

    def _correct(self, live: Iterable[Member]) -> None:
        """Take the median of all offsets for the truth; our own is the one just measured."""
        if self._offset is None:
            return
        others = [one for one in live if one.id != self.me.id]
        offsets = [one.offset for one in others if one.ruler == self._ruler]
        known = [self._offset, *(one for one in offsets if one is not None)]
        if len(known) * 2 <= len(others):
            return  # most of them have not measured by this server's clock yet
        self.skew = self._offset - agreed_offset(known)
        self._clock.correction = self.skew if abs(self.skew) > TOLERATED else 0.0
        self._say_skew()

    def _say_skew(self) -> None:
        skew = abs(self.skew)
        words = f"this host's clock is {skew:.1f}s {'behind' if self.skew > 0 else 'ahead'}"
        if skew > UNFIT:
            self._troubles.begin("clock", f"{words}: more than 5 min")
        else:
            self._troubles.end("clock")
        if skew > TOLERATED:
            self._troubles.warn("skew", f"{words}; the cluster's time is used instead")


async def read_members(api: Api, names: Names, now: datetime | None = None) -> AsyncIterator[Seen]:
    """Yield every host; without the servers' time the newest message is the present."""
    found = [one async for one in api.each(names.bucket, names.key("host", "*")) if one.data]
    present = now or max((one.time for one in found), default=datetime.now(UTC))
    for one in found:
        yield Seen(_member(one), (present - one.time).total_seconds(), one.seq)


def _member(message: StoredMessage) -> Member:
    try:
        return msgspec.json.decode(message.data, type=Member)
    except msgspec.DecodeError:
        return Member(id=text_of(message.subject), machine="?", pid=0, started="")


async def jobs_of(api: Api, names: Names, host: str) -> frozenset[bytes]:
    """Return what stands for the jobs of a host, see `job_digest`; raises StateError."""
    found = await api.last(names.bucket, names.key("jobs", host))
    data = found.data if found else b""
    return frozenset(data[at : at + _DIGEST] for at in range(0, len(data), _DIGEST))


def agreed_offset(offsets: list[float]) -> float:
    """Return the offset that counts.

    The server's own clock has a vote among less than three. Of two that differ the later time of
    firing is taken: a host on its own must not fire early.
    """
    if len(offsets) >= 3:
        return median(offsets)
    if len(offsets) == 1:
        return max(offsets[0], 0.0)
    return median([*offsets, 0.0])


def _weight(host: str, subject: str) -> bytes:
    return blake2b(f"{host}\n{subject}".encode(), digest_size=8).digest()


def job_digest(job_id: str) -> bytes:
    """Return what stands for a job in the list of a host's jobs."""
    return blake2b(job_id.encode(), digest_size=_DIGEST).digest()
