"""Asking the loop on a state file."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import msgspec

from chronos_cli.app.control.address import address_of, control_path, peer_of, user_name
from chronos_cli.cron.control import (
    LONGEST_ANSWER,
    VERSION,
    Answer,
    Envelope,
    Refused,
    Request,
    Trigger,
    decode_answer,
    line_of,
)
from chronos_cli.errors import NoLoopError, StateError, UsageError

# How long the loop may take to answer, in seconds: it answers between two ticks.
_PATIENCE = 15.0


def ask(state: Path, request: Request) -> Iterator[Answer]:
    """Yield what the loop on a state file answers, for as long as it does.

    Raises NoLoopError when none runs there, StateError when it is another user's or does not
    answer, UsageError when it refuses. A request that was not answered was not carried out.
    """
    path = control_path(state)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(_PATIENCE)
        try:
            _connect(connection, path, state)
            connection.sendall(line_of(Envelope(VERSION, request)))
            yield from _answers(connection, request)
        except TimeoutError as error:
            raise StateError(
                f"the loop on {state} does not answer within {_PATIENCE:g} s, and will not do what "
                "nobody waits for: ask again, or look at its log"
            ) from error
        except ConnectionError:
            return  # it has ended amid the answer


def _connect(connection: socket.socket, path: Path, state: Path) -> None:
    try:
        with address_of(path) as address:
            connection.connect(address)
    except (FileNotFoundError, NotADirectoryError, ConnectionRefusedError) as error:
        raise NoLoopError(
            f"no loop runs on the state {state}; start one with chronos cron JOBS, or name the "
            "state of the one that is meant with --state PATH"
        ) from error
    except BlockingIOError as error:
        raise StateError(
            f"the loop on {state} is asked by too many at once, or does not answer: ask again"
        ) from error
    except PermissionError as error:
        raise StateError(
            f"the loop on {state} is for {_owner(path)} alone: ask as that user"
        ) from error
    except OSError as error:
        raise NoLoopError(f"cannot reach the loop on {state}: {error}") from error
    if peer_of(connection) not in {os.geteuid(), 0, _user_of(state)}:
        raise StateError(f"{path} belongs to another user, who is not the owner of the state")


def _answers(connection: socket.socket, request: Request) -> Iterator[Answer]:
    with connection.makefile("rb") as stream:
        while line := stream.readline(LONGEST_ANSWER):
            try:
                answer = decode_answer(line)
            except msgspec.DecodeError as error:
                raise StateError(
                    f"the loop answers what this program cannot read: {error}; is it of another "
                    "version? Then ask with that one, or start the loop again"
                ) from error
            if isinstance(answer, Refused):
                raise (StateError if answer.unusable else UsageError)(answer.message)
            if isinstance(request, Trigger) and request.wait:
                connection.settimeout(None)  # it takes what the job takes
            yield answer


def _owner(path: Path) -> str:
    user = _user_of(path)
    return "another user" if user is None else user_name(user)


def _user_of(path: Path) -> int | None:
    try:
        return path.stat().st_uid
    except OSError:
        return None
