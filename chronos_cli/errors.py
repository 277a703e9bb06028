"""Every exception that Chronos raises on purpose.

    ChronosError
    ├── UsageError            the command line cannot be carried out
    ├── InvalidInputError     job files or configuration with problems; carries all of them
    ├── StateError            the state file cannot be read or written
    │   └── NoLoopError       no loop runs on it, or none that answers
    ├── NotImportableError    a command line of a shell cannot become a job
    ├── UnreadableFileError   a file that was named cannot be read; who named it says where
    │   └── FileTooLargeError it is larger than it may be
    └── DispatchError         one attempt did not succeed
        ├── RejectedError     the far side (or TLS) said no, and would say so again
        ├── UnreachableError  it never got through, or the far side said "not now"
        └── TimedOutError     no answer in time; the message may have arrived

A protocol raises only the three kinds of `DispatchError`. What a client library raises is
translated at the protocol's own boundary, with `raise ... from`.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, Self

from chronos_cli.problems import Problem
from chronos_cli.redact import CUT

# No reason fills a screen, or a state file.
_LONGEST_MESSAGE = 4000


class ChronosError(Exception):
    """The root of the tree; never raised itself."""


class UsageError(ChronosError):
    """What was asked for on the command line cannot be done; the message says what to do."""


class InvalidInputError(ChronosError):
    """Job files or configuration have problems, so nothing was sent; `note` is said below them."""

    def __init__(self, problems: Sequence[Problem], note: str = "") -> None:
        super().__init__(f"{len(problems)} problem(s) in the input")
        self.problems = list(problems)
        self.note = note


class StateError(ChronosError):
    """The state file cannot be read or written; the message says why and what to do."""


class NoLoopError(StateError):
    """No loop runs on a state file, or it does not answer; the message says what to do."""


class NotImportableError(ChronosError):
    """A command line cannot become a job; the text is the reason alone."""


class UnreadableFileError(ChronosError):
    """A file cannot be read; the text is the reason alone: `No such file or directory`."""


class FileTooLargeError(UnreadableFileError):
    """A file is larger than it may be; `limit` is how large that is, in bytes."""

    def __init__(self, limit: int) -> None:
        size = f"{limit // 2**20} MiB" if limit >= 2**20 else f"{limit // 2**10} KiB"
        super().__init__(f"it is larger than {size}")
        self.limit = limit


class DispatchError(ChronosError):
    """One attempt failed. It never changes; `with_message` and `with_receipt` make another.

    `message` says why, in at most 4000 characters: what is longer is cut, with a mark.
    `code` is the protocol's own ("503", "UNAVAILABLE", "312 NO_ROUTE"), or None.
    `retry_after` is how long the far side asked us to wait, in seconds; `final` means that it
    asked for no further attempt at all. `receipt` is what it gave back, for the report.
    `kind` is a finer class of failure that a job may name in `retry_on`.
    """

    def __init__(  # noqa: PLR0913
        self,
        message: str,
        *,
        code: str | None = None,
        retry_after: float | None = None,
        final: bool = False,
        receipt: Mapping[str, Any] | None = None,
        kind: str | None = None,
    ) -> None:
        if len(message) > _LONGEST_MESSAGE:
            message = message[: _LONGEST_MESSAGE - 1] + CUT
        super().__init__(message)
        self.message: Final = message
        self.code: Final = code
        self.retry_after: Final = retry_after
        self.final: Final = final
        self.receipt: Final[Mapping[str, Any]] = MappingProxyType(dict(receipt or {}))
        self.kind: Final = kind

    def with_message(self, message: str) -> Self:
        """Return the same failure in other words."""
        return self._copy(message, self.receipt)

    def with_receipt(self, **more: Any) -> Self:
        """Return the same failure with more in its receipt."""
        return self._copy(self.message, {**self.receipt, **more})

    def _copy(self, message: str, receipt: Mapping[str, Any]) -> Self:
        return type(self)(
            message,
            code=self.code,
            retry_after=self.retry_after,
            final=self.final,
            receipt=receipt,
            kind=self.kind,
        )


class RejectedError(DispatchError):
    """The far side, or TLS, said no and would say so again."""


class UnreachableError(DispatchError):
    """The message never got through, or the far side said "not now"."""


class TimedOutError(DispatchError):
    """No answer came in time; the message may have arrived."""
