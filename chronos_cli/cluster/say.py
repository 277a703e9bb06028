"""What goes wrong in the cluster: said once a minute, and once when it is over."""

from chronos_cli.clock import Clock
from chronos_cli.cron.events import EventKind, Events

_REMINDER = 60.0


class Troubles:
    """What is wrong now, by kind."""

    def __init__(self, clock: Clock, events: Events) -> None:
        self._clock = clock
        self._events = events
        self._now: set[str] = set()
        self._said: dict[str, float] = {}

    @property
    def is_quiet(self) -> bool:
        """Whether nothing is wrong."""
        return not self._now

    def now(self) -> frozenset[str]:
        """Return the kinds of what is wrong."""
        return frozenset(self._now)

    def begin(self, kind: str, message: str) -> None:
        """Take in that something is wrong; say so, if it was not said in the last minute."""
        self._now.add(kind)
        self.warn(kind, message)

    def end(self, kind: str) -> None:
        """Take in that it is so no more."""
        if kind in self._now:
            self._now.remove(kind)
            self._said.pop(kind, None)
            self._events.tell(EventKind.CLUSTER, message=f"{kind}: it is over")

    def warn(self, kind: str, message: str) -> None:
        """Say something once a minute at most."""
        now = self._clock.monotonic()
        if now - self._said.get(kind, -_REMINDER) >= _REMINDER:
            # Kinds may have a tick's name in them: those of the last minute alone are kept.
            self._said = {one: at for one, at in self._said.items() if now - at < _REMINDER}
            self._said[kind] = now
            self._events.tell(EventKind.WARNING, message=message)
