"""Reading files that somebody else named: never for ever, never more than asked for.

A name in a job file or on the command line may lead to a FIFO that nobody writes to, to a
device without end, or to a file larger than the memory. So a file is opened without waiting,
looked at, and read up to a bound.
"""

import os
import select
import stat
import time
from collections.abc import Callable

from chronos_cli.errors import FileTooLargeError, UnreadableFileError

# How long a pipe that the shell made may take until its end, in seconds.
PIPE_TIMEOUT = 30.0
_CHUNK = 1024 * 1024
_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
# Where `<(…)` and /dev/stdin lead: to pipes that this process has been given.
_GIVEN = ("/dev/fd/", "/dev/stdin", "/proc/self/fd/")
_KINDS: tuple[tuple[Callable[[int], bool], str], ...] = (
    (stat.S_ISDIR, "it is a directory"),
    (stat.S_ISFIFO, "it is a FIFO, not a file"),
    (stat.S_ISSOCK, "it is a socket, not a file"),
    (stat.S_ISCHR, "it is a device, not a file"),
    (stat.S_ISBLK, "it is a device, not a file"),
)


def read_bytes(path: str, limit: int, *, pipes: bool = False) -> bytes:
    """Return the bytes of a regular file, of which there may be `limit` at most.

    With `pipes`, a pipe that the shell made (`<(…)`) is read too, for 30 seconds at most; it is
    for files that are named on the command line.

    Raises FileTooLargeError for a longer file, and UnreadableFileError, whose text is the reason
    (`No such file or directory`), for one that cannot be read or is no file.
    """
    try:
        descriptor = os.open(path, _FLAGS)
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        raise UnreadableFileError(_reason(error)) from error
    try:
        mode = os.fstat(descriptor).st_mode
        if reason := refusal(path, mode, pipes=pipes):
            raise UnreadableFileError(reason)
        until = time.monotonic() + PIPE_TIMEOUT if stat.S_ISFIFO(mode) else None
        return _read(descriptor, limit, until)
    except OSError as error:
        raise UnreadableFileError(_reason(error)) from error
    finally:
        os.close(descriptor)


def read_text(path: str, limit: int, *, pipes: bool = False) -> str:
    """Return the text of a file in UTF-8, as `read_bytes` reads it; raises the same errors."""
    try:
        return read_bytes(path, limit, pipes=pipes).decode()
    except UnicodeDecodeError as error:
        raise UnreadableFileError("it is not UTF-8 text") from error


def open_to_write(path: str, flags: int) -> int:
    """Open a file as `opener` of open(); raises OSError for a FIFO that nobody reads, no wait."""
    descriptor = os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY, 0o666)
    os.set_blocking(descriptor, True)
    return descriptor


def check_readable(path: str, *, pipes: bool = False) -> None:
    """Raise UnreadableFileError, as `read_bytes` would, when a path is no file to be read."""
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116 - no pathlib on the hot way
        is_allowed = os.access(path, os.R_OK)
    except (OSError, ValueError) as error:
        raise UnreadableFileError(_reason(error)) from error
    if reason := refusal(path, mode, pipes=pipes):
        raise UnreadableFileError(reason)
    if not is_allowed:
        raise UnreadableFileError("Permission denied")


def refusal(path: str, mode: int, *, pipes: bool = False) -> str | None:
    """Return why something of this mode (`st_mode`) is not read as a file, or None."""
    if stat.S_ISREG(mode):
        return None
    if pipes and stat.S_ISFIFO(mode) and path.startswith(_GIVEN):
        return None
    return next((words for is_kind, words in _KINDS if is_kind(mode)), "it is not a file")


def _read(descriptor: int, limit: int, until: float | None) -> bytes:
    chunks: list[bytes] = []
    left = limit + 1
    while left > 0:
        if until is not None:
            _wait(descriptor, until)
        chunk = os.read(descriptor, min(left, _CHUNK))
        if not chunk:
            return b"".join(chunks)
        chunks.append(chunk)
        left -= len(chunk)
    raise FileTooLargeError(limit)


def _wait(descriptor: int, until: float) -> None:
    """Wait until a pipe can be read from, or has ended."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    if not poll.poll(max(0.0, until - time.monotonic()) * 1000):
        raise UnreadableFileError(f"the pipe did not end within {PIPE_TIMEOUT:.0f}s")


def _reason(error: OSError | ValueError) -> str:
    return getattr(error, "strerror", None) or str(error)
