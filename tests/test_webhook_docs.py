"""Every key of a webhook is in the README, and the example there is valid."""

import re
from pathlib import Path

import pytest

from chronos_cli.protocols.http_auth import ApiKey, HttpAuth, HttpLogin, OAuth2Client
from chronos_cli.protocols.http_expect import Expect
from chronos_cli.protocols.http_target import HttpRedirects, Webhook
from chronos_cli.protocols.tls import Tls
from tests.support import ROOT, chronos

README = (ROOT / "README.md").read_text()
STRUCTS = (Webhook, HttpAuth, HttpLogin, ApiKey, OAuth2Client, HttpRedirects, Tls)


@pytest.mark.parametrize(
    "name",
    sorted(
        {name for struct in STRUCTS for name in struct.__struct_fields__} - {"enabled", "expect"}
    ),
)
def test_every_key_is_told(name: str) -> None:
    assert f"`{name}`" in README


@pytest.mark.parametrize("name", Expect.__struct_fields__)
def test_every_expectation_is_told(name: str) -> None:
    assert f"`expect.{name}`" in README


def test_the_example_is_valid(tmp_path: Path) -> None:
    example = re.search(r"```yaml\n(webhook:\n.*?)```", README, re.DOTALL)
    assert example
    job = "name: a\n" + example[1]
    result = chronos("validate", "-", stdin=job, env={"WEBHOOK_SECRET": "whsec_c2VjcmV0"})
    assert result.code == 0, result.err
