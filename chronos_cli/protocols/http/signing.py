"""Signatures that tell a receiver that a request is ours and has not been changed."""

from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta, Struct

from chronos_cli.errors import RejectedError
from chronos_cli.jobs.template import Template
from chronos_cli.problems import Flaw
from chronos_cli.protocols.http.secrets import secret_flaws, secret_text
from chronos_cli.units import FilePath

_PREFIX = "whsec_"
_HEADERS: dict[str, tuple[str, ...]] = {
    "standard_webhooks": ("webhook-id", "webhook-timestamp", "webhook-signature"),
    "github": ("X-Hub-Signature-256",),
}


class SigningSecret(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The secret that sender and receiver share."""

    secret: Annotated[str | None, Meta(description="The secret itself")] = None
    secret_file: Annotated[
        FilePath | None, Meta(description="A file that holds it, read for each attempt")
    ] = None

    def text(self) -> str:
        """Return the secret; RejectedError when its file cannot be read."""
        return secret_text(self.secret, self.secret_file)


class WebhookSigning(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Which signatures go with the request, made of the body as it is sent."""

    standard_webhooks: SigningSecret | None = None
    github: SigningSecret | None = None

    def header_names(self) -> list[str]:
        """Return the headers that signing sets."""
        return [
            header
            for name, headers in _HEADERS.items()
            if getattr(self, name) is not None
            for header in headers
        ]

    def secrets(self) -> list[str]:
        """Return what must not be shown; RejectedError when a file cannot be read."""
        return [block.text() for block in (self.standard_webhooks, self.github) if block]

    def flaws(self) -> Iterator[Flaw]:
        """Yield what the types cannot say."""
        if not self.header_names():
            hint = "standard_webhooks or github"
            yield Flaw(("signing",), "no signature is chosen", hint)
        for name in _HEADERS:
            block: SigningSecret | None = getattr(self, name)
            if block is not None:
                yield from secret_flaws(
                    ("signing", name), "secret", block.secret, block.secret_file
                )
        secret = self.standard_webhooks.secret if self.standard_webhooks else None
        if secret is not None and not isinstance(secret, Template) and _key(secret) is None:
            path = ("signing", "standard_webhooks", "secret")
            yield Flaw(path, "the secret is not base64", "whsec_ and base64")

    def headers(self, identity: str, timestamp: int, body: bytes) -> list[tuple[str, str]]:
        """Return the headers of one attempt; `timestamp` is in seconds since 1970.

        Raises RejectedError when a secret cannot be used.
        """
        signed: list[tuple[str, str]] = []
        if self.standard_webhooks is not None:
            signature = standard_signature(self.standard_webhooks.text(), identity, timestamp, body)
            values = (identity, str(timestamp), signature)
            signed.extend(zip(_HEADERS["standard_webhooks"], values, strict=True))
        if self.github is not None:
            signed.append((_HEADERS["github"][0], github_signature(self.github.text(), body)))
        return signed


def standard_signature(secret: str, identity: str, timestamp: int, body: bytes) -> str:
    """Return the signature that Standard Webhooks calls v1.

    `secret` is base64, with or without `whsec_` before it; RejectedError when it is not.
    """
    from base64 import b64encode

    key = _key(secret)
    if key is None:
        raise RejectedError("the secret of the signature is not base64", code="SIGNING")
    content = f"{identity}.{timestamp}.".encode() + body
    return f"v1,{b64encode(_hmac(key, content)).decode()}"


def github_signature(secret: str, body: bytes) -> str:
    """Return the signature that GitHub sends as X-Hub-Signature-256."""
    if not secret:
        raise RejectedError("the secret of the signature is empty", code="SIGNING")
    return f"sha256={_hmac(secret.encode(), body).hex()}"


def _hmac(key: bytes, content: bytes) -> bytes:
    import hmac

    return hmac.digest(key, content, "sha256")


def _key(secret: str) -> bytes | None:
    from base64 import b64decode
    from binascii import Error

    try:
        return b64decode(secret.strip().removeprefix(_PREFIX), validate=True) or None
    except (Error, ValueError):
        return None
