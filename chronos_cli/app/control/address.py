"""Where the control socket is, and who is at its other end."""

import os
import select
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from errno import EADDRINUSE, ECONNREFUSED, EEXIST
from pathlib import Path
from stat import S_ISSOCK

# The longest path that a socket's address holds on Linux, in bytes.
_LONGEST = 107
# How long whoever has the socket is waited for, in seconds.
_PATIENCE = 1.0
_CREDENTIALS = struct.Struct("3i")


def control_path(state: Path) -> Path:
    """Return where the socket of the loop on a state file is: beside it, by whatever link."""
    real = state.resolve()
    return real.with_name(f"{real.name}-control")


@contextmanager
def address_of(path: Path) -> Iterator[str]:
    """Give the address of a socket, to bind or to connect to; raises OSError.

    A path that is too long for one is gone by its folder, which is opened for that.
    """
    if len(os.fsencode(path)) <= _LONGEST:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def listening(path: Path) -> socket.socket:
    """Return a socket that listens there, for its owner alone; raises OSError.

    One that a killed loop has left is replaced; one that somebody answers on is not, nor is
    anything that is no socket.
    """
    ours = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        # Before it has a name, so that it is never there with other rights.
        os.fchmod(ours.fileno(), 0o600)
        with address_of(path) as address:
            try:
                ours.bind(address)
            except OSError as error:
                if error.errno != EADDRINUSE:
                    raise
                _remove_stale(path, address)
                ours.bind(address)
        path.chmod(0o600)
        ours.listen(16)
        ours.setblocking(False)
    except BaseException:
        ours.close()
        raise
    return ours


def _remove_stale(path: Path, address: str) -> None:
    if not S_ISSOCK(path.lstat().st_mode):
        raise OSError(EEXIST, "something else has its name")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as other:
        other.settimeout(_PATIENCE)
        try:
            other.connect(address)
        except OSError as error:
            if error.errno != ECONNREFUSED:
                raise
        else:
            raise OSError(EADDRINUSE, "another process answers on it")
    path.unlink()


def peer_of(connection: socket.socket) -> int:
    """Return the user ID of the process at the other end, by the kernel; ours where none tells."""
    option = getattr(socket, "SO_PEERCRED", None)
    if option is None:  # the rights of the socket have to do
        return os.geteuid()
    known = connection.getsockopt(socket.SOL_SOCKET, option, _CREDENTIALS.size)
    _, user, _ = _CREDENTIALS.unpack(known)
    return int(user)


def has_left(connection: socket.socket) -> bool:
    """Whether the other end is closed; one that has only said all that it wants is not."""
    hangup = select.poll()
    hangup.register(connection, 0)  # a hang-up is told of in any case
    return bool(hangup.poll(0))


def user_name(user: int) -> str:
    """Return the name of a user; may ask a server for it."""
    import pwd  # only where somebody steers a loop

    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"uid {user}"
