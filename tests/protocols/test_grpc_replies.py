"""gRPC: what is expected of a reply, and replies with an Any, whose types must be asked for."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from google.protobuf.any_pb2 import Any as AnyMessage

from tests.protocols.grpc_servers import BEHAVIOUR, GrpcServer
from tests.support import ROOT, Result, chronos

URL = "type.googleapis.com"
SERVING = {"$.status": "SERVING"}


@pytest.fixture(scope="module")
def server() -> Iterator[GrpcServer]:
    running = GrpcServer()
    yield running
    running.stop()


def run(server: GrpcServer, folder: Path, method: str, *options: str, **job: Any) -> Result:
    grpc = {"address": server.address, "method": method, **job.pop("grpc", {})}
    path = folder / "job.yaml"
    path.write_text(json.dumps({"name": "g", **job, "grpc": grpc}))
    return chronos("run", str(path), "-o", "json", *options)


def echoed(result: Result) -> Any:
    assert (result.code, result.err) == (0, ""), result.out
    return result.only["receipt"]["reply"]


# --- what is expected


@pytest.mark.parametrize(("service", "status"), [("", "SERVING"), ("down", "NOT_SERVING")])
def test_a_check_of_health_can_fail(
    server: GrpcServer, tmp_path: Path, service: str, status: str
) -> None:
    check = {"payload": {"service": service}, "grpc": {"expect": {"reply": SERVING}}}
    result = run(server, tmp_path, "Health/Check", **check)
    assert result.only["receipt"]["reply"] == {"status": status}
    if status == "SERVING":
        assert result.code == 0
    else:
        assert (result.code, result.only["status"]) == (4, "rejected")
        assert '$.status is "NOT_SERVING", expected "SERVING"' in result.only["message"]


@pytest.mark.parametrize(
    ("expected", "payload", "is_met"),
    [
        ({"$.signed": "7", "$.done": True}, {"signed": 7, "done": True}, True),
        ({"$.signed": "7", "$.done": True}, {"signed": 7}, False),
        ({"$.signed": 7}, {"signed": 7}, False),  # written as the receipt writes it
        ({"$.done": False, "$.signed": "0"}, {}, True),  # a default is not on the wire
        ({"$.inner[*].ratio": 2.5}, {"inner": [{}, {"ratio": 2.5}]}, True),
        ({"$.any.text": "x"}, {"any": {"@type": f"{URL}/test.hidden.Letter", "text": "x"}}, True),
        ({"$.mask": "a"}, {}, False),
    ],
)
def test_expected_replies(
    server: GrpcServer, tmp_path: Path, expected: Any, payload: Any, is_met: bool
) -> None:
    expect = {"expect": {"reply": expected}}
    result = run(server, tmp_path, "Boxes/Echo", payload=payload, grpc=expect)
    assert result.code == (0 if is_met else 4), result.out
    assert result.only["receipt"]["reply"] == echoed_anew(server, tmp_path, payload)


def echoed_anew(server: GrpcServer, folder: Path, payload: Any) -> Any:
    return echoed(run(server, folder, "Boxes/Echo", payload=payload))


@pytest.mark.parametrize(
    ("inner", "message"),
    [
        ([{}, {"signed": 1, "done": True}, {"signed": 2}], None),
        # Each half in another reply is no reply as expected.
        ([{"done": True}, {"signed": 1}], "$.done is false, expected true"),
        ([], "no reply is as expected; there is none"),
    ],
)
@pytest.mark.parametrize("most", [1, 100])
def test_one_reply_of_a_stream_is_enough(
    server: GrpcServer, tmp_path: Path, inner: Any, message: str | None, most: int
) -> None:
    grpc = {"expect": {"reply": {"$.signed": "1", "$.done": True}}, "max_replies": most}
    result = run(server, tmp_path, "Boxes/EchoEach", payload={"inner": inner}, grpc=grpc)
    assert result.code == (4 if message else 0), result.out
    assert (message or "") in result.only["message"]
    assert result.only["receipt"]["replies"] == len(inner)


def test_a_stream_must_end_well_too(server: GrpcServer, tmp_path: Path) -> None:
    grpc = {"expect": {"reply": {"$.number": "0"}}}
    payload = {"size": 2, "code": 1, "message": "lost"}
    result = run(server, tmp_path, f"{BEHAVIOUR}/Count", payload=payload, grpc=grpc)
    assert (result.code, result.only["code"]) == (4, "DATA_LOSS")


def test_a_failed_expectation_can_be_tried_again(server: GrpcServer, tmp_path: Path) -> None:
    retry = {"max_attempts": 2, "initial_interval": "1ms", "retry_on": ["expectation"]}
    grpc = {"expect": {"reply": SERVING}}
    job = {"payload": {"service": "down"}, "grpc": grpc, "retry_policy": retry}
    assert len(run(server, tmp_path, "Health/Check", **job).only["attempts"]) == 2


@pytest.mark.parametrize(
    ("expect", "told"),
    [
        ("{reply: {status: SERVING}}", "'status' does not begin with $"),
        ('{reply: {"$.a[": 1}}', "cannot read '['"),
        ('{status: NOT_FOUND, reply: {"$.a": 1}}', "not the status OK, which alone brings one"),
    ],
)
def test_expectations_refused_at_load(tmp_path: Path, expect: str, told: str) -> None:
    path = tmp_path / "job.yaml"
    target = f'{{address: "h:1", method: S/M, expect: {expect}}}'
    path.write_text(f"name: g\ngrpc: {target}\n")
    result = chronos("validate", str(path))
    assert result.code == 3
    assert told in result.out + result.err


# --- Any

LETTER = {
    "@type": f"{URL}/test.hidden.Letter",
    "text": "ü",
    "item": {"name": "n", "colour": "RED"},
    "enclosed": {"@type": f"{URL}/test.hidden.Stamp", "value": str(2**60)},
}


@pytest.mark.parametrize("mode", ["v1", "v1alpha"])
def test_types_that_no_service_imports_are_asked_for(tmp_path: Path, mode: str) -> None:
    server = GrpcServer("--reflection", mode)
    pause = {"@type": f"{URL}/google.protobuf.Duration", "value": "1.500s"}
    box = {"any": LETTER, "many": [pause, LETTER], "named": {"a": LETTER}, "inner": [{"any": {}}]}
    try:
        assert echoed(run(server, tmp_path, "Boxes/Echo", payload=box)) == box
        stream = run(server, tmp_path, "Boxes/EchoEach", payload={"inner": [box, {}]})
        assert echoed(stream) == [box, {}]
    finally:
        server.stop()


def test_a_reply_alone_brings_types_too(server: GrpcServer, tmp_path: Path) -> None:
    """The request is encoded already, so that only the reply tells which types there are."""
    unknown = AnyMessage(type_url=f"{URL}/not.Known", value=b"\0\xff")
    stamp = AnyMessage(type_url=f"{URL}/test.hidden.Stamp", value=b"\x08\x05")
    letter = AnyMessage(type_url=f"{URL}/test.hidden.Letter", value=b"\x1a" + sized(unknown))
    broken = AnyMessage(type_url=f"{URL}/test.hidden.Stamp", value=b"\xff")
    raw = b"".join(b"\x12" + sized(one) for one in (unknown, stamp, letter, broken))
    (tmp_path / "box.bin").write_bytes(raw + b"\x20\x07")
    encoded = {"payload_file": "box.bin", "content_type": "application/protobuf"}
    as_it_is = {"@type": f"{URL}/not.Known", "value": "AP8="}
    assert echoed(run(server, tmp_path, "Boxes/Echo", **encoded)) == {
        "many": [
            as_it_is,
            {"@type": f"{URL}/test.hidden.Stamp", "value": "5"},
            {"@type": f"{URL}/test.hidden.Letter", "enclosed": as_it_is},
            {"@type": f"{URL}/test.hidden.Stamp", "value": "/w=="},
        ],
        "signed": "7",
    }


def sized(one: AnyMessage) -> bytes:
    raw = one.SerializeToString()
    assert len(raw) < 128
    return bytes([len(raw)]) + raw


def test_an_any_in_an_any_without_end(server: GrpcServer, tmp_path: Path) -> None:
    one = AnyMessage(type_url="x/none.Such")
    for _ in range(60):
        one = AnyMessage(type_url="x/google.protobuf.Any", value=one.SerializeToString())
    raw = one.SerializeToString()
    length = bytes([len(raw) & 127 | 128, len(raw) >> 7])
    (tmp_path / "box.bin").write_bytes(b"\x0a" + length + raw)
    encoded = {"payload_file": "box.bin", "content_type": "application/protobuf"}
    found = echoed(run(server, tmp_path, "Boxes/Echo", **encoded))["any"]
    depth = 0
    while isinstance(found.get("value"), dict):
        found, depth = found["value"], depth + 1
    assert isinstance(found["value"], str)
    assert 10 < depth < 30


def test_an_unknown_type_in_a_request_is_a_mistake(server: GrpcServer, tmp_path: Path) -> None:
    payload = {"any": {"@type": f"{URL}/not.Known"}}
    result = run(server, tmp_path, "Boxes/Echo", payload=payload)
    assert (result.code, result.only["code"]) == (4, "PAYLOAD")
    assert "payload.any: not a google.protobuf.Any" in result.only["message"]
    assert "not.Known" in result.only["message"]


# --- dry runs


def test_a_dry_run_says_that_it_asks_the_network(server: GrpcServer, tmp_path: Path) -> None:
    result = run(server, tmp_path, "Boxes/Echo", "--dry-run", payload={"any": LETTER})
    assert result.code == 0
    assert result.err == f"dry run: asked {server.address} for reflection\n"
    assert json.loads(result.only["request"]["body"]) == {"any": LETTER}


def test_a_dry_run_whose_reflection_fails_says_what_failed(
    closed_port: int, tmp_path: Path
) -> None:
    path = tmp_path / "job.yaml"
    path.write_text(f'name: g\ngrpc: {{address: "127.0.0.1:{closed_port}", method: S/M}}\n')
    result = chronos("run", str(path), "--dry-run", "-o", "json")
    assert result.code == 5
    assert "asked for reflection: connection refused" in result.only["message"]


def test_a_dry_run_with_files_asks_nobody(tmp_path: Path) -> None:
    path = tmp_path / "job.yaml"
    proto = {"files": [str(ROOT / "tests/servers/boxes.proto")]}
    target = {"address": "nosuch.invalid:1", "method": "Boxes/Echo", "proto": proto}
    path.write_text(yaml.safe_dump({"name": "g", "payload": {"signed": 1}, "grpc": target}))
    result = chronos("run", str(path), "--dry-run", "-o", "json")
    assert (result.code, result.err) == (0, "")
    assert json.loads(result.only["request"]["body"]) == {"signed": "1"}
