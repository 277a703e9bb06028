"""A PEM file with several certificates and keys."""

from pathlib import Path

import pytest

from chronos_cli.errors import RejectedError
from chronos_cli.protocols.tls import Tls, make_context
from tests.brokers.certificates import Certificates


def pem(folder: Path, *parts: Path) -> str:
    path = folder / "joined.pem"
    path.write_text("".join(part.read_text() for part in parts))
    return str(path)


def test_one_file_with_certificates_and_key(certificates: Certificates, tmp_path: Path) -> None:
    certificate, key = certificates.client.certificate, certificates.client.key
    for parts in ((certificate, key), (key, certificate), (certificate, certificates.ca, key)):
        make_context(Tls(cert=pem(tmp_path, *parts)))


def test_the_key_of_another_certificate_comes_first(
    certificates: Certificates, tmp_path: Path
) -> None:
    mine, other = certificates.client, certificates.server
    file = pem(tmp_path, other.key, mine.certificate, mine.key)
    with pytest.raises(RejectedError, match="first private key must belong together") as refusal:
        make_context(Tls(cert=file))
    assert refusal.value.code == "TLS"
