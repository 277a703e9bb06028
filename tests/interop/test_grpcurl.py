"""What chronos reads in replies, held against grpcurl's reading of the same."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks.measure import UnavailableError
from tests.benchmarks.peers import Peers
from tests.brokers.provision import find_program
from tests.protocols.grpc_servers import GrpcServer
from tests.support import chronos

pytestmark = pytest.mark.interop

URL = "type.googleapis.com"
LETTER = {
    "@type": f"{URL}/test.hidden.Letter",
    "text": "ü\u2028<&>",
    "item": {"name": "n", "count": -3, "colour": "RED"},
    "enclosed": {"@type": f"{URL}/test.hidden.Stamp", "value": str(2**60)},
}
BOXES: dict[str, dict[str, Any]] = {
    "nothing": {},
    "Any": {"any": LETTER, "many": [LETTER, LETTER], "named": {"a": LETTER}},
    "Any of a type with a form of its own": {
        "many": [
            {"@type": f"{URL}/google.protobuf.Duration", "value": "1.500s"},
            {"@type": f"{URL}/google.protobuf.Timestamp", "value": "2026-11-23T09:00:00.123Z"},
            {"@type": f"{URL}/google.protobuf.Int64Value", "value": "7"},
            {"@type": f"{URL}/google.protobuf.Struct", "value": {"a": [1, None, {"b": True}]}},
        ]
    },
    "64-bit numbers": {
        "signed": str(-(2**63)),
        "unsigned": str(2**64 - 1),
        "fixed": str(2**53 + 1),
        "wrapped": "0",
    },
    "maps": {"numbers": {"-1": "a", str(2**62): ""}, "truths": {"true": 1.5, "false": -0.25}},
    "odd numbers": {"ratio": "NaN", "truths": {"true": "-Infinity"}},
    "bytes": {"raw": "AP8=", "inner": [{}, {"done": True}]},
    "durations": {"pause": "-0.000001s", "ratio": 1e300},
}


@pytest.fixture(scope="module")
def grpcurl() -> str:
    try:
        return str(Peers().from_go("grpcurl"))
    except UnavailableError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def server() -> Iterator[GrpcServer]:
    running = GrpcServer()
    yield running
    running.stop()


def read_by_grpcurl(program: str, server: GrpcServer, method: str, box: Any) -> list[Any]:
    command = [program, "-plaintext", "-d", json.dumps(box), server.address, method]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 0, done.stderr
    found, text = [], done.stdout.strip()
    while text:
        value, end = json.JSONDecoder().raw_decode(text)
        found.append(value)
        text = text[end:].strip()
    return found


def read_by_chronos(folder: Path, server: GrpcServer, method: str, box: Any) -> Any:
    path = folder / "job.yaml"
    grpc = {"address": server.address, "method": method}
    path.write_text(json.dumps({"name": "g", "payload": box, "grpc": grpc}))
    result = chronos("run", str(path), "-o", "json")
    assert (result.code, result.err) == (0, ""), result.out
    return result.only["receipt"]["reply"]


def in_table(record: Any, program: str, tried: str) -> None:
    record("version", version_of(program))
    record("far_side", "grpcurl")
    record("tried", tried)


def version_of(program: str) -> str:
    """Tell the version of the module: what Go has built from it says of itself that it has none."""
    if (go := find_program("go")) is None:
        return "?"
    command = [str(go), "version", "-m", program]
    told = subprocess.run(command, capture_output=True, text=True, check=True)
    found = re.search(r"^\tmod\t\S+\tv(\S+)", told.stdout, re.MULTILINE)
    return found[1] if found else "?"


def test_replies(grpcurl: str, server: GrpcServer, tmp_path: Path, record_property: Any) -> None:
    in_table(record_property, grpcurl, f"replies read alike: {', '.join(BOXES)}")
    for name, box in BOXES.items():
        theirs = read_by_grpcurl(grpcurl, server, "test.v1.Boxes/Echo", box)
        assert [read_by_chronos(tmp_path, server, "test.v1.Boxes/Echo", box)] == theirs, name


def test_streams(grpcurl: str, server: GrpcServer, tmp_path: Path, record_property: Any) -> None:
    in_table(record_property, grpcurl, "a stream of these replies")
    box = {"inner": list(BOXES.values())}
    theirs = read_by_grpcurl(grpcurl, server, "test.v1.Boxes/EchoEach", box)
    assert len(theirs) == len(BOXES)
    assert read_by_chronos(tmp_path, server, "test.v1.Boxes/EchoEach", box) == theirs


def test_field_masks(
    grpcurl: str, server: GrpcServer, tmp_path: Path, record_property: Any
) -> None:
    """grpcurl writes their message, and chronos the text that protobuf's JSON has for them."""
    in_table(
        record_property, grpcurl, "field masks: a message there, here as protobuf's JSON has them"
    )
    method = "test.v1.Boxes/Echo"
    mask = {"mask": {"paths": ["one", "two.three_four"]}}
    assert read_by_grpcurl(grpcurl, server, method, mask) == [mask]
    ours = read_by_chronos(tmp_path, server, method, {"mask": "one,two.threeFour"})
    assert ours == {"mask": "one,two.threeFour"}
