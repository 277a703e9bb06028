"""`{{ … }}` rendered for each attempt: Jinja2's sandbox, strict names, bounded output.

Nothing outside the names and filters listed here can be reached from a template. Jinja2 is
imported when the first template is met, so jobs without any do not pay for it.
"""

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from msgspec import Struct, structs

from chronos_cli.dispatch.execution import Execution
from chronos_cli.errors import RejectedError
from chronos_cli.jobs.template import Template
from chronos_cli.schedule.zones import load_zone

if TYPE_CHECKING:
    from jinja2.sandbox import SandboxedEnvironment

MAX_OUTPUT = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Context:
    """What a template can see."""

    execution: Execution
    attempt: int

    def names(self) -> dict[str, Any]:
        """Return the names that a template may use."""
        execution, spec = self.execution, self.execution.job.spec
        job = {
            "id": execution.job.id,
            "name": spec.name,
            "tags": dict(spec.tags),
            "timezone": spec.timezone,
        }
        return {
            "job": job,
            "execution": {"id": execution.id},
            "scheduled_time": execution.scheduled_time,
            "attempt": self.attempt,
            "vars": dict(execution.variables),
            "now": datetime.now(execution.scheduled_time.tzinfo),
        }


def render(value: Any, context: Context) -> Any:
    """Return a value with every template in it rendered; everything else stays what it is.

    Raises RejectedError, naming the expression, when a template fails.
    """
    if isinstance(value, Template):
        return _render_text(value, context)
    if isinstance(value, dict):
        return {key: render(item, context) for key, item in value.items()}
    if isinstance(value, list):
        return [render(item, context) for item in value]
    if isinstance(value, Struct):
        fields = structs.asdict(value)
        changed = {name: render(item, context) for name, item in fields.items()}
        if all(changed[name] is item for name, item in fields.items()):
            return value
        return structs.replace(value, **changed)
    return value


def _render_text(template: Template, context: Context) -> str:
    from jinja2 import TemplateError  # only jobs with templates pay for it

    try:
        parts: list[str] = []
        size = 0
        for part in _environment().from_string(str(template)).generate(context.names()):
            size += len(part)
            if size > MAX_OUTPUT:
                raise ValueError(f"the result is larger than {MAX_OUTPUT // 2**20} MiB")
            parts.append(part)
        return "".join(parts)
    except (TemplateError, ValueError, TypeError, ArithmeticError, LookupError) as error:
        quoted = str(template)[:200]
        raise RejectedError(f"template {quoted!r} failed: {error}", code="TEMPLATE") from error


@cache
def _environment() -> "SandboxedEnvironment":
    from jinja2 import StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined, keep_trailing_newline=True
    )
    environment.globals.clear()
    environment.filters.update(_FILTERS)
    return environment


def _date(moment: datetime, pattern: str = "%Y-%m-%d") -> str:
    return moment.strftime(pattern)


def _zone(moment: datetime, zone: str) -> datetime:
    return moment.astimezone(load_zone(zone))


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def _sha256(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()


def _b64encode(value: str) -> str:
    return base64.b64encode(value.encode()).decode()


_FILTERS: dict[str, Callable[..., Any]] = {
    "date": _date,
    "tz": _zone,
    "tojson": _json,
    "sha256": _sha256,
    "b64encode": _b64encode,
}
