"""The `tls:` block that all protocols share."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta, Struct

from chronos_cli.errors import RejectedError
from chronos_cli.problems import Flaw
from chronos_cli.units import FilePath

if TYPE_CHECKING:
    import ssl


class Tls(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """How the far side is trusted, and how we show who we are."""

    ca: Annotated[
        FilePath | None, Meta(description="PEM file of the authorities to trust, not the system's")
    ] = None
    cert: Annotated[FilePath | None, Meta(description="PEM file of our certificate")] = None
    key: Annotated[FilePath | None, Meta(description="PEM file of our private key")] = None
    server_name: Annotated[
        str | None, Meta(description="Name to expect in the certificate, if not the host's")
    ] = None
    insecure_skip_verify: Annotated[
        bool, Meta(description="Trust any certificate: for tests only")
    ] = False
    enabled: Annotated[
        bool | None, Meta(description="Default: by the address, or true when this block is given")
    ] = None

    def flaws(self) -> Iterator[Flaw]:
        """Yield what the types cannot say; paths are relative to the target block."""
        if self.key is not None and self.cert is None:
            yield Flaw(("tls", "key"), "'key' without 'cert'", "add the certificate's file")


def make_context(tls: Tls | None) -> "ssl.SSLContext":
    """Return a context for client connections; costs tens of milliseconds, so keep it.

    Raises RejectedError when a file cannot be used.
    """
    import ssl  # plaintext jobs need not pay for it

    tls = tls or Tls()
    try:
        context = ssl.create_default_context(cafile=tls.ca)
        if tls.cert is not None:
            context.load_cert_chain(tls.cert, tls.key)
    except (OSError, ssl.SSLError) as error:
        files = ", ".join(name for name in (tls.ca, tls.cert, tls.key) if name)
        raise RejectedError(f"cannot use the TLS files {files}: {error}", code="TLS") from error
    if tls.insecure_skip_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def tls_failure(error: BaseException) -> str | None:
    """Return the cause in words when TLS is what failed, by the chain of causes; else None."""
    import ssl

    for cause in causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"TLS: the certificate was not accepted: {cause.verify_message}"
        if isinstance(cause, ssl.SSLError):
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
