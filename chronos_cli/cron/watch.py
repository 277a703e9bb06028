"""Noticing that files have changed."""

import os
import time
from collections.abc import Callable, Iterable
from stat import S_ISSOCK

from chronos_cli.errors import UsageError

# How often is looked, in seconds. A change is believed when two looks agree on it, so that a
# file that is being written is not read half.
_INTERVAL = 1.0
# What looking may take of a core: where there are very many files, it is done less often.
_SHARE = 0.008

Print = frozenset[tuple[str, int, int, int]]


def fingerprint(paths: Iterable[str]) -> Print:
    """Return what tells one state of some files from another.

    Links are followed: a ConfigMap is changed by turning the link to its folder elsewhere.
    """
    found = set()
    for path in paths:
        try:
            status = os.stat(path)  # noqa: PTH116 - a Path of each would take as long again
        except (OSError, ValueError):  # no such file, or no name of one
            continue
        if not S_ISSOCK(status.st_mode):  # a far side that starts anew changes no job
            found.add((path, status.st_mtime_ns, status.st_size, status.st_ino))
    return frozenset(found)


class Watch:
    """Compares what files are with what they were. `list_files` names them, anew at each look.

    `interval` is the time until the next look, in seconds.
    """

    def __init__(self, list_files: Callable[[], Iterable[str]]) -> None:
        self._list_files = list_files
        self.interval = _INTERVAL
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
        began = time.thread_time()
        try:
            return fingerprint(self._list_files())
        except (UsageError, OSError):  # a folder that is gone, or has no file for the moment
            return frozenset()
        finally:
            self.interval = max(_INTERVAL, (time.thread_time() - began) / _SHARE)
