"""The starts of a cluster's host: what is due is claimed, and what is handed out is started."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from chronos_cli.cluster.claims import BY, Claims
from chronos_cli.cluster.deliveries import Deliveries
from chronos_cli.cluster.guard import GuardedDispatchers
from chronos_cli.cluster.holds import Holds
from chronos_cli.cluster.journal import ClusterJournal
from chronos_cli.cluster.link import Link
from chronos_cli.cluster.marks import Marks
from chronos_cli.cluster.members import Members
from chronos_cli.cluster.names import Names, text_of
from chronos_cli.cluster.pauses import GroupPauses
from chronos_cli.cluster.pull import Puller
from chronos_cli.cron.events import EventKind, Events
from chronos_cli.cron.pending import PendingStart
from chronos_cli.dispatch.dispatchers import Dispatchers
from chronos_cli.dispatch.execution import Execution
from chronos_cli.dispatch.executor import Executor
from chronos_cli.dispatch.limit import end_task
from chronos_cli.errors import StateError
from chronos_cli.jobs.model import Job

if TYPE_CHECKING:
    from nats.aio.msg import Msg

# How long each part of what is left to be said to the servers may take when a host stops, in
# seconds: servers that do not answer must not keep it from ending.
_LAST_WORDS = 5.0


class ClusterStarts:
    """See `Starts`. What waits is with the servers, not here."""

    def __init__(  # noqa: PLR0913, PLR0917 - the parts of a host
        self,
        link: Link,
        names: Names,
        claims: Claims,
        marks: Marks,
        members: Members,
        holds: Holds,
        deliveries: Deliveries,
        journal: ClusterJournal,
        executor: Executor,
        on_crash: Callable[[BaseException], None],
        version_of: Callable[[Job], str],
        events: Events,
    ) -> None:
        self._events = events
        self._version_of = version_of
        self._link = link
        self._names = names
        self._claims = claims
        self._marks = marks
        self._members = members
        self._holds = holds
        self._deliveries = deliveries
        self._journal = journal
        self._executor = executor
        self._on_crash = on_crash
        self._dispatchers: Dispatchers | None = None
        self._limit = 1
        self._handling: set[asyncio.Task[None]] = set()
        self._stop: asyncio.Task[None] | None = None
        self._tasks: list[asyncio.Task[Any]] = []
        deliveries.start = self._start
        deliveries.pass_over = journal.end
        deliveries.before = journal.was
        deliveries.ask_to_end = self._ask_to_end
        self.puller = Puller(link, names, members.clock, self._room, self._receive)
        holds.on_freed = self.puller.wake

    def __len__(self) -> int:
        return len(self._claims)

    def waiting(self) -> dict[str, int]:
        """Return how many ticks of each job are not claimed yet."""
        return self._claims.waiting()

    def take_ticks(self, job_id: str) -> list[PendingStart]:
        """Claim the ticks of a job no more; what is claimed is with the servers."""
        self._marks.hold(job_id)
        return self._claims.withdraw(job_id)

    def running_ids(self, job_id: str) -> list[str]:
        """Return the IDs of a job's executions that are under way here."""
        return self._executor.running_ids(job_id)

    def waiting_ids(self, job_id: str) -> list[str]:  # noqa: ARG002
        """Return nothing: what waits is with the servers."""
        return []

    def waits_since(self) -> datetime | None:
        """Return nothing: a claim that has no answer is told of in its own way."""

    def begin(self, pauses: GroupPauses) -> None:
        """Let the parts run, beside the loop."""
        parts = (self._claims, self._marks, self._members, self._holds, self.puller, pauses)
        for part in parts:
            task = asyncio.create_task(part.serve())
            task.add_done_callback(self._look_at)
            self._tasks.append(task)

    async def listen(self) -> None:
        """Hear what is claimed, and who asks a job's holder to end."""
        await self._link.subscribe(self._names.claimed(), self._on_claimed)
        await self._link.subscribe(self._names.cancel(), self._on_cancel)

    def adopt(self, jobs: Mapping[str, Job], dispatchers: Dispatchers, limit: int) -> None:
        """Start these jobs from now on; see `Starts.adopt`."""
        if self._dispatchers is not None:
            self._dispatchers.retire()
        self._dispatchers, self._limit = GuardedDispatchers(dispatchers, self._holds), limit
        self._deliveries.jobs = dict(jobs)
        self._deliveries.hashes = {job.id: self._version_of(job) for job in jobs.values()}
        self._run(self._tell_jobs(list(jobs)))

    def hash_of(self, job_id: str) -> str:
        """Return what tells this version of a job from another."""
        return self._deliveries.hashes.get(job_id, "")

    def put(self, start: PendingStart) -> None:
        """Claim what is due."""
        self._claims.offer(start)

    def correct(self, now: datetime) -> None:
        """Do nothing: marks never pass what is claimed."""

    def send_notice(self, notice: Execution) -> None:
        """Do nothing: no notice is taken up again."""

    def freed(self, job_id: str) -> None:  # noqa: ARG002
        """Ask for more."""
        self.puller.wake()

    def pump(self) -> None:
        """Do nothing: what is handed out starts by itself."""
        self._members.running = len(self._executor)

    def stop(self) -> None:
        """Claim nothing and take nothing any more."""
        self._journal.is_stopping = self._deliveries.is_stopping = True
        self._stop = asyncio.create_task(self._stop_taking())

    async def close(self) -> None:
        """Say to the servers what is left to be said, and leave."""
        if self._stop is not None:
            await asyncio.wait({self._stop}, timeout=2 * _LAST_WORDS)
        await self._holds.finish(_LAST_WORDS)
        try:
            async with asyncio.timeout(_LAST_WORDS):
                await self._marks.finish()
                await self._members.leave()
        except (StateError, TimeoutError):
            pass  # the others see that it is gone
        claims = self._claims
        self._events.tell(
            EventKind.CLUSTER,
            message="left",
            published=claims.published,
            claimed=claims.stored,
            taken=claims.taken,
        )
        await asyncio.gather(*map(end_task, self._tasks))
        await self._link.close()
        if self._dispatchers is not None:
            await self._dispatchers.close()

    async def _stop_taking(self) -> None:
        await self._claims.stop()
        await self.puller.stop()
        if self._handling:
            await asyncio.wait(self._handling, timeout=_LAST_WORDS)

    def _room(self) -> int:
        return self._limit - len(self._holds) - len(self._handling)

    def _receive(self, message: "Msg") -> None:
        task = asyncio.create_task(self._deliveries.take(message))
        self._handling.add(task)
        task.add_done_callback(self._handling.discard)
        task.add_done_callback(self._look_at)

    def _start(self, execution: Execution) -> None:
        assert self._dispatchers is not None
        task = self._executor.start(execution, self._dispatchers)
        task.add_done_callback(self._look_at)

    async def _ask_to_end(self, job_id: str, execution_id: str, moment: int) -> None:
        """Ask the holder of a job's lock, wherever it is, to end for an execution."""
        body = msgspec.json.encode({"execution_id": execution_id, "ms": moment})
        await self._link.send(self._names.cancel(job_id), body)

    async def _on_claimed(self, message: "Msg") -> None:
        subject = message.subject.replace(".claimed.", ".tick.", 1)
        self._claims.saw(subject, (message.headers or {}).get(BY, ""))

    async def _on_cancel(self, message: "Msg") -> None:
        job_id = text_of(message.subject.rpartition(".")[2])
        try:
            asked = msgspec.json.decode(message.data, type=dict[str, Any])
            execution_id, moment = str(asked["execution_id"]), int(asked["ms"])
        except (msgspec.DecodeError, LookupError, ValueError):
            return
        mine = [hold for hold in self._holds if hold.job_id == job_id and hold.record]
        is_older = all(hold.ms < moment for hold in mine)
        if mine and is_older and self._executor.have_begun(job_id):
            self._executor.interrupt(job_id, f"replaced by {execution_id}")

    async def _tell_jobs(self, job_ids: list[str]) -> None:
        with suppress(StateError):  # it matters only for jobs that no host has
            await self._members.tell_jobs(job_ids)

    def _run(self, call: Any) -> None:
        task = asyncio.create_task(call)
        self._handling.add(task)
        task.add_done_callback(self._handling.discard)
        task.add_done_callback(self._look_at)

    def _look_at(self, task: "asyncio.Task[Any]") -> None:
        if not task.cancelled() and (error := task.exception()):
            self._on_crash(error)
