import base64
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from urllib.parse import quote, quote_plus, urlencode

import pytest

from chronos_cli.redact import MASK, Redactor, bears_secret, excerpt, mask_urls, url_secrets


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


@pytest.mark.parametrize("name", [
    "key", "SLACK_TOKEN", "SLACK_WEBHOOK_URL", "SENTRY_DSN", "STRIPE_KEY", "API_KEY", "PGPASSWORD",
    "MYSQL_PWD", "CLIENT_SECRET", "HTTP_AUTH", "DEPLOY_KEY_2", "AWS_SECRET_ACCESS_KEY", "deployKey",
])  # fmt: skip
def test_variables_that_hold_a_secret(name: str) -> None:
    assert bears_secret(name, from_outside=True)


@pytest.mark.parametrize("name", [
    "MONKEY", "KEYBOARD", "KEYBOARD_LAYOUT", "HOCKEY_TEAM", "TURKEY", "ROUTING_KEY", "MESSAGE_KEY",
    "PWD", "OLDPWD", "SSH_AUTH_SOCK", "AUTH_USER", "TOKEN_URL", "TOKEN_FILE", "TOKEN_TTL",
    "PASSAGE", "SECRETARY", "MAX_TOKENS", "DATABASE_URL", "WEBHOOK_PORT", "TOKENIZER", "HOST", "",
])  # fmt: skip
def test_variables_that_hold_none(name: str) -> None:
    assert not bears_secret(name, from_outside=True)


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


SECRETS = (
    "s3cr3t-of-mine",
    "with blanks and a+b",
    "two words: a/b=c&d?e#f%20g",
    'say "hi" \\ <b>',
    "pässwört ☃ 🔑 end",
    "-----BEGIN KEY-----\nMIIBVQIBADANBg+/kqhkiG9w0\nBAQEFAASC AT8wggE7\n-----END KEY-----\n",
    "line one\r\n\tline two\r\n",
    "100%25 sure",
    "\x1b[31m\x00raw",
    "/services/T000/B000/xxxx",
)


def lower_percent(text: str) -> str:
    """`quote`, its escapes in lower case."""
    pairs = quote(text, safe="").split("%")
    return "%".join([pairs[0], *(pair[:2].lower() + pair[2:] for pair in pairs[1:])])


def go_json(text: str) -> str:
    """JSON as Go writes it."""
    escaped = json.dumps(text, ensure_ascii=False)
    return escaped.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


SPELLINGS: dict[str, Callable[[str], str]] = {
    "as it is": lambda text: text,
    "folded": lambda text: " ".join(text.split()),
    "quote": lambda text: quote(text, safe=""),
    "quote, / kept": quote,
    "quote, much kept": lambda text: quote(text, safe="/:?#[]@!$&'()*+,;="),
    "quote, lower": lower_percent,
    "quote_plus": quote_plus,
    "quote_plus, lower": lambda text: lower_percent(text).replace("%20", "+"),
    "form": lambda text: urlencode({"a": text}),
    "JSON": json.dumps,
    "JSON, not ASCII": lambda text: json.dumps(text, ensure_ascii=False),
    "JSON of Go": go_json,
    "JSON of PHP": lambda text: json.dumps(text).replace("/", "\\/"),
    "JSON in JSON": lambda text: json.dumps(json.dumps(text)),
    "JSON in JSON, not ASCII": lambda text: json.dumps(json.dumps(text, ensure_ascii=False)),
    **{
        f"base64 at {before}": lambda text, before=before: (  # type: ignore[misc]
            base64.b64encode(b"u:x"[:before] + text.strip().encode() + b"?").decode()
        )
        for before in range(3)
    },
    "base64 of URLs": lambda text: base64.urlsafe_b64encode(text.strip().encode()).decode(),
    "base64 in a URL": lambda text: quote(base64.b64encode(text.strip().encode()), safe=""),
}


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_secret_is_found_in_every_spelling(secret: str, spelling: str) -> None:
    redactor = Redactor()
    redactor.add(secret)
    text = SPELLINGS[spelling](secret)
    for masked in (redactor.text(f"say {text}."), redactor.data({"a": [f"say {text}."]})["a"][0]):
        # Of base64 the letters at the ends are shared with what stands beside the secret, and
        # what was stripped off the ends of a secret may stand there.
        assert MASK in masked
        left = masked.removeprefix("say ").removesuffix(".").replace(MASK, "")
        if "base64" in spelling:
            assert len(left) <= 8, left
        else:
            # At most the line ends that a secret is stripped of, and quotes.
            rest = r"(a=)?(\+|%0[ad]|\\+[nr]|[\\\"\s])*"
            assert re.fullmatch(rest, left, re.IGNORECASE), left


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_the_beginning_of_each_spelling_is_masked_where_it_was_cut(
    secret: str, spelling: str
) -> None:
    redactor = Redactor()
    redactor.add(secret)
    text = SPELLINGS[spelling](secret.strip())
    for length in range(10, len(text) - 4):
        masked = redactor.text(f"say {text[:length]}…")
        assert MASK in masked, text[:length]
        left = masked.removesuffix("…").rpartition(MASK)[2]
        assert len(left) <= (3 if "base64" in spelling else 0), masked


@pytest.mark.parametrize(
    "text",
    [
        "s3cr3t-of-min and of-mine are parts",
        "s3cr3t of mine",
        "a s3cr3t",
        "the job of 2026-11-26T09:00:00Z",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    redactor = Redactor()
    redactor.add("s3cr3t-of-mine")
    assert redactor.text(text) == text
    assert redactor.data({"a": text}) == {"a": text}


@pytest.mark.parametrize("value", ["", "a", "abc", " ab ", "true", "False", "none", "null"])
def test_values_that_are_no_secrets(value: str) -> None:
    redactor = Redactor()
    redactor.add(value)
    assert redactor.text(f"a banana, {value}, abcd") == f"a banana, {value}, abcd"


def test_secrets_that_overlap_are_masked_as_one() -> None:
    redactor = Redactor()
    for secret in ("abcdef", "defghi", "cdef"):
        redactor.add(secret)
    assert redactor.text("xabcdefghiy and abcdefz") == f"x{MASK}y and {MASK}z"


@pytest.mark.parametrize("spelling", [str, quote, quote_plus, json.dumps])
def test_a_long_beginning_is_masked_wherever_it_ends(spelling: Callable[[str], str]) -> None:
    """Messages quote no more of a value than forty letters."""
    redactor = Redactor()
    redactor.add("0123/56789 abcdefghi+klmnopqrstuvwxyz=0123456789 and more")
    for most in (40, 60):
        text = spelling("0123/56789 abcdefghi+klmnopqrstuvwxyz=0123456789 and more"[:most])
        assert redactor.text(f"'{text}' is no time") in {
            f"'{MASK}' is no time",
            f"'\"{MASK}\"' is no time",
        }
    assert redactor.text("'0123/56789 abc' is no time") == "'0123/56789 abc' is no time"
    redactor.add("https://hooks.slack.com/services/T000/B000/xxxxxxxx")
    other = "https://hooks.slack.com/services/other"
    assert redactor.text(other) == other


def test_a_secret_url_is_masked_in_its_parts() -> None:
    redactor = Redactor()
    redactor.add("https://k3yk3y@hooks.example.com/services/T0%2F1/B0?sig=abcdef&x=y")
    for text, masked in (
        ("POST /services/T0%2F1/B0?x=y HTTP/1.1", f"POST {MASK}?x=y HTTP/1.1"),
        ("not found: /services/T0/1/B0", f"not found: {MASK}"),
        ("user k3yk3y", f"user {MASK}"),
        ("sig is abcdef", f"sig is {MASK}"),
        ("host hooks.example.com", "host hooks.example.com"),
    ):
        assert redactor.text(text) == masked


@pytest.mark.parametrize("count", [1, 5000])
def test_few_secrets_and_many_are_found_alike(count: int) -> None:
    redactor = Redactor()
    for number in range(count):
        redactor.add(f"{number:04}!secret")
        redactor.add(f"a!{number:03}")
    assert redactor.text("x 0000!secret, a!000 y") == f"x {MASK}, {MASK} y"


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


@pytest.mark.parametrize("token", ["a" * 60000, "a" + " +" * 500, "\\" * 300 + "x", "%25" * 300])
def test_a_hostile_token_takes_no_time(token: str) -> None:
    """A far side may choose the token that is to be masked in what it says next."""
    redactor = Redactor()
    began = time.process_time()
    redactor.add(token)
    for text in (token * 3, token[:-1] + "b" + token, "a" * 65000, "+" * 65000, "\\" * 65000):
        redactor.text(text)
    assert time.process_time() - began < 5
    assert redactor.text(f"say {token}.") == f"say {MASK}."


def test_a_payload_that_is_secret_is_masked_in_time() -> None:
    payload = "".join(f'  "k{number}": "välue",\n' for number in range(20000)).strip()
    redactor = Redactor()
    began = time.process_time()
    redactor.add(payload)
    assert redactor.text(payload) == MASK
    assert redactor.text(json.dumps(payload)) == f'"{MASK}"'
    assert redactor.text(payload[:65536]) == MASK
    assert time.process_time() - began < 5


def test_data_is_masked_in_depth() -> None:
    redactor = Redactor()
    redactor.add("hunter22")
    data = {"a": ["hunter22", {"b": "x hunter22 y", "n": 1}], "hunter22": None}
    assert redactor.data(data) == {"a": ["***", {"b": "x *** y", "n": 1}], "***": None}


def test_what_chronos_writes_itself_stays_for_scripts_to_find() -> None:
    redactor = Redactor()
    for secret in ("reports", "succeeded", "2026", "http"):
        redactor.add(secret)
    attempt = {"started_at": "2026-11-26T09:00:00Z", "status": "succeeded"}
    data = {
        "job_id": "reports",
        "job_name": "reports",
        "execution_id": "reports-1",
        "protocol": "http",
        "attempts": [attempt],
        # This is a far side's.
        "receipt": {"status": "succeeded", "reply": {"job_id": "reports", "attempts": [attempt]}},
    }
    foreign = {"started_at": "***-11-26T09:00:00Z", "status": MASK}
    assert redactor.data({"results": [data]}) == {
        "results": [
            {
                **data,
                "job_name": MASK,
                "receipt": {"status": MASK, "reply": {"job_id": MASK, "attempts": [foreign]}},
            }
        ]
    }


def test_data_that_holds_no_secret_is_not_walked_through() -> None:
    """A look at it is enough, whatever its depth; what is looked at is masked all the same."""
    redactor = Redactor()
    data = {"a": [{"b": "text"}] * 1000, "url": "http://h/x"}
    assert redactor.data(data) is data
    redactor.add("hunter22")
    assert redactor.data({**data, "a": "x"}) == {**data, "a": "x"}
    short = {"a": [{"b": "text"}], "n": 1}
    assert redactor.data(short) is short
    assert redactor.data({"a": 'quoted: "hunter22"'}) == {"a": f'quoted: "{MASK}"'}
    assert redactor.data({"a": "\ud800 hunter22"}) == {"a": f"\ud800 {MASK}"}
    for url in ("http://u:p@h/", "http://h/?token=x"):
        assert MASK in Redactor().data({"a": url})["a"]


def test_importing_it_compiles_no_expression() -> None:
    """Each command line would pay for it."""
    code = (
        "import re, sys; before = set(sys.modules); done = []; real = re._compiler.compile\n"
        "re._compiler.compile = lambda *a: done.append(a) or real(*a)\n"
        "import chronos_cli.redact, chronos_cli.report.text\n"
        "new = set(sys.modules) - before\n"
        "print(done, new & {'json', 'urllib.parse', 'base64', 'msgspec', 'dataclasses', 'asyncio'})"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "[] set()\n"


def test_short_values_do_not_blot_out_everything() -> None:
    redactor = Redactor()
    redactor.add("a")
    assert redactor.text("a banana") == "a banana"
