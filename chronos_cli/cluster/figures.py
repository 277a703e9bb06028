"""What a host knows of its cluster at one moment, for those who look on."""

from msgspec import Struct

# A host for which nothing could be stored for so long is not fit to be relied on, in seconds.
_SILENT = 10.0
# The observer sees to it that something is stored every four seconds.
_ANSWERING = 6.0


class ClusterFigures(Struct, frozen=True, kw_only=True):
    """One host and its group.

    `hosts` are those that live. `requests` were sent to claim ticks, of which `stored` are ours
    and `taken` were others'; `redeliveries` came to this host, and not for the first time.
    `waiting` ticks are with nobody and `handed` ones are not acknowledged, None when that is not
    known. `skew` is how far this host's clock is behind the cluster's, `silence` how long ago
    something was last stored, both in seconds. `gives_up` when claims were not answered for so
    long that their ticks count as missed. `refusal` is why the servers store nothing; `troubles`
    are what the log tells of.
    """

    group: str
    host: str
    hosts: int
    requests: int
    stored: int
    taken: int
    redeliveries: int
    waiting: int | None
    handed: int | None
    skew: float
    silence: float
    gives_up: bool
    refusal: str | None
    troubles: frozenset[str]

    @property
    def has_quorum(self) -> bool:
        """Whether a majority of the servers answers."""
        is_answering = self.silence <= _ANSWERING or self.refusal is not None
        return is_answering and not self.gives_up

    @property
    def can_claim(self) -> bool:
        """Whether ticks can be claimed, as far as it depends on what the servers allow."""
        return "claims" not in self.troubles

    @property
    def is_stalled(self) -> bool:
        """Whether ticks wait and the servers hand out none."""
        return "watchdog" in self.troubles

    @property
    def is_recording(self) -> bool:
        """Whether outcomes can be stored."""
        return "outcomes" not in self.troubles

    @property
    def failure(self) -> str | None:
        """Why no tick should be expected to be fired here; None where all is well."""
        if not self.can_claim:
            return "no tick can be claimed: the servers are full, or a right is missing"
        if self.silence >= _SILENT and self.refusal is not None:
            return f"the servers store nothing: {self.refusal}"
        if self.silence >= _SILENT or self.gives_up:
            return "no majority of the cluster's servers has answered for 10s"
        if "clock" in self.troubles:
            return "this host's clock is more than 5m from the cluster's"
        return None
