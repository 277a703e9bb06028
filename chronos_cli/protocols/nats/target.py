"""The target block `nats`: its keys, and what can be checked without a server."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Annotated, Literal
from urllib.parse import unquote, urlsplit

from msgspec import Meta, Struct

from chronos_cli.jobs.cloudevents import Mode, header_flaws
from chronos_cli.jobs.model import Settings, Target
from chronos_cli.jobs.template import Template
from chronos_cli.problems import Flaw
from chronos_cli.protocols import patterns
from chronos_cli.protocols.checks import (
    has_control,
    has_space_or_control,
    header_value_flaws,
    own_header_flaws,
    with_scheme,
)
from chronos_cli.protocols.tls import Tls
from chronos_cli.redact import MASK
from chronos_cli.units import FilePath

MESSAGE_ID = "Nats-Msg-Id"
DEFAULT_PORT = 4222

_HEADER_NAME = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_OWN_HEADERS = {
    "traceparent": "it is set by chronos",
    "tracestate": "it is set by chronos",
    "nats-expected-stream": "use the key 'stream'",
    "nats-expected-last-sequence": "use the key 'expected_last_sequence'",
}
_SEQUENCE_LIMIT = 2**63 - 1


def _names_file(text: str) -> bool:
    """Whether a text is surely no seed, not even a misspelt one: no message may quote that."""
    return "/" in text or "." in text


_SeedOrFile = Annotated[str, Meta(min_length=1, extra={"path": True, "names_file": _names_file})]


class NatsExpect(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """What the reply must be for a request to have succeeded."""

    reply: Annotated[
        str | None, Meta(description="Regular expression that is found somewhere in the reply")
    ] = None
    contains: Annotated[str | None, Meta(description="Text that the reply has in it")] = None

    def flaws(self) -> Iterator[Flaw]:
        """Yield an expression that cannot be read."""
        is_text = self.reply is not None and not isinstance(self.reply, Template)
        if is_text and (message := patterns.mistake(self.reply or "")):
            yield Flaw(("expect", "reply"), message)

    def unmet(self, reply: str) -> str | None:
        """Return the first expectation that a reply does not meet, in words, or None.

        It searches foreign text: call it in a thread.
        """
        if self.reply is not None:
            try:
                if not patterns.is_found(self.reply, reply):
                    return f"the reply does not match {self.reply[:80]!r}"
            except TimeoutError:
                return f"the search for {self.reply[:80]!r} in the reply took too long"
        if self.contains is not None and self.contains not in reply:
            return f"the reply does not contain {self.contains[:80]!r}"
        return None


class Server(Struct, frozen=True):
    """One server's address, and the login that its URL brought along."""

    host: str
    port: int
    is_tls: bool
    user: str | None = None
    password: str | None = None

    @classmethod
    @lru_cache(maxsize=256)  # each message looks its connection up by it
    def parse(cls, url: str) -> "Server":
        """Read a URL; ValueError says what is wrong with it, without quoting its login."""
        if has_space_or_control(url):
            raise ValueError("the URL has a space or a control character in it")
        scheme, separator, _ = url.partition("://")
        if not separator or scheme.lower() not in {"nats", "tls"}:
            raise ValueError("the URL must begin with nats:// or tls://")
        try:
            parts = urlsplit(url)
            port = DEFAULT_PORT if parts.port is None else parts.port
        except ValueError:
            raise ValueError("the URL's host or port cannot be read") from None
        if not parts.hostname or "," in parts.hostname:
            raise ValueError("the URL has no host, or more than one (use 'servers')")
        if port == 0:
            raise ValueError("port 0 cannot be reached")
        if parts.path not in {"", "/"} or parts.query or parts.fragment:
            raise ValueError("the URL has more than a host and a port")
        user = None if parts.username is None else unquote(parts.username)
        password = None if parts.password is None else unquote(parts.password)
        return cls(parts.hostname, port, scheme.lower() == "tls", user, password)

    @property
    def url(self) -> str:
        """The address without the login, for messages."""
        return self.at(self.host)

    def at(self, host: str) -> str:
        """Return the same URL with one IP address of the host, for the client."""
        host = f"[{host}]" if ":" in host else host
        return f"{'tls' if self.is_tls else 'nats'}://{host}:{self.port}"


class NatsTls(Tls, kw_only=True, frozen=True):
    """The shared block, and when TLS begins."""

    first: Annotated[
        bool,
        Meta(description="TLS begins before the server's greeting: its handshake_first is true"),
    ] = False


class Nats(Target, kw_only=True, frozen=True):
    """Where a message goes, and how it is confirmed."""

    url: Annotated[
        str | None,
        Meta(
            description="nats:// or tls://, also a list with commas; or use 'servers'",
            examples=["nats://127.0.0.1:4222"],
        ),
    ] = None
    servers: Annotated[
        list[str], Meta(description="URLs of one cluster's servers, tried in this order")
    ] = []
    subject: Annotated[str, Meta(description="Subject to publish to", examples=["jobs.nightly"])]
    mode: Annotated[
        Literal["publish", "request", "jetstream"],
        Meta(
            description="publish: the server has taken it; request: a responder has replied; "
            "jetstream: a stream has stored it"
        ),
    ] = "publish"
    user: Annotated[str | None, Meta(description="User name, with 'password'")] = None
    password: Annotated[str | None, Meta(description="Password of 'user'")] = None
    token: Annotated[str | None, Meta(description="Authentication token")] = None
    credentials: Annotated[
        FilePath | None, Meta(description="A .creds file with a user's JWT and seed")
    ] = None
    # A path, so that a file is looked for beside the job file; see login.py for a seed itself.
    nkey_seed: Annotated[
        _SeedOrFile | None, Meta(description="An nkey seed, or a file that holds one")
    ] = None
    headers: Annotated[dict[str, str], Meta(description="Sent with the message")] = {}
    reply: Annotated[
        str | None, Meta(description="Subject that receivers reply to (mode publish)")
    ] = None
    expect: Annotated[
        NatsExpect | None, Meta(description="What the reply must be (mode request)")
    ] = None
    stream: Annotated[
        str | None, Meta(description="The stream that must store it (mode jetstream)")
    ] = None
    expected_last_sequence: Annotated[
        Annotated[int, Meta(ge=0, le=_SEQUENCE_LIMIT)] | None,
        Meta(description="Sequence of the stream's last message, else refused (mode jetstream)"),
    ] = None
    inbox_prefix: Annotated[
        str | None,
        Meta(
            description="Subject that replies come to: the one that the user may subscribe to "
            "(modes request and jetstream). Default: _INBOX",
            examples=["_INBOX_jobs"],
        ),
    ] = None
    tls: Annotated[NatsTls | None, Meta(description="TLS; also asked for by tls:// in the URL")] = (
        None
    )

    def flaws(self) -> Iterator[Flaw]:
        """Yield what is wrong with addresses, login, subjects, headers and the mode's keys."""
        yield from self._address_flaws()
        yield from self._login_flaws()
        yield from _subject_flaws("subject", self.subject)
        if self.reply is not None:
            yield from _subject_flaws("reply", self.reply)
        if self.inbox_prefix is not None:
            yield from _subject_flaws("inbox_prefix", self.inbox_prefix)
        for name, value in self.headers.items():
            yield from _header_flaws(name, value)
        yield from self._mode_flaws()
        if self.expect is not None:
            yield from self.expect.flaws()
        if self.tls is not None:
            yield from self.tls.flaws()

    @classmethod
    def advice(cls) -> Mapping[str, str]:
        """Return the keys of other clients."""
        return {
            **dict.fromkeys(("topic", "channel", "queue"), "subject: {value}"),
            **dict.fromkeys(("server", "servers", "host", "address"), "url: {value}"),
        }

    def event_flaws(self, mode: Mode, extensions: Collection[str]) -> Iterator[Flaw]:  # noqa: ARG002
        """Yield the headers that would make another event of it."""
        yield from header_flaws(self.headers, mode, "ce-")

    def describe(self) -> str:
        """Return mode, subject and servers."""
        return f"{self.mode} {self.subject} at {', '.join(map(_shown, self.urls))}"

    @property
    def urls(self) -> Sequence[str]:
        """The servers' URLs, however they were given."""
        if self.url is None:
            return self.servers
        return [self.url] if isinstance(self.url, Template) else _split(self.url)

    def _address_flaws(self) -> Iterator[Flaw]:
        if self.url is not None and self.servers:
            yield Flaw(("servers",), "both 'url' and 'servers' are given", "keep one of them")
        elif self.url is None and not self.servers:
            yield Flaw((), "'url' is missing", "for example nats://127.0.0.1:4222")
        for number, url in enumerate(self.urls):
            path = ("servers", number) if self.url is None else ("url",)
            if isinstance(url, Template):
                continue
            try:
                server = Server.parse(url)
            except ValueError as error:
                meant = with_scheme(url, "nats") if path == ("url",) else None
                is_scheme = meant is not None and "must begin" in str(error)
                hint = f"write: url: {meant}" if is_scheme else "for example nats://127.0.0.1:4222"
                yield Flaw(path, str(error), hint)
                continue
            if server.is_tls and self.tls is not None and self.tls.enabled is False:
                yield Flaw(("tls", "enabled"), "the URL asks for TLS, and this forbids it")
            if self.tls is not None and self.tls.first and self.tls.enabled is False:
                yield Flaw(("tls", "first"), "TLS comes first, and 'enabled' forbids it")
            if server.user is not None and self._logins():
                hint = "give one login only"
                yield Flaw(path, f"a login in the URL, and '{self._logins()[0]}'", hint)

    def _logins(self) -> list[str]:
        names = ("user", "token", "credentials", "nkey_seed")
        return [name for name in names if getattr(self, name) is not None]

    def _login_flaws(self) -> Iterator[Flaw]:
        given = self._logins()
        if len(given) > 1:
            message = f"several logins: {', '.join(given)}"
            yield Flaw((given[-1],), message, "give one of them")
        if (self.user is None) != (self.password is None):
            present, absent = ("user", "password") if self.user else ("password", "user")
            yield Flaw((present,), f"'{present}' without '{absent}'")

    def _mode_flaws(self) -> Iterator[Flaw]:
        owners = {
            "reply": "publish",
            "expect": "request",
            "stream": "jetstream",
            "expected_last_sequence": "jetstream",
        }
        for name, mode in owners.items():
            if getattr(self, name) is not None and self.mode != mode:
                message = f"'{name}' has no meaning in mode {self.mode}"
                yield Flaw((name,), message, f"it belongs to mode {mode}")


@lru_cache(maxsize=256)  # each message looks its connection up by them
def _split(urls: str) -> tuple[str, ...]:
    """Return the URLs of a list; what is only a host has scheme and login of the one before."""
    found: list[str] = []
    for part in re.split(r",\s*(?=[a-z]+://)", urls, flags=re.IGNORECASE):
        end = max(part.rfind("@"), part.find("://") + 2) + 1
        found += [part[:end] + host.strip() for host in part[end:].split(",")]
    return tuple(found)


@lru_cache(maxsize=256)
def _shown(url: str) -> str:
    """Return a URL without its login, also when it is no valid URL."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        scheme, rest = "", url
    login, at, address = rest.rpartition("@")
    return f"{scheme}{separator}{MASK}@{address}" if at and login else url


def _subject_flaws(key: str, subject: str) -> Iterator[Flaw]:
    if isinstance(subject, Template):
        return
    tokens = subject.split(".")
    if has_control(subject) or any(letter.isspace() for letter in subject):
        yield Flaw((key,), f"'{key}' has a space or a control character in it")
    elif "" in tokens:
        yield Flaw((key,), f"'{key}' is empty or has an empty part between its dots")
    elif "*" in tokens or ">" in tokens:
        yield Flaw((key,), f"'{key}' has a wildcard, and those are for subscribers")


def _header_flaws(name: str, value: str) -> Iterator[Flaw]:
    path = ("headers", name)
    if not re.fullmatch(_HEADER_NAME, name):
        yield Flaw(path, f"'{name[:40]}' is not a header name")
    if why := _OWN_HEADERS.get(name.lower()):
        yield Flaw(path, f"header '{name[:40]}' cannot stand here: {why}", "remove it")
    else:
        yield from own_header_flaws(path, name)
    if isinstance(value, Template):
        return
    # The client would turn line breaks into spaces and cut off spaces at the ends.
    flaws = list(header_value_flaws(path, name, value))
    yield from flaws
    if not flaws and value != value.strip():
        yield Flaw(path, f"the value of header '{name[:40]}' begins or ends with a space")


class NatsSettings(Settings, kw_only=True, frozen=True):
    """Settings of NATS for the whole process: none of its own beyond `timeout`."""
