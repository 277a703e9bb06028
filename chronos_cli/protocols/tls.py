"""The `tls:` block that all protocols share."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta, Struct

from chronos_cli.errors import RejectedError, UnreadableFileError
from chronos_cli.files import read_bytes
from chronos_cli.problems import Flaw
from chronos_cli.units import FilePath

if TYPE_CHECKING:
    import ssl


# Bytes of a PEM file; the authorities of a whole system are a quarter of a megabyte.
_LARGEST_FILE = 4 * 1024 * 1024

# What OpenSSL says of a certificate, by its number (x509_vfy.h), and what mends it.
_SELF_SIGNED = "; if it is one of your own, name its PEM file, or its authority's, in 'tls.ca'"
_OTHER_NAME = "; 'tls.server_name' says which name it bears"
_CURES = {18: _SELF_SIGNED, 19: _SELF_SIGNED, 20: _SELF_SIGNED, 21: _SELF_SIGNED}
_CURES |= {10: "; it has expired: renew it there", 62: _OTHER_NAME, 64: _OTHER_NAME}
# What it says of bytes that are no TLS.
_NO_TLS = frozenset(("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNKNOWN_PROTOCOL"))
NO_TLS = "the port does not speak TLS"

# What OpenSSL says of records that were garbled on the way.
_GARBLED = frozenset(
    ("BAD_RECORD_TYPE", "DECRYPTION_FAILED_OR_BAD_RECORD_MAC", "RECORD_LAYER_FAILURE")
)


class Tls(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """How the far side is trusted, and how we show who we are."""

    ca: Annotated[
        FilePath | None, Meta(description="PEM file of the authorities to trust, not the system's")
    ] = None
    cert: Annotated[FilePath | None, Meta(description="PEM file of our certificate")] = None
    key: Annotated[FilePath | None, Meta(description="PEM file of our private key")] = None
    key_password: Annotated[
        str | None, Meta(description="Password of the private key, if it is encrypted")
    ] = None
    min_version: Annotated[
        Literal["1.2", "1.3"] | None, Meta(description="Oldest version of TLS. Default: 1.2")
    ] = None
    server_name: Annotated[
        str | None, Meta(description="Name to expect in the certificate, if not the host's")
    ] = None
    insecure_skip_verify: Annotated[
        bool, Meta(description="Trust any certificate: for tests only")
    ] = False
    enabled: Annotated[
        bool | None, Meta(description="Default: by the address, or true when this block is given")
    ] = None

    @classmethod
    def advice(cls) -> Mapping[str, str]:
        """Return the keys of other clients."""
        names = ("verify", "insecure", "skip_verify", "verify_ssl")
        return {
            **dict.fromkeys(names, "insecure_skip_verify: true"),
            **dict.fromkeys(("ca_file", "cafile", "ca_cert", "cacert"), "ca: {value}"),
            **dict.fromkeys(("cert_file", "certfile", "certificate"), "cert: {value}"),
            **dict.fromkeys(("key_file", "keyfile", "private_key"), "key: {value}"),
        }

    @staticmethod
    def instead_of_text(text: str) -> str:
        """Return the block that `tls: true` means."""
        return "{enabled: false}" if text.lower() in {"false", "no", "off"} else "{}"

    def flaws(self) -> Iterator[Flaw]:
        """Yield what the types cannot say; paths are relative to the target block."""
        if self.key is not None and self.cert is None:
            yield Flaw(("tls", "key"), "'key' without 'cert'", "add the certificate's file")
        if self.key_password is not None and self.cert is None:
            yield Flaw(("tls", "key_password"), "'key_password' without 'cert'")

    def warnings(self) -> Iterator[str]:
        """Yield what is dangerous in this block, for a warning at every run."""
        if self.insecure_skip_verify:
            yield "TLS certificates are not verified: insecure_skip_verify"


def make_context(tls: Tls | None) -> "ssl.SSLContext":
    """Return a context for client connections; costs tens of milliseconds, so keep it.

    Raises RejectedError when a file cannot be used.
    """
    import ssl  # plaintext jobs need not pay for it

    tls = tls or Tls()
    check_files(tls)
    try:
        context = ssl.create_default_context(cafile=tls.ca)
    except (OSError, ssl.SSLError) as error:
        raise _unusable("ca", tls.ca, error) from error
    if tls.cert is not None:
        try:
            # Without a password OpenSSL would ask for one on the terminal.
            context.load_cert_chain(tls.cert, tls.key, password=tls.key_password or "")
            # The far side may ask for it only when it has seen what is wanted (RFC 8446, 4.6.2).
            context.post_handshake_auth = True
        except (OSError, ssl.SSLError) as error:
            files = ", ".join(name for name in (tls.cert, tls.key) if name)
            raise _unusable("cert, key or key_password", files, _first_counts(error)) from error
    if tls.min_version is not None:
        context.minimum_version = ssl.TLSVersion[f"TLSv{tls.min_version.replace('.', '_')}"]
    if tls.insecure_skip_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def check_files(tls: Tls) -> None:
    """Raise RejectedError for a file of TLS that is none, or is too large to be one.

    OpenSSL would wait for a FIFO, and read a device for ever.
    """
    for key, path in (("ca", tls.ca), ("cert", tls.cert), ("key", tls.key)):
        if path is not None:
            try:
                read_bytes(path, _LARGEST_FILE)
            except UnreadableFileError as error:
                raise _unusable(key, path, error) from error


def _first_counts(error: OSError) -> Exception:
    """Return the error, with the way out where a file has several keys or certificates."""
    if getattr(error, "reason", None) != "KEY_VALUES_MISMATCH":
        return error
    way = "the first certificate and the first private key must belong together"
    return ValueError(f"{error}; {way}, and the authorities' certificates follow")


def _unusable(keys: str, files: str | None, error: Exception) -> RejectedError:
    return RejectedError(f"cannot use tls {keys} ({files}): {error}", code="TLS")


def tls_failure(error: BaseException) -> str | None:
    """Return the cause in words when TLS is what failed, by the chain of causes; else None.

    The end of a connection is no refusal, in the handshake either: a load balancer that starts
    anew ends it like that. Nor is a record that was garbled on the way.
    """
    import ssl

    # These tell of the connection below: that it has nothing to read for now, or has broken.
    of_connection: tuple[type[ssl.SSLError], ...] = (
        ssl.SSLWantReadError,
        ssl.SSLWantWriteError,
        ssl.SSLSyscallError,
        ssl.SSLZeroReturnError,
        ssl.SSLEOFError,
    )
    for cause in causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            cure = _CURES.get(getattr(cause, "verify_code", 0), "")
            return f"TLS: the certificate was not accepted: {cause.verify_message}{cure}"
        if isinstance(cause, ssl.SSLError) and not isinstance(cause, of_connection):
            if cause.reason in _GARBLED:
                return None
            if cause.reason in _NO_TLS:
                return f"TLS: {NO_TLS} ({cause.reason})"
            return f"TLS: {cause.reason or cause}"
    return None


def causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and all that it came from, exception groups opened."""
    pending: list[BaseException] = [error]
    seen: set[int] = set()
    while pending:
        current = pending.pop(0)
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        if isinstance(current, BaseExceptionGroup):
            pending.extend(current.exceptions)
        pending.extend(cause for cause in (current.__cause__, current.__context__) if cause)
