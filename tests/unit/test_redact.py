import json

import pytest

from chronos_cli.redact import Redactor, bears_secret, mask_userinfo


@pytest.mark.parametrize(
    "key",
    ["password", "Authorization", "X-Api-Key", "apiKey", "client_secret", "Cookie", "Set-Cookie",
     "sasl.password", "access_token", "nkey_seed", "X-Auth-Token"],
)  # fmt: skip
def test_secret_keys(key: str) -> None:
    assert bears_secret(key)


@pytest.mark.parametrize("key", ["key", "routing_key", "url", "monkey", "passenger", "tokens_used"])
def test_innocent_keys(key: str) -> None:
    assert not bears_secret(key)


def test_a_plain_key_from_outside_counts() -> None:
    assert bears_secret("key", from_outside=True)
    assert not bears_secret("routing_key", from_outside=True)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("https://u:p@h/x", "https://***@h/x"),
        ("amqp://u:p@ss@h:1//", "amqp://***@h:1//"),
        ("see https://h/x@y and more", "see https://h/x@y and more"),
        ("nats://token@h,nats://b:c@i", "nats://***@h,nats://***@i"),
    ],
)
def test_userinfo(text: str, masked: str) -> None:
    assert mask_userinfo(text) == masked


def test_other_spellings_are_masked_too() -> None:
    redactor = Redactor()
    secret = 'a"b/ü c\nd'
    redactor.add(secret)
    for spelling in (secret, json.dumps(secret), json.dumps(secret, ensure_ascii=False)):
        assert "b/" not in redactor.text(spelling)
    assert redactor.text("x=a%22b%2F%C3%BC%20c%0Ad") == "x=***"


def test_data_is_masked_in_depth() -> None:
    redactor = Redactor()
    redactor.add("hunter22")
    data = {"a": ["hunter22", {"b": "x hunter22 y", "n": 1}], "hunter22": None}
    assert redactor.data(data) == {"a": ["***", {"b": "x *** y", "n": 1}], "***": None}


def test_short_values_do_not_blot_out_everything() -> None:
    redactor = Redactor()
    redactor.add("a")
    assert redactor.text("a banana") == "a banana"
