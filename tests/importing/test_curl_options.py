"""Options of curl and wget that change the job, and those that cannot be carried over."""

from typing import Any

import pytest
import yaml

from chronos_cli.dispatch.registry import Registry
from chronos_cli.importing.jobs import Imports

QUIET = "curl -fm 5"


def job(line: str, variables: dict[str, str] | None = None) -> dict[str, Any]:
    text = Imports(Registry()).of_command(line, "/", variables or {}).text
    keys: dict[str, Any] = yaml.safe_load(text)
    return keys


def remarks(line: str) -> list[str]:
    return Imports(Registry()).of_command(line, "/", {}).remarks


@pytest.mark.parametrize(
    ("line", "policy"),
    [
        ("curl http://a", {"max_attempts": 1}),
        ("curl --retry 3 http://a", {"max_attempts": 4, "max_interval": "10m", "jitter": 0}),
        (
            "curl --retry 2 --retry-delay 5 --retry-all-errors http://a",
            {
                "max_attempts": 3,
                "initial_interval": "5s",
                "multiplier": 1,
                "jitter": 0,
                "max_interval": "5s",
                "retry_on": ["unreachable", "timeout", "rejected"],
            },
        ),
        ("wget -t 3 http://a", {"max_attempts": 3}),
        ("wget http://a", {"max_attempts": 20}),
    ],
)
def test_attempts(line: str, policy: dict[str, Any]) -> None:
    assert job(line)["retry_policy"] == policy


def test_limits() -> None:
    assert job("curl -m 2.5 http://a")["timeout"] == "2.5s"
    assert job("curl --retry 2 --retry-max-time 60 http://a")["deadline"] == "60s"
    assert "timeout" not in job("curl -m 0 http://a")
    assert job("wget http://a")["timeout"] == "900s"


def test_redirects_and_tls() -> None:
    assert job("curl -L http://a")["webhook"]["redirects"] == {"follow": True, "max": 50}
    assert job("curl -L --max-redirs 3 http://a")["webhook"]["redirects"]["max"] == 3
    assert job("wget --max-redirect=0 http://a")["webhook"] == {"url": "http://a", "method": "GET"}
    tls = {"insecure_skip_verify": True, "min_version": "1.3"}
    assert job("curl -k --tlsv1.3 --http2 https://a")["webhook"]["tls"] == tls
    assert job("curl -k --tlsv1.3 --http2 https://a")["webhook"]["http2"] is True
    assert "tls" not in job("curl -k http://a")["webhook"]


def test_a_proxy_of_the_environment() -> None:
    known = {"https_proxy": "http://me:pr0xyword@p:3128", "no_proxy": "b.example.com"}
    found = Imports(Registry()).of_command("curl https://a", "/", known)
    assert "proxy: http://me:${A_PROXY_PASSWORD}@p:3128\n" in found.text
    assert "proxy" not in job("curl http://a", known)["webhook"]
    assert "proxy" not in job("curl https://b.example.com", known)["webhook"]
    assert "proxy" not in job("curl --noproxy '*' https://a", known)["webhook"]
    assert job("curl https://a", {"ALL_PROXY": "p"})["webhook"]["proxy"] == "http://p:1080"
    assert job("wget https://a", {"https_proxy": "p:1"})["webhook"]["proxy"] == "http://p:1"
    assert job("curl http://a", {"HTTP_PROXY": "p:1"})["webhook"] == {
        "url": "http://a",
        "method": "GET",
    }


@pytest.mark.parametrize(
    ("line", "remark"),
    [
        ("curl -f http://a", "curl waits without limit; here an attempt ends after 30s (timeout)"),
        (
            "curl -m 5 http://a",
            "without -f curl takes any status for success; here it must be 2xx",
        ),
        (f"{QUIET} -c jar http://a", "--cookie-jar: cookies that come back are not kept"),
        (
            f"{QUIET} -o out http://a",
            "the answer is not written to out; the history has it (receipt)",
        ),
        (
            f"{QUIET} -w '%{{http_code}}' http://a",
            "--write-out: nothing is written of the answer; the report has its status",
        ),
        (f"{QUIET} --limit-rate 1k http://a", "--limit-rate is not carried over"),
        (f"{QUIET} -4 http://a", "--ipv4 is not carried over"),
        (f"{QUIET} -H 'Accept:' http://a", "the header Accept cannot be left out"),
        (
            f"{QUIET} -H 'Content-Length: 3' -d abc http://a",
            "the header Content-Length is set by what is sent",
        ),
        (f"{QUIET} --http2 http://a", "--http2: over http:// it stays HTTP/1.1"),
        (
            f"{QUIET} -L -X POST http://a",
            "at a redirect curl -X keeps the method; here a POST becomes a GET",
        ),
        (
            f"{QUIET} -F 'a=b;type=text/css' http://a",
            "of the field a 'type=text/css' is not sent",
        ),
        (f"{QUIET} -d @/etc/passwd http://a", "curl -d takes the line ends out of /etc/passwd"),
        ("wget http://a", "wget writes the answer to a file; here the history has it"),
    ],
)
def test_what_is_not_carried_over_is_said(line: str, remark: str) -> None:
    (found,) = remarks(line)
    assert found.startswith(remark)


def test_nothing_is_said_where_nothing_is_lost() -> None:
    words = "-fsSLv --compressed --http1.1 -o /dev/null --max-time 5 --retry-connrefused"
    assert remarks(f"curl {words} -H Expect: http://a") == []
    assert remarks("wget -q -nv --spider http://a") == []


def test_a_password_that_curl_would_ask_for() -> None:
    found = Imports(Registry()).of_command("curl -u bob http://a", "/", {})
    assert found.variables == {"A_PASSWORD": "the password of bob"}
    assert "password: ${A_PASSWORD}" in found.text


def test_netrc() -> None:
    assert job("curl -n http://a")["webhook"]["auth"] == {"netrc": True}
    auth = job("curl --netrc-file x http://a")["webhook"]["auth"]
    assert auth == {"netrc": {"file": "/x"}}


def test_texts_of_several_lines_are_blocks() -> None:
    text = Imports(Registry()).of_command("curl -d 'a\nb\n' http://a", "/", {}).text
    assert "payload: |\n  a\n  b\n" in text
