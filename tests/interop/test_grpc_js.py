"""grpc-js, by its reflection and its own idea of idle connections."""

from pathlib import Path
from typing import Any

import pytest

from tests.interop.load import Load, assert_held, fire
from tests.interop.runs import call, send
from tests.interop.servers import (
    NODE_SCRIPTS,
    free_port,
    lines,
    module_version,
    need,
    need_modules,
    running,
)
from tests.support import ROOT

pytestmark = pytest.mark.interop

_SERVICE = "test.v1.Behaviour"
_PROTOS = ROOT / "tests" / "servers"
_FILES = {"proto": {"files": [str(_PROTOS / "behaviour.proto")], "import_paths": [str(_PROTOS)]}}


@pytest.mark.far_side(
    "grpc-js",
    "`proto`; bytes, maps, 64-bit numbers, a stream, a status; max_connection_idle_ms 1000",
    needs="`proto` where messages use other packages: its reflection leaves out the imports",
)
def test_calls(tmp_path: Path, record_property: Any) -> None:
    environment, port, load = need_modules("grpc-js"), free_port(), Load()
    record_property("version", module_version("@grpc/grpc-js"))
    script: list[str | Path] = [NODE_SCRIPTS / "rpc.js", str(port), _PROTOS, "1000"]
    address = f"127.0.0.1:{port}"
    log = tmp_path / "rpc.log"
    with running([need("node"), *script], port, log, environment) as process:
        payload = {"raw": "AAEC", "limits": {"a": "9007199254740993"}, "flag": True, "left": "l"}
        result = call(address, f"{_SERVICE}/Take", payload, **_FILES)
        assert result.code == 0, result.out
        reply = {"accepted": True, "number": "9007199254740993", "blob": "AAEC"}
        assert result.only["receipt"]["reply"] == reply
        (seen,) = lines(process)
        assert seen["request"]["limits"] == {"a": "9007199254740993"}
        result = call(address, f"{_SERVICE}/Count", {"size": 3}, **_FILES)
        assert result.code == 0, result.out
        result = call(address, f"{_SERVICE}/Status", {"code": 5, "message": "no"}, **_FILES)
        assert (result.code, result.only["code"]) == (4, "NOT_FOUND"), result.out
        found = fire(
            tmp_path,
            {"a": {"grpc": {"address": address, "method": f"{_SERVICE}/Take", **_FILES}}},
            load,
        )
        arrived = [line["id"] for line in lines(process)][1:]
    held = assert_held(found, load)
    assert sorted(arrived) == sorted(event["execution_id"] for event in found["a"])
    record_property("held", f"3 of 3; {held}; each arrived once")


@pytest.mark.far_side("grpc-js", "reflection of a service that uses its own package's messages")
def test_reflection(tmp_path: Path, record_property: Any) -> None:
    environment, port = need_modules("grpc-js"), free_port()
    record_property("version", module_version("@grpc/grpc-js"))
    script: list[str | Path] = [NODE_SCRIPTS / "rpc.js", str(port), _PROTOS, "1000"]
    with running([need("node"), *script], port, tmp_path / "rpc.log", environment):
        result = call(f"127.0.0.1:{port}", "test.simple.Simple/Greet", {"name": "a"})
    assert result.code == 0, result.out
    assert result.only["receipt"]["reply"] == {"text": "hello a"}
    record_property("held", "1 of 1")


@pytest.mark.far_side(
    "grpc-js", "a CloudEvent with the extensions 5 and true, binary and structured"
)
def test_events(tmp_path: Path, record_property: Any) -> None:
    environment, port = need_modules("grpc-js"), free_port()
    record_property("version", module_version("@grpc/grpc-js"))
    script: list[str | Path] = [NODE_SCRIPTS / "rpc.js", str(port), _PROTOS, "1000"]
    files = {"files": [str(_PROTOS / "events.proto")], "import_paths": [str(_PROTOS)]}
    block = {"address": f"127.0.0.1:{port}", "method": "test.v1.Events/Take", "proto": files}
    log = tmp_path / "rpc.log"
    with running([need("node"), *script], port, log, environment) as process:
        for mode in ("binary", "structured"):
            events = {"mode": mode, "extensions": {"number": 5, "flag": True}}
            result = send({"grpc": block}, payload={"a": 1}, cloudevents=events)
            assert result.code == 0, result.out + result.err
        seen = [line["request"]["attributes"] for line in lines(process)]
    assert [one["number"] for one in seen] == [{"ce_integer": 5}] * 2
    assert [one["flag"] for one in seen] == [{"ce_boolean": True}] * 2
    record_property("held", "2 of 2, with their types")
