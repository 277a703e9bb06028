"""`{{ … }}`: texts that are rendered for each attempt, in a sandbox.

The language is Jinja2's expressions and nothing else: no statements (so no loops), no calls, no
attributes beyond those listed here, and only filters whose result is bounded. Jinja2 is imported
when the first template is met, so files without any do not pay for it.
"""

import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from chronos_cli.schedule.zones import load_zone

if TYPE_CHECKING:
    from jinja2 import Template as JinjaTemplate
    from jinja2.sandbox import SandboxedEnvironment

MAX_OUTPUT = 1024 * 1024
# Templates kept compiled: jobs in their thousands often share theirs.
_REMEMBERED = 1000

_BUILT_IN_FILTERS = (
    "abs", "capitalize", "default", "first", "float", "int", "last", "length", "lower", "round",
    "string", "title", "trim", "upper", "urlencode",
)  # fmt: skip
_TIME_ATTRIBUTES = frozenset({"year", "month", "day", "hour", "minute", "second", "microsecond"})
_TIME_METHODS = frozenset({"isoformat", "timestamp", "weekday", "isoweekday"})
# Without a width: the C library would pad a date to gigabytes.
_DATE_PATTERN = re.compile(r"([^%]|%[-_^#]?[A-Za-z%])*")


class Template(str):
    """A text with `{{ … }}` in it that the job's author wrote.

    Only text that stands in the file becomes a template; what `${…}` brought in never does.
    """

    __slots__ = ()


class TemplateFailure(ValueError):  # noqa: N818 - not an error of the program
    """A template cannot be read or rendered; `offset` is where in its text, as far as known."""

    def __init__(self, message: str, offset: int = 0) -> None:
        super().__init__(message)
        self.offset = offset


@lru_cache(maxsize=_REMEMBERED)
def check_template(text: str) -> None:
    """Raise TemplateFailure when a template cannot be read."""
    from jinja2 import TemplateSyntaxError

    statement = text.find("{%")
    if statement >= 0:
        raise TemplateFailure("statements '{% … %}' are not supported, only '{{ … }}'", statement)
    try:
        _compiled(text)
    except TemplateSyntaxError as error:
        raise TemplateFailure(f"template: {error.message}", _offset(text, error.lineno)) from error


def render_text(text: str, names: Mapping[str, Any]) -> str:
    """Return the rendered text; TemplateFailure, quoting it, when that fails."""
    from jinja2 import TemplateError

    try:
        rendered = _compiled(text).render(names)
        return _bounded(rendered)
    except (TemplateError, ValueError, TypeError, ArithmeticError, LookupError) as error:
        raise TemplateFailure(f"template {text[:200]!r} failed: {error}") from error


@lru_cache(maxsize=_REMEMBERED)
def _compiled(text: str) -> "JinjaTemplate":
    return _environment().from_string(text)


def _offset(text: str, line: int) -> int:
    """Return the offset of the first expression on a line."""
    start = sum(len(part) for part in text.splitlines(keepends=True)[: line - 1])
    return max(text.find("{{", start), start)


@cache
def _environment() -> "SandboxedEnvironment":
    from jinja2 import StrictUndefined
    from jinja2.filters import FILTERS
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Sandbox(ImmutableSandboxedEnvironment):
        intercepted_binops = frozenset({"*", "**", "%"})

        def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:  # noqa: ARG002
            return isinstance(obj, datetime) and attr in _TIME_ATTRIBUTES | _TIME_METHODS

        def is_safe_callable(self, obj: Any) -> bool:
            owner, name = getattr(obj, "__self__", None), getattr(obj, "__name__", "")
            return isinstance(owner, datetime) and name in _TIME_METHODS

        def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
            if operator == "**" or not _are_numbers(left, right):
                raise ValueError(f"'{operator}' is for numbers only")
            return super().call_binop(context, operator, left, right)

    environment = Sandbox(undefined=StrictUndefined, keep_trailing_newline=True)
    environment.globals.clear()
    environment.filters = {name: FILTERS[name] for name in _BUILT_IN_FILTERS} | _FILTERS
    return environment


def _are_numbers(*values: Any) -> bool:
    return all(isinstance(value, int | float) and abs(value) < 1e15 for value in values)


def _bounded(text: str) -> str:
    if len(text) > MAX_OUTPUT:
        raise ValueError(f"the result is larger than {MAX_OUTPUT // 2**20} MiB")
    return text


def _date(moment: datetime, pattern: str = "%Y-%m-%d") -> str:
    if len(pattern) > 100 or not _DATE_PATTERN.fullmatch(pattern):
        raise ValueError(f"{pattern[:40]!r} is not a date pattern")
    return moment.strftime(pattern)


def _zone(moment: datetime, zone: str) -> datetime:
    return moment.astimezone(load_zone(zone))


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def _sha256(value: str) -> str:
    import hashlib  # OpenSSL: not for every start

    return hashlib.sha256(value.encode()).hexdigest()


def _b64encode(value: str) -> str:
    import base64

    return base64.b64encode(value.encode()).decode()


def _replace(value: str, old: str, new: str) -> str:
    if old == "" or len(value) + value.count(old) * len(new) > MAX_OUTPUT:
        raise ValueError("'replace' would grow too large")
    return value.replace(old, new)


_FILTERS: dict[str, Callable[..., Any]] = {
    "date": _date,
    "tz": _zone,
    "tojson": _json,
    "sha256": _sha256,
    "b64encode": _b64encode,
    "replace": _replace,
}
