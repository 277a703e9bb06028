"""JSON text → events. YAML's parser does not read all of JSON as JSON means it.

It refuses surrogate pairs, long keys and DEL, and folds lines in texts at U+0085.
"""

import json
import re
from collections.abc import Iterator

import msgspec

from chronos_cli.jobs.events import Event, Kind, Style

_PIECE = (
    r"""(?P<blank>[ \t\r\n,:]+)|(?P<open>[{\[])|(?P<close>[}\]])"""
    r"""|"(?P<text>[^"\\]*(?:\\.[^"\\]*)*)"|(?P<plain>[^\s,:{}\[\]"]+)"""
)


def is_json(raw: bytes) -> bool:
    """Whether a file's bytes are one JSON list or object."""
    if raw.lstrip(b" \t\r\n\xef\xbb\xbf")[:1] not in {b"{", b"["}:
        return False
    try:
        msgspec.json.decode(raw.removeprefix(b"\xef\xbb\xbf"), type=msgspec.Raw)
    except (msgspec.MsgspecError, RecursionError):
        return False  # whatever it is, YAML's parser says where it is wrong
    return True


def json_events(text: str) -> Iterator[Event]:
    """Yield the events of a text that is known to be JSON."""
    line, line_start = 1, 0
    for match in re.finditer(_PIECE, text):
        found, start = match.lastgroup, match.start()
        if found == "blank":
            if breaks := text.count("\n", start, match.end()):
                line += breaks
                line_start = text.rindex("\n", start, match.end()) + 1
        elif found == "text":
            value = match["text"]
            if "\\" in value:
                value = json.loads(match[0])
            yield Kind.SCALAR, line, start - line_start + 1, value, Style.QUOTED
        elif found == "plain":
            yield Kind.SCALAR, line, start - line_start + 1, match[0], Style.PLAIN
        elif found == "open":
            kind = Kind.MAPPING if match[0] == "{" else Kind.SEQUENCE
            yield kind, line, start - line_start + 1, "", Style.PLAIN
        else:
            yield Kind.END, 0, 0, "", Style.PLAIN
