"""The way that a command line of curl takes: TLS, proxies, sockets, other addresses."""

import re
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from chronos_cli.dispatch.importer import has_reference, shown
from chronos_cli.errors import NotImportableError
from chronos_cli.protocols.http.drafting import HttpDraft
from chronos_cli.protocols.http.url import in_url

_TLS_FILES = {"cacert": "ca", "cert": "cert", "key": "key"}
_DEFAULT_PORTS = {"http": 80, "https": 443}


class CurlWay:
    """Takes over the options that say how the far side is reached; `last` has their values."""

    def __init__(self, http: HttpDraft, last: Mapping[str, str]) -> None:
        self._http = http
        self._block = http.block
        self._last = last

    def handlers(self) -> dict[str, Callable[[str], None]]:
        """Return what takes each option over, by its name."""
        return {
            "insecure": lambda _: self._tls("insecure_skip_verify", True),
            "tlsv1.2": lambda _: self._tls("min_version", "1.2"),
            "tlsv1.3": lambda _: self._tls("min_version", "1.3"),
            "cacert": lambda _: self._tls_file("cacert"),
            "cert": lambda _: self._tls_file("cert"),
            "key": lambda _: self._tls_file("key"),
            "pass": self._password_of_key,
            "cert-type": self._file_type,
            "key-type": self._file_type,
            "http2": self._http2,
            "proxy": self._proxy,
            "noproxy": self._noproxy,
            "unix-socket": self._unix_socket,
            "resolve": self._resolve,
            "connect-to": self._connect_to,
        }

    def finish(self) -> None:
        """Take over the proxy of the environment, where no option names the way."""
        is_direct = self._last.get("noproxy") == "*" or "unix_socket" in self._block
        if "proxy" not in self._last and not is_direct:
            self._http.set_proxy_of_environment()

    def _tls(self, key: str, value: str | bool) -> None:
        self._block.setdefault("tls", {})[key] = value

    def _tls_file(self, name: str) -> None:
        value = self._last[name]
        if name == "cert":
            value, colon, password = value.partition(":")
            if colon:
                self._password_of_key(password)
        self._tls(_TLS_FILES[name], self._http.path(value))

    def _password_of_key(self, value: str) -> None:
        hidden = self._http.secret(value, "KEY_PASSWORD", "the password of the private key")
        self._tls("key_password", hidden)

    @staticmethod
    def _file_type(value: str) -> None:
        if value.upper() != "PEM":
            raise NotImportableError(f"files of TLS are PEM here, not {shown(value)}")

    def _http2(self, _: str) -> None:
        if self._block["url"].startswith("https:"):
            self._block["http2"] = True
        else:
            self._http.remark("--http2: over http:// it stays HTTP/1.1")

    def _proxy(self, value: str) -> None:
        if value and self._last.get("noproxy") != "*":
            self._http.set_proxy(value, self._last.get("proxy-user"))

    def _noproxy(self, value: str) -> None:
        if value != "*":
            self._http.remark("--noproxy is not carried over: NO_PROXY says it to all jobs")

    def _unix_socket(self, value: str) -> None:
        self._block["unix_socket"] = self._http.path(value)

    def _resolve(self, value: str) -> None:
        """Go to an address under another name: the URL has the address, Host and TLS the name."""
        host, _, rest = value.lstrip("+").partition(":")
        port, _, address = rest.partition(":")
        self._go_to(host, port, address.partition(",")[0].strip("[]"), port)

    def _connect_to(self, value: str) -> None:
        match = re.fullmatch(r"([^:\[]*|\[[^]]*\]):(\d*):([^:\[]*|\[[^]]*\]):(\d*)", value)
        if match is None:
            raise NotImportableError(f"--connect-to cannot be read: {shown(value)}")
        self._go_to(match[1].strip("[]"), match[2], match[3].strip("[]"), match[4])

    def _go_to(self, host: str, port: str, address: str, new_port: str) -> None:
        parts = urlsplit(self._block["url"])
        actual = parts.port or _DEFAULT_PORTS.get(parts.scheme)
        if host not in {"", "*", parts.hostname} or (port and port != str(actual)):
            return
        if has_reference(parts.netloc):
            raise NotImportableError("the host is in a variable, and --resolve names one")
        there = f"{in_url(address or parts.hostname or '')}:{new_port or actual}"
        self._block["url"] = parts._replace(netloc=there).geturl()
        self._block.setdefault("headers", {}).setdefault("Host", parts.netloc)
        if parts.scheme == "https":
            self._tls("server_name", parts.hostname or "")
