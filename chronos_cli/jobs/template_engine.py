"""`{{ … }}`: texts that are rendered for each attempt, in a sandbox.

The language is Jinja2's expressions and nothing else: no statements (so no loops), no calls, no
names, attributes and filters beyond those listed, and only filters whose work is bounded. Jinja2
is imported when the first template is met, so files without any do not pay for it.
"""

import re
from collections.abc import Mapping
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from chronos_cli.jobs.template import TIME_ATTRIBUTES, TIME_METHODS, TemplateFailure

if TYPE_CHECKING:
    from jinja2 import Template as JinjaTemplate
    from jinja2.sandbox import SandboxedEnvironment

# Characters of a template, and of what it renders to.
MAX_OUTPUT = 1024 * 1024
# Characters that the filters of one rendering may read and write: a tenth of a second's work.
MAX_WORK = 1024 * 1024
# Templates kept compiled: jobs in their thousands often share theirs.
_REMEMBERED = 1000


@lru_cache(maxsize=_REMEMBERED)
def check_template(text: str, *, in_notice: bool = False) -> None:
    """Raise TemplateFailure when a template cannot be read, or asks for what there is not.

    `in_notice` is for the templates of `on_failure` and its kin, which see the outcome.
    """
    from chronos_cli.jobs.template_check import check  # with Jinja2, only where needed

    if len(text) > MAX_OUTPUT:
        raise TemplateFailure("a template of more than 1 MiB", 0, "use payload_file")
    check(environment(), text, in_notice=in_notice)


def render_text(text: str, names: Mapping[str, Any]) -> str:
    """Return the rendered text; TemplateFailure, quoting it, when that fails."""
    from chronos_cli.jobs.template_filters import WORK, Work

    pieces: list[str] = []
    size = 0
    try:
        for piece in _compiled(text).generate({**names, WORK: Work(MAX_WORK)}):
            pieces.append(piece)
            size += len(piece)
            if size > MAX_OUTPUT:
                raise ValueError(f"the result is larger than {MAX_OUTPUT // 2**20} MiB")
        rendered = "".join(pieces)
        rendered.encode()  # half a surrogate pair is no text
    except Exception as error:  # whatever an expression makes of its values is the job's fault
        raise TemplateFailure(f"template {text[:200]!r} failed: {_reason(error, text)}") from error
    return rendered


def _reason(error: Exception, text: str) -> str:
    if isinstance(error, UnicodeEncodeError):
        return "half a surrogate pair is no text"
    name = str(error).rpartition("has no attribute ")[2].strip("'")
    if name and re.search(rf"\bvars\s*\.\s*{re.escape(name)}\b", text):
        default = f"{{{{ vars.{name} | default('…') }}}}"
        return f"vars.{name} is not given (add --var {name}=…, or write {default})"
    return str(error) or type(error).__name__


@lru_cache(maxsize=_REMEMBERED)
def _compiled(text: str) -> "JinjaTemplate":
    return environment().from_string(text)


@cache
def environment() -> "SandboxedEnvironment":
    """Return what templates are read and rendered in."""
    from datetime import datetime

    from jinja2 import StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    from chronos_cli.jobs.template_filters import filters

    class Sandbox(ImmutableSandboxedEnvironment):
        intercepted_binops = frozenset({"*", "**", "%"})

        def getattr(self, obj: Any, attribute: str) -> Any:
            # A key of a mapping may have the name of one of its methods: `vars.items`.
            if isinstance(obj, dict):
                return self.getitem(obj, attribute)
            return super().getattr(obj, attribute)

        def getitem(self, obj: Any, argument: Any) -> Any:
            if isinstance(obj, dict) and argument not in obj:
                return self.undefined(obj=obj, name=argument)
            return super().getitem(obj, argument)

        def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:  # noqa: ARG002
            return isinstance(obj, datetime) and attr in TIME_ATTRIBUTES | TIME_METHODS

        def is_safe_callable(self, obj: Any) -> bool:
            owner, name = getattr(obj, "__self__", None), getattr(obj, "__name__", "")
            return isinstance(owner, datetime) and name in TIME_METHODS

        def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
            if operator == "**" or not _are_numbers(left, right):
                raise ValueError(f"'{operator}' is for numbers only")
            return super().call_binop(context, operator, left, right)

    # Not optimized: constants would be computed when the template is read.
    made = Sandbox(undefined=StrictUndefined, keep_trailing_newline=True, optimized=False)
    made.globals.clear()
    made.filters = filters()
    return made


def _are_numbers(*values: Any) -> bool:
    return all(isinstance(value, int | float) and abs(value) < 1e15 for value in values)
