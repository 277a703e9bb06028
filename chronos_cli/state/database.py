"""A state file, opened: short transactions, and its failures in words that say what to do."""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from errno import ENOTDIR
from pathlib import Path

from chronos_cli.errors import StateError
from chronos_cli.state.schema import VERSION, migrate, version_of

# How long another process may hold the file, in seconds. Ours hold it for a millisecond.
_PATIENCE = 5.0
_ELSEWHERE = "name another place with --state PATH"
# Pages of 4 KiB.
_LONGEST_LOG = 10_000


class Database:
    """One connection. WAL, so that readers and the one writer do not wait for each other.

    `synchronous = NORMAL`: a commit is in the kernel's hands, so that it outlives the death of
    this process; only a power cut can lose the last ones, and never corrupts the file. What is
    lost is sent again under the same execution ID, as after any crash: worth no fsync per job.
    WAL with FULL would sync at every commit, and make each tick as late as the disk is slow.
    """

    def __init__(self, path: Path) -> None:
        """Open the file, and make it where there is none; raises StateError."""
        self.path = path
        self._patience = _PATIENCE
        self._db: sqlite3.Connection | None = None
        self._is_writing = False
        with self.failures():
            _make_private(path)
            self._db = _connect(path)
            self._identity = _identity(path)
            try:
                self._set_up()
            except BaseException:
                self.close()
                raise

    @property
    def changes(self) -> int:
        """How many rows were written since the file was opened."""
        return self._db.total_changes if self._db else 0

    def set_patience(self, seconds: float) -> None:
        """Wait no longer than this for another process; for those whom waiting costs more."""
        with self.failures():
            self._connection().execute(f"PRAGMA busy_timeout = {round(seconds * 1000)}")
            self._patience = seconds

    def write_log_only(self) -> None:
        """Leave what is written in the log beside the file: somebody else calls `move_log`.

        By default the writer does so whenever the log is long, and waits for the disk meanwhile.
        It still does when the log is very long, lest that fill the disk.
        """
        with self.failures():
            self._connection().execute(f"PRAGMA wal_autocheckpoint = {_LONGEST_LOG}")

    def close(self) -> None:
        """Give the file back; what cannot be tidied up now, the next one to open it does."""
        if self._db is not None:
            with suppress(sqlite3.Error):
                self._db.close()
            self._db = None

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Give the connection; raises StateError for what goes wrong in it."""
        with self.failures():
            yield self._connection()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Give the connection within a transaction; raises StateError when it is not kept.

        Within another `writing` it is that one's transaction, which is kept or lost as a whole.
        """
        if self._is_writing:
            yield self._connection()  # the outer one translates failures
            return
        with self.failures():
            db = self._connection()
            if _identity(self.path) != self._identity:
                raise StateError(
                    f"the state {self.path} was moved or deleted while it was in use; "
                    "put it back, or restart"
                )
            db.execute("BEGIN IMMEDIATE")
            self._is_writing = True
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):  # a full disk has rolled back by itself
                    db.execute("ROLLBACK")
                raise
            finally:
                self._is_writing = False

    @contextmanager
    def failures(self) -> Iterator[None]:
        """Translate what SQLite and the file system raise into StateError."""
        try:
            yield
        except sqlite3.Error as error:
            raise StateError(_explained(self.path, error, self._patience)) from error
        except OSError as error:
            reason = error.strerror or str(error)
            raise StateError(f"cannot keep the state in {self.path}: {reason}; {_ELSEWHERE}") from (
                error
            )

    def _connection(self) -> sqlite3.Connection:
        if self._db is None:
            raise StateError(f"the state {self.path} is closed")
        return self._db

    def _set_up(self) -> None:
        db = self._connection()
        db.execute("BEGIN")
        version = version_of(db)
        db.execute("COMMIT")
        if version < 0:
            raise StateError(f"{self.path} is a database of another program; {_ELSEWHERE}")
        if version > VERSION:
            raise StateError(
                f"{self.path} was written by a newer chronos (its tables are of version {version}, "
                f"this one knows up to {VERSION}); install that one, or {_ELSEWHERE}"
            )
        db.execute("PRAGMA synchronous = NORMAL")
        db.execute("PRAGMA foreign_keys = ON")
        if version == VERSION:
            return
        if version == 0:
            db.execute("PRAGMA auto_vacuum = INCREMENTAL")
            _switch_to_wal(db)
        with self.writing():
            migrate(db)


def move_log(path: Path) -> None:
    """Move what is in the log beside a file into the file, by a connection of its own.

    Holds up neither readers nor the writer. What cannot be moved now, the next call moves.
    """
    with suppress(sqlite3.Error), closing(_connect(path)) as db:
        db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()


def _make_private(path: Path) -> None:
    """Make the folder and the file for the owner's eyes only, unless they are there already."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except FileExistsError as error:
        raise NotADirectoryError(ENOTDIR, os.strerror(ENOTDIR)) from error
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def _identity(path: Path) -> tuple[int, int] | None:
    """Return what tells a file from another one under its name; None when there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _connect(path: Path) -> sqlite3.Connection:
    # Transactions are ours to begin and end; the file is there, so that none is made here.
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=_PATIENCE, isolation_level=None
    )


def _switch_to_wal(db: sqlite3.Connection) -> None:
    """Switch the journal mode; of several processes that do it at once SQLite lets none wait."""
    end = time.monotonic() + _PATIENCE
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
            time.sleep(0.01)
        else:
            return


def _explained(path: Path, error: sqlite3.Error, patience: float) -> str:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT}:
        return f"{path} is damaged or no state file ({error}); move it away, or {_ELSEWHERE}"
    if code == sqlite3.SQLITE_FULL:
        return f"no room to write the state in {path}; make some, or {_ELSEWHERE}"
    if code == sqlite3.SQLITE_IOERR:
        return (
            f"cannot read or write the state in {path}: {error} (is the disk full, or a limit "
            f"reached?); {_ELSEWHERE}"
        )
    if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return f"the state {path} has been locked by another process for over {patience:g} s"
    return f"cannot write the state in {path}: {error}; {_ELSEWHERE}"
