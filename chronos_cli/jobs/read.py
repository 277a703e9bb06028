"""What reading nodes has in common, whatever type is wanted: problems, templates, free data."""

from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec import inspect as types

from chronos_cli.errors import UnreadableFileError
from chronos_cli.files import check_readable
from chronos_cli.jobs.faults import Faults
from chronos_cli.jobs.forms import describe
from chronos_cli.jobs.nodes import (
    Entry,
    Mapping,
    Node,
    Scalar,
    Sequence,
    is_null,
    plain_value,
    position_in,
)
from chronos_cli.jobs.problems import ProblemList
from chronos_cli.jobs.scope import Files
from chronos_cli.jobs.template import Template, TemplateFailure
from chronos_cli.jobs.template_engine import check_template
from chronos_cli.problems import Flaw, Path, Position, Problem, format_path

if TYPE_CHECKING:
    from chronos_cli.jobs.model import TargetKinds

_NO_TEMPLATE = (
    "a template '{{ … }}' cannot stand here",
    "templates work in the payload and in the target block's texts",
)


@cache
def type_info(kind: Any) -> Any:
    """Return msgspec's description of a type, made once."""
    return types.type_info(kind)


class Invalid:
    """Stands for a value that could not be read; the problem is recorded."""


INVALID = Invalid()


class Reader:
    """Reads nodes of one document, and records what is wrong in `problems`.

    `templates` says whether texts may be templates, `in_notice` whether these see an outcome.
    `met_unknown` is set when a value depended on a variable that is not at hand. `faults` say of
    which that is a problem. `looks_for` says which files that are named must be there. `kinds` are
    the targets that hints may name.
    """

    def __init__(
        self,
        problems: ProblemList,
        kinds: "TargetKinds | None" = None,
        *,
        templates: bool = False,
        faults: Faults | None = None,
        looks_for: Files = Files.NONE,
    ) -> None:
        self.problems = problems
        self.kinds = kinds
        self.faults = faults
        self._looks_for = looks_for
        self.met_unknown = False
        self.in_notice = False
        self._templates = templates
        # Values of nodes that several jobs inherit, and texts that stand in several places.
        self.inherited: dict[int, tuple[Node, Any]] = {}
        self.texts: dict[str, str] = {}

    def any(self, node: Node, path: Path) -> Any:
        """Read a node where any YAML is allowed, into JSON-like data."""
        if isinstance(node, Mapping):
            pairs = {k: self.any(e.value, (*path, k)) for k, e in node.entries.items()}
            return INVALID if INVALID in pairs.values() else pairs
        if isinstance(node, Sequence):
            items = [self.any(item, (*path, n)) for n, item in enumerate(node.items)]
            return INVALID if INVALID in items else items
        if node.unknown:
            return self.unknown(node)
        if node.template:
            return self.template(node, path)
        try:
            return plain_value(node)
        except ValueError as error:
            return self.fail(node, path, str(error), "quote it if it is meant as text")

    def fail(self, node: Node, path: Path, message: str, hint: str | None = None) -> Invalid:
        """Record a problem at a node."""
        if not self.problems.is_full:
            from chronos_cli.jobs.value_advice import straight_quotes  # only on failure

            hint = straight_quotes(node, path) or hint
        self.problem(node.position, path, message, hint)
        return INVALID

    def wrong(self, node: Node, path: Path, wanted: str, info: Any = None) -> Invalid:
        """Record that a node has not the form that is wanted; `info` is the type it was to have."""
        message = f"expected {wanted}, found {describe(node)}"
        hint: str | None = None
        if is_null(node) and path and isinstance(path[-1], str):
            message = f"'{path[-1]}' has no value"
        if info is not None and not self.problems.is_full:
            from chronos_cli.jobs.value_advice import line_to_write, missing_blank  # on failure

            found = missing_blank(info, node)
            message, hint = found or (message, line_to_write(info, node, path))
        return self.fail(node, path, message, hint)

    def problem(
        self, position: Position, path: Path, message: str, hint: str | None = None
    ) -> None:
        """Record a problem at a position."""
        self.problems.add(Problem(position, message, format_path(path), hint))

    def flaws(self, root: Node, path: Path, flaws: Iterable[Flaw]) -> None:
        """Record what the owner of a block found wrong in it, at the places it names."""
        for flaw in flaws:
            where = (*path, *flaw.path)
            self.problem(locate(root, flaw.path), where, flaw.message, flaw.hint)

    def unknown_keys(
        self, unknown: list[Entry], node: Mapping, cls: type, path: Path, known: Iterable[str]
    ) -> set[str | None]:
        """Record unknown keys, each with what to write; return the keys that were meant."""
        from chronos_cli.jobs.unknown_keys import Advice, UnknownKeys  # only on failure

        adviser = UnknownKeys(node, cls, path, known, self.kinds)
        meant: set[str | None] = set()
        for entry in unknown:
            advice = Advice("") if self.problems.is_full else adviser.advice(entry)
            message = advice.message or f"unknown key '{entry.text[:60]}'"
            self.problem(entry.key.position, (*path, entry.text), message, advice.hint or None)
            meant.add(advice.meant)
        return meant

    def missing(self, node: Node, path: Path, name: str, cls: type) -> None:
        """Record that a mapping lacks a key that its struct requires."""
        hint = None
        if not self.problems.is_full:
            from chronos_cli.jobs.examples import example_line  # only on failure

            hint = example_line(cls, name)
        self.fail(node, path, f"'{name}' is missing", hint)

    def unknown_key(self, entry: Entry, path: Path, known: Iterable[str]) -> None:
        """Record an unknown key where no struct declares the known ones."""
        self.unknown_keys([entry], Mapping("", 1, 1), Struct, path, known)

    def unknown(self, node: Scalar) -> Template | Invalid:
        """Return what stands for a value that only the environment knows: any type may be right."""
        if self.faults is not None and (problem := self.faults.of(node)):
            self.problems.add(problem)
            return INVALID
        self.met_unknown = True
        return Template(node.text)

    def template(self, node: Scalar, path: Path) -> Template | Invalid:
        """Return the template that a text is, or record why it may not be one."""
        if not self._templates:
            return self.no_template(node, path)
        return self.checked_template(node, path)

    def checked_template(self, node: Scalar, path: Path) -> Template | Invalid:
        """Return the template that a text is, where it may always be one."""
        try:
            check_template(node.text, in_notice=self.in_notice)
        except TemplateFailure as failure:
            self.problem(position_in(node, failure.offset), path, str(failure), failure.hint)
            return INVALID
        return Template(self.shared(node.text))

    def looks_for(self, name: str) -> bool:
        """Whether a file that a job names must be there."""
        where = self._looks_for
        return where is Files.ANY or (where is Files.BESIDE and not name.startswith("/"))

    def look_for(self, name: str, node: Node, path: Path) -> None:
        """Record that a file cannot be read, if so."""
        try:
            check_readable(name)
        except UnreadableFileError as error:
            from chronos_cli.jobs.value_advice import home_instead  # only on failure

            self.fail(node, path, f"cannot read '{name}': {error}", home_instead(name))

    def no_template(self, node: Scalar, path: Path) -> Invalid:
        """Record that a text may not be a template."""
        return self.fail(node, path, *_NO_TEMPLATE)

    def shared(self, text: str) -> str:
        """Return an equal text; one that many jobs have is kept once."""
        return self.texts.setdefault(text, text)


def locate(root: Node, path: Path) -> Position:
    """Return the position of the deepest existing node along a path."""
    node = root
    for step in path:
        if isinstance(node, Mapping) and isinstance(step, str) and step in node.entries:
            node = node.entries[step].value
        elif isinstance(node, Sequence) and isinstance(step, int) and step < len(node.items):
            node = node.items[step]
        else:
            break
    return node.position
