"""What pika's exceptions and the broker's reply codes mean.

pika loses the reply code of a connection that is closed while it opens (`Probable…Error` with
a text); the adapter keeps it.
"""

import struct

from pika import exceptions

from chronos_cli.errors import DispatchError, RejectedError, UnreachableError

# pika's guesses about a connection that ended during the login. A broker that refuses says so
# by a reply code; without one, it went away.
CUT_IN_LOGIN: tuple[type[Exception], ...] = (
    exceptions.ProbableAuthenticationError,
    exceptions.ProbableAccessDeniedError,
    exceptions.IncompatibleProtocolError,
)
# The exact classes, each one decided upon; a test fails when pika has one that is not here.
REJECTED: tuple[type[Exception], ...] = (
    exceptions.AuthenticationError,
    exceptions.ProtocolVersionMismatch,
    exceptions.MethodNotImplemented,
    exceptions.ShortStringTooLong,
    exceptions.UnsupportedAMQPFieldException,
    exceptions.UnroutableError,
)
UNREACHABLE: tuple[type[Exception], ...] = (
    *CUT_IN_LOGIN,
    exceptions.AMQPError,
    exceptions.AMQPConnectionError,
    exceptions.ConnectionOpenAborted,
    exceptions.StreamLostError,
    exceptions.NoFreeChannels,
    exceptions.ConnectionWrongStateError,
    exceptions.ConnectionBlockedTimeout,
    exceptions.AMQPHeartbeatTimeout,
    exceptions.AMQPChannelError,
    exceptions.ChannelWrongStateError,
    exceptions.DuplicateConsumerTag,
    exceptions.ConsumerCancelled,
    exceptions.NackError,
    exceptions.InvalidChannelNumber,
    exceptions.ProtocolSyntaxError,
    exceptions.UnexpectedFrameError,
    exceptions.BodyTooLongError,
    exceptions.InvalidFrameError,
    exceptions.InvalidFieldTypeException,
    exceptions.ChannelError,
    exceptions.ReentrancyError,
    exceptions.DuplicateGetOkCallback,
)
# These carry a reply code, which decides.
BY_CODE: tuple[type[Exception], ...] = (
    exceptions.ConnectionClosed,
    exceptions.ConnectionClosedByBroker,
    exceptions.ConnectionClosedByClient,
    exceptions.ChannelClosed,
    exceptions.ChannelClosedByBroker,
    exceptions.ChannelClosedByClient,
)
# What pika's encoder lets out, beside its own: a value that does not fit its field.
ENCODING = (ValueError, TypeError, OverflowError, AssertionError, struct.error)

_NOT_NOW = frozenset({200, 320, 506, 541})


def translated(error: BaseException, where: str) -> DispatchError:
    """Return what an exception of pika means; `where` is the address, for the message."""
    if isinstance(error, exceptions.ConnectionClosed | exceptions.ChannelClosed):
        return by_reply(error.reply_code, error.reply_text, where)
    message = " ".join(str(error).split()) or type(error).__name__
    if type(error) in REJECTED:
        return RejectedError(f"{message} ({where})")
    if isinstance(error, CUT_IN_LOGIN):
        message = "the connection ended during the login"
    if isinstance(error, exceptions.AMQPHeartbeatTimeout):
        message = "the broker no longer answers heartbeats"
    return UnreachableError(f"{message} ({where})")


def by_reply(code: int, reply: str | bytes, where: str) -> DispatchError:
    """Return the failure that the broker's own code and text stand for."""
    text = readable(reply)
    name, _, detail = text.partition(" - ")
    message = f"{detail or text} ({where})"
    full = f"{code} {name}" if detail else str(code)
    # A limit on connections or channels has the code of a forbidden thing, but passes.
    if code in _NOT_NOW or (code == 530 and "limit" in detail):
        return UnreachableError(message, code=full)
    return RejectedError(message, code=full)


def readable(text: str | bytes) -> str:
    """Return a text of the broker's; pika leaves one that is not UTF-8 as bytes."""
    return text.decode(errors="backslashreplace") if isinstance(text, bytes) else text
