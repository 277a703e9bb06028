"""The options of curl: which there are, and how a command line of it is read."""

from collections.abc import Iterator, Sequence

from msgspec import Struct

from chronos_cli.errors import NotImportableError

_SHORT = {
    "0": "http1.0", "1": "tlsv1", "2": "sslv2", "3": "sslv3", "4": "ipv4", "6": "ipv6",
    "A": "user-agent", "b": "cookie", "c": "cookie-jar", "C": "continue-at", "d": "data",
    "D": "dump-header", "e": "referer", "E": "cert", "f": "fail", "F": "form", "g": "globoff",
    "G": "get", "H": "header", "i": "include", "I": "head", "j": "junk-session-cookies",
    "J": "remote-header-name", "k": "insecure", "K": "config", "L": "location", "m": "max-time",
    "n": "netrc", "N": "no-buffer", "o": "output", "O": "remote-name", "p": "proxytunnel",
    "q": "disable", "r": "range", "R": "remote-time", "s": "silent", "S": "show-error",
    "T": "upload-file", "u": "user", "U": "proxy-user", "v": "verbose", "w": "write-out",
    "x": "proxy", "X": "request", "y": "speed-time", "Y": "speed-limit", "z": "time-cond",
    "Z": "parallel", "#": "progress-bar", ":": "next",
}  # fmt: skip

# With a value that says something about what is sent, or when it has succeeded.
_VALUES = frozenset(
    "user-agent cookie cookie-jar data data-ascii data-binary data-raw data-urlencode json "
    "url-query dump-header referer cert cert-type form form-string header max-time "
    "connect-timeout key key-type pass cacert capath output range upload-file user proxy-user "
    "write-out proxy noproxy request speed-time speed-limit time-cond resolve connect-to retry "
    "retry-delay retry-max-time unix-socket abstract-unix-socket max-redirs oauth2-bearer "
    "netrc-file url tls-max ciphers tls13-ciphers limit-rate interface local-port dns-servers "
    "aws-sigv4 config continue-at stderr trace trace-ascii keepalive-time pinnedpubkey crlfile "
    "request-target socks5 socks5-hostname socks4 socks4a preproxy proxy-header proxy-cacert "
    "proxy-cert proxy-key doh-url happy-eyeballs-timeout-ms expect100-timeout output-dir "
    "max-filesize".split()
)
_FLAGS = frozenset(
    "http1.0 http1.1 http2 http2-prior-knowledge http3 tlsv1 tlsv1.0 tlsv1.1 tlsv1.2 tlsv1.3 "
    "sslv2 sslv3 ipv4 ipv6 fail fail-with-body fail-early globoff get include head insecure "
    "location location-trusted netrc netrc-optional no-buffer remote-name remote-header-name "
    "proxytunnel disable remote-time silent show-error verbose parallel progress-bar next "
    "compressed basic digest ntlm negotiate anyauth retry-connrefused retry-all-errors post301 "
    "post302 post303 path-as-is no-progress-meter no-keepalive tcp-nodelay junk-session-cookies "
    "trace-time create-dirs ssl-reqd proxy-insecure tr-encoding compressed-ssh no-sessionid "
    "no-alpn tcp-fastopen raw".split()
)


class CurlOption(Struct, frozen=True):
    """One option as it was given: its long name, and its value where it takes one."""

    name: str
    value: str = ""


def options_of(arguments: Sequence[str]) -> Iterator[CurlOption]:
    """Yield the options of a command line, a URL as the option that it can also be given with.

    Raises NotImportableError for one that is not known, and where a value is missing.
    """
    words = list(reversed(arguments))
    while words:
        word = words.pop()
        if word == "--":
            yield from (CurlOption("url", rest) for rest in reversed(words))
            return
        if word.startswith("--"):
            yield _long(word[2:], words)
        elif word.startswith("-") and len(word) > 1:
            yield from _short(word[1:], words)
        else:
            yield CurlOption("url", word)


def _long(text: str, words: list[str]) -> CurlOption:
    name, sign, value = text.partition("=")
    if name in _FLAGS and not sign:
        return CurlOption(name)
    if name not in _VALUES:
        raise NotImportableError(f"the option --{name[:40]} of curl is not known here")
    return CurlOption(name, value if sign else _next(f"--{name}", words))


def _short(letters: str, words: list[str]) -> Iterator[CurlOption]:
    """Yield the options of one word: `-sSfd text`, `-XPOST`."""
    for at, letter in enumerate(letters):
        name = _SHORT.get(letter)
        if name is None:
            raise NotImportableError(f"the option -{letter} of curl is not known here")
        if name in _VALUES:
            yield CurlOption(name, letters[at + 1 :] or _next(f"-{letter}", words))
            return
        yield CurlOption(name)


def _next(option: str, words: list[str]) -> str:
    if not words:
        raise NotImportableError(f"the option {option} of curl has no value")
    return words.pop()
