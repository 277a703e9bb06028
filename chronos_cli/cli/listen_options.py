"""Where `chronos cron --listen` listens, and the token that it asks for."""

import stat
from pathlib import Path

from chronos_cli.cli.options import address
from chronos_cli.cli.output import redactor
from chronos_cli.errors import FileTooLargeError, UnreadableFileError, UsageError
from chronos_cli.files import read_text
from chronos_cli.monitor.access import Listen, is_loopback

_LONGEST_TOKEN, _SHORTEST_TOKEN = 4096, 16


def listen_of(listen: str | None, token_file: str | None) -> Listen | None:
    """Read `--listen` and `--listen-token-file`; UsageError for what would be open to others."""
    if listen is None:
        if token_file is not None:
            raise UsageError("--listen-token-file is for --listen, which is missing")
        return None
    host, port = address("--listen", listen)
    if token_file is None and not is_loopback(host):
        raise UsageError(
            f"--listen: others can reach {host}; name a file that holds a token with "
            "--listen-token-file PATH, or listen on 127.0.0.1"
        )
    if token_file is None:
        return Listen(host, port)
    return Listen(host, port, _token(token_file), _doubt(token_file))


def _token(path: str) -> str:
    try:
        token = read_text(path, _LONGEST_TOKEN, pipes=True).strip()
    except (UnreadableFileError, FileTooLargeError) as error:
        raise UsageError(f"--listen-token-file: cannot read {path}: {error}") from error
    if len(token) < _SHORTEST_TOKEN or not (token.isascii() and token.isprintable()):
        raise UsageError(
            f"--listen-token-file: {path} has to hold {_SHORTEST_TOKEN} ASCII characters or more; "
            "make one with: openssl rand -hex 32"
        )
    redactor.add(token)
    return token


def _doubt(path: str) -> str | None:
    """Return what to say of a file of a secret that every user of the machine can use."""
    mode = Path(path).stat().st_mode
    if not stat.S_ISREG(mode) or not mode & stat.S_IRWXO:
        return None
    return f"--listen-token-file: all users of this machine can use {path}; run: chmod 600 {path}"
