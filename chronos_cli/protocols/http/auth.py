"""The `auth:` block of a webhook: who we say we are."""

from collections.abc import Iterator
from typing import Annotated, Literal
from urllib.parse import unquote, urlsplit

from msgspec import Meta, Struct

from chronos_cli.jobs.template import Template
from chronos_cli.problems import Flaw
from chronos_cli.protocols.http.netrc import netrc_login
from chronos_cli.protocols.http.secrets import header_flaws, header_text, secret_flaws, secret_text
from chronos_cli.protocols.http.syntax import is_header_name, url_mistake
from chronos_cli.units import FilePath

_FROM_FILE = "A file that holds it, read for each attempt"


class HttpLogin(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A name and a password."""

    username: Annotated[str, Meta(description="Who we are")]
    password: Annotated[str | None, Meta(description="What only we know")] = None
    password_file: Annotated[FilePath | None, Meta(description=_FROM_FILE)] = None

    @staticmethod
    def instead_of_text(text: str) -> str | None:
        """Return the block that `user:password` means."""
        name, colon, _ = text.partition(":")
        return f'{{username: "{name[:40]}", password: "${{PASSWORD}}"}}' if colon else None

    def secret(self) -> str:
        """Return the password; RejectedError when its file cannot be read."""
        return secret_text(self.password, self.password_file)


class BearerToken(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A token that is sent as `Authorization: Bearer`."""

    token: Annotated[str | None, Meta(description="The token")] = None
    token_file: Annotated[FilePath | None, Meta(description=_FROM_FILE)] = None


class ApiKey(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A secret in a header, or in a parameter of the URL."""

    header: Annotated[str | None, Meta(description="Name of the header that carries it")] = None
    query: Annotated[str | None, Meta(description="Name of the parameter that carries it")] = None
    secret: Annotated[str | None, Meta(description="The key itself")] = None
    secret_file: Annotated[FilePath | None, Meta(description=_FROM_FILE)] = None

    @staticmethod
    def instead_of_text(_text: str) -> str:
        """Return the block that a bare key means."""
        return '{header: X-API-Key, secret: "${API_KEY}"}'

    def flaws(self) -> Iterator[Flaw]:
        """Yield what the types cannot say."""
        path = ("auth", "api_key")
        if (self.header is None) == (self.query is None):
            yield Flaw(path, "the key goes in a 'header' or in the 'query'", "give the name of one")
        name = self.header
        if name is not None and not isinstance(name, Template) and not is_header_name(name):
            yield Flaw((*path, "header"), f"'{name[:40]}' is not a header name")
        yield from secret_flaws(path, "secret", self.secret, self.secret_file)
        if self.header is not None:
            yield from header_flaws((*path, "secret"), self.secret)


class OAuth2Client(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """OAuth 2.0 client credentials: a token is asked for, and kept for its life."""

    token_url: Annotated[str, Meta(description="URL that gives out tokens")]
    client_id: Annotated[str, Meta(description="Who asks for the token")]
    client_secret: Annotated[str | None, Meta(description="Its secret")] = None
    client_secret_file: Annotated[FilePath | None, Meta(description=_FROM_FILE)] = None
    scope: Annotated[str | None, Meta(description="What is asked for, with blanks between")] = None
    audience: Annotated[str | None, Meta(description="For whom, where the server asks it")] = None
    params: Annotated[dict[str, str], Meta(description="Further fields of the request")] = {}
    client_auth: Annotated[
        Literal["basic", "post"],
        Meta(description="Where the secret goes: a Basic header, or a field of the request"),
    ] = "basic"

    def flaws(self) -> Iterator[Flaw]:
        """Yield what the types cannot say."""
        path = ("auth", "oauth2")
        if not isinstance(self.token_url, Template) and (wrong := url_mistake(self.token_url)):
            yield Flaw((*path, "token_url"), wrong)
        yield from secret_flaws(path, "client_secret", self.client_secret, self.client_secret_file)


class NetrcLogin(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A name and a password from a .netrc file."""

    file: Annotated[FilePath | None, Meta(description="Default: $NETRC, else ~/.netrc")] = None


class HttpAuth(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """How we show who we are; exactly one of these."""

    basic: HttpLogin | None = None
    bearer: BearerToken | None = None
    api_key: ApiKey | None = None
    digest: HttpLogin | None = None
    oauth2: OAuth2Client | None = None
    netrc: Annotated[
        NetrcLogin | bool | None,
        Meta(description="true: by the host's entry in $NETRC or ~/.netrc; {file} names another"),
    ] = None

    @staticmethod
    def instead_of_text(text: str) -> str:
        """Return the block that the value of an Authorization header means."""
        if text.lower().startswith("basic"):
            return '{basic: {username: "…", password: "${PASSWORD}"}}'
        return '{bearer: {token: "${TOKEN}"}}'

    def chosen(self) -> list[str]:
        """Return the names of the ways that are given."""
        return [
            name
            for name in self.__struct_fields__
            if getattr(self, name) is not None and getattr(self, name) is not False
        ]

    @property
    def header_name(self) -> str | None:
        """The header that carries it; None when it is in the query, or not known yet."""
        if self.api_key is None:
            return "Authorization" if self.chosen() else None
        return None if isinstance(self.api_key.header, Template) else self.api_key.header

    def flaws(self) -> Iterator[Flaw]:
        """Yield what the types cannot say."""
        chosen = self.chosen()
        if len(chosen) != 1:
            message = f"{len(chosen)} ways: {', '.join(chosen)}" if chosen else "no way is given"
            ways = ", ".join(self.__struct_fields__)
            hint = f"exactly one of {ways}; null leaves an inherited one out, as in 'basic: null'"
            yield Flaw(("auth",), message, hint)
        for name in ("basic", "digest"):
            login: HttpLogin | None = getattr(self, name)
            if login is None:
                continue
            path = ("auth", name)
            yield from secret_flaws(path, "password", login.password, login.password_file)
            is_text = not isinstance(login.username, Template)
            forbidden = {"basic": ":", "digest": '"'}[name]
            if is_text and forbidden in login.username:
                yield Flaw((*path, "username"), f"a user's name cannot have '{forbidden}' in it")
        if self.bearer is not None:
            token, file = self.bearer.token, self.bearer.token_file
            yield from secret_flaws(("auth", "bearer"), "token", token, file)
            yield from header_flaws(("auth", "bearer", "token"), token)
        for block in (self.api_key, self.oauth2):
            if block is not None:
                yield from block.flaws()


class Credentials(Struct, frozen=True):
    """What goes with a request from the start; `secrets` must not be shown anywhere."""

    headers: list[tuple[str, str]] = []
    query: list[tuple[str, str]] = []
    secrets: list[str] = []


def credentials(auth: HttpAuth | None, url: str) -> Credentials:
    """Return what the first request of an attempt carries.

    Without `auth` that is what the URL's userinfo stands for. Digest and OAuth 2.0 have nothing
    yet. Raises RejectedError when a file cannot be used.
    """
    if auth is None:
        return _userinfo(url)
    if auth.basic is not None:
        return _basic(auth.basic.username, auth.basic.secret())
    if auth.netrc:
        file = auth.netrc.file if isinstance(auth.netrc, NetrcLogin) else None
        return _basic(*netrc_login(file, urlsplit(url).hostname or ""))
    if auth.bearer is not None:
        token = secret_text(auth.bearer.token, auth.bearer.token_file)
        return Credentials([("Authorization", bearer(token))], secrets=[token])
    if auth.api_key is not None:
        return _api_key(auth.api_key)
    return Credentials()


def bearer(token: str) -> str:
    """Return the header that carries a token (RFC 6750)."""
    return f"Bearer {header_text(token, 'the token')}"


def basic(username: str, password: str) -> str:
    """Return the header that carries a name and a password (RFC 7617)."""
    from base64 import b64encode

    return f"Basic {b64encode(f'{username}:{password}'.encode()).decode()}"


def _userinfo(url: str) -> Credentials:
    parts = urlsplit(url)
    if parts.username is None:
        return Credentials()
    return _basic(unquote(parts.username), unquote(parts.password or ""))


def _basic(username: str, password: str) -> Credentials:
    header = basic(username, password)
    secrets = [password, header.removeprefix("Basic ")]
    return Credentials([("Authorization", header)], secrets=secrets)


def _api_key(key: ApiKey) -> Credentials:
    secret = secret_text(key.secret, key.secret_file)
    if key.header is not None:
        return Credentials([(key.header, header_text(secret, "the key"))], secrets=[secret])
    return Credentials(query=[(key.query or "", secret)], secrets=[secret])
