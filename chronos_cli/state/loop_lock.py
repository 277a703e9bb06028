"""One scheduler on one state file."""

import fcntl
import os
from contextlib import suppress

from chronos_cli.errors import StateError
from chronos_cli.state.database import Database
from chronos_cli.state.process import Process


class LoopLock:
    """A lock that the kernel lets go of when its process dies, whichever way, and wherever.

    A container that is made anew has another host name, from which nobody could tell that the
    process of the old one is dead; a lock on a file beside the state tells. The table only
    says whose it is.
    """

    def __init__(self, database: Database, here: Process) -> None:
        self._database = database
        self._here = here
        self._file: int | None = None

    @property
    def is_held(self) -> bool:
        """Whether it is ours."""
        return self._file is not None

    def acquire(self, name: str) -> None:
        """Take it; raises StateError, naming the holder, when it is taken."""
        # Under the file's own name, by whatever link it was reached.
        path = self._database.path.resolve()
        path = path.with_name(path.name + "-loop")
        with self._database.failures():
            file = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            with self._database.failures():
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with self._database.writing() as db:
                values = (name, self._here.pid, self._here.host)
                db.execute("INSERT OR REPLACE INTO loop VALUES (1, ?, ?, ?)", values)
        except BaseException as error:
            os.close(file)
            if isinstance(error.__cause__, BlockingIOError):
                raise StateError(self._taken()) from error
            raise
        self._file = file

    def confirm(self) -> None:
        """Write anew whose it is; raises StateError when that cannot be done."""
        with self._database.writing() as db:
            db.execute("UPDATE loop SET pid = ?", (self._here.pid,))

    def release(self) -> None:
        """Give it back, if it is ours."""
        if self._file is not None:
            with suppress(StateError), self._database.writing() as db:
                db.execute("DELETE FROM loop")
            os.close(self._file)
            self._file = None

    def _taken(self) -> str:
        with self._database.reading() as db:
            row = db.execute("SELECT name, pid, host FROM loop").fetchone()
        who = f" for {row[0]}: pid {row[1]} on {row[2]}" if row else ""
        return (
            f"another scheduler has the state {self._database.path}{who}; "
            "stop that one, or give this one a state of its own with --state PATH"
        )
