"""Secrets of a `webhook` block: given in it, or in a file that is read for each attempt."""

from collections.abc import Iterator

from chronos_cli.errors import RejectedError, UnreadableFileError
from chronos_cli.files import read_text
from chronos_cli.jobs.template import Template
from chronos_cli.problems import Flaw
from chronos_cli.problems import Path as FlawPath

_LARGEST_FILE = 64 * 1024


def secret_text(given: str | None, file: str | None) -> str:
    """Return a secret; from a file its text, less one trailing newline.

    Read each time, so that a token which is renewed on disk is the one that is sent. Raises
    RejectedError when the file cannot be read.
    """
    if file is None:
        return given or ""
    try:
        text = read_text(file, _LARGEST_FILE)
    except UnreadableFileError as error:
        raise RejectedError(f"cannot read '{file}': {error}", code="AUTH") from error
    return text.removesuffix("\n").removesuffix("\r")


def header_text(secret: str, what: str) -> str:
    """Return a secret that fits in a header; RejectedError, not quoting it, when it does not."""
    if not _fits_in_header(secret):
        raise RejectedError(f"{what} is empty or cannot stand in a header", code="AUTH")
    return secret


def header_flaws(path: FlawPath, secret: str | None) -> Iterator[Flaw]:
    """Yield why a secret that is known at load cannot stand in a header; it is not quoted."""
    is_known = secret is not None and not isinstance(secret, Template)
    if is_known and not _fits_in_header(secret or ""):
        yield Flaw(path, f"'{path[-1]}' is empty or cannot stand in a header")


def _fits_in_header(secret: str) -> bool:
    """Whether a text is of visible ASCII, with blanks only within it."""
    is_visible = secret.isascii() and secret.isprintable()
    return is_visible and bool(secret) and secret == secret.strip()


def secret_flaws(path: FlawPath, name: str, given: str | None, file: str | None) -> Iterator[Flaw]:
    """Yield what is wrong when exactly one of `name` and `name_file` must be there."""
    if given is None and file is None:
        yield Flaw(path, f"'{name}' is missing", f"add {name} or {name}_file")
    if given is not None and file is not None:
        yield Flaw((*path, f"{name}_file"), f"both '{name}' and '{name}_file'", "keep one")
