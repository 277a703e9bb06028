"""What a protocol is to everybody else: one typed object, found by its entry point.

A new protocol is a package with one `Plugin` and one line in its `pyproject.toml`; the built-in
ones are registered in the same way. See `docs/plugins.md`.
"""

from collections.abc import Awaitable, Callable, Hashable, Mapping
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from msgspec import Struct

from chronos_cli.dispatch.delivery import Delivery
from chronos_cli.jobs.cloudevents import Mode
from chronos_cli.jobs.model import Settings, Target

if TYPE_CHECKING:
    from chronos_cli.dispatch.importer import Importer
    from chronos_cli.dispatch.spans import MessageSpan
    from chronos_cli.dispatch.steps import Steps

T = TypeVar("T", bound=Target)
T_contra = TypeVar("T_contra", bound=Target, contravariant=True)
S = TypeVar("S", bound=Settings)


class Receipt(Struct, frozen=True):
    """The far side accepted the message: its code, and what it gave back (JSON-like)."""

    code: str | None = None
    message: str = ""
    data: Mapping[str, Any] = {}


class Preview(Struct, frozen=True):
    """A message as it would leave, for `--dry-run`.

    `summary` is its first line (`POST /job HTTP/1.1`), `headers` keep order and repetition.
    Headers whose names bear secrets are masked by the core; `secret_headers` names further ones,
    in lower case. `notes` are said on stderr: what had to be asked over the network, for example.
    """

    summary: str
    headers: list[tuple[str, str]]
    body: str
    secret_headers: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()


class Dispatcher(Protocol[T_contra]):
    """Sends messages over one protocol, and keeps its connections between them.

    There is one for the life of a process. It is made when the first message is due.
    """

    async def send(self, delivery: Delivery[T_contra]) -> Receipt:
        """Send one message and wait until the far side has accepted it.

        Returns only when it has. Raises RejectedError, UnreachableError or TimedOutError; any
        other exception counts as the far side's disturbance, and so as unreachable. It may be
        cancelled at any moment: the caller holds the attempt to its time limit, and reports what
        `add_note` adds to the CancelledError.
        """
        ...

    async def preview(self, delivery: Delivery[T_contra]) -> Preview:
        """Return the message as it would leave, without sending it. Raises as `send` does."""
        ...

    async def close(self) -> None:
        """Give back every connection."""
        ...


class Plugin(Struct, Generic[T, S], frozen=True, kw_only=True):
    """One protocol.

    `key` is the target block's key in a job file (`webhook`), and the name of the entry point;
    `protocol` is the name in reports and in chronos.yaml (`http`). `target` declares the block,
    `settings` the operator's settings: both import without the client library. `dispatcher` makes
    a dispatcher, and is where its module and the client library are imported.

    `client_modules` are the modules of the client library, `extra` the extra of the package that
    brings them; without an extra they come with the package itself. `event_modes` are the ways in
    which it carries a CloudEvent, the default first: `structured` needs nothing but a body,
    `binary` needs headers for the attributes (`Delivery.header_event`). `importers` make jobs of
    the calls of programs, by the program's name (`curl`), for `chronos import`. `span` tells those
    who collect traces of an attempt: of the target as it was rendered, and of the code and the
    receipt that came of it. It is called only where traces are collected.

    `check` finds out whether a job would get through, and sends nothing that acts: it takes each
    step within `steps.step(…)`, raises as `Dispatcher.send` does, and gives back what it opened.
    Without one, `chronos check` says only that the message can be made. `certificate_key` returns
    what targets have in common that lead to the same certificate, and None for one without TLS.
    With it, a loop that is looked at knows when certificates end, by the steps of `check` that are
    named resolve, connect, proxy tls, tunnel and tls.
    """

    key: str
    protocol: str
    target: type[T]
    settings: type[S]
    dispatcher: Callable[[S], Dispatcher[T]]
    client_modules: tuple[str, ...] = ()
    extra: str | None = None
    event_modes: tuple[Mode, ...] = ("structured",)
    check: "Callable[[S, Delivery[T], Steps], Awaitable[None]] | None" = None
    certificate_key: Callable[[T], Hashable | None] | None = None
    importers: "Mapping[str, Importer]" = {}
    span: "Callable[[T, str | None, Mapping[str, Any]], MessageSpan] | None" = None
