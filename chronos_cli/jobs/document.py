"""YAML text → nodes that know where they stand.

Built on PyYAML's event stream, so that size and depth are bounded before anything is composed,
and so that what YAML swallows in silence (duplicate keys, merge keys, aliases) is a problem.

Plain scalars are read by the core schema of YAML 1.2: `on` and `NO` are text, `12:30` is text.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from chronos_cli.problems import Position, Problem

MAX_BYTES = 16 * 1024 * 1024
MAX_DEPTH = 50
_TOO_DEEP = f"more than {MAX_DEPTH} levels deep"
# Of mistakes in the text itself; a file with more is something else than a job file.
MAX_PROBLEMS = 200

_PARSER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_ALIAS_HINT = "write the value out, or share it through 'defaults:'"
_KNOWN_TAGS = {f"tag:yaml.org,2002:{name}" for name in ("str", "map", "seq")}
_TEXT_TAG = "tag:yaml.org,2002:str"

_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_JSON = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_DATE = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[Tt \t]+(\d{1,2}):(\d\d):(\d\d).*)?")
_LONGEST_INTEGER = 40


@dataclass(slots=True)
class Scalar:
    """A text in the document. `plain` is unquoted, so it may be a number, boolean or null.

    `interpolated` is set when `${…}` was replaced in it, `template` when it holds `{{ … }}`,
    `unknown` when it depends on a variable that is not at hand.
    """

    position: Position
    text: str
    plain: bool
    block: bool = False
    interpolated: bool = False
    template: bool = False
    unknown: bool = False


@dataclass(slots=True)
class Sequence:
    """A YAML list."""

    position: Position
    items: list["Node"] = field(default_factory=list)


@dataclass(slots=True)
class Entry:
    """One `key: value` of a mapping."""

    key: Scalar
    value: "Node"


@dataclass(slots=True)
class Mapping:
    """A YAML mapping, by key text, in the order of the file."""

    position: Position
    entries: dict[str, Entry] = field(default_factory=dict)


Node = Scalar | Sequence | Mapping


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML document of a file."""

    root: Node


@dataclass(slots=True)
class ParsedFile:
    """The documents of one file, its lines, and what was wrong with its text."""

    name: str
    documents: list[Document]
    problems: list[Problem]
    lines: list[str]


class _StopError(Exception):
    """The rest of the file cannot be read; the problem is already recorded."""


def parse(name: str, raw: bytes) -> ParsedFile:
    """Read a file's bytes into documents, collecting every problem instead of raising."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = raw[: error.start]
        line = before.count(b"\n") + 1
        column = error.start - before.rfind(b"\n")
        problem = Problem(
            Position(name, line, column),
            f"byte 0x{raw[error.start]:02x} is not valid UTF-8",
            hint="save the file as UTF-8",
        )
        return ParsedFile(name, [], [problem], [])
    composer = _Composer(name, text)
    return ParsedFile(name, composer.documents(), composer.problems, text.splitlines())


def is_null(node: Node) -> bool:
    """Whether a node is YAML's null, as written in the file."""
    return (
        isinstance(node, Scalar)
        and node.plain
        and not node.interpolated
        and node.text in {"", "~", "null", "Null", "NULL"}
    )


def position_in(node: Scalar, offset: int) -> Position:
    """Return where in the file an offset of a scalar's text stands, as near as YAML lets us."""
    start = node.position
    if node.block:
        line = start.line + 1 + node.text.count("\n", 0, offset)
        return Position(start.file, line, 1)
    return Position(start.file, start.line, start.column + offset + (0 if node.plain else 1))


def plain_value(node: Scalar) -> Any:
    """Return the value of a scalar where any YAML is allowed; ValueError if it has none in JSON."""
    text = node.text
    if not node.plain or node.interpolated or node.template:
        return text
    if is_null(node):
        return None
    if text in {"true", "True", "TRUE", "false", "False", "FALSE"}:
        return text[0] in "tT"
    if _INTEGER.fullmatch(text):
        return parse_integer(text)
    if _FLOAT.fullmatch(text):
        number = float(text)
        if math.isinf(number):
            raise ValueError(f"'{text[:40]}' is out of the range of a number")
        return number
    if _NOT_JSON.fullmatch(text):
        raise ValueError(f"'{text}' has no JSON form")
    if (date := _DATE.fullmatch(text)) and not _is_date(date):
        raise ValueError(f"'{text[:40]}' looks like a date, but there is no such date")
    return text


def parse_integer(text: str) -> int:
    """Return the integer that a plain scalar spells; ValueError with a message for the user."""
    if len(text) > _LONGEST_INTEGER:
        raise ValueError(f"a number of {len(text)} digits is too long")
    if not _INTEGER.fullmatch(text):
        raise ValueError(f"'{text[:40]}' is not a whole number")
    if text[:2] in {"0o", "0x"}:
        return int(text, 0)
    return int(text)


def _is_date(match: re.Match[str]) -> bool:
    month, day = int(match[2]), int(match[3])
    hour, minute, second = (int(match[n] or 0) for n in (4, 5, 6))
    leap = int(match[1]) % 4 == 0 and (int(match[1]) % 100 != 0 or int(match[1]) % 400 == 0)
    days = (31, 29 if leap else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
    in_calendar = 1 <= month <= 12 and 1 <= day <= days[month - 1]
    return in_calendar and hour < 24 and minute < 60 and second <= 60


class _Composer:
    """Builds nodes from PyYAML's events, without recursion."""

    def __init__(self, name: str, text: str) -> None:
        self._name = name
        self._text = text
        self.problems: list[Problem] = []

    def documents(self) -> list[Document]:
        """Return the documents up to the first place that cannot be read at all."""
        found: list[Document] = []
        try:
            # One by one, so that those before a failure are kept.
            for root in self._roots():
                found.append(Document(root))  # noqa: PERF401
        except _StopError:
            pass
        except yaml.YAMLError as error:
            self._yaml_error(error)
        return found

    def _roots(self) -> Iterator[Node]:
        stack: list[Sequence | Mapping] = []
        keys: list[Scalar | None] = []
        for event in yaml.parse(self._text, Loader=_PARSER):
            if isinstance(event, yaml.SequenceEndEvent | yaml.MappingEndEvent):
                node: Node = stack.pop()
                keys.pop()
                if not stack:
                    yield node
                continue
            if not isinstance(event, yaml.NodeEvent):
                continue
            node = self._node(event)
            self._attach(node, stack, keys)
            if isinstance(node, Scalar):
                if not stack:
                    yield node
                continue
            stack.append(node)
            keys.append(None)
            if len(stack) > MAX_DEPTH:
                self._stop(node.position, _TOO_DEEP)

    def _node(self, event: Any) -> Node:
        mark = event.start_mark
        position = Position(self._name, mark.line + 1, mark.column + 1)
        if isinstance(event, yaml.AliasEvent):
            self._add(position, f"alias '*{str(event.anchor)[:40]}' is not supported", _ALIAS_HINT)
            return Scalar(position, f"*{event.anchor}", plain=False)
        if event.anchor is not None:
            self._add(position, f"anchor '&{event.anchor[:40]}' is not supported", _ALIAS_HINT)
        if event.tag is not None and event.tag not in _KNOWN_TAGS and event.tag != "!":
            self._add(position, f"tag '{event.tag[:60]}' is not supported", "remove the tag")
        if isinstance(event, yaml.ScalarEvent):
            plain = event.style in {None, ""} and event.tag not in {_TEXT_TAG, "!"}
            return Scalar(position, event.value, plain, block=event.style in {"|", ">"})
        if isinstance(event, yaml.SequenceStartEvent):
            return Sequence(position)
        return Mapping(position)

    def _attach(
        self, node: Node, stack: list[Sequence | Mapping], keys: list[Scalar | None]
    ) -> None:
        if not stack:
            return
        parent = stack[-1]
        if isinstance(parent, Sequence):
            parent.items.append(node)
        elif keys[-1] is None:
            keys[-1] = self._key(node)
        else:
            self._enter(parent, keys[-1], node)
            keys[-1] = None

    def _key(self, node: Node) -> Scalar:
        if not isinstance(node, Scalar):
            self._stop(node.position, "a key must be text, not a list or a mapping")
            raise AssertionError  # pragma: no cover
        if node.plain and node.text == "<<":
            self._add(node.position, "merge key '<<' is not supported", _ALIAS_HINT)
        return node

    def _enter(self, parent: Mapping, key: Scalar, value: Node) -> None:
        if key.plain and key.text == "<<":
            return
        first = parent.entries.get(key.text)
        if first is None:
            parent.entries[key.text] = Entry(key, value)
            return
        where = f"first on line {first.key.position.line}"
        self._add(key.position, f"duplicate key '{key.text[:60]}' ({where})", "remove one of them")

    def _add(self, position: Position, message: str, hint: str | None = None) -> None:
        if len(self.problems) == MAX_PROBLEMS:
            message, hint = "too many problems; the rest of the file is not read", None
        self.problems.append(Problem(position, message, hint=hint))
        if len(self.problems) > MAX_PROBLEMS:
            raise _StopError

    def _stop(self, position: Position, message: str) -> None:
        self._add(position, message)
        raise _StopError

    def _yaml_error(self, error: yaml.YAMLError) -> None:
        if isinstance(error, yaml.MarkedYAMLError):
            mark = error.problem_mark or error.context_mark
            line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
            message = error.problem or error.context or "not valid YAML"
        else:
            offset = int(getattr(error, "position", 0) or 0)
            before = self._text[:offset]
            line, column = before.count("\n") + 1, offset - before.rfind("\n")
            message = str(getattr(error, "reason", error))
        lines = self._text.splitlines() or [""]
        if line > len(lines):
            # The end of the file, which has no line of its own to point at.
            line, column = len(lines), len(lines[-1]) + 1
        position = Position(self._name, line, column)
        if "nesting depth" in message:
            # The C scanner reads ahead, so that its own bound is met before ours is.
            self._add(position, _TOO_DEEP)
            return
        hint = None
        if "\t" in lines[line - 1][: max(column, 1)]:
            message, hint = f"a tab is not allowed here ({message})", "indent with spaces"
        self._add(position, f"not valid YAML: {message}", hint)
