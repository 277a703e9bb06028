"""What the loop tells of itself, as data; somebody else writes it down."""

from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from typing import Any

from msgspec import Struct

from chronos_cli.clock import Clock


class EventKind(StrEnum):
    """What happened."""

    STARTED = "started"
    LISTENING = "listening"
    WARNING = "warning"
    FIRED = "fired"
    ATTEMPT_FAILED = "attempt_failed"
    ENDED = "ended"
    SKIPPED = "skipped"
    DROPPED = "dropped"
    MISSED = "missed"
    RECOVERED = "recovered"
    PAUSED = "paused"
    RESUMED = "resumed"
    NOTICE_SENT = "notice_sent"
    NOTICE_HELD = "notice_held"
    NOTICE_FAILED = "notice_failed"
    HEARTBEAT_FAILED = "heartbeat_failed"
    HEARTBEAT_HELD = "heartbeat_held"
    HEARTBEAT_RESTORED = "heartbeat_restored"
    CLOCK_SET = "clock_set"
    CLOCK_BEHIND = "clock_behind"
    STATE_FAILED = "state_failed"
    STATE_RESTORED = "state_restored"
    RELOADED = "reloaded"
    RELOAD_REFUSED = "reload_refused"
    DRAINING = "draining"
    STOPPED = "stopped"
    CLUSTER = "cluster"


class LoopEvent(Struct, frozen=True):
    """One thing that happened. `fields` is JSON-like; nothing in it is masked yet."""

    kind: EventKind
    time: datetime
    fields: dict[str, Any] = {}


class Events:
    """Stamps events with the time and passes them on."""

    def __init__(self, clock: Clock, sink: Callable[[LoopEvent], None]) -> None:
        self._clock = clock
        self._sink = sink

    def tell(self, kind: EventKind, **fields: Any) -> None:
        """Tell of an event; fields that are None are left out."""
        known = {name: value for name, value in fields.items() if value is not None}
        self._sink(LoopEvent(kind, self._clock.now(), known))
