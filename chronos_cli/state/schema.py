"""The tables of a state file, and the way from older ones to today's."""

import sqlite3

# In the file's header, so that `file` and we know whose it is: "Chro".
APPLICATION_ID = 0x4368726F

_FIRST = """
CREATE TABLE runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    execution_id TEXT NOT NULL,
    job_id TEXT NOT NULL,
    origin TEXT NOT NULL,              -- run, cron, replay
    scheduled_time TEXT NOT NULL,      -- RFC 3339
    started_at REAL NOT NULL,          -- seconds since 1970
    started_monotonic REAL NOT NULL,   -- seconds since the machine's start
    deadline REAL NOT NULL,            -- seconds from its start after which it is over
    pid INTEGER NOT NULL,
    host TEXT NOT NULL,
    boot TEXT NOT NULL,
    process_start TEXT NOT NULL,
    snapshot TEXT NOT NULL,            -- JSON: what a replay needs
    ended_at REAL,
    status TEXT,                       -- NULL: not ended, as far as is known
    outcome TEXT                       -- JSON: the outcome without its attempts
);
CREATE INDEX runs_by_execution ON runs (execution_id);
CREATE INDEX runs_by_job ON runs (job_id);
CREATE INDEX runs_by_time ON runs (started_at);
CREATE INDEX runs_open ON runs (job_id) WHERE status IS NULL;
CREATE TABLE attempts (
    run INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    attempt TEXT NOT NULL,             -- JSON
    PRIMARY KEY (run, number)
) WITHOUT ROWID;
CREATE TABLE ticks (
    job_id TEXT PRIMARY KEY,
    scheduled_time TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE loop (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    name TEXT NOT NULL,
    pid INTEGER NOT NULL,
    host TEXT NOT NULL
);
"""

# What a tick was one of: a schedule that was changed while nobody looked has missed nothing.
# A table of its own: an older program that is running goes on writing ticks as it knows them.
_SCHEDULES = """
CREATE TABLE tick_schedules (
    job_id TEXT PRIMARY KEY,
    schedule TEXT NOT NULL             -- expression and zone
) WITHOUT ROWID;
"""

# Notices that are under way: a loop that is killed has them sent by the next one.
_NOTICES = """
CREATE TABLE notices (
    execution_id TEXT PRIMARY KEY,     -- the notice's own
    job_id TEXT NOT NULL,
    name TEXT NOT NULL,                -- on_failure, on_success, on_recovery
    scheduled_time TEXT NOT NULL,      -- RFC 3339
    outcome TEXT NOT NULL              -- JSON: what it tells, masked
) WITHOUT ROWID;
"""

# What became of notices, and the failures in a row of jobs that are told of once.
_TOLD = """
CREATE TABLE told (
    run INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    hook TEXT NOT NULL,                -- on_failure, on_success, on_recovery
    notice TEXT NOT NULL,              -- JSON: how it ended, masked
    PRIMARY KEY (run, hook)
) WITHOUT ROWID;
CREATE TABLE streaks (
    job_id TEXT PRIMARY KEY,
    failures INTEGER NOT NULL,
    told_at REAL                       -- seconds since 1970; NULL: nobody was told
) WITHOUT ROWID;
"""

# Jobs whose ticks are passed over, by somebody's order.
_PAUSES = """
CREATE TABLE pauses (
    job_id TEXT PRIMARY KEY,           -- empty: all jobs
    by TEXT NOT NULL,                  -- a user's name
    at TEXT NOT NULL,                  -- RFC 3339
    reason TEXT,
    until TEXT                         -- RFC 3339; NULL: until it is resumed
) WITHOUT ROWID;
"""

# The step at place n leads from version n to n + 1. Steps are never changed, only added.
MIGRATIONS: tuple[str, ...] = (_FIRST, _SCHEDULES, _NOTICES, _TOLD, _PAUSES)
VERSION = len(MIGRATIONS)


def version_of(db: sqlite3.Connection) -> int:
    """Return the version of a file's tables; 0 for a new file, -1 for another program's.

    Within the caller's transaction: another process may be making the tables.
    """
    version: int = db.execute("PRAGMA user_version").fetchone()[0]
    (application,) = db.execute("PRAGMA application_id").fetchone()
    if application == APPLICATION_ID:
        return version
    (tables,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return -1 if version or tables else 0


def migrate(db: sqlite3.Connection) -> None:
    """Bring the tables to today's version, within the caller's transaction."""
    version = version_of(db)
    if not 0 <= version < VERSION:
        return  # another process was faster
    for step in MIGRATIONS[version:]:
        # Not `executescript`: it would commit the transaction first.
        for statement in step.split(";\n"):
            db.execute(statement)
    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    db.execute(f"PRAGMA user_version = {VERSION}")
