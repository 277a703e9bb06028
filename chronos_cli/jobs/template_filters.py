"""The filters of templates. Each is bounded: what they read and write is counted."""

import base64
import hashlib
import json
from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Any

from chronos_cli.jobs.dates import format_date
from chronos_cli.schedule.zones import load_zone

# The name under which a rendering finds its own count; no template can spell it.
WORK = " work"
_BUILT_IN = ("abs", "capitalize", "default", "float", "int", "length", "lower", "string", "title",
             "trim", "upper", "urlencode")  # fmt: skip


class Work:
    """How many characters the filters of one rendering may still read and write."""

    def __init__(self, most: int) -> None:
        self._left = most

    def count(self, value: Any) -> None:
        """Take note of a value that is read or written; ValueError when it gets too much."""
        self._left -= len(value) if isinstance(value, str | list | tuple | dict) else 1
        if self._left < 0:
            raise ValueError("the filters have too much to do")


def filters() -> dict[str, Callable[..., Any]]:
    """Return all filters by their names."""
    from jinja2.filters import FILTERS

    listed = {name: FILTERS[name] for name in _BUILT_IN} | _OWN
    return {name: _counted(function) for name, function in listed.items()}


def _counted(function: Callable[..., Any]) -> Callable[..., Any]:
    from jinja2 import pass_context

    @pass_context
    @wraps(function)
    def call(context: Any, value: Any, *arguments: Any, **named: Any) -> Any:
        work: Work = context[WORK]
        for read in (value, *arguments, *named.values()):
            work.count(read)
        result = function(value, *arguments, **named)
        work.count(result)
        return result

    return call


def _date(moment: Any, pattern: str = "%Y-%m-%d") -> str:
    return format_date(_time(moment, "date"), _text(pattern, "date"))


def _zone(moment: Any, zone: str) -> datetime:
    return _time(moment, "tz").astimezone(load_zone(_text(zone, "tz")))


def _time(value: Any, name: str) -> datetime:
    if not isinstance(value, datetime):
        raise ValueError(f"'{name}' is for times, such as scheduled_time")
    return value


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"'{name}' is for text")
    return value


def _first(value: Any) -> Any:
    return _item(value, 0)


def _last(value: Any) -> Any:
    return _item(value, -1)


def _item(value: Any, index: int) -> Any:
    from jinja2 import StrictUndefined

    listed = value if isinstance(value, str) else list(value)
    return listed[index] if listed else StrictUndefined("there is no item, the list is empty")


def _round(value: float, precision: int = 0, method: str = "common") -> float:
    from jinja2.filters import do_round

    if not isinstance(precision, int) or abs(precision) > 20:  # powers of ten of any size
        raise ValueError("'round' takes up to 20 digits")
    if isinstance(value, int) and abs(value) > 1e15:
        return value
    return do_round(value, precision, method)  # type: ignore[arg-type]


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def _sha256(value: str) -> str:
    return hashlib.sha256(_text(value, "sha256").encode()).hexdigest()


def _b64encode(value: str) -> str:
    return base64.b64encode(_text(value, "b64encode").encode()).decode()


def _replace(value: str, old: str, new: str) -> str:
    value, old, new = str(value), _text(old, "replace"), _text(new, "replace")
    if old == "" or len(value) + value.count(old) * len(new) > _LARGEST:
        raise ValueError("'replace' would grow too large")
    return value.replace(old, new)


_LARGEST = 1024 * 1024
_OWN: dict[str, Callable[..., Any]] = {
    "date": _date,
    "tz": _zone,
    "first": _first,
    "last": _last,
    "round": _round,
    "tojson": _json,
    "sha256": _sha256,
    "b64encode": _b64encode,
    "replace": _replace,
}
