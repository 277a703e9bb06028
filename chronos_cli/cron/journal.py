"""The journal of a loop: what befalls the state is an event, and the loop goes on."""

from chronos_cli.clock import Clock
from chronos_cli.cron.events import EventKind, Events
from chronos_cli.errors import StateError
from chronos_cli.redact import Redactor
from chronos_cli.state.entries import CRON
from chronos_cli.state.journal import StateJournal
from chronos_cli.state.store import Store

ORIGIN = CRON
# A state that failed is left alone for so long, in seconds: each try may hold up the loop.
_PAUSE = 1.0


def loop_journal(
    store: Store, redactor: Redactor, config: str | None, clock: Clock, events: Events
) -> StateJournal:
    """Return a journal on a loop's store; `config` is the chronos.yaml that is in force."""

    def on_failed(error: StateError) -> None:
        message = f"{error}; dispatching goes on without a record"
        events.tell(EventKind.STATE_FAILED, message=message)

    return StateJournal(
        lambda: store,
        redactor,
        clock,
        origin=ORIGIN,
        config=config,
        on_failed=on_failed,
        on_restored=lambda: events.tell(EventKind.STATE_RESTORED),
        pause=_PAUSE,
        keeps_notices=True,
    )
