"""What consumers' libraries in JavaScript make of messages: signatures, events, schema, JSON."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from chronos_cli.testing.program import chronos
from tests.interop.runs import send
from tests.interop.servers import module_version, need, need_modules, node, version
from tests.servers.web import serving

pytestmark = pytest.mark.interop

_SECRET = "whsec_c2VjcmV0LW9mLXRoZS10ZXN0cw=="


@pytest.mark.far_side(
    "standardwebhooks, svix (npm)",
    "the signature of a webhook, three payloads; a changed body, another secret",
    needs="`signing: {standard_webhooks: {secret}}`",
)
def test_signatures(record_property: Any) -> None:
    need_modules("svix")
    versions = f"{module_version('standardwebhooks')}, {module_version('svix')}"
    record_property("version", versions)
    valid = {"standardwebhooks": "valid", "svix": "valid"}
    for payload in ({"a": "größe"}, {"n": [1, 2.5, None]}, {}):
        with serving() as web:
            block = {"url": web.url, "signing": {"standard_webhooks": {"secret": _SECRET}}}
            assert send({"webhook": block}, payload=payload).code == 0
            seen = web.only
        body = seen.body.decode()
        assert verified(_SECRET, seen.headers, body) == valid
        changed = verified(_SECRET, seen.headers, body + " ")
        assert "valid" not in changed.values()
        other = verified("whsec_b3RoZXItc2VjcmV0", seen.headers, body)
        assert "valid" not in other.values()
    record_property("held", "3 of 3 by both; 6 changed ones refused by both")


def verified(secret: str, headers: dict[str, str], body: str) -> dict[str, str]:
    document = {"secret": secret, "headers": headers, "body": body}
    said: dict[str, str] = json.loads(node("svix", "verify.js", stdin=json.dumps(document)))
    return said


@pytest.mark.far_side(
    "cloudevents (npm)",
    "binary and structured; extensions 5, true, a text, over HTTP",
    needs="its reader of binary events must decode percent signs itself",
)
def test_events(record_property: Any) -> None:
    need_modules("cloudevents")
    record_property("version", module_version("cloudevents"))
    for mode in ("binary", "structured"):
        with serving() as web:
            extensions = {"number": 5, "flag": True, "word": "größe"}
            events = {"mode": mode, "type": "t", "extensions": extensions}
            result = send({"webhook": {"url": web.url}}, payload={"a": 1}, cloudevents=events)
            assert result.code == 0, result.err
            seen = web.only
        message = {"headers": seen.headers, "body": seen.body.decode()}
        event = json.loads(node("cloudevents", "event.js", stdin=json.dumps(message)))
        assert (event["specversion"], event["type"]) == ("1.0", "t")
        assert event["data"] == {"a": 1}
        assert event["id"] == result.only["execution_id"]
        # Headers carry text alone; JSON carries types.
        typed = [5, True] if mode == "structured" else ["5", "true"]
        assert [event["number"], event["flag"]] == typed
        # The specification has a reader decode headers; this one leaves that to its user.
        assert unquote(event["word"]) == "größe"
    record_property("held", "2 of 2; structured ones keep their types")


@pytest.mark.far_side("ajv (npm)", "`chronos schema` in strict mode; a good job and a bad one")
def test_schema(tmp_path: Path, record_property: Any) -> None:
    need_modules("ajv")
    record_property("version", module_version("ajv"))
    schema = chronos("schema").out
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_text('{"name": "a", "webhook": {"url": "http://x.example/"}}')
    bad.write_text('{"name": "a", "webhok": {"url": "http://x.example/"}}')
    said = json.loads(node("ajv", "schema.js", str(good), str(bad), stdin=schema))
    assert said == {"warnings": [], "valid": [True, False]}
    record_property("held", "no warning")


@pytest.mark.far_side(
    "JSON.stringify (Node), json.dumps (Python)",
    "job files written by programs: plain, all letters escaped, indented by tabs",
)
def test_documents(record_property: Any) -> None:
    record_property("version", version(need("node"), "--version"))
    with serving() as web:
        written = json.loads(node("node", "document.js", web.url))
        wanted = json.loads(written["plain"])["payload"]
        files = [*written.values(), json.dumps(json.loads(written["plain"]), indent=1)]
        for text in files:
            result = chronos("run", "-", "--no-state", "-o", "json", stdin=text)
            assert result.code == 0, result.err
        assert [json.loads(request.body) for request in web.seen] == [wanted] * len(files)
    record_property("held", f"{len(files)} of {len(files)}: the payload arrives as it was")
