"""YAML text → events. What YAML brings and a job file must not hold is reported on the way."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import yaml

from chronos_cli.jobs.events import Event, Kind, Report, Style
from chronos_cli.jobs.lines import Lines
from chronos_cli.problems import Position

if TYPE_CHECKING:
    from chronos_cli.jobs.yaml_advice import Mistake

_PARSER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
ALIAS_HINT = "write the value out, or share it through 'defaults:'"
_KNOWN_TAGS = {f"tag:yaml.org,2002:{name}" for name in ("str", "map", "seq")}
_TEXT_TAGS = frozenset({"tag:yaml.org,2002:str", "!"})
_STYLES = {None: Style.PLAIN, "": Style.PLAIN, "|": Style.BLOCK, ">": Style.BLOCK}


def yaml_events(name: str, raw: bytes, report: Report) -> Iterator[Event]:
    """Yield the events of all documents, in UTF-8.

    Raises yaml.YAMLError where the text cannot be read.
    """
    parser = _PARSER(raw)
    quoted, plain = Style.QUOTED, Style.PLAIN
    scalar, end = Kind.SCALAR, Kind.END
    last = ""
    try:
        while True:
            event = parser.get_event()
            kind = type(event)
            if kind is yaml.ScalarEvent:
                mark = event.start_mark
                style = _STYLES.get(event.style, quoted)
                if event.tag is not None or event.anchor is not None:
                    style = _checked_style(name, event, style, report)
                last = event.value
                yield scalar, mark.line + 1, mark.column + 1, last, style
            elif kind is yaml.SequenceEndEvent or kind is yaml.MappingEndEvent:
                yield end, 0, 0, "", plain
            elif kind is yaml.SequenceStartEvent or kind is yaml.MappingStartEvent:
                mark = event.start_mark
                if event.tag is not None or event.anchor is not None:
                    _check(name, event, report)
                what = Kind.SEQUENCE if kind is yaml.SequenceStartEvent else Kind.MAPPING
                yield what, mark.line + 1, mark.column + 1, "", plain
            elif kind is yaml.AliasEvent:
                mark = event.start_mark
                _alias(name, event, last, report)
                yield scalar, mark.line + 1, mark.column + 1, f"*{event.anchor}", Style.FAULTY
            elif kind is yaml.StreamEndEvent:
                return
    finally:
        parser.dispose()


def _checked_style(name: str, event: Any, style: Style, report: Report) -> Style:
    """Return how a text with a tag or an anchor is to be read."""
    if not _check(name, event, report):
        return Style.FAULTY
    return Style.QUOTED if style is Style.PLAIN and event.tag in _TEXT_TAGS else style


def _alias(name: str, event: Any, before: str, report: Report) -> None:
    if before == "<<":  # a merge key, of which it is told
        return
    position = Position(name, event.start_mark.line + 1, event.start_mark.column + 1)
    report(position, f"alias '*{event.anchor[:40]}' is not supported", ALIAS_HINT)


def _check(name: str, event: Any, report: Report) -> bool:
    """Report anchor and tag of an event; return whether its value can be read all the same."""
    mark = event.start_mark
    position = Position(name, mark.line + 1, mark.column + 1)
    if event.anchor is not None:
        report(position, f"anchor '&{event.anchor[:40]}' is not supported", ALIAS_HINT)
    if event.tag is None or event.tag in _KNOWN_TAGS or event.tag == "!":
        return True
    report(
        position, f"tag '{event.tag[:60]}' is not supported", "remove the tag, or quote the text"
    )
    return False


def yaml_mistake(raw: bytes, lines: Lines, error: yaml.YAMLError) -> "Mistake":
    """Return what is wrong with a text that is no YAML, and where."""
    from chronos_cli.jobs.yaml_advice import Fault, explained  # only on failure

    begin = None
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        message = error.problem or error.context or "not valid YAML"
        if error.context_mark:
            begin = (error.context_mark.line + 1, error.context_mark.column + 1)
    else:
        # Where the reader stands, in bytes.
        before = raw[: int(getattr(error, "position", 0) or 0)]
        line = before.count(b"\n") + 1
        column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8-sig", "ignore")) + 1
        message = str(getattr(error, "reason", error))
    if line > lines.count:
        # The end of the file, which has no line of its own to point at.
        line, column = lines.count, len(lines.get(lines.count) or "") + 1
    return explained(lines, Fault(line, column, message, begin))
