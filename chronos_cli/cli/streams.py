"""The standard streams: the one place that touches them, terminals and colours.

Any of them may be closed, full, or of an encoding that lacks a letter. None of that is an error
of the work whose report could not be written: writing never raises, and what was lost is said
once on the other stream. Where what is written is the work, `guard.py` makes a failure of it.
"""

# Nothing else here: `--version` would pay for it.
import io
import os
import stat
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import NoReturn

    from rich.console import Console


class OutputStream:
    """stdout or stderr, written without a buffer; `descriptor` is None where it is closed.

    `loss` says why a text could not be written. `carries_data` is true once a program is to read
    what stands in it, so that no words of ours may come between. `aside` takes away what is drawn
    on a terminal, before anything is written there.
    """

    closed = False
    errors = "backslashreplace"

    def __init__(self, name: str, descriptor: int | None, encoding: str) -> None:
        self.name = name
        self.descriptor = descriptor
        self.encoding = encoding
        self.loss: str | None = None
        self.is_loss_reported = False
        self.carries_data = False
        self.aside: Callable[[], object] | None = None
        self._has_reader = True

    @property
    def takes_all_letters(self) -> bool:
        """Whether its encoding is one of Unicode."""
        return self.encoding.lower().replace("-", "").replace("_", "") in {"utf8", "utf16", "utf32"}

    def write(self, text: str) -> int:
        """Write a text, escaping what the encoding lacks; a reader that went away gets no more."""
        if self.aside is not None:
            self.aside()
        return self.put(text)

    def put(self, text: str) -> int:
        """Write a text as `write` does, whatever is drawn there."""
        raw = text.encode(self.encoding, self.errors)
        if self.descriptor is None:
            self.loss = "it is closed"
        elif self._has_reader:
            try:
                _write_all(self.descriptor, raw)
            except BrokenPipeError:
                self._has_reader = False
            except OSError as error:
                self.loss = error.strerror or str(error)
        return len(text)

    def write_json(self, text: str) -> int:
        """Write JSON, escaping what the encoding lacks in JSON's own way."""
        if self.takes_all_letters or text.isascii():
            return self.write(text)
        return self.write("".join(one if one.isascii() else _escaped(one) for one in text))

    def flush(self) -> None:
        """Do nothing: there is no buffer."""

    def isatty(self) -> bool:
        """Whether it is a terminal, now: one may go away."""
        return self.descriptor is not None and os.isatty(self.descriptor)

    def has_colour(self) -> bool:
        """Whether what is written there is coloured (no-color.org, force-color.org)."""
        if os.environ.get("NO_COLOR"):
            return False
        if os.environ.get("FORCE_COLOR", "0") not in {"", "0", "false"}:
            return True
        return self.isatty() and os.environ.get("TERM") not in {"dumb", "unknown"}

    def width(self) -> int | None:
        """Return how many columns it has, by COLUMNS or the terminal; None where it is none."""
        if not self.isatty():
            return None
        try:
            given = int(os.environ.get("COLUMNS") or 0)
            return max(20, given or os.get_terminal_size(self.fileno()).columns or 80)
        except (ValueError, OSError):
            return 80

    def is_file(self) -> bool:
        """Whether it goes to a file, as after `> file`."""
        return self.descriptor is not None and stat.S_ISREG(os.fstat(self.descriptor).st_mode)

    def is_same_as(self, other: "OutputStream") -> bool:
        """Whether both lead to one place, as after `2>&1`."""
        if self.descriptor is None or other.descriptor is None:
            return False
        return os.path.sameopenfile(self.descriptor, other.descriptor)

    def is_journal(self, environment: "Mapping[str, str]") -> bool:
        """Whether systemd's journal reads it (systemd.exec(5), $JOURNAL_STREAM)."""
        if self.descriptor is None or "JOURNAL_STREAM" not in environment:
            return False
        found = os.fstat(self.descriptor)
        return environment["JOURNAL_STREAM"] == f"{found.st_dev}:{found.st_ino}"

    def is_ready(self) -> bool:
        """Whether it takes something at once; a terminal that was stopped does not."""
        import select  # only where something is drawn

        return self.descriptor is not None and bool(select.select([], [self.descriptor], [], 0)[1])

    def fileno(self) -> int:
        """Return its descriptor; OSError where it is closed."""
        if self.descriptor is None:
            raise OSError(f"{self.name} is closed")
        return self.descriptor

    def console(self) -> "Console":
        """Return Rich's console on this stream; it knows the width, colours and NO_COLOR."""
        from rich.console import Console  # only where something is really drawn

        return Console(file=self, highlight=False)  # type: ignore[arg-type]


class InputStream(io.BytesIO):
    """stdin, read only where a user has named it; `is_closed` where there is none."""

    def __init__(self, *, is_closed: bool) -> None:
        super().__init__()
        self._is_closed = is_closed

    def read(self, size: int | None = -1, /) -> bytes:
        """Read it; UsageError where it cannot be."""
        from chronos_cli.errors import UsageError  # only where it fails or is read

        if self._is_closed:
            raise UsageError("cannot read standard input: it is closed")
        try:
            with open(0, "rb", closefd=False) as stream:
                return stream.read(-1 if size is None else size)
        except OSError as error:
            raise UsageError(f"cannot read standard input: {error.strerror}") from error


class StandardStreams:
    """The three of them. `undo` gives a terminal back that something is drawn on."""

    def __init__(self) -> None:
        closed = _hold_closed()
        self.stdin = InputStream(is_closed=0 in closed)
        self.stdout = OutputStream("stdout", None if 1 in closed else 1, _encoding(sys.stdout))
        self.stderr = OutputStream("stderr", None if 2 in closed else 2, _encoding(sys.stderr))
        self.undo: Callable[[], object] | None = None

    def install(self) -> None:
        """Let libraries, too, print on these."""
        sys.stdout = self.stdout
        sys.stderr = self.stderr

    def leave(self, code: int) -> "NoReturn":
        """End the process at once, from whatever is going on."""
        if self.undo is not None:
            self.undo()
        self.report_losses()
        os._exit(code)

    def report_losses(self) -> None:
        """Say on the other stream, once, what could not be written; but not amid data."""
        for lost, other in ((self.stdout, self.stderr), (self.stderr, self.stdout)):
            if lost.loss is not None and not lost.is_loss_reported and not other.carries_data:
                lost.is_loss_reported = True
                other.write(f"chronos: cannot write to {lost.name}: {lost.loss}\n")


def _hold_closed() -> frozenset[int]:
    """Open /dev/null on each standard descriptor that is closed; return which were.

    Else the next file or socket would get that number, and what a library writes to "stderr"
    would land in it.
    """
    closed = set()
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            closed.add(descriptor)
            # The lowest number that is free is this one.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    return frozenset(closed)


def _encoding(stream: object) -> str:
    return getattr(stream, "encoding", None) or "utf-8"


def _escaped(letter: str) -> str:
    units = letter.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def _write_all(descriptor: int, raw: bytes) -> None:
    rest = memoryview(raw)
    while rest:
        try:
            rest = rest[os.write(descriptor, rest) :]
        except BlockingIOError:
            import select  # a pipe that somebody else has made non-blocking

            select.select([], [descriptor], [])


# First of all, before anything else is opened.
streams = StandardStreams()
