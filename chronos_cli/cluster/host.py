"""One host of a cluster: its parts, how it joins, and what the loop needs of it."""

from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING

from chronos_cli.clock import Clock
from chronos_cli.cluster.api import Api, RefusedError
from chronos_cli.cluster.claims import Claims
from chronos_cli.cluster.clock import ClusterClock
from chronos_cli.cluster.deliveries import Deliveries
from chronos_cli.cluster.holds import Holds
from chronos_cli.cluster.journal import ClusterJournal
from chronos_cli.cluster.link import ADVICE, Link, NoAnswerError
from chronos_cli.cluster.locks import Locks
from chronos_cli.cluster.marks import Marks
from chronos_cli.cluster.members import Members
from chronos_cli.cluster.names import CONSUMER
from chronos_cli.cluster.observer import Observer
from chronos_cli.cluster.options import connection_of, plan_of
from chronos_cli.cluster.pauses import GroupPauses
from chronos_cli.cluster.rights import require_rights
from chronos_cli.cluster.say import Troubles
from chronos_cli.cluster.starts import ClusterStarts
from chronos_cli.cluster.steered import Steered
from chronos_cli.cluster.streams import Streams
from chronos_cli.cluster.version import version_of
from chronos_cli.cron.events import EventKind, Events
from chronos_cli.cron.loop import Loop
from chronos_cli.dispatch.execution import Execution
from chronos_cli.dispatch.executor import Executor
from chronos_cli.errors import StateError
from chronos_cli.jobs.config import Cluster
from chronos_cli.jobs.model import Job
from chronos_cli.redact import Redactor
from chronos_cli.state.entries import Snapshot
from chronos_cli.state.snapshot import snapshot_of

if TYPE_CHECKING:
    from chronos_cli.cluster.outcomes import ClusterOutcomes

# How long a host waits at its start for servers that have no majority yet, in seconds.
_PATIENCE = 30.0
# After so long it says that it waits, in seconds.
_SILENCE = 3.0
_WAITING = "waiting for the cluster's servers"


class ClusterHost:
    """One host: `join` it, run a loop with its clock, journal and starts, and it is done.

    `config` is the chronos.yaml that is in force, for the history.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - what a host is made of
        self,
        url: str,
        settings: Cluster,
        clock: ClusterClock,
        events: Events,
        redactor: Redactor,
        config: str | None,
    ) -> None:
        self._plan = plan_of(settings)
        self._redactor = redactor
        self._events = events
        self.clock = clock
        self.link = Link(connection_of(url, settings))
        self.api = Api(self.link)
        self.troubles = Troubles(clock, events)
        names, wait = self._plan.names, settings.ack_wait
        self.members = Members(self.api, names, clock, self.troubles)
        self.pauses = GroupPauses(self.api, names, clock, self.troubles)
        self._locks = Locks(self.api, names, self.members, wait)
        self.holds = Holds(self.api, names, clock, self._locks, self.troubles, wait)
        self.deliveries = Deliveries(
            clock,
            events,
            self.troubles,
            self.members,
            self.holds,
            self._locks,
            self.pauses,
            wait,
        )
        self.claims = Claims(self.api, names, self.members, clock, self.troubles, self._hash_of)
        self.marks = Marks(self.api, names, clock, self.claims.oldest_open, self._writes_mark)
        self.claims.on_settled = self.marks.settled
        self.journal = ClusterJournal(
            self.holds, self.marks, self.pauses, clock, redactor, self.troubles
        )
        self.deliveries.snapshot_of = partial(_snapshot, config=config, redactor=redactor)
        self.observer = Observer(
            self.api, names, clock, self.members, self.claims, self.deliveries, self.troubles
        )
        self._starts: ClusterStarts | None = None

    def outcomes(self, _: object) -> "ClusterOutcomes":
        """Return what came of executions on all hosts, for those who look on."""
        from chronos_cli.cluster.outcomes import ClusterOutcomes  # not for those who are alone

        return ClusterOutcomes(self.api, self._plan.names)

    def starts(
        self,
        clock: Clock,
        events: Events,
        executor: Executor,
        on_crash: Callable[[BaseException], None],
        variables: dict[str, str],
    ) -> ClusterStarts:
        """Return the starts of the loop; see `StartsMaker`."""
        del clock, events  # the host's own
        self.deliveries.variables = variables
        self._starts = ClusterStarts(
            self.link,
            self._plan.names,
            self.claims,
            self.marks,
            self.members,
            self.holds,
            self.deliveries,
            self.journal,
            executor,
            on_crash,
            partial(version_of, redactor=self._redactor),
            self._events,
        )
        return self._starts

    async def join(self, jobs: Iterable[Job]) -> None:
        """Connect, see that all is there and may be used, and learn the time and the marks.

        Raises StateError, and UsageError for what cannot be.
        """
        await self.link.open()
        try:
            await self._join(jobs)
        except StateError:
            await self.link.close()
            raise

    async def _join(self, jobs: Iterable[Job]) -> None:
        assert self._starts is not None
        await self._starts.listen()
        await self._patiently(Streams(self.api, self._plan).ensure)
        await require_rights(self.api, self._plan.names)
        self.link.on_refused = self._on_refused
        await self._patiently(self.members.join)
        await self._patiently(partial(self.marks.load, list(jobs)))
        await self._patiently(self.pauses.load)
        if self._plan.replicas == 1:
            message = "replicas is 1: when that server is lost, so are ticks and outcomes"
            self._events.tell(EventKind.WARNING, message=message)
        me, hosts = self.members.me.id, len(self.members.live)
        self._events.tell(EventKind.CLUSTER, message=f"joined as {me}", host=me, hosts=hosts)

    async def _patiently(self, call: Callable[[], Awaitable[None]]) -> None:
        """Do something that can be done twice; a stream that was just made has no leader yet."""
        began, is_told = self.clock.monotonic(), False
        while True:
            try:
                return await call()
            except NoAnswerError as error:
                waited = self.clock.monotonic() - began
                if waited > _PATIENCE:
                    raise StateError(f"--cluster: {error}; {ADVICE}") from error
                if waited > _SILENCE and not is_told:
                    is_told = True
                    self._events.tell(EventKind.WARNING, message=f"{_WAITING}: {error}")
                await self.clock.sleep(0.25)

    def begin(self, loop: Loop) -> None:
        """Let the parts run beside a loop that has begun."""
        assert self._starts is not None
        steered = Steered(loop, self.marks, self.clock)
        self.claims.on_missed = steered.look_back
        self.pauses.on_change = steered.take_over
        self._starts.begin(self.pauses)

    async def watch(self) -> None:
        """Look whether ticks wait that nobody is handed; ends by being cancelled."""
        name = f"{self._plan.names.ticks}.{CONSUMER}"
        last, since = -1, self.clock.monotonic()
        while True:
            await self.clock.sleep(self._plan.ack_wait)
            try:
                info = await self.api.call(f"CONSUMER.INFO.{name}")
            except (NoAnswerError, RefusedError):
                continue
            delivered = info["delivered"]["consumer_seq"]
            if delivered != last or not info["num_pending"]:
                last, since = delivered, self.clock.monotonic()
                self.troubles.end("watchdog")
            elif self.clock.monotonic() - since > 2 * self._plan.ack_wait:
                waiting = info["num_pending"]
                self.troubles.begin("watchdog", f"{waiting} ticks wait and none is handed out")

    def _hash_of(self, job_id: str) -> str:
        return self._starts.hash_of(job_id) if self._starts else ""

    def _writes_mark(self, job_id: str) -> bool:
        return self.members.rank(job_id) == 0

    def _on_refused(self, said: str) -> None:
        # The rest of a subject names a tick or a message: there may be thousands a minute.
        kind = ".".join(said.split(".")[:3])
        self.troubles.warn(kind, f"the server refuses this host: {said.removeprefix('nats: ')}")


def _snapshot(execution: Execution, config: str | None, redactor: Redactor) -> Snapshot:
    return snapshot_of(execution, config, redactor)
