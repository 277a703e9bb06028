"""The loop's events as lines: for people and grep, or as JSON."""

from datetime import UTC, datetime
from typing import Any

from chronos_cli.cron.events import LoopEvent
from chronos_cli.report.text import json_text, printable


def event_text(event: LoopEvent) -> str:
    """Return an event in one line: `TIME EVENT key=value…`; what holds blanks is quoted."""
    pairs = [f"{name}={_value(value)}" for name, value in event.fields.items()]
    time = _time(event.time).replace("+00:00", "Z")
    return " ".join([time, event.kind.value, *pairs])


def event_document(event: LoopEvent) -> dict[str, Any]:
    """Return an event as JSON data."""
    return {"time": _time(event.time), "event": event.kind.value, **event.fields}


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")


def _value(value: Any) -> str:
    if isinstance(value, list):
        value = "; ".join(map(str, value))
    text = printable(str(value))
    is_plain = text and not any(letter in text for letter in ' "=')
    return text if is_plain else json_text(text)
