"""What goes wrong in the cluster: said once a minute, and a reason not to be ready."""

from chronos_cli.clock import Clock
from chronos_cli.cron.events import EventKind, Events

_REMINDER = 60.0


class Troubles:
    """What is wrong now, by kind; nothing is when a host is ready to fire what is due."""

    def __init__(self, clock: Clock, events: Events) -> None:
        self._clock = clock
        self._events = events
        self._since: dict[str, float] = {}
        self._said: dict[str, float] = {}
        self.now: dict[str, str] = {}

    def begin(self, kind: str, message: str) -> None:
        """Take in that something is wrong; say so, if it was not said in the last minute."""
        self._since.setdefault(kind, self._clock.monotonic())
        self.now[kind] = message
        self.warn(kind, message)

    def end(self, kind: str) -> None:
        """Take in that it is so no more."""
        if self.now.pop(kind, None) is not None:
            self._since.pop(kind)
            self._said.pop(kind, None)
            self._events.tell(EventKind.CLUSTER, message=f"{kind}: it is over")

    def warn(self, kind: str, message: str, **fields: object) -> None:
        """Say something once a minute at most."""
        now = self._clock.monotonic()
        if now - self._said.get(kind, -_REMINDER) >= _REMINDER:
            self._said[kind] = now
            self._events.tell(EventKind.WARNING, message=message, **fields)

    def lasting(self, seconds: float) -> list[str]:
        """Return what has been wrong for so long."""
        now = self._clock.monotonic()
        return [self.now[kind] for kind, since in self._since.items() if now - since >= seconds]
