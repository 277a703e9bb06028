"""What curl and wget have in common on their way to a job: URL, headers, logins, secrets."""

import re
from typing import Any
from urllib.parse import quote, unquote

from chronos_cli.dispatch.importer import (
    CommandLine,
    Draft,
    has_reference,
    hidden,
    reference,
    replace_references,
    shown,
)
from chronos_cli.errors import NotImportableError, UnreadableFileError
from chronos_cli.files import read_bytes
from chronos_cli.protocols.http.proxies import is_excepted
from chronos_cli.protocols.http.syntax import url_mistake
from chronos_cli.redact import bears_secret

# Headers that Chronos sets by what is sent.
_SET_BY_US = frozenset({"content-length", "transfer-encoding", "connection"})
# A parameter of a URL or a form, and a text under a key of JSON.
_PARAMETER = r"(?P<head>(?:^|(?<=[?&]))(?P<name>[^=&?#]+)=)(?P<value>[^&#]+)"
_JSON_TEXT = r'(?P<head>"(?P<name>[^"\\]+)"\s*:\s*")(?P<value>(?:[^"\\]|\\.)+)(?=")'
# A step of a path that nobody makes up: who knows it may post (Slack, Discord, Telegram).
_RANDOM_STEP = r"(?=[^/?#]*[a-z])(?=[^/?#]*[A-Z])(?=(?:[^/?#]*\d){3})[^/?#\0]{20,}"
_PROXY_PORT = 1080  # curl's own default
_LARGEST_FILE = 16 * 1024 * 1024


class HttpDraft:
    """Gathers the job of one call of a program: `block` is its target block."""

    def __init__(self, call: CommandLine) -> None:
        self.call = call
        self.draft = Draft(place="")
        self.block: dict[str, Any] = {}
        self._host = ""
        self._login: tuple[str, str] | None = None

    def remark(self, text: str) -> None:
        """Tell that something is not carried over."""
        self.draft.remarks.append(text)

    def secret(self, value: str, kind: str, what: str) -> str:
        """Return what stands for a secret in the job; `kind` ends the name of its variable."""
        return hidden(self.call, self.draft, value, f"{self._host}_{kind}", what)

    def path(self, name: str) -> str:
        """Return where a file is that the call names."""
        if has_reference(name):
            raise NotImportableError(f"the name of a file is in a variable: {shown(name)}")
        return name if name.startswith("/") else f"{self.call.folder.rstrip('/')}/{name}"

    def content(self, name: str) -> bytes | None:
        """Return what a file holds now; None where it cannot be read."""
        try:
            return read_bytes(self.path(name), _LARGEST_FILE)
        except UnreadableFileError:
            return None

    def set_url(self, url: str) -> None:
        """Take the URL over: a login in it becomes `auth`, what is secret in it a variable."""
        if "://" not in url and not has_reference(url[:1]):
            url = f"http://{url}"
        # A digit may be a port, or a part of any name.
        probe = replace_references(url, lambda _: "1")
        if not has_reference(url[:1]) and (mistake := url_mistake(probe)):
            raise NotImportableError(mistake)
        url = self._without_login(url)
        self._host = place_of(url).partition("/")[0]
        url, sign, query = url.partition("?")
        url = re.sub(rf"(?<=/){_RANDOM_STEP}", self._hidden("in the path of the URL"), url)
        self.draft.place = place_of(url)
        self.block["url"] = url + sign + self.hide_parameters(query)

    def _without_login(self, url: str) -> str:
        scheme, sign, rest = url.partition("://")
        authority, slash, path = rest.partition("/")
        login, at, host = authority.rpartition("@")
        if not at:
            return url
        user, _, password = login.partition(":")
        self._login = unquote(user), unquote(password)
        return f"{scheme}{sign}{host}{slash}{path}"

    def _hidden(self, where: str) -> Any:
        return lambda match: self.secret(match[0], "URL_TOKEN", where)

    def hide_parameters(self, text: str) -> str:
        """Return a query, or a form, with a variable for each value that is named like a secret."""
        return re.sub(_PARAMETER, self._hide, text)

    def hide_in_body(self, text: str) -> str:
        """Return a body of form or JSON with a variable for each value named like a secret."""
        text = re.sub(_JSON_TEXT, self._hide, text)
        is_form = "=" in text and not any(letter in text for letter in ' \n{"<')
        return self.hide_parameters(text) if is_form else text

    def hide_field(self, name: str, value: str) -> str:
        """Return the value of a field of a form; a variable where its name is that of a secret."""
        if not bears_secret(name, from_outside=True):
            return value
        return self.secret(value, name, f"'{name}' of the form")

    def _hide(self, match: re.Match[str]) -> str:
        name = match["name"]
        if not bears_secret(name, from_outside=True):
            return match[0]
        return match["head"] + self.secret(match["value"], name, f"'{name}' of the request")

    def set_header(self, line: str) -> None:
        """Take a header over as curl reads it: `Name: value`, `Name;` without a value."""
        name, colon, value = line.partition(":")
        if not colon and line.endswith(";"):
            name = line[:-1]
        elif not value.strip():
            self._removed_header(name.strip())
            return
        self.add_header(name.strip(), value.strip())

    def _removed_header(self, name: str) -> None:
        if name.lower() != "expect":
            self.remark(f"the header {shown(name)} cannot be left out")

    def add_header(self, name: str, value: str) -> None:
        """Add a header to those of the job, or to what says the same there."""
        lowered = name.lower()
        if lowered in _SET_BY_US:
            self.remark(f"the header {name} is set by what is sent")
        elif lowered == "authorization":
            self._authorize(value)
        else:
            if bears_secret(name, from_outside=True):
                value = self.secret(value, name, f"the header {name}")
            self._append(name, value)

    def _append(self, name: str, value: str) -> None:
        headers = self.block.setdefault("headers", {})
        known = next((one for one in headers if one.lower() == name.lower()), name)
        if known not in headers:
            headers[known] = value
        elif isinstance(headers[known], list):
            headers[known].append(value)
        else:
            headers[known] = [headers[known], value]

    def _authorize(self, value: str) -> None:
        scheme, blank, rest = value.partition(" ")
        if scheme.lower() == "bearer" and rest:
            token = self.secret(rest.strip(), "TOKEN", "the bearer token")
            self.block["auth"] = {"bearer": {"token": token}}
        elif blank:
            secret = self.secret(rest.strip(), "CREDENTIALS", "the header Authorization")
            self._append("Authorization", f"{scheme} {secret}")
        else:
            secret = self.secret(value, "AUTHORIZATION", "the header Authorization")
            self._append("Authorization", secret)

    def set_login(self, login: str, way: str = "basic") -> None:
        """Take `user:password` over; a user without a password is an API key."""
        user, colon, password = login.partition(":")
        if not colon and has_reference(login):
            raise NotImportableError("user and password are in one variable: write 'auth' by hand")
        self.login(user, password if colon else None, way)

    def login(self, user: str, password: str | None, way: str = "basic") -> None:
        """Take a user and a password over; one without a password is asked for it by curl."""
        if password is None:
            name = self.call.secrets.name_of("", f"{self._host}_PASSWORD")
            self.draft.secrets[name] = f"the password of {user}"
            password = reference(name)
        elif password:
            password = self.secret(password, "PASSWORD", f"the password of {shown(user)}")
        else:
            user = self.secret(user, "API_KEY", "the user, which has no password")
        self.block["auth"] = {way: {"username": user, "password": password}}

    def set_payload(self, text: str, content_type: str) -> None:
        """Take over what is sent; a content type of the call's own goes first."""
        self.draft.keys["content_type"] = self.own_content_type() or content_type
        self.draft.keys["payload"] = self.hide_in_body(text)

    def own_content_type(self) -> str | None:
        """Return the content type that a header gives, which is then a key of the job."""
        headers = self.block.get("headers", {})
        name = next((one for one in headers if one.lower() == "content-type"), None)
        if name is None or not isinstance(headers[name], str):
            return None
        found: str = headers.pop(name)
        return found

    def set_payload_file(self, name: str, content_type: str | None) -> None:
        """Take over a file that is sent as it is."""
        if own := self.own_content_type() or content_type:
            self.draft.keys["content_type"] = own
        self.draft.keys["payload_file"] = self.path(name)

    def set_limit(self, seconds: float | None, program: str) -> None:
        """Take over how long an attempt may last, in seconds; None for without a limit."""
        seconds = min(filter(None, (seconds, self.call.limit)), default=None)
        if seconds:
            self.draft.keys["timeout"] = f"{seconds:g}s"
        else:
            self.remark(f"{program} waits without limit; here an attempt ends after 30s (timeout)")

    def set_proxy(self, value: str, login: str | None = None) -> None:
        """Take a proxy over, with its login, which may stand in its URL."""
        scheme, sign, rest = value.partition("://") if "://" in value else ("http", "://", value)
        if scheme not in {"http", "https"}:
            raise NotImportableError(f"there is no proxy by {scheme}://")
        own, _, host = rest.rstrip("/").rpartition("@")
        if ":" not in host.rpartition("]")[2]:
            host += f":{_PROXY_PORT}"
        self.block["proxy"] = f"{scheme}{sign}{self._proxy_login(login or own)}{host}"

    def _proxy_login(self, login: str) -> str:
        if not login:
            return ""
        user, colon, password = login.partition(":")
        secret = self.secret(quote(unquote(password), safe=""), "PROXY_PASSWORD", "of the proxy")
        return f"{quote(unquote(user), safe='')}{colon}{secret}@"

    def set_proxy_of_environment(self) -> None:
        """Take over the proxy that the environment of the call names for its URL."""
        variables, url = self.call.variables, self.block["url"]
        # HTTP_PROXY in capitals counts for nobody: it could come from a visitor's header.
        names = ["http_proxy"] if url.startswith("http:") else ["https_proxy", "HTTPS_PROXY"]
        found = [variables[one] for one in (*names, "all_proxy", "ALL_PROXY") if variables.get(one)]
        exceptions = variables.get("no_proxy") or variables.get("NO_PROXY") or ""
        if found and not has_reference(url[:1]) and not is_excepted(url, exceptions):
            self.set_proxy(found[0])

    def finished(self) -> Draft:
        """Return the draft, complete."""
        if self._login is not None and "auth" not in self.block:
            self.login(*self._login)
        headers = self.block.get("headers")
        if headers == {}:
            del self.block["headers"]
        if self.block["url"].startswith("http:"):
            self.block.pop("tls", None)
        order = ("url", "method", "headers", "auth")
        block = {key: self.block[key] for key in order if key in self.block}
        self.draft.keys["webhook"] = block | self.block
        return self.draft


def seconds_of(text: str, option: str) -> float:
    """Return a number of seconds; NotImportableError when it is none."""
    try:
        return float(text)
    except ValueError:
        raise NotImportableError(f"{option} takes a number, not '{shown(text)}'") from None


def place_of(url: str) -> str:
    """Return host and path of a URL, without what is a variable in it."""
    rest = url.partition("://")[2] or url
    return replace_references(rest.partition("?")[0].partition("#")[0], lambda _: "")
