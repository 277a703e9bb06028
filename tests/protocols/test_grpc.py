"""gRPC against real servers: finding the method, the request, the call, the outcome."""

import asyncio
import base64
import json
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
import yaml
from google.protobuf import json_format
from google.protobuf import message as protobuf_message
from google.rpc import error_details_pb2, status_pb2

from chronos_cli.dispatch.outcome import Status, status_of
from chronos_cli.errors import DispatchError
from chronos_cli.protocols.grpc.errors import library_errors, translated
from chronos_cli.receiver.grpc import GrpcReceiver, ReceivedCall
from tests.brokers.certificates import Certificates
from tests.protocols.grpc_servers import BEHAVIOUR, GrpcServer
from tests.support import ROOT, Result, chronos, finish, start

SERVERS = ROOT / "tests/servers"
QUICK = {"max_attempts": 2, "initial_interval": "1ms"}


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates.make(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def server() -> Iterator[GrpcServer]:
    running = GrpcServer()
    yield running
    running.stop()


def run(folder: Path, target: dict[str, Any], *options: str, **job: Any) -> Result:
    document = {"name": "g", "retry_policy": QUICK, **job, "grpc": target}
    path = folder / "job.yaml"
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    return chronos("run", str(path), "--output", "json", *options)


def behaviour(server: GrpcServer, method: str, **more: Any) -> dict[str, Any]:
    return {"address": server.address, "method": f"{BEHAVIOUR}/{method}", **more}


def fails(result: Result, status: str, code: int, attempts: int) -> dict[str, Any]:
    assert (result.code, result.err) == (code, "")
    assert (result.only["status"], len(result.only["attempts"])) == (status, attempts)
    return result.only


def reply(result: Result) -> Any:
    assert (result.code, result.err) == (0, ""), result.out
    return result.only["receipt"]["reply"]


# --- finding the method


@pytest.mark.parametrize("code", [0, 14])
def test_a_short_name_is_told_in_full_and_a_whole_one_is_not_told_again(
    server: GrpcServer, tmp_path: Path, code: int
) -> None:
    """Also where the call fails."""
    method, payload = ("Status", {"code": code}) if code else ("Take", {})
    target = behaviour(server, method)
    short = run(tmp_path, target | {"method": f"Behaviour/{method}"}, payload=payload)
    assert short.only["receipt"]["method"] == f"{BEHAVIOUR}/{method}"
    whole = run(tmp_path, target, payload=payload)
    assert "method" not in (whole.only["receipt"] or {})


@pytest.mark.parametrize("mode", ["v1", "v1alpha", "proxied"])
def test_reflection_of_either_version(tmp_path: Path, mode: str) -> None:
    server = GrpcServer("--reflection", mode)
    try:
        assert reply(run(tmp_path, behaviour(server, "Take"))) == {
            "accepted": True,
            "number": str(2**40),
        }
        health = {"address": server.address, "method": "Health/Check"}
        assert reply(run(tmp_path, health)) == {"status": "SERVING"}
    finally:
        server.stop()


def test_without_reflection(tmp_path: Path) -> None:
    protoset = tmp_path / "all.protoset"
    server = GrpcServer("--reflection", "none", "--protoset", str(protoset))
    try:
        found = fails(run(tmp_path, behaviour(server, "Take")), "rejected", 4, 1)
        assert "no reflection" in found["message"]
        assert "protoset" in found["message"]
        proto = {"files": [str(SERVERS / "behaviour.proto")]}
        paths = {"import_paths": [str(SERVERS)]}
        for source in (
            {"proto": proto},
            {"proto": {**proto, **paths}},
            {"protoset": str(protoset)},
        ):
            assert reply(run(tmp_path, behaviour(server, "Take", **source)))["accepted"]
        short = {"address": server.address, "method": "/Behaviour/Take", "proto": proto}
        result = run(tmp_path, short)
        assert reply(result)["accepted"]
        assert result.only["receipt"]["method"] == f"{BEHAVIOUR}/Take"
    finally:
        server.stop()


def test_incomplete_reflection(tmp_path: Path) -> None:
    server = GrpcServer("--reflection", "incomplete")
    try:
        found = fails(run(tmp_path, behaviour(server, "Take")), "rejected", 4, 1)
        assert "incomplete" in found["message"]
        assert "'common.proto'" in found["message"]
    finally:
        server.stop()


@pytest.mark.parametrize(
    ("method", "told"),
    [
        ("Twin/Take", "write one of test.v1.Twin, test.v2.Twin"),
        ("Nobody/Take", "it has grpc.health.v1.Health, test.v1.Behaviour"),
        ("Behaviour/Nothing", "has no method 'Nothing'; it has Broken, Count, Flaky"),
        ("Behaviour/Upload", "client-streaming"),
        ("Behaviour/Talk", "bidirectional-streaming"),
    ],
)
@pytest.mark.parametrize("options", [(), ("--dry-run",)])
def test_methods_that_cannot_be_called(
    server: GrpcServer, tmp_path: Path, method: str, told: str, options: tuple[str, ...]
) -> None:
    result = run(tmp_path, {"address": server.address, "method": method}, *options)
    assert result.code == 4
    assert told in result.only["message"]


def test_proto_errors_name_their_place(server: GrpcServer, tmp_path: Path) -> None:
    broken = tmp_path / "broken.proto"
    broken.write_text('syntax = "proto3";\nmessage M {\n  strng x = 1;\n}\n')
    target = behaviour(server, "Take", proto={"files": [str(broken)]})
    found = fails(run(tmp_path, target), "rejected", 4, 1)
    assert f'{broken}:3:3: "strng" is not defined.' in found["message"]


@pytest.mark.parametrize("content", [None, b"\xff\xff\xff"])
def test_protosets_that_are_none(server: GrpcServer, tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "x.protoset"
    if content is not None:
        path.write_bytes(content)
    found = fails(run(tmp_path, behaviour(server, "Take", protoset=str(path))), "rejected", 4, 1)
    assert "x.protoset" in found["message"]


# --- the request


def test_payload_is_mapped(server: GrpcServer, tmp_path: Path) -> None:
    payload = {
        "jobId": "mapped",
        "scheduled_time": "2026-11-23T09:00:00+01:00",
        "raw": base64.b64encode(b"\0\xff").decode(),
        "items": [{"name": "ü", "count": 2, "colour": "RED"}],
        "limits": {"a": 2**53 + 1},
        "free": {"any": [1, None, "x"]},
        "ratio": 0.5,
        "left": "{{ attempt }}",
    }
    assert reply(run(tmp_path, behaviour(server, "Take"), payload=payload))["accepted"]
    seen = next(one for one in server.seen("Take") if one["request"].get("jobId") == "mapped")
    assert seen["request"] == {
        **payload,
        "scheduled_time": "2026-11-23T08:00:00Z",
        "limits": {"a": str(2**53 + 1)},
        "free": {"any": [1.0, None, "x"]},
        "left": "1",
    }


def test_metadata_fills_the_fields_that_exist(server: GrpcServer, tmp_path: Path) -> None:
    when = ("--scheduled-time", "2026-11-23T09:00:00+01:00")
    assert run(tmp_path, behaviour(server, "Take"), *when, id="default").code == 0
    seen = next(one for one in server.seen("Take") if one["request"].get("jobId") == "default")
    assert seen["request"] == {
        "jobId": "default",
        "job_name": "g",
        "scheduled_time": "2026-11-23T08:00:00Z",
        "attempt": "1",
    }


def test_every_mistake_is_named(server: GrpcServer, tmp_path: Path) -> None:
    payload = {
        "job_nam": "x",
        "raw": "a*b",
        "items": [{"count": "many"}, {"colour": "BLEU"}],
        "limits": {"a": 2**63},
        "flag": "yes",
    }
    found = fails(run(tmp_path, behaviour(server, "Take"), payload=payload), "rejected", 4, 1)
    for told in (
        "does not fit test.v1.Everything",
        "payload.job_nam: test.v1.Everything has no field 'job_nam' (did you mean 'job_name'?)",
        "payload.raw: \"a*b\" is not base64 (field 'raw' of test.v1.Everything)",
        "payload.items[0].count: \"many\" is not a 32-bit integer (field 'count' of test.common.It",
        'payload.items[1].colour: "BLEU" is not one of NONE, RED',
        "and 1 more",
    ):
        assert told in found["message"]


@pytest.mark.parametrize(
    ("payload", "told"),
    [
        ("no json", "the payload is not JSON"),
        (["list"], 'payload: ["list"] is not a test.v1.Everything'),
        ({"scheduled_time": "noon"}, "payload.scheduled_time: not a google.protobuf.Timestamp"),
        ({"left": "a", "right": "b"}, "either"),
        ({"limits": {"a": True}}, "payload.limits.a: true is not a 64-bit integer"),
    ],
)
def test_payloads_that_do_not_fit(
    server: GrpcServer, tmp_path: Path, payload: Any, told: str
) -> None:
    before = len(server.seen("Take"))
    found = fails(run(tmp_path, behaviour(server, "Take"), payload=payload), "rejected", 4, 1)
    assert told in found["message"]
    assert len(server.seen("Take")) == before


def test_payload_file(server: GrpcServer, tmp_path: Path) -> None:
    (tmp_path / "m.json").write_text('{"jobId": "from-json"}')
    (tmp_path / "m.bin").write_bytes(b"\x0a\x08from-bin")
    target = behaviour(server, "Take")
    assert run(tmp_path, target, payload_file="m.json").code == 0
    binary = {"payload_file": "m.bin", "content_type": "application/protobuf"}
    assert run(tmp_path, target, **binary).code == 0
    seen = [one["request"].get("jobId") for one in server.seen("Take")]
    assert {"from-json", "from-bin"} <= set(seen)


def test_dry_run_shows_the_encoded_request(server: GrpcServer, tmp_path: Path) -> None:
    before = len(server.seen("Take"))
    target = behaviour(server, "Take", token="s3cret-token", metadata={"x-bin": "AAE="})
    result = run(tmp_path, target, "--dry-run", payload={"jobId": "d", "limits": {"a": 1}})
    assert result.code == 0
    request = result.only["request"]
    assert json.loads(request["body"]) == {"jobId": "d", "limits": {"a": "1"}}
    assert request["summary"] == "/test.v1.Behaviour/Take test.v1.Everything"
    assert ["authorization", "***"] in request["headers"]
    assert ["x-bin", "AAE="] in request["headers"]
    assert "s3cret" not in result.out
    assert len(server.seen("Take")) == before


# --- the call


def test_metadata_on_the_wire(server: GrpcServer, tmp_path: Path) -> None:
    more = {"x-team": ["a", "b"], "x-raw-bin": base64.b64encode(b"\0\xfe").decode()}
    target = behaviour(server, "Take", metadata=more, token="t0ken", compression="gzip")
    options = ("--execution-id", "wire-1")
    assert run(tmp_path, target, *options, timeout="20s").code == 0
    pairs = [(k, v) for one in server.seen("Take") for k, v in one["metadata"]]
    position = pairs.index(("x-chronos-execution-id", "wire-1"))
    assert position
    call = next(one for one in server.seen("Take") if ["x-team", "a"] in one["metadata"])
    sent = [tuple(pair) for pair in call["metadata"]]
    assert {("x-team", "b"), ("x-raw-bin", "00fe"), ("authorization", "Bearer t0ken")} <= set(sent)
    assert ("x-chronos-attempt", "1") in sent
    assert "traceparent" in dict(sent)
    assert 15 < call["remaining"] <= 20


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        ('metadata: {X-Team: "a"}', 4, "not a metadata key"),
        ('metadata: {x: "a\\r\\nb"}', 4, "line break"),
        ('metadata: {x: "ü"}', 4, "not ASCII"),
        ('metadata: {x-bin: "a*"}', 4, "not base64"),
        ("metadata: {grpc-timeout: 1S}", 4, "set by chronos or by gRPC"),
        ('token: "a\\nb"', 4, "the token has a line break"),
        ("tls: {insecure_skip_verify: true}", 4, "cannot trust any certificate"),
        ("tls: {key: k.pem}", 4, "'key' without 'cert'"),
        ("expect: {status: FINE}", 4, "not a gRPC status"),
        ("expect: {status: UNAVAILABLE}", 4, "what an absent server looks like"),
        ("compression: zip", 4, "not one of"),
        ("max_message_size: 0", 4, "at least 1"),
        ("{proto: {files: [a.proto]}, protoset: x}", 3, ""),
    ],
)
def test_refused_at_load(tmp_path: Path, text: str, line: int, told: str) -> None:
    target = '{address: "h:1", method: S/M}'
    body = f'name: g\ngrpc:\n  address: "h:1"\n  {text}\n  method: S/M\n'
    if text.startswith("{"):
        body = f"name: g\ngrpc:\n  {target[:-1]}, {text[1:]}\n"
    path = tmp_path / "job.yaml"
    path.write_text(body)
    (tmp_path / "k.pem").touch()
    result = chronos("validate", str(path))
    assert result.code == 3
    assert f"job.yaml:{line}:" in result.out + result.err
    assert told in result.out + result.err


@pytest.mark.parametrize(
    "address", ["host", "http://host:1", "host:0", "host:99999", "a b:1", "xds:///a:1", "hööst:1"]
)
def test_addresses_refused_at_load(tmp_path: Path, address: str) -> None:
    result = run(tmp_path, {"address": address, "method": "S/M"})
    assert result.code == 3


def test_addresses_that_work(server: GrpcServer, tmp_path: Path) -> None:
    port = server.port
    addresses = (f"localhost:{port}", f"dns:///localhost:{port}", f"ipv4:127.0.0.1:{port}")
    for address in addresses:
        target = {**behaviour(server, "Take"), "address": address, "keepalive": {"time": "30s"}}
        assert reply(run(tmp_path, target))["accepted"]


def test_unix_socket(tmp_path: Path) -> None:
    address = f"unix:{tmp_path}/s.sock"
    server = GrpcServer("--unix", address)
    try:
        target = {"address": address, "method": "Behaviour/Take", "authority": "elsewhere"}
        assert reply(run(tmp_path, target))["accepted"]
    finally:
        server.stop()
    found = fails(run(tmp_path, {**target, "address": f"{address}x"}), "unreachable", 5, 2)
    assert "No such file" in found["message"]


def test_message_size(server: GrpcServer, tmp_path: Path) -> None:
    large = behaviour(server, "Large", max_message_size="2MB")
    result = run(tmp_path, large, payload={"size": 1_000_000})
    assert result.code == 0
    assert result.only["receipt"]["reply_truncated"]
    found = fails(run(tmp_path, large, payload={"size": 2_000_001}), "rejected", 4, 1)
    assert found["code"] == "RESOURCE_EXHAUSTED"
    take = behaviour(server, "Take", max_message_size=100)
    found = fails(run(tmp_path, take, payload={"job_name": "x" * 200}), "rejected", 4, 1)
    assert (
        "max_message_size allows 100" in found["message"] or "larger than max" in found["message"]
    )


# --- TLS


def secured(certificates: Certificates, *more: str, name: str = "server") -> GrpcServer:
    identity = getattr(certificates, name)
    files = ("--certificate", str(identity.certificate), "--key", str(identity.key))
    return GrpcServer(*files, *more)


def test_tls(certificates: Certificates, tmp_path: Path) -> None:
    server = secured(certificates)
    ca = str(certificates.ca)
    try:
        assert reply(run(tmp_path, behaviour(server, "Take", tls={"ca": ca})))["accepted"]
        for tls, told in (
            ({"ca": str(certificates.other_ca)}, "certificate was not accepted"),
            ({}, "certificate was not accepted"),
            ({"ca": ca, "server_name": "other.example"}, "mismatch"),
            (None, "the server speaks TLS; add 'tls: {}'"),
            ({"ca": ca, "enabled": False}, "the server speaks TLS"),
            ({"ca": f"{tmp_path}/none.pem"}, "cannot use tls ca"),
        ):
            target = behaviour(server, "Take") | ({} if tls is None else {"tls": tls})
            result = run(tmp_path, target)
            found = fails(result, "rejected", 4, 1)
            assert found["code"] == "TLS"
            assert told in found["message"]
            assert found["duration_ms"] < 2000
    finally:
        server.stop()


def test_names_over_tls(certificates: Certificates, tmp_path: Path) -> None:
    server = secured(certificates, name="wrong_host")
    tls = {"ca": str(certificates.ca)}
    try:
        found = fails(run(tmp_path, behaviour(server, "Take", tls=tls)), "rejected", 4, 1)
        assert "mismatch" in found["message"]
        named = {**tls, "server_name": "elsewhere.example"}
        assert run(tmp_path, behaviour(server, "Take", tls=named)).code == 0
        target = behaviour(server, "Take", tls=tls, authority="elsewhere.example:443")
        assert run(tmp_path, target).code == 0
    finally:
        server.stop()


def test_mutual_tls(certificates: Certificates, tmp_path: Path) -> None:
    server = secured(certificates, "--client-ca", str(certificates.ca))
    ca = {"ca": str(certificates.ca)}
    good = {"cert": str(certificates.client.certificate), "key": str(certificates.client.key)}
    other = certificates.other_client
    try:
        assert run(tmp_path, behaviour(server, "Take", tls={**ca, **good})).code == 0
        stranger = {"cert": str(other.certificate), "key": str(other.key)}
        for tls in (ca, {**ca, **stranger}):
            found = fails(run(tmp_path, behaviour(server, "Take", tls=tls)), "rejected", 4, 1)
            assert found["code"] == "TLS"
            assert found["duration_ms"] < 2000
    finally:
        server.stop()


def test_tls_to_a_plaintext_server(server: GrpcServer, tmp_path: Path) -> None:
    found = fails(run(tmp_path, behaviour(server, "Take", tls={})), "rejected", 4, 1)
    assert "the server speaks plaintext" in found["message"]


# --- the outcome

REJECTED = ("rejected", 4, 1)
UNREACHABLE = ("unreachable", 5, 2)
OTHERWISE: dict[grpc.StatusCode, tuple[str, int, int]] = {
    grpc.StatusCode.UNAVAILABLE: UNREACHABLE,
    grpc.StatusCode.RESOURCE_EXHAUSTED: UNREACHABLE,
    grpc.StatusCode.ABORTED: UNREACHABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED: ("timed_out", 6, 2),
}


def test_every_status(server: GrpcServer, tmp_path: Path) -> None:
    codes = [code for code in grpc.StatusCode if code is not grpc.StatusCode.OK]
    jobs = [
        {
            "name": code.name,
            "retry_policy": dict(QUICK),
            "payload": {"code": code.value[0], "message": "the reason"},
            "grpc": behaviour(server, "Status"),
        }
        for code in codes
    ]
    path = tmp_path / "jobs.yaml"
    path.write_text(yaml.safe_dump({"jobs": jobs}))
    result = chronos("run", str(path), "-o", "json")
    assert (result.code, result.err) == (4, "")
    for code, found in zip(codes, result.report["results"], strict=True):
        status, _, attempts = OTHERWISE.get(code, REJECTED)
        assert (found["code"], found["status"]) == (code.name, status)
        assert len(found["attempts"]) == attempts
        assert "the reason" in found["message"]


@pytest.mark.parametrize("code", OTHERWISE, ids=lambda code: code.name)
def test_exit_code_of_a_status(server: GrpcServer, tmp_path: Path, code: grpc.StatusCode) -> None:
    payload = {"code": code.value[0], "message": "the reason"}
    fails(run(tmp_path, behaviour(server, "Status"), payload=payload), *OTHERWISE[code])


def test_expected_status(server: GrpcServer, tmp_path: Path) -> None:
    exists = {"payload": {"code": 6, "message": "there already"}}
    expecting = behaviour(server, "Status", expect={"status": ["OK", "ALREADY_EXISTS"]})
    result = run(tmp_path, expecting, **exists)
    assert (result.code, result.only["code"]) == (0, "ALREADY_EXISTS")
    only = behaviour(server, "Take", expect={"status": "ALREADY_EXISTS"})
    found = fails(run(tmp_path, only), "rejected", 4, 1)
    assert "ALREADY_EXISTS was expected" in found["message"]


def test_pushback_is_waited_for(server: GrpcServer, tmp_path: Path) -> None:
    result = run(tmp_path, behaviour(server, "Flaky"))
    assert result.code == 0
    assert len(result.only["attempts"]) == 2
    assert result.only["duration_ms"] >= 300


@pytest.mark.parametrize("pushback", ["-1", "soon"])
def test_pushback_that_forbids_another_attempt(
    server: GrpcServer, tmp_path: Path, pushback: str
) -> None:
    payload = {"code": 14, "message": "stop", "pushback": pushback}
    fails(run(tmp_path, behaviour(server, "Status"), payload=payload), "unreachable", 5, 1)


def test_rich_details(server: GrpcServer, tmp_path: Path) -> None:
    violation = error_details_pb2.BadRequest.FieldViolation(field="day", description="not a day")
    status = status_pb2.Status(code=3, message="bad")
    status.details.add().Pack(error_details_pb2.BadRequest(field_violations=[violation]))
    status.details.add(type_url="type.googleapis.com/not.Known", value=b"\0")
    payload = {"code": 3, "message": "bad", "details": status.SerializeToString().hex()}
    found = fails(run(tmp_path, behaviour(server, "Status"), payload=payload), "rejected", 4, 1)
    assert "[day: not a day]" in found["message"]
    known, unknown = found["receipt"]["details"]
    assert known["field_violations"] == [{"field": "day", "description": "not a day"}]
    assert unknown["@type"] == "type.googleapis.com/not.Known"


def test_stream_of_replies(server: GrpcServer, tmp_path: Path) -> None:
    count = behaviour(server, "Count", max_replies=3)
    result = run(tmp_path, count, payload={"size": 5})
    assert reply(result) == [{}, {"number": "1"}, {"number": "2"}]
    assert result.only["receipt"]["replies"] == 5
    assert result.only["receipt"]["reply_truncated"]
    cut = run(tmp_path, count, payload={"size": 5, "code": 1, "message": "lost"})
    assert fails(cut, "rejected", 4, 1)["code"] == "DATA_LOSS"


def test_reply_that_is_none(server: GrpcServer, tmp_path: Path) -> None:
    found = fails(run(tmp_path, behaviour(server, "Broken")), "rejected", 4, 1)
    assert "not with a test.v1.Taken" in found["message"]


def test_nobody_listens(closed_port: int, tmp_path: Path) -> None:
    target = {"address": f"127.0.0.1:{closed_port}", "method": "S/M"}
    found = fails(run(tmp_path, target), "unreachable", 5, 2)
    assert f"connection refused (127.0.0.1:{closed_port})" in found["message"]


def test_no_such_host(tmp_path: Path) -> None:
    result = run(tmp_path, {"address": "nosuch.invalid:1", "method": "S/M"}, timeout="5s")
    assert "nosuch.invalid" in fails(result, "unreachable", 5, 2)["message"]


@pytest.mark.parametrize("tls", [None, {}])
def test_accepts_and_never_answers(silent_port: int, tmp_path: Path, tls: Any) -> None:
    target = {"address": f"127.0.0.1:{silent_port}", "method": "S/M", "tls": tls}
    result = run(tmp_path, target, timeout="300ms")
    fails(result, "timed_out", 6, 2)
    assert result.seconds < 5


def test_method_that_never_answers(server: GrpcServer, tmp_path: Path) -> None:
    result = run(tmp_path, behaviour(server, "Silent"), timeout="300ms")
    fails(result, "timed_out", 6, 2)
    assert len(server.seen("Silent")) == 2


def test_frozen_server(tmp_path: Path) -> None:
    server = GrpcServer()
    server.process.send_signal(signal.SIGSTOP)
    try:
        fails(run(tmp_path, behaviour(server, "Take"), timeout="300ms"), "timed_out", 6, 2)
    finally:
        server.process.send_signal(signal.SIGCONT)
        server.stop()


def test_not_a_grpc_server(tmp_path: Path) -> None:
    with subprocess.Popen(
        ["python3", "-u", "-m", "http.server", "--bind", "127.0.0.1", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        port = process.stdout.readline().split("port ")[1].split()[0]
        found = fails(
            run(tmp_path, {"address": f"127.0.0.1:{port}", "method": "S/M"}), "rejected", 4, 1
        )
        process.kill()
    assert "does not speak gRPC" in found["message"] or "HTTP/1" in found["message"]


def test_interrupted_at_once(server: GrpcServer, tmp_path: Path) -> None:
    path = tmp_path / "job.yaml"
    path.write_text(yaml.safe_dump({"name": "i", "grpc": behaviour(server, "Silent")}))
    before = len(server.seen("Silent"))
    process = start("run", str(path))
    server.wait_for("Silent", before + 1)
    process.send_signal(signal.SIGINT)
    result = finish(process)
    assert (result.code, result.err) == (130, "")
    assert result.seconds < 2


def test_server_that_comes_back(tmp_path: Path) -> None:
    server = GrpcServer()
    server.stop()
    path = tmp_path / "job.yaml"
    retry = {"max_attempts": 200, "initial_interval": "50ms", "multiplier": 1}
    job = {"name": "b", "retry_policy": retry, "grpc": behaviour(server, "Take")}
    path.write_text(yaml.safe_dump(job))
    process = start("run", str(path), "-o", "json")
    time.sleep(3)  # real time: the program has started, and found nobody
    server.start()
    result = finish(process)
    server.stop()
    assert (result.code, result.err) == (0, "")
    assert "connection refused" in result.only["attempts"][0]["message"]


def test_many_calls_share_a_connection(server: GrpcServer, tmp_path: Path) -> None:
    jobs = [{"name": f"many-{n}", "grpc": behaviour(server, "Free")} for n in range(200)]
    path = tmp_path / "jobs.yaml"
    path.write_text(yaml.safe_dump({"jobs": jobs}))
    result = chronos("run", str(path), "-o", "json")
    assert (result.code, result.report["summary"]["succeeded"]) == (0, 200)
    sent = [one["request"]["job_id"] for one in server.seen("Free")]
    assert {f"many-{n}" for n in range(200)} <= set(sent)
    assert len({one["peer"] for one in server.seen("Free")}) == 1


def test_every_exception_is_mapped() -> None:
    public = [grpc, grpc.aio, protobuf_message, json_format]
    kinds = {
        kind
        for module in public
        for name in dir(module)
        if isinstance(kind := getattr(module, name), type)
        and issubclass(kind, Exception)
        and kind.__module__.partition(".")[0] in {"grpc", "google"}
    }
    assert len(kinds) > 8
    for kind in kinds:
        assert issubclass(kind, library_errors()), kind
        if kind is grpc.aio.AioRpcError:
            error: Exception = grpc.aio.AioRpcError(
                grpc.StatusCode.UNAVAILABLE, grpc.aio.Metadata(), grpc.aio.Metadata()
            )
        else:
            error = kind.__new__(kind)
        told = translated(error, "host:1")
        assert isinstance(told, DispatchError)
        assert status_of(told) in set(Status)
        assert "host:1" in told.message


# --- the receiver


def test_sample_against_the_receiver() -> None:
    calls: list[ReceivedCall] = []

    async def on_call(call: ReceivedCall) -> None:
        calls.append(call)

    async def scenario() -> Result:
        receiver = GrpcReceiver(on_call)
        port = await receiver.start("127.0.0.1", 0)
        with pytest.raises(OSError, match="cannot listen"):
            await GrpcReceiver(on_call).start("127.0.0.1", port)
        env = {"CHRONOS_DEMO_GRPC": f"127.0.0.1:{port}"}
        sample = str(ROOT / "jobs/grpc.yaml")
        result = await asyncio.to_thread(chronos, "run", sample, "-o", "json", env=env)
        await receiver.close()
        return result

    result = asyncio.run(scenario())
    identity = result.only["execution_id"]
    assert reply(result) == {"accepted": True, "execution_id": identity}
    assert [call.method for call in calls] == ["/chronos.v1.JobService/Execute"]
    assert calls[0].request["job_id"] == "grpc-execute"
    assert ("x-chronos-execution-id", identity) in calls[0].metadata
