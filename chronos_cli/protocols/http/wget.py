"""A command line of wget that makes one request, as a job."""

from chronos_cli.dispatch.importer import CommandLine, Draft, options_of, shown
from chronos_cli.errors import NotImportableError
from chronos_cli.protocols.http.body import FORM_TYPE
from chronos_cli.protocols.http.drafting import HttpDraft, seconds_of

_SHORT = "qvdS46nO:o:a:T:t:U:e:w:"
_LONG = (
    "quiet verbose no-verbose debug server-response spider no-check-certificate inet4-only "
    "inet6-only no-cache no-cookies no-hsts no-netrc content-on-error auth-no-challenge no-proxy "
    "show-progress output-document= output-file= append-output= timeout= tries= user-agent= "
    "post-data= post-file= method= body-data= body-file= header= user= password= http-user= "
    "http-password= ca-certificate= certificate= private-key= max-redirect= referer= "
    "connect-timeout= read-timeout= dns-timeout= retry-connrefused waitretry= progress="
).split()
_NAMES = {
    "-O": "--output-document",
    "-T": "--timeout",
    "-t": "--tries",
    "-U": "--user-agent",
    "--http-user": "--user",
    "--http-password": "--password",
}
_WITHOUT = frozenset("--connect-timeout --read-timeout --dns-timeout --waitretry -e -w".split())
# wget's own defaults (wget(1)).
_TRIES, _REDIRECTS, _TIMEOUT = 20, 20, 900


def job_of(call: CommandLine) -> Draft:
    """Return the job that sends what wget would send; NotImportableError where there is none."""
    # It takes `-nv` for two options, of which neither says anything about what is sent.
    given, urls = options_of(call, _SHORT, _LONG)
    if len(urls) != 1:
        raise NotImportableError(f"it has {len(urls)} URLs: write a job for each")
    http = HttpDraft(call)
    http.set_url(urls[0].partition("#")[0])
    options = [(_NAMES.get(name, name), value) for name, value in given]
    for name, value in options:
        if name == "--header":
            http.set_header(value)
        elif name in _WITHOUT:
            http.remark(f"{name} of wget is not carried over")
    _Wget(http, dict(options)).take_over()
    return http.finished()


class _Wget:
    """Takes over all options of which the last one counts."""

    def __init__(self, http: HttpDraft, options: dict[str, str]) -> None:
        self._http = http
        self._options = options

    def take_over(self) -> None:
        """Put the request into the job."""
        self._body()
        self._identity()
        self._limits()
        if "--no-proxy" not in self._options:
            self._http.set_proxy_of_environment()
        kept = self._options.get("--output-document", "-")
        if kept not in {"-", "/dev/null"}:
            self._http.remark(f"the answer is not written to {shown(kept)}; the history has it")
        elif "--output-document" not in self._options and "--spider" not in self._options:
            self._http.remark("wget writes the answer to a file; here the history has it")

    def _body(self) -> None:
        http, options = self._http, self._options
        text = options.get("--post-data", options.get("--body-data"))
        file = options.get("--post-file", options.get("--body-file"))
        has_body = text is not None or file is not None
        method = "POST" if has_body else "HEAD" if "--spider" in options else "GET"
        http.block["method"] = method = options.get("--method", method).upper()
        if text is not None:
            http.set_payload(text, FORM_TYPE)
        elif file is not None:
            http.set_payload_file(file, FORM_TYPE)
        elif method not in {"GET", "HEAD", "OPTIONS", "TRACE", "DELETE"}:
            http.draft.keys["payload"] = ""

    def _identity(self) -> None:
        http, options = self._http, self._options
        for name, header in (("--user-agent", "User-Agent"), ("--referer", "Referer")):
            if name in options:
                http.add_header(header, options[name])
        if "--user" in options:
            http.login(options["--user"], options.get("--password", ""))
        tls: dict[str, object] = {}
        for name, key in (
            ("--ca-certificate", "ca"),
            ("--certificate", "cert"),
            ("--private-key", "key"),
        ):
            if name in options:
                tls[key] = http.path(options[name])
        if "--no-check-certificate" in options:
            tls["insecure_skip_verify"] = True
        if tls:
            http.block["tls"] = tls

    def _limits(self) -> None:
        options = self._options
        limit = seconds_of(options.get("--timeout", str(_TIMEOUT)), "--timeout")
        self._http.set_limit(limit, "wget")
        tries = int(seconds_of(options.get("--tries", str(_TRIES)), "--tries")) or 1000
        self._http.draft.keys["retry_policy"] = {"max_attempts": min(tries, 1000)}
        most = int(seconds_of(options.get("--max-redirect", str(_REDIRECTS)), "--max-redirect"))
        if most:
            self._http.block["redirects"] = {"follow": True, "max": min(most, 50)}
