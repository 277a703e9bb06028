"""What the NATS library's exceptions and the server's own words mean."""

from chronos_cli.errors import DispatchError, RejectedError, TimedOutError, UnreachableError
from chronos_cli.protocols.network import from_cause

_REJECTED = {
    "AuthorizationError": "AUTHORIZATION",
    "InvalidUserCredentialsError": "CREDENTIALS",
    "NkeysError": "CREDENTIALS",
    "NoRespondersError": "NO_RESPONDERS",
    "NoStreamResponseError": "NO_STREAM",
    "MaxPayloadError": "MAX_PAYLOAD",
    "SecureConnRequiredError": "TLS",
    "SecureConnWantedError": "TLS",
    "SecureConnFailedError": "TLS",
    "BadSubjectError": None,
    "BadSubscriptionError": None,
    "BadHeaderError": None,
    "BadTimeoutError": None,
    "InvalidCallbackTypeError": None,
    "ServerNotInPoolError": None,
    "NotJSMessageError": None,
    "MsgAlreadyAckdError": None,
    # The base of JetStream's errors; acknowledgements are read and judged by nats.py itself.
    "APIError": "JETSTREAM",
    "JetStreamError": "JETSTREAM",
}
_UNREACHABLE = {
    "ServiceUnavailableError": "503",
    "ServerError": "500",
    "TooManyStalledMsgsError": None,
    "StaleConnectionError": None,
    "UnexpectedEOF": None,
    "OutboundBufferLimitError": None,
    "ConnectionClosedError": None,
    "ConnectionDrainingError": None,
    "ConnectionReconnectingError": None,
    "NoServersError": None,
    "SlowConsumerError": None,
    "JsonParseError": None,
    "ProtocolError": None,
}
_WORDS = {
    "SecureConnWantedError": "TLS: the server does not offer it",
    "SecureConnRequiredError": "TLS: the server requires it, and 'tls.enabled' is false",
    "NoRespondersError": "nobody listens on the subject, so there was no responder",
    "AuthorizationError": "the server refused the login (authorization violation)",
    "UnexpectedEOF": "the server closed the connection",
    "OutboundBufferLimitError": "the connection is not open",
}
# Parts of what a server says before it closes the connection, in lower case.
_SAID: tuple[tuple[str, type[DispatchError], str], ...] = (
    ("permissions violation", RejectedError, "PERMISSIONS"),
    ("authorization violation", RejectedError, "AUTHORIZATION"),
    ("authentication expired", RejectedError, "AUTHORIZATION"),
    ("authentication revoked", RejectedError, "AUTHORIZATION"),
    ("secure connection", RejectedError, "TLS"),
    ("tls required", RejectedError, "TLS"),
    ("maximum control line", RejectedError, "MAX_CONTROL_LINE"),
    ("invalid connect url", RejectedError, "ADDRESS"),
    ("invalid hostname", RejectedError, "ADDRESS"),
    ("no ssl context", RejectedError, "TLS"),
)


def translated(error: BaseException, where: str) -> DispatchError:
    """Return what an exception of the library, or of the network below it, means.

    `where` is the server's address, for the message.
    """
    for name in class_names(type(error)):
        if name in _REJECTED:
            return RejectedError(_message(error, where), code=_REJECTED[name])
        if name in _UNREACHABLE:
            return UnreachableError(_message(error, where), code=_UNREACHABLE[name])
    if isinstance(error, TimeoutError) and error.errno is None:
        return TimedOutError(f"no answer in time ({where})")
    if isinstance(error, OSError | UnicodeError):
        return from_cause(error, where)
    said = str(error).lower()
    for words, kind, code in _SAID:
        if words in said:
            return kind(_message(error, where), code=code)
    return UnreachableError(_message(error, where))


def class_names(kind: type[BaseException]) -> list[str]:
    """Return the names by which an exception's class and its bases are known here."""
    names = []
    for base in kind.__mro__:
        if base.__name__ == "Error":
            # Two classes have this name: what the server said, and JetStream's own root.
            names += ["JetStreamError"] if base.__module__ == "nats.js.errors" else []
        else:
            names.append(base.__name__)
    return names


def is_mapped(kind: type[BaseException]) -> bool:
    """Whether a class has an entry of its own here, and is not judged by its text."""
    known = {*_REJECTED, *_UNREACHABLE, "TimeoutError"}
    return not known.isdisjoint(class_names(kind))


def _message(error: BaseException, where: str) -> str:
    words = next((_WORDS[name] for name in class_names(type(error)) if name in _WORDS), None)
    return f"{words or str(error).removeprefix('nats: ').strip(' .')} ({where})"
