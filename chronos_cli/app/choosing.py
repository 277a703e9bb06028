"""Whether the jobs are there that a user has chosen."""

from collections.abc import Collection

from chronos_cli.errors import UsageError
from chronos_cli.jobs.scope import Choice

# Comparing takes time that grows with both.
_LONGEST_COMPARED, _MOST_COMPARED = 60, 2000


def require_chosen(count: int, known: Collection[str], choice: Choice) -> None:
    """Raise UsageError for an ID that no job has, and when no job is left.

    `count` jobs were chosen; `known` are the IDs of all jobs in the files.
    """
    for wanted in sorted(choice.ids):
        if wanted not in known:
            raise UsageError(f"no job '{wanted}' in these files{_nearest(wanted, known)}")
    if not count:
        words = ", ".join(f"{key}={value}" for key, value in choice.tags.items())
        raise UsageError(f"no job has the tag {words}")


def _nearest(wanted: str, known: Collection[str]) -> str:
    from difflib import get_close_matches  # only on failure

    near = get_close_matches(wanted[:_LONGEST_COMPARED], sorted(known)[:_MOST_COMPARED], n=1)
    return f" (did you mean '{near[0]}'?)" if near else ""
