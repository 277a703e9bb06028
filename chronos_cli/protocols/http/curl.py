"""A command line of curl as a job."""

import re
from collections.abc import Callable

from chronos_cli.dispatch.importer import CommandLine, Draft, has_reference, shown
from chronos_cli.errors import NotImportableError
from chronos_cli.protocols.http.curl_body import CurlBody
from chronos_cli.protocols.http.curl_options import CurlOption, options_of
from chronos_cli.protocols.http.curl_way import CurlWay
from chronos_cli.protocols.http.drafting import HttpDraft, seconds_of

# They change nothing of what is sent, nor when it has succeeded.
_QUIET = frozenset(
    "silent show-error verbose include compressed progress-bar no-progress-meter no-buffer "
    "http1.1 basic disable globoff stderr trace trace-ascii trace-time no-keepalive tcp-nodelay "
    "keepalive-time fail fail-with-body fail-early retry-connrefused create-dirs remote-time "
    "no-sessionid ssl-reqd expect100-timeout happy-eyeballs-timeout-ms parallel raw".split()
)
_REFUSED = {
    "next": "it makes several requests (--next): write a job for each",
    "config": "its options are in a file (-K)",
    "ntlm": "there is no login by NTLM",
    "negotiate": "there is no login by Negotiate (Kerberos)",
    "anyauth": "say which login it is: --basic or --digest",
    "aws-sigv4": "there is no signature of AWS",
    "http2-prior-knowledge": "HTTP/2 is agreed on over TLS here",
    "http3": "there is no HTTP/3",
    "abstract-unix-socket": "there are no abstract sockets",
    "request-target": "the target of a request is that of its URL",
    "path-as-is": "dots in a path are resolved",
    "continue-at": "a part of a transfer cannot be sent",
    "crlfile": "there is no list of revoked certificates",
    "capath": "authorities are named by one file (--cacert)",
    **dict.fromkeys(
        ("socks4", "socks4a", "socks5", "socks5-hostname", "preproxy"),
        "there is no proxy by SOCKS",
    ),
}
# What becomes of the job without them, said as a remark.
_WITHOUT = {
    "cookie-jar": "cookies that come back are not kept",
    "junk-session-cookies": "there is no cookie jar",
    "dump-header": "the headers of the answer are not written",
    "write-out": "nothing is written of the answer; the report has its status",
    "connect-timeout": "there is one limit, of the whole attempt (timeout)",
    "remote-name": "the answer is not written to a file; the history has it",
    "location-trusted": "a login is shown to its own origin only",
    "post301": "a POST becomes a GET at a redirect",
    "post302": "a POST becomes a GET at a redirect",
    "post303": "a POST becomes a GET at a redirect",
}
_MOST_REDIRECTS = 50
_TRIES = "retry retry-delay retry-max-time retry-all-errors".split()
# Looked at by their last value, or with the body.
_ELSEWHERE = frozenset(
    "url request get head data data-ascii data-binary data-raw data-urlencode json url-query form "
    "form-string upload-file max-time retry-max-time max-redirs proxy-user digest".split()
).union(_TRIES)
# A set or a range in a URL, which curl makes several URLs of.
_PATTERN = r"\{[^{}]*\}|\[[^\]]*-[^\]]*\]"


def job_of(call: CommandLine) -> Draft:
    """Return the job that sends what curl would send; NotImportableError where there is none."""
    return _Curl(call, list(options_of(call.arguments))).draft()


class _Curl:
    """Makes the job of one command line. Of options that are given twice the last one counts."""

    def __init__(self, call: CommandLine, options: list[CurlOption]) -> None:
        self._options = options
        self._last = {option.name: option.value for option in options}
        self._http = HttpDraft(call)
        self._block = self._http.block
        self._way = CurlWay(self._http, self._last)
        self._handlers = self._own_handlers() | self._way.handlers()

    def _own_handlers(self) -> dict[str, Callable[[str], None]]:
        add = self._http.add_header
        return {
            "header": self._header,
            "user-agent": lambda value: add("User-Agent", value),
            "referer": lambda value: add("Referer", value),
            "range": lambda value: add("Range", f"bytes={value}"),
            "cookie": self._cookie,
            "user": self._user,
            "oauth2-bearer": lambda value: add("Authorization", f"Bearer {value}"),
            "netrc": self._netrc,
            "netrc-optional": self._netrc,
            "netrc-file": self._netrc_file,
            "output": self._output,
            "location": self._location,
            "location-trusted": self._location,
        }

    def draft(self) -> Draft:
        """Return the job."""
        for option in self._options:
            if option.name in _REFUSED:
                raise NotImportableError(_REFUSED[option.name])
        body = CurlBody(self._http, self._options)
        self._http.set_url(self._address(body))
        body.take_over()
        self._block["method"] = self._last.get("request", body.method()).upper()
        for option in self._options:
            self._take(option)
        body.settle(self._block["method"])
        self._limits()
        self._way.finish()
        return self._http.finished()

    def _address(self, body: CurlBody) -> str:
        urls = [option.value for option in self._options if option.name == "url"]
        if len(urls) != 1:
            raise NotImportableError(
                f"it has {len(urls)} URLs: write a job for each" if urls else "it has no URL"
            )
        url = urls[0].partition("#")[0]
        path = url.partition("://")[2].partition("/")[2]
        if "globoff" not in self._last and re.search(_PATTERN, path):
            raise NotImportableError("its URL is a pattern for several: write a job for each")
        if query := body.query():
            url += ("&" if "?" in url else "?") + query
        return url

    def _take(self, option: CurlOption) -> None:
        """Take one option over, or say that it is not."""
        handler = self._handlers.get(option.name)
        if handler is not None:
            handler(option.value)
        elif option.name in _WITHOUT:
            self._http.remark(f"--{option.name}: {_WITHOUT[option.name]}")
        elif option.name not in _QUIET | _ELSEWHERE:
            self._http.remark(f"--{option.name} is not carried over")

    def _header(self, value: str) -> None:
        if value.startswith("@"):
            raise NotImportableError(f"its headers are in a file: -H {shown(value)}")
        self._http.set_header(value)

    def _cookie(self, value: str) -> None:
        if "=" not in value and not has_reference(value):
            raise NotImportableError(f"its cookies are in a file: -b {shown(value)}")
        self._http.add_header("Cookie", value)

    def _user(self, value: str) -> None:
        self._http.set_login(value, "digest" if "digest" in self._last else "basic")

    def _netrc(self, _: str) -> None:
        if "user" not in self._last:
            self._block["auth"] = {"netrc": True}

    def _netrc_file(self, value: str) -> None:
        self._block["auth"] = {"netrc": {"file": self._http.path(value)}}

    def _output(self, value: str) -> None:
        if value not in {"/dev/null", "-"}:
            self._http.remark(
                f"the answer is not written to {shown(value)}; the history has it (receipt)"
            )

    def _location(self, _: str) -> None:
        most = int(seconds_of(self._last.get("max-redirs", str(_MOST_REDIRECTS)), "--max-redirs"))
        if most == 0:
            return
        within = most if 0 < most <= _MOST_REDIRECTS else _MOST_REDIRECTS
        self._block["redirects"] = {"follow": True, "max": within}
        if self._last.get("request", "GET") not in {"GET", "HEAD"}:
            self._http.remark("at a redirect curl -X keeps the method; here a POST becomes a GET")

    def _limits(self) -> None:
        """Take over how long is waited, and how often it is tried."""
        limit = self._last.get("max-time")
        self._http.set_limit(seconds_of(limit, "-m") if limit else None, "curl")
        if not {"fail", "fail-with-body"} & self._last.keys():
            self._http.remark("without -f curl takes any status for success; here it must be 2xx")
        tries = int(seconds_of(self._last.get("retry", "0"), "--retry"))
        policy: dict[str, object] = {"max_attempts": min(tries + 1, 1000)}
        if tries and (delay := seconds_of(self._last.get("retry-delay", "0"), "--retry-delay")):
            policy |= {"initial_interval": f"{delay:g}s", "multiplier": 1, "jitter": 0}
            policy |= {"max_interval": f"{delay:g}s"}
        elif tries:
            policy |= {"max_interval": "10m", "jitter": 0}
        if tries and "retry-all-errors" in self._last:
            policy["retry_on"] = ["unreachable", "timeout", "rejected"]
        self._http.draft.keys["retry_policy"] = policy
        if longest := self._last.get("retry-max-time"):
            self._http.draft.keys["deadline"] = f"{seconds_of(longest, '--retry-max-time'):g}s"
