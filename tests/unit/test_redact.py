import json
import time

import pytest

from chronos_cli.redact import Redactor, bears_secret, excerpt, mask_urls, url_secrets


@pytest.mark.parametrize(
    "key",
    ["password", "Authorization", "X-Api-Key", "apiKey", "client_secret", "Cookie", "Set-Cookie",
     "sasl.password", "access_token", "nkey_seed", "X-Auth-Token"],
)  # fmt: skip
def test_secret_keys(key: str) -> None:
    assert bears_secret(key)


@pytest.mark.parametrize("key", [
    "key", "routing_key", "url", "monkey", "passenger", "tokens_used", "token_file", "token_url",
    "client_secret_file", "X-Token-Endpoint",
])  # fmt: skip
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
        ("POST http://h/x?a=1&token=abc#f", "POST http://h/x?a=1&token=***#f"),
        ("http://h/?api_key=a%20b, then", "http://h/?api_key=*** then"),
        ("is token=abc?", "is token=abc?"),
    ],
)
def test_urls(text: str, masked: str) -> None:
    assert mask_urls(text) == masked


def test_other_spellings_are_masked_too() -> None:
    redactor = Redactor()
    secret = 'a"b/ü c\nd'
    redactor.add(secret)
    for spelling in (secret, json.dumps(secret), json.dumps(secret, ensure_ascii=False)):
        assert "b/" not in redactor.text(spelling)
    assert redactor.text("x=a%22b%2F%C3%BC%20c%0Ad") == "x=***"


def test_the_parameters_of_a_url_that_are_secret() -> None:
    url = "http://h/x?access_token=a%2Fb&key=k&page=2"
    assert list(url_secrets(url)) == ["a/b"]
    assert list(url_secrets(url, from_outside=True)) == ["a/b", "k"]


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("it says hunt…", "it says ***…"),
        ("hunter… and hunter2… of many", "***… and ***… of many"),
        ("x" * 1000 + "hunter2", "x" * 1000 + "***"),
        ("x" * 1000 + "hunter2 too", "x" * 1000 + "hunter2 too"),
        ("ends with hunter2", "ends with hunter2"),
        ("hun…", "hun…"),
    ],
)
def test_the_beginning_of_a_secret_where_a_text_was_cut(text: str, masked: str) -> None:
    redactor = Redactor()
    redactor.add("hunter22")
    assert redactor.text(text) == masked


def test_an_excerpt_is_one_line_and_says_that_it_was_cut() -> None:
    assert excerpt("a  b\nc", 10) == "a b c"
    assert excerpt("a" * 11, 10) == "a" * 9 + "…"
    assert excerpt("a" + " " * 38 + "secret", 10) == "a s…"


def test_a_hostile_text_takes_no_time() -> None:
    redactor = Redactor()
    for number in range(2000):
        redactor.add(f"abcd{number:06}-and-so-on")
    began = time.process_time()
    for text in ("…" * 65536, "abcd…" * 13000, "abcd" * 16000):
        redactor.text(text)
    assert time.process_time() - began < 2


def test_data_is_masked_in_depth() -> None:
    redactor = Redactor()
    redactor.add("hunter22")
    data = {"a": ["hunter22", {"b": "x hunter22 y", "n": 1}], "hunter22": None}
    assert redactor.data(data) == {"a": ["***", {"b": "x *** y", "n": 1}], "***": None}


def test_ids_stay_for_scripts_to_find() -> None:
    redactor = Redactor()
    redactor.add("reports")
    data = {"job_id": "reports", "job_name": "reports", "execution_id": "reports-1"}
    assert redactor.data(data) == {**data, "job_name": "***"}


def test_short_values_do_not_blot_out_everything() -> None:
    redactor = Redactor()
    redactor.add("a")
    assert redactor.text("a banana") == "a banana"
