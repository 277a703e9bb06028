"""What a host tells of itself and its cluster; it asks only where somebody looks on."""

from chronos_cli.clock import Clock
from chronos_cli.cluster.api import Api, RefusedError
from chronos_cli.cluster.claims import Claims
from chronos_cli.cluster.deliveries import Deliveries
from chronos_cli.cluster.figures import ClusterFigures
from chronos_cli.cluster.members import Members
from chronos_cli.cluster.names import CONSUMER, Names
from chronos_cli.cluster.say import Troubles
from chronos_cli.errors import StateError

# How often the servers are asked, how soon again after no answer, and how long one may take, in
# seconds.
_INTERVAL, _AGAIN, _ANSWER = 3.0, 1.0, 2.0
# What was stored so many seconds ago shows that they store.
_FRESH = 1.0


class Observer:
    """Knows how a host stands in its cluster, from `serve` on."""

    def __init__(  # noqa: PLR0913, PLR0917 - what it looks at
        self,
        api: Api,
        names: Names,
        clock: Clock,
        members: Members,
        claims: Claims,
        deliveries: Deliveries,
        troubles: Troubles,
    ) -> None:
        self._api = api
        self._names = names
        self._clock = clock
        self._members = members
        self._claims = claims
        self._deliveries = deliveries
        self._troubles = troubles
        self._waiting: int | None = None
        self._handed: int | None = None
        self._refusal: str | None = None

    async def serve(self) -> None:
        """Ask the servers again and again; ends by being cancelled."""
        while True:
            pause = _INTERVAL
            try:
                await self._look()
            except StateError:
                self._waiting = self._handed = None
                pause = _AGAIN
            await self._clock.sleep(pause)

    def figures(self) -> ClusterFigures:
        """Return how all stands now."""
        claims = self._claims
        return ClusterFigures(
            group=self._names.group,
            host=self._members.me.id,
            hosts=len(self._members.live),
            requests=claims.published,
            stored=claims.stored,
            taken=claims.taken,
            redeliveries=self._deliveries.redelivered,
            waiting=self._waiting,
            handed=self._handed,
            skew=self._members.skew,
            silence=self._silence(),
            gives_up=claims.gives_up,
            refusal=self._refusal,
            troubles=self._troubles.now(),
        )

    async def _look(self) -> None:
        if self._silence() >= _FRESH:
            await self._try_to_store()
        info = await self._api.call(f"CONSUMER.INFO.{self._names.ticks}.{CONSUMER}", limit=_ANSWER)
        self._waiting, self._handed = info["num_pending"], info["num_ack_pending"]

    async def _try_to_store(self) -> None:
        """Store something: whoever only reads may be answered without a majority."""
        key = self._names.key("probe", self._members.me.id)
        try:
            await self._api.store(key, b"", limit=_ANSWER)
        except RefusedError as error:
            self._refusal = str(error)
            return
        except StateError:
            self._refusal = None
            raise
        self._refusal = None

    def _silence(self) -> float:
        return self._clock.monotonic() - self._api.last_stored
