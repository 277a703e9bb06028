"""Certificates made on the fly, so that no key and no expiry date lies in the repository."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import trustme
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from chronos_cli.testing.harness import Authorities


@dataclass(frozen=True)
class Identity:
    """A certificate with its key: apart as most programs want them, and joined as Kafka does."""

    certificate: Path
    key: Path
    joined: Path

    @classmethod
    def write(cls, folder: Path, name: str, issued: trustme.LeafCert) -> Self:
        """Write the files; the key as PKCS #8, since Kafka reads no other form."""
        chain = b"".join(blob.bytes() for blob in issued.cert_chain_pems)
        key = load_pem_private_key(issued.private_key_pem.bytes(), password=None).private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        )
        identity = cls(
            folder / f"{name}.pem", folder / f"{name}.key", folder / f"{name}.joined.pem"
        )
        identity.certificate.write_bytes(chain)
        for secret, content in ((identity.key, key), (identity.joined, key + chain)):
            secret.touch(mode=0o600)
            secret.write_bytes(content)
        return identity


@dataclass(frozen=True)
class Certificates:
    """The test CA and what it issued, and a CA that nobody trusts."""

    ca: Path
    server: Identity
    wrong_host: Identity
    client: Identity
    other_ca: Path
    other_client: Identity

    @property
    def authorities(self) -> Authorities:
        """The two authorities, as the contract for plug-ins wants them."""
        return Authorities(trusted=self.ca, foreign=self.other_ca)

    @classmethod
    def make(cls, folder: Path) -> Self:
        """Make all of them, as PEM files in a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        ca, other = trustme.CA(), trustme.CA()
        ca.cert_pem.write_to_path(folder / "ca.pem")
        other.cert_pem.write_to_path(folder / "other-ca.pem")

        def issue(issuer: trustme.CA, name: str, *hosts: str) -> Identity:
            return Identity.write(folder, name, issuer.issue_cert(*hosts))

        return cls(
            ca=folder / "ca.pem",
            server=issue(ca, "server", "localhost", "127.0.0.1"),
            wrong_host=issue(ca, "wrong-host", "elsewhere.example"),
            client=issue(ca, "client", "client@chronos.example"),
            other_ca=folder / "other-ca.pem",
            other_client=issue(other, "other-client", "client@chronos.example"),
        )
