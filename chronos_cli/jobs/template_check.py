"""What a template may say: its names, attributes, filters and tests are closed sets."""

import difflib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NoReturn

from msgspec import Struct

from chronos_cli.jobs.dates import check_pattern
from chronos_cli.jobs.template import TIME_ATTRIBUTES, TIME_METHODS, TemplateFailure
from chronos_cli.schedule.zones import load_zone

if TYPE_CHECKING:
    from jinja2.sandbox import SandboxedEnvironment

# Names, operators and literals: of one expression, and of all in a text. Brackets, and the tree
# that they make, so deep at most.
_MOST_IN_EXPRESSION = 300
_MOST_IN_ALL = 10_000
_DEEPEST_BRACKETS = 20
_DEEPEST_TREE = 50
_INFINITY = float("inf")


class Shape(Struct, frozen=True):
    """What is known of a value: whether it is a time, its parts, or nothing (`is_open`)."""

    parts: "dict[str, Shape]" = {}
    is_time: bool = False
    is_open: bool = False


_PLAIN, _TIME, _OPEN = Shape(), Shape(is_time=True), Shape(is_open=True)

NAMES = {
    "job": Shape({"id": _PLAIN, "name": _PLAIN, "tags": _OPEN, "timezone": _PLAIN}),
    "execution": Shape({"id": _PLAIN}),
    "scheduled_time": _TIME,
    "attempt": _PLAIN,
    "vars": _OPEN,
    "now": _TIME,
}
# What people write, and what there is.
_INSTEAD = {
    "job_id": "write: {{ job.id }}",
    "job_name": "write: {{ job.name }}",
    "execution_id": "write: {{ execution.id }}",
    "id": "write: {{ job.id }}, or {{ execution.id }}",
    "name": "write: {{ job.name }}",
    "timestamp": "write: {{ now }}",
    "today": "write: {{ now | date('%Y-%m-%d') }}",
    "date": "write: {{ now | date('%Y-%m-%d') }}",
    "env": "a variable of the environment is written ${NAME}",
    "secrets": "a secret is a variable of the environment, ${NAME}, or a file, ${file:/run/…}",
    "environ": "a variable of the environment is written ${NAME}",
}
# The filters of other tools.
_FILTER_INSTEAD = dict.fromkeys(
    "strftime format_date dateformat date_format format".split(), "write: date('%Y-%m-%d')"
) | dict.fromkeys("json to_json dump".split(), "write: tojson")
# The outcome has the shape of a result in the JSON report.
_OUTCOME_TEXTS = (
    "job_id job_name execution_id protocol target scheduled_time status code message duration_ms"
).split()
_OUTCOME_OPEN = ("receipt", "attempts")
OUTCOME = Shape(dict.fromkeys(_OUTCOME_TEXTS, _PLAIN) | dict.fromkeys(_OUTCOME_OPEN, _OPEN))

_TESTS = frozenset(
    "boolean defined divisibleby eq even false float ge gt in integer le lower lt mapping ne none "
    "number odd sequence string true undefined upper".split()
)
_OPERATIONS = frozenset(
    "Template Output TemplateData CondExpr Add Sub Mul Div FloorDiv Mod Neg Pos Not And Or "
    "Compare Operand Concat List Tuple Dict Pair Slice Keyword".split()
)
_OPEN_FILTERS = frozenset({"default", "first", "last"})


class _Token(Struct, frozen=True):
    offset: int
    kind: str
    text: str


def check(environment: "SandboxedEnvironment", text: str, *, in_notice: bool) -> None:
    """Raise TemplateFailure for a text that is no template, or asks for what there is not."""
    from jinja2 import TemplateSyntaxError

    statement = text.find("{%")
    if statement >= 0:
        raise TemplateFailure("statements '{% … %}' are not supported, only '{{ … }}'", statement)
    try:
        tokens = list(_tokens(environment, text))
        tree = environment.parse(text)
    except TemplateSyntaxError as error:
        message = f"template: {error.message}"
        hint = "the form of a date stands in quotes: date('%Y-%m-%d')" if "%" in message else None
        raise TemplateFailure(message, _line_offset(text, error.lineno), hint) from error
    except (ValueError, ArithmeticError, RecursionError) as error:
        if isinstance(error, TemplateFailure):
            raise
        # Such as a number of thousands of digits.
        raise TemplateFailure(f"template: {error}", _line_offset(text, 1)) from error
    names = {**NAMES, "outcome": OUTCOME} if in_notice else NAMES
    _Check(environment, names, tokens).shape(tree, 0)


def _tokens(environment: "SandboxedEnvironment", text: str) -> Iterator[_Token]:
    """Yield the tokens of the expressions, within bounds; blanks are left out."""
    at = in_all = in_expression = depth = 0
    for _line, kind, value in environment.lexer.tokeniter(text, None):
        found = text.find(value, at)
        start = found if found >= 0 else at
        at = start + len(value)
        if kind == "variable_begin":
            in_expression = depth = 0
        if kind in {"data", "whitespace", "variable_begin", "variable_end"}:
            continue
        in_all, in_expression = in_all + 1, in_expression + 1
        depth += (value in {"(", "[", "{"}) - (value in {")", "]", "}"})
        if in_expression > _MOST_IN_EXPRESSION or in_all > _MOST_IN_ALL:
            most = f"{_MOST_IN_EXPRESSION} in an expression, {_MOST_IN_ALL:,} in all"
            raise TemplateFailure("template: too many names, values and operators", start, most)
        if depth > _DEEPEST_BRACKETS:
            message = f"template: brackets more than {_DEEPEST_BRACKETS} deep"
            raise TemplateFailure(message, start)
        yield _Token(start, kind, value)


def _line_offset(text: str, line: int) -> int:
    """Return the offset of the first expression on a line."""
    start = sum(len(part) for part in text.splitlines(keepends=True)[: line - 1])
    return max(text.find("{{", start), start)


class _Check:
    def __init__(
        self, environment: "SandboxedEnvironment", names: dict[str, Shape], tokens: list[_Token]
    ) -> None:
        self._filters = environment.filters
        self._names = names
        self._tokens = tokens
        self._handlers: dict[str, Callable[[Any, int], Shape]] = {
            "Const": self._constant,
            "Name": self._name,
            "Getattr": self._attribute,
            "Getitem": self._item,
            "Call": self._call,
            "Filter": self._filter,
            "Test": self._test,
        }

    def shape(self, node: Any, depth: int) -> Shape:
        """Return what is known of an expression's value, after all in it has been checked."""
        if depth > _DEEPEST_TREE:
            raise TemplateFailure(f"template: nested more than {_DEEPEST_TREE} deep", self._first())
        kind = type(node).__name__
        if handler := self._handlers.get(kind):
            return handler(node, depth + 1)
        if kind not in _OPERATIONS:
            raise TemplateFailure(f"template: '{kind}' is not supported", self._first())
        self._children(node, depth)
        return _OPEN

    def _children(self, node: Any, depth: int) -> None:
        for child in node.iter_child_nodes():
            self.shape(child, depth + 1)

    def _constant(self, node: Any, _depth: int) -> Shape:
        if node.value == _INFINITY:  # compiled as `inf`, which no template knows
            raise TemplateFailure("template: the number is too large", self._first())
        if isinstance(node.value, str) and not node.value.isascii():
            try:
                node.value.encode()
            except UnicodeEncodeError:
                message = "template: half a surrogate pair is no text"
                raise TemplateFailure(message, self._first()) from None
        return _PLAIN

    def _name(self, node: Any, _depth: int) -> Shape:
        if node.name not in self._names:
            hint = _INSTEAD.get(node.name)
            if node.name == "outcome":
                hint = "only on_failure, on_success and on_recovery see the outcome"
            self._unknown("name", node.name, self._names, "", hint)
        return self._names[node.name]

    def _attribute(self, node: Any, depth: int) -> Shape:
        return self._part(self.shape(node.node, depth), node.attr, ".")

    def _item(self, node: Any, depth: int) -> Shape:
        base = self.shape(node.node, depth)
        key = node.arg.value if type(node.arg).__name__ == "Const" else None
        if isinstance(key, str) and not base.is_open:
            return self._part(base, key, "[")
        self.shape(node.arg, depth)
        return _OPEN

    def _part(self, base: Shape, name: str, before: str) -> Shape:
        if base.is_open:
            return _OPEN
        if base.is_time and name in TIME_METHODS:
            hint = f"write {name}()"
            raise TemplateFailure(f"template: '{name}' is a method", self._at(name, before), hint)
        known = dict.fromkeys(TIME_ATTRIBUTES, _PLAIN) if base.is_time else base.parts
        if name not in known:
            listed = [*known, *(f"{method}()" for method in TIME_METHODS if base.is_time)]
            self._unknown("attribute", name, dict.fromkeys(sorted(listed)), before)
        return known[name]

    def _call(self, node: Any, depth: int) -> Shape:
        called = node.node
        is_method = type(called).__name__ == "Getattr" and called.attr in TIME_METHODS
        base = self.shape(called.node, depth) if is_method else None
        if base is None or not (base.is_time or base.is_open):
            methods = ", ".join(f"{name}()" for name in sorted(TIME_METHODS))
            is_attribute = type(called).__name__ == "Getattr"
            where = called.attr if is_attribute else getattr(called, "name", "")
            offset = self._at(where, "." if is_attribute else "")
            is_name = where in self._names and not is_attribute
            hint = f"write: {{{{ {where} }}}}" if is_name else f"of times: {methods}"
            raise TemplateFailure("template: this cannot be called", offset, hint)
        for child in (*node.args, *node.kwargs):
            self.shape(child, depth)
        return _PLAIN

    def _filter(self, node: Any, depth: int) -> Shape:
        if node.name not in self._filters:
            message = f"template: No filter named '{node.name[:40]}'"
            hint = _FILTER_INSTEAD.get(node.name) or _suggestion(node.name, sorted(self._filters))
            raise TemplateFailure(message, self._at(node.name, "|"), hint)
        base = self.shape(node.node, depth)
        for child in (*node.args, *node.kwargs):
            self.shape(child, depth)
        if node.name in {"date", "tz"}:
            self._of_time(node, base)
            return _TIME if node.name == "tz" else _PLAIN
        return _OPEN if node.name in _OPEN_FILTERS else _PLAIN

    def _of_time(self, node: Any, base: Shape) -> None:
        """Check what is constant of `date` and `tz`."""
        if not base.is_time and not base.is_open:
            offset = self._at(node.name, "|")
            hint = "scheduled_time and now are times"
            raise TemplateFailure(f"template: '{node.name}' is for times", offset, hint)
        value = getattr(node.args[0], "value", None) if node.args else None
        if not isinstance(value, str):
            return
        try:
            (check_pattern if node.name == "date" else load_zone)(value)
        except ValueError as error:
            raise TemplateFailure(f"template: {error}", self._at(node.name, "|")) from error

    def _test(self, node: Any, depth: int) -> Shape:
        if node.name not in _TESTS:
            message = f"template: No test named '{node.name[:40]}'"
            hint = _suggestion(node.name, sorted(_TESTS))
            raise TemplateFailure(message, self._at(node.name, "is"), hint)
        self._children(node, depth)
        return _PLAIN

    def _unknown(
        self, what: str, name: str, known: dict[str, Any], before: str, hint: str | None = None
    ) -> NoReturn:
        hint = hint or _suggestion(name, list(known))
        message = f"template: unknown {what} '{name[:40]}'"
        raise TemplateFailure(message, self._at(name, before), hint)

    def _at(self, name: str, before: str) -> int:
        """Return the offset of a name, by what stands before it; of the first token otherwise."""
        last = ""
        for token in self._tokens:
            word = token.text.strip("'\"") if token.kind == "string" else token.text
            follows = last == before if before else last not in {".", "|", "is"}
            if word == name and follows:
                return token.offset
            last = token.text
        return self._first()

    def _first(self) -> int:
        return self._tokens[0].offset if self._tokens else 0


def _suggestion(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name[:60], known, n=1)
    if near:
        return f"did you mean '{near[0]}'?"
    return f"there are: {', '.join(known)}" if known else "it has none"
