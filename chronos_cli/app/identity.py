"""Which recorded execution is meant by what a user wrote of its ID."""

from pathlib import Path

from chronos_cli.errors import UsageError
from chronos_cli.jobs.model import NOTICES
from chronos_cli.state.entries import RecordedExecutions

# Candidates that a message names.
_NAMED = 5


def full_id(text: str, store: RecordedExecutions | None, where: Path) -> str:
    """Return the recorded execution ID that is `text`, or the one that begins with it.

    `where` is the state file, for messages. Raises UsageError when there is none, or several.
    """
    if store is not None and store.has(text):
        return text
    found = store.ids_beginning(text, _NAMED + 1) if store and text else []
    known = {identity for identity, _ in found}
    found = [one for one in found if _told_of(one[0]) not in known]
    if not found:
        raise UsageError(f"no execution '{text}' in {where}")
    if len(found) > 1:
        named = ", ".join(f"{identity} ({job})" for identity, job in found[:_NAMED])
        more = " and more" if len(found) > _NAMED else ""
        raise UsageError(
            f"'{text}' is the beginning of several executions: {named}{more}; write more of it"
        )
    return found[0][0]


def _told_of(identity: str) -> str | None:
    """Return the execution that a notice tells of, by its ID; None for what is no notice."""
    execution, _, name = identity.rpartition(".")
    return execution if name in NOTICES else None
