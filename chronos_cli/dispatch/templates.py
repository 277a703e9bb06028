"""What the templates of a job see, and rendering them for one attempt."""

from datetime import datetime
from typing import Any

from msgspec import Struct, structs

from chronos_cli.dispatch.execution import Execution
from chronos_cli.errors import RejectedError
from chronos_cli.jobs.template import Template, TemplateFailure
from chronos_cli.jobs.template_engine import render_text


class Context:
    """What the templates of one attempt see; `now` is the same in all of them."""

    def __init__(self, execution: Execution, attempt: int) -> None:
        self.execution = execution
        self.attempt = attempt
        self._names: dict[str, Any] = {}

    def names(self) -> dict[str, Any]:
        """Return the names that a template may use: those that are checked at load."""
        if not self._names:
            execution, spec = self.execution, self.execution.job.spec
            self._names = {
                "job": {
                    "id": execution.job.id,
                    "name": spec.name,
                    "tags": dict(spec.tags),
                    "timezone": spec.timezone,
                },
                "execution": {"id": execution.id},
                "scheduled_time": execution.scheduled_time,
                "attempt": self.attempt,
                "vars": dict(execution.variables),
                "now": datetime.now(execution.scheduled_time.tzinfo),
            }
            if execution.outcome is not None:
                self._names["outcome"] = execution.outcome
        return self._names


def render(value: Any, context: Context) -> Any:
    """Return a value with every template in it rendered; everything else stays what it is.

    Raises RejectedError, naming the expression, when a template fails.
    """
    if isinstance(value, Template):
        try:
            return render_text(value, context.names())
        except TemplateFailure as error:
            raise RejectedError(str(error), code="TEMPLATE") from error
    if isinstance(value, dict):
        return {key: render(item, context) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(render(item, context) for item in value)
    if isinstance(value, Struct):
        fields = structs.asdict(value)
        changed = {name: render(item, context) for name, item in fields.items()}
        if all(changed[name] is item for name, item in fields.items()):
            return value
        return structs.replace(value, **changed)
    return value
