"""Saying what is dangerous in jobs, or most likely not what was meant."""

from collections.abc import Iterable

from chronos_cli.cli.output import Output
from chronos_cli.jobs.model import Job, warnings_of

# Jobs that a warning names.
_NAMED = 5


def warn(jobs: Iterable[Job], output: Output) -> None:
    """Say on stderr what is dangerous in the jobs: one line for each danger."""
    for message, ids in warnings_of(jobs).items():
        more = f" and {len(ids) - _NAMED} more" if len(ids) > _NAMED else ""
        output.note(f"chronos: warning: {message} ({', '.join(ids[:_NAMED])}{more})")
