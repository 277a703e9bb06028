"""What targets of several protocols are checked for when their file is loaded."""

from collections.abc import Iterator

from chronos_cli.jobs.template import Template
from chronos_cli.problems import Flaw, Path

# Of a name no more is shown.
SHOWN = 40
_LONGEST_SHOWN = 100

# Set from the trace of an execution (W3C Trace Context).
_TRACE = frozenset({"traceparent", "tracestate"})
_DELETE = "\x7f"


def with_scheme(url: str, scheme: str) -> str | None:
    """Return a URL with a scheme that it lacks; None where that is no cure.

    What may hold a password is not shown.
    """
    rest = url.rpartition("://")[2].lstrip("/")
    if not rest or "@" in url or len(url) > _LONGEST_SHOWN or has_space_or_control(url):
        return None
    return f"{scheme}://{rest}"


def has_control(text: str, allowed: str = "") -> bool:
    """Whether an ASCII control character is in a text, other than those allowed."""
    if text.isprintable():  # nearly all are, and this is fast
        return False
    return any((letter < " " and letter not in allowed) or letter == _DELETE for letter in text)


def has_space_or_control(text: str) -> bool:
    """Whether a space or an ASCII control character is in a text: no address may have one."""
    return " " in text or has_control(text)


def is_own_header(name: str) -> bool:
    """Whether a header is one that goes with every dispatch, so that no job may set it."""
    lowered = name.lower()
    return lowered.startswith("x-chronos-") or lowered in _TRACE


def own_header_flaws(path: Path, name: str) -> Iterator[Flaw]:
    """Yield that a header is ours."""
    if is_own_header(name):
        yield Flaw(path, f"header '{name[:SHOWN]}' is set by chronos", "remove it")


def header_value_flaws(path: Path, name: str, value: str) -> Iterator[Flaw]:
    """Yield that the value of a header could be read as more than one line."""
    if not isinstance(value, Template) and has_control(value, allowed="\t"):
        message = f"the value of header '{name[:SHOWN]}' has a line break or control"
        yield Flaw(path, message)
