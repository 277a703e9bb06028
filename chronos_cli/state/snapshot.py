"""What of an execution is kept for a replay of it: names and places, never a secret."""

from functools import lru_cache
from pathlib import Path

from chronos_cli.dispatch.execution import Execution
from chronos_cli.jobs.files import STDIN
from chronos_cli.redact import Redactor, bears_secret
from chronos_cli.state.entries import Snapshot


def snapshot_of(execution: Execution, config: str | None, redactor: Redactor) -> Snapshot:
    """Return what is kept of an execution; `config` is the chronos.yaml that it was read with.

    The job itself is not: a replay reads it from its file, and with it today's secrets.
    """
    job, variables = execution.job, execution.variables
    withheld = [
        name
        for name, value in variables.items()
        if bears_secret(name, from_outside=True) or redactor.text(value) != value
    ]
    file = job.position.file
    return Snapshot(
        job_name=job.spec.name,
        protocol=job.protocol,
        target=job.target.describe(),
        file=None if file == STDIN else _absolute(file, redactor),
        config=config and _absolute(config, redactor),
        variables={name: value for name, value in variables.items() if name not in withheld},
        withheld=withheld,
    )


def _absolute(path: str, redactor: Redactor) -> str | None:
    """Return a path that holds from any folder; None for one that a secret is part of.

    Bytes that are not UTF-8 cannot be kept either.
    """
    absolute = _from_root(path)
    if absolute != absolute.encode(errors="ignore").decode():
        return None
    return absolute if redactor.text(absolute) == absolute else None


@lru_cache(maxsize=1024)
def _from_root(path: str) -> str:
    return str(Path(path).absolute())
