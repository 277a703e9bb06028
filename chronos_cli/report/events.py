"""The loop's events for programs: as logfmt, or as JSON."""

from datetime import UTC, datetime
from typing import Any

from chronos_cli.cron.events import EventKind, LoopEvent
from chronos_cli.report.text import json_text, printable

_LEVELS = {
    EventKind.WARNING: "warning",
    EventKind.ATTEMPT_FAILED: "warning",
    EventKind.SKIPPED: "warning",
    EventKind.DROPPED: "warning",
    EventKind.MISSED: "warning",
    EventKind.RECOVERED: "warning",
    EventKind.PAUSED: "warning",
    EventKind.CLOCK_SET: "warning",
    EventKind.CLOCK_BEHIND: "warning",
    EventKind.NOTICE_FAILED: "error",
    EventKind.HEARTBEAT_FAILED: "error",
    EventKind.HEARTBEAT_HELD: "error",
    EventKind.STATE_FAILED: "error",
    EventKind.RELOAD_REFUSED: "error",
}


# Of syslog, as the journal reads them at the beginning of a line (sd-daemon(3)).
_PRIORITIES = {"error": "<3>", "warning": "<4>", "info": "<6>"}


def journal_prefix(event: LoopEvent) -> str:
    """Return what tells the journal how grave a line is; the journal takes it off again."""
    return _PRIORITIES[_level(event)]


def event_text(event: LoopEvent) -> str:
    """Return an event in one line of logfmt: `key=value…`; what holds blanks is quoted."""
    return " ".join(f"{name}={_value(value)}" for name, value in event_document(event).items())


def event_document(event: LoopEvent) -> dict[str, Any]:
    """Return an event as JSON data."""
    head = {"time": _time(event.time), "level": _level(event), "event": event.kind.value}
    return {**head, **event.fields}


def _level(event: LoopEvent) -> str:
    """Return how grave an event is: an execution that failed is an error, a try that did is not."""
    if event.kind is EventKind.ENDED:
        return "info" if event.fields.get("status") == "succeeded" else "error"
    return _LEVELS.get(event.kind, "info")


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")


def _value(value: Any) -> str:
    if isinstance(value, list):
        value = "; ".join(map(str, value))
    text = printable(str(value))
    is_plain = text and not any(letter in text for letter in ' "=')
    return text if is_plain else json_text(text)
