"""Noticing that files have changed."""

from collections.abc import Callable, Iterable
from pathlib import Path
from stat import S_ISSOCK

from chronos_cli.errors import UsageError

# How often is looked, in seconds. A change is believed when two looks agree on it, so that a
# file that is being written is not read half.
INTERVAL = 1.0

Print = frozenset[tuple[str, int, int, int]]


def fingerprint(paths: Iterable[Path]) -> Print:
    """Return what tells one state of some files from another.

    Links are followed: a ConfigMap is changed by turning the link to its folder elsewhere.
    """
    found = set()
    for path in paths:
        try:
            status = path.stat()
        except (OSError, ValueError):  # no such file, or no name of one
            continue
        if not S_ISSOCK(status.st_mode):  # a far side that starts anew changes no job
            found.add((str(path), status.st_mtime_ns, status.st_size, status.st_ino))
    return frozenset(found)


class Watch:
    """Compares what files are with what they were. `list_files` names them, anew at each look."""

    def __init__(self, list_files: Callable[[], Iterable[Path]]) -> None:
        self._list_files = list_files
        self._known = self._last = self._look()

    def has_changed(self) -> bool:
        """Whether there is something new that has settled since; told once for each change."""
        now = self._look()
        settled = now == self._last
        self._last = now
        if not settled or now == self._known:
            return False
        self._known = now
        return True

    def _look(self) -> Print:
        try:
            return fingerprint(self._list_files())
        except (UsageError, OSError):  # a folder that is gone, or has no file for the moment
            return frozenset()
