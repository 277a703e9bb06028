"""A command line of grpcurl that makes one call, as a job."""

from typing import Any

from msgspec import structs

from chronos_cli.dispatch.importer import CommandLine, Draft, hidden, options_of
from chronos_cli.errors import NotImportableError
from chronos_cli.redact import bears_secret

_LONG = (
    "plaintext insecure d= H= rpc-header= reflect-header= proto= import-path= protoset= "
    "authority= servername= cacert= cert= key= max-time= connect-timeout= emit-defaults v vv "
    "format= format-error max-msg-sz= user-agent= allow-unknown-fields unix use-reflection"
).split()
_REFUSED = {
    "--unix": "write the address as unix:PATH",
    "--allow-unknown-fields": "unknown fields are refused here",
}
_TLS = {"--cacert": "ca", "--cert": "cert", "--key": "key"}


def job_of(call: CommandLine) -> Draft:
    """Return the job that calls what grpcurl would; NotImportableError where there is none."""
    # The flags of Go have one dash or two.
    words = [f"-{word}" if word[:1] == "-" and word[1:2] != "-" else word for word in call.words]
    given, rest = options_of(structs.replace(call, words=words), "", _LONG)
    options = dict(given)
    for name in options.keys() & _REFUSED.keys():
        raise NotImportableError(f"grpcurl {name}: {_REFUSED[name]}")
    if len(rest) != 2 or rest[1] in {"list", "describe"}:
        raise NotImportableError("of grpcurl only a call of one method is known")
    address, method = rest
    service, _, name = method.replace("/", ".").rpartition(".")
    draft = Draft(place=f"{address}/{service}/{name}")
    if limit := options.get("--max-time"):
        draft.keys["timeout"] = f"{limit}s"
    if "--connect-timeout" in options:
        draft.remarks.append("--connect-timeout: there is one limit, of the attempt (timeout)")
    draft.keys["payload"] = _message(call, options.get("--d", "{}"))
    block: dict[str, Any] = {"address": address, "method": f"{service}/{name}"}
    block |= _metadata(call, draft, given, address)
    if "--plaintext" not in options:
        block["tls"] = _tls(call, options)
    if authority := options.get("--authority"):
        block["authority"] = authority
    draft.keys["grpc"] = block | _schema(call, given)
    return draft


def _message(call: CommandLine, text: str) -> str:
    if text != "@":
        return text
    if call.stdin is None:
        raise NotImportableError("it sends its standard input, and nothing is known of that")
    return call.stdin


def _metadata(
    call: CommandLine, draft: Draft, given: list[tuple[str, str]], address: str
) -> dict[str, Any]:
    """Return the metadata; of a secret there is a variable."""
    found: dict[str, str] = {}
    for option, value in given:
        if option in {"--H", "--rpc-header"}:
            name, _, text = value.partition(":")
            name, text = name.strip().lower(), text.strip()
            if bears_secret(name, from_outside=True):
                scheme, blank, rest = text.rpartition(" ")
                wanted = f"{address.partition(':')[0]}_{name}"
                text = scheme + blank + hidden(call, draft, rest, wanted, f"the metadata {name}")
            found[name] = text
    return {"metadata": found} if found else {}


def _tls(call: CommandLine, options: dict[str, str]) -> dict[str, Any]:
    tls: dict[str, Any] = {
        key: _path(call, options[name]) for name, key in _TLS.items() if name in options
    }
    if "--insecure" in options:
        tls["insecure_skip_verify"] = True
    if "--servername" in options:
        tls["server_name"] = options["--servername"]
    return tls


def _schema(call: CommandLine, given: list[tuple[str, str]]) -> dict[str, Any]:
    """Return where the service is declared, if not by the server's reflection."""
    folders = [_path(call, value) for name, value in given if name == "--import-path"]
    protos = [value for name, value in given if name == "--proto"]
    sets = [_path(call, value) for name, value in given if name == "--protoset"]
    if len(sets) > 1:
        raise NotImportableError("it has several files of descriptors")
    if sets:
        return {"protoset": sets[0]}
    if not protos:
        return {}
    base = folders[0] if folders else call.folder
    files = [one if one.startswith("/") else f"{base}/{one}" for one in protos]
    return {"proto": {"files": files} | ({"import_paths": folders} if folders else {})}


def _path(call: CommandLine, name: str) -> str:
    return name if name.startswith("/") else f"{call.folder}/{name}"
