"""Telling whether a process that left a note still lives."""

import os
from pathlib import Path

from msgspec import Struct


class Process(Struct, frozen=True):
    """A process, told apart from a later one that got its PID.

    `boot` is the kernel's ID of this start of the machine, `start` when the process began, in
    the kernel's ticks. Both are empty where there is no /proc.
    """

    pid: int
    host: str
    boot: str
    start: str

    def __str__(self) -> str:
        return f"pid {self.pid} on {self.host}"


def this_process() -> Process:
    """Return the process that asks."""
    pid = os.getpid()
    stat = _stat(pid)
    return Process(pid, os.uname().nodename, _boot_id(), stat[1] if stat else "")


def is_alive(process: Process, here: Process) -> bool | None:
    """Whether a process lives, seen from `here`; None when it belongs to another host."""
    if process.host != here.host:
        return None
    if process.boot != here.boot:
        return False
    try:
        os.kill(process.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # somebody else's, but there
    stat = _stat(process.pid)
    if stat is None or not process.start:
        return True
    state, start = stat
    # A zombie is dead: only its parent has not asked yet.
    return start == process.start and state not in {"Z", "X"}


def _stat(pid: int) -> tuple[str, str] | None:
    """Return the state and the start time of a process, where /proc tells them."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # The second field, the name in parentheses, may hold blanks and parentheses of its own.
    fields = text.rpartition(")")[2].split()
    return fields[0], fields[19]


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""
