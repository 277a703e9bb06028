"""The bytes of a file → nodes that know where they stand.

Built on events, so that size, number and depth are bounded before anything is composed, and so
that what YAML swallows in silence (duplicate keys, merge keys, aliases) is a problem.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from sys import intern
from typing import TYPE_CHECKING, NoReturn

import yaml
from msgspec import Struct

from chronos_cli.jobs.events import Event, Kind, StopReadingError, Style
from chronos_cli.jobs.json_events import is_json, json_events
from chronos_cli.jobs.lines import Lines
from chronos_cli.jobs.nodes import Entry, Mapping, Node, Scalar, Sequence
from chronos_cli.jobs.yaml_events import ALIAS_HINT, yaml_events, yaml_mistake
from chronos_cli.problems import Position, Problem

if TYPE_CHECKING:
    from chronos_cli.jobs.yaml_advice import Mistake

MAX_BYTES = 16 * 1024 * 1024
# Keys and values of one file, lists and mappings twice: some 15,000 jobs, read in a second.
MAX_NODES = 400_000
MAX_DEPTH = 50
_TOO_DEEP = f"more than {MAX_DEPTH} levels deep"
# Stands where the value of a key has not come yet.
_NOTHING = Scalar("", 1, 1, "", plain=True)
# Of mistakes in the text itself; a file with more is something else than a job file.
MAX_PROBLEMS = 200


class Document(Struct, frozen=True):
    """One YAML document of a file."""

    root: Node


class ParsedFile(Struct):
    """The documents of one file, its lines, and what was wrong with its text."""

    name: str
    documents: list[Document]
    problems: list[Problem]
    lines: Lines


def parse(name: str, raw: bytes) -> ParsedFile:
    """Read a file's bytes into documents, collecting every problem instead of raising."""
    lines = Lines(raw)
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        column = error.start - raw.rfind(b"\n", 0, error.start)
        problem = Problem(
            Position(name, line, column),
            f"byte 0x{raw[error.start]:02x} is not valid UTF-8",
            hint="save the file as UTF-8",
        )
        return ParsedFile(name, [], [problem], lines)
    composer = _Composer(name, lines)
    if is_json(raw):
        documents = composer.documents(json_events(raw.decode("utf-8-sig")))
    else:
        try:
            documents = composer.documents(yaml_events(name, raw, composer.report))
        except yaml.YAMLError as error:
            documents = composer.composed
            composer.not_yaml(yaml_mistake(raw, lines, error))
    return ParsedFile(name, documents, composer.problems, lines)


class _Composer:
    """Builds nodes of events, without recursion."""

    def __init__(self, name: str, lines: Lines) -> None:
        self._name = name
        self._lines = lines
        self.problems: list[Problem] = []
        self.composed: list[Document] = []
        self._merge_key: Entry | None = None

    def documents(self, events: Iterable[Event]) -> list[Document]:
        """Return the documents up to the first place that cannot be read at all.

        Those before it are in `composed`, also when the events raise.
        """
        try:
            for root in self._roots(events):
                self.composed.append(Document(root))
        except StopReadingError:
            pass
        return self.composed

    def _roots(self, events: Iterable[Event]) -> Iterator[Node]:
        """Yield the root of each document, once it is complete."""
        name, count = self._name, 0
        # Those around the innermost list or mapping, each with the entry that waits for its value.
        around: list[tuple[Sequence | Mapping | None, Entry | None]] = []
        parent: Sequence | Mapping | None = None
        entry: Entry | None = None
        node: Node
        for kind, line, column, text, style in events:
            count += 1
            if kind is Kind.SCALAR:
                if entry is None and type(parent) is Mapping:
                    entry = self._entry(line, column, text, style)
                    continue
                plain, block = style is Style.PLAIN, style is Style.BLOCK
                faulty = style is Style.FAULTY
                node = Scalar(name, line, column, text, plain, block, unknown=faulty)
            elif kind is Kind.END:
                assert parent is not None
                node = parent
                parent, entry = around.pop()
            else:
                if entry is None and type(parent) is Mapping:
                    self._no_key(line, column)
                around.append((parent, entry))
                parent, entry = self._container(kind, line, column, len(around)), None
                continue
            if count > MAX_NODES:
                self._stop(
                    line, column, f"more than {MAX_NODES:,} keys and values", "split the file"
                )
            if parent is None:
                yield node
            elif isinstance(parent, Sequence):
                parent.items.append(node)
            elif entry is not None:
                self._enter(parent, entry, node)
                entry = None

    def _container(self, kind: Kind, line: int, column: int, depth: int) -> Sequence | Mapping:
        if depth > MAX_DEPTH:
            self._stop(line, column, _TOO_DEEP)
        return (Sequence if kind is Kind.SEQUENCE else Mapping)(self._name, line, column)

    def _entry(self, line: int, column: int, text: str, style: Style) -> Entry:
        entry = Entry(intern(text), line, column, _NOTHING)
        if text == "<<" and style is Style.PLAIN:
            self._merge_key = entry
            position = Position(self._name, line, column)
            self.report(position, "merge key '<<' is not supported", ALIAS_HINT)
        return entry

    def _enter(self, parent: Mapping, entry: Entry, value: Node) -> None:
        if entry is self._merge_key:
            return
        entry.value = value
        first = parent.entries.setdefault(entry.text, entry)
        if first is not entry:
            message = f"duplicate key '{entry.text[:60]}' (first on line {first.line})"
            position = Position(self._name, entry.line, entry.column)
            self.report(position, message, "remove one of them")

    def report(self, position: Position, message: str, hint: str | None = None) -> None:
        """Record a problem; too many of them end the reading."""
        if len(self.problems) == MAX_PROBLEMS:
            message, hint = "too many problems; the rest of the file is not read", None
        self.problems.append(Problem(position, message, hint=hint))
        if len(self.problems) > MAX_PROBLEMS:
            raise StopReadingError

    def not_yaml(self, mistake: "Mistake") -> None:
        """Record where and why the text is no YAML."""
        message, hint = mistake.message, mistake.hint
        if "nesting depth" in message:
            # The C scanner reads ahead, so that its own bound is met before ours is.
            message, hint = _TOO_DEEP, None
        if self.composed and (
            isinstance(self.composed[-1].root, Scalar) or "<document start>" in mistake.cause
        ):
            # It was cut short by the same mistake.
            self.composed.pop()
        with suppress(StopReadingError):
            self.report(Position(self._name, mistake.line, mistake.column), message, hint)

    def _no_key(self, line: int, column: int) -> NoReturn:
        from chronos_cli.jobs.yaml_advice import braces_as_key  # only on failure

        mistake = braces_as_key(self._lines, line)
        if mistake is not None:
            self._stop(mistake.line, mistake.column, mistake.message, mistake.hint)
        self._stop(line, column, "a key must be text, not a list or a mapping")

    def _stop(self, line: int, column: int, message: str, hint: str | None = None) -> NoReturn:
        self.report(Position(self._name, line, column), message, hint)
        raise StopReadingError
