"""A .netrc file, read only where a job asks for it."""

import os
import stat
from pathlib import Path

from chronos_cli.errors import RejectedError, UnreadableFileError
from chronos_cli.files import read_text

_LARGEST_FILE = 1024 * 1024


def netrc_login(file: str | None, host: str) -> tuple[str, str]:
    """Return name and password of a host, or of the file's default entry.

    Raises RejectedError when the file cannot be read, is open to others than its owner, or has
    no entry for the host.
    """
    import netrc

    path = Path(file or os.environ.get("NETRC") or "~/.netrc").expanduser()
    try:
        _check(path)
        read_text(str(path), _LARGEST_FILE)  # the parser itself would wait for a FIFO
        entry = netrc.netrc(path).authenticators(host)
    except (UnreadableFileError, OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise RejectedError(f"cannot read '{path}': {reason}", code="AUTH") from error
    except netrc.NetrcParseError as error:
        message = f"'{path}' line {error.lineno} cannot be read as a netrc file"
        raise RejectedError(message, code="AUTH") from error
    if entry is None:
        raise RejectedError(f"'{path}' has no entry for {host}", code="AUTH")
    return entry[0], entry[2] or ""


def _check(path: Path) -> None:
    """Refuse a file that others may read, or that somebody else put there."""
    status = path.stat()
    if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise RejectedError(
            f"'{path}' can be used by others than its owner; run: chmod 600 '{path}'", code="AUTH"
        )
    if status.st_uid not in {os.getuid(), 0}:
        raise RejectedError(f"'{path}' belongs to another user", code="AUTH")
