"""A command line of the program `nats` that publishes one message, as a job."""

from typing import Any
from urllib.parse import urlsplit

from chronos_cli.dispatch.importer import CommandLine, Draft, hidden, options_of
from chronos_cli.errors import NotImportableError

_SHORT = "s:H:qJ"
_LONG = (
    "server= header= user= password= creds= nkey= tlscert= tlskey= tlsca= count= reply= "
    "timeout= quiet jetstream no-templates force-stdin"
).split()
_FILES = {"--creds": "credentials", "--nkey": "nkey_seed"}
_TLS = {"--tlsca": "ca", "--tlscert": "cert", "--tlskey": "key"}


def job_of(call: CommandLine) -> Draft:
    """Return the job that sends what `nats pub` would; NotImportableError where there is none."""
    given, words = options_of(call, _SHORT, _LONG)
    options = dict(given)
    server = options.get("--server", options.get("-s"))
    if words[:1] not in (["pub"], ["publish"]) or len(words) not in {2, 3}:
        raise NotImportableError("of nats only 'pub SUBJECT [MESSAGE]' is known")
    if server is None:
        raise NotImportableError("its server is in a context of nats: name it with -s")
    if options.get("--count", "1") != "1":
        raise NotImportableError("it sends several messages: write a job for each")
    draft = Draft(place=f"nats-{words[1]}")
    block: dict[str, Any] = {"url": _without_login(server), "subject": words[1]}
    block |= _login(call, draft, options, server)
    block |= _further(call, given)
    if "-J" in options or "--jetstream" in options:
        block["mode"] = "jetstream"
    draft.keys["payload"] = _message(call, words)
    draft.keys["nats"] = block
    return draft


def _message(call: CommandLine, words: list[str]) -> str:
    text = words[2] if len(words) == 3 else call.stdin
    if text is None:
        raise NotImportableError("it sends its standard input, and nothing is known of that")
    if "{{" in text:
        raise NotImportableError("its message is a template of nats")
    return text


def _without_login(server: str) -> str:
    scheme, sign, rest = server.partition("://") if "://" in server else ("nats", "://", server)
    return f"{scheme}{sign}{rest.rpartition('@')[2]}"


def _login(call: CommandLine, draft: Draft, options: dict[str, str], server: str) -> dict[str, str]:
    """Return who we are: by the options, else by the URL, where a lone user is a token."""
    parts = urlsplit(server if "://" in server else f"nats://{server}")
    user = options.get("--user", parts.username)
    password = options.get("--password", parts.password)
    if user is None:
        return {}
    if password is None:
        return {"token": hidden(call, draft, user, "NATS_TOKEN", "the token of NATS")}
    what = f"the password of {user} at NATS"
    return {"user": user, "password": hidden(call, draft, password, "NATS_PASSWORD", what)}


def _further(call: CommandLine, given: list[tuple[str, str]]) -> dict[str, Any]:
    """Return headers, files and the subject of a reply."""
    found: dict[str, Any] = {}
    for name, value in given:
        path = value if value.startswith("/") else f"{call.folder}/{value}"
        if name in {"-H", "--header"}:
            key, _, text = value.partition(":")
            found.setdefault("headers", {})[key.strip()] = text.strip()
        elif name in _FILES:
            found[_FILES[name]] = path
        elif name in _TLS:
            found.setdefault("tls", {})[_TLS[name]] = path
        elif name == "--reply":
            found["reply"] = value
    return found
