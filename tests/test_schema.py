"""The published schema agrees with what is read, by an independent validator."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from chronos_cli.dispatch.registry import Registry
from chronos_cli.jobs.schema import config_schema, job_schema
from chronos_cli.jobs.starter import starter
from tests.support import ROOT, chronos, write
from tests.test_cases import CASES, load

# Cases that are wrong in ways which a schema cannot say: text, calendar, values, other files.
STRUCTURAL = {
    "unknown-key",
    "unknown-nested-key",
    "misspelt-target",
    "several-at-once",
    "no-name",
    "not-a-mapping",
    "empty-list",
    "jobs-not-a-list",
}


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    schema = job_schema(Registry())
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def documents(path: Path) -> list[Any]:
    """As an editor reads them; times and dates as text, as JSON has neither."""
    loader = type("Loader", (yaml.SafeLoader,), {})
    loader.yaml_implicit_resolvers = {  # type: ignore[attr-defined]
        first: [(tag, regexp) for tag, regexp in pairs if "timestamp" not in tag]
        for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    text = path.read_text(encoding="utf-8-sig")
    return [one for one in yaml.load_all(text, loader) if one is not None]


VALID = [*(CASES / "valid").glob("*.yaml"), *(ROOT / "jobs").glob("*.yaml")]


@pytest.mark.parametrize("path", sorted(VALID), ids=lambda path: path.stem)
def test_what_is_valid_fits(validator: Draft202012Validator, path: Path) -> None:
    for document in documents(path):
        validator.validate(document)


@pytest.mark.parametrize("name", sorted(STRUCTURAL))
def test_what_is_structurally_wrong_does_not(validator: Draft202012Validator, name: str) -> None:
    found = documents(CASES / "invalid" / f"{name}.yaml")
    assert any(not validator.is_valid(document) for document in found)


def test_configuration() -> None:
    schema = config_schema(Registry())
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    good = {
        "dispatcher": {"http": {"timeout": "3s", "max_idle_conns": 5, "headers": {"a": "b"}}},
        "scheduler": {"max_concurrent_jobs": 100, "default_retry_policy": {"max_attempts": 2}},
        "secrets": ["CUSTOMER"],
    }
    validator.validate(good)
    wrong: list[Any] = [{"dispatcher": {"htp": {}}}, {"scheduler": {"max": 1}}, {"other": 1}]
    wrong += [{"secrets": "CUSTOMER"}, {"secrets": ["a-b"]}]
    for bad in wrong:
        assert not validator.is_valid(bad)


def test_every_key_is_described() -> None:
    def undescribed(schema: Any, path: str) -> list[str]:
        found = []
        for name, block in schema.get("properties", {}).items():
            if "description" not in block and "$ref" not in json.dumps(block):
                found.append(f"{path}.{name}")
        return found

    definitions = job_schema(Registry())["$defs"]
    missing = [m for name, block in definitions.items() for m in undescribed(block, name)]
    assert [m for m in missing if not m.startswith("JobList")] == []


def test_the_command_prints_them() -> None:
    for options, schema in (((), job_schema), (("--chronos-yaml",), config_schema)):
        expected = json.loads(json.dumps(schema(Registry())))
        assert json.loads(chronos("schema", *options).out) == expected


@pytest.mark.parametrize("key", Registry().target_keys())
def test_a_starter_is_valid_in_every_protocol(tmp_path: Path, key: str) -> None:
    protocol = Registry().kind(key).protocol
    path = tmp_path / "nightly-sync.yaml"
    assert chronos("init", "--protocol", protocol, str(path)).code == 0
    result = chronos("validate", str(path))
    assert result.code == 0, path.read_text() + result.err
    assert "name: nightly-sync" in path.read_text()
    assert chronos("init", "--protocol", protocol, str(path)).code == 2
    assert chronos("init", "--protocol", key.upper(), "-").out
    assert chronos("init", "--protocol", "smoke", "-").code == 2


@pytest.mark.parametrize("key", Registry().target_keys())
def test_every_comment_of_a_starter_is_a_key_that_is_valid(tmp_path: Path, key: str) -> None:
    lines = starter(key, Registry().kind(key), "a").splitlines(keepends=True)
    assert lines[0] == "# yaml-language-server: $schema=job.schema.json\n"
    comments = [n for n, line in enumerate(lines) if line.lstrip().startswith("#")][1:]
    assert len(comments) == 3
    for chosen in ([], *([number] for number in comments), comments):
        text = "".join(line.replace("# ", "", n in chosen) for n, line in enumerate(lines))
        loaded = load(Path(write(tmp_path, text)))
        assert loaded.problems == [], text
        (job,) = loaded.jobs
        assert job.notices.keys() == {"on_failure"}
        assert (job.spec.schedule is not None) == (comments[0] in chosen)


def test_annotations(tmp_path: Path) -> None:
    write(tmp_path, "name: a\nwebhok: {}\ntimeout: '%,:'\n", "a,b.yaml")
    github = chronos("validate", ".", "-o", "github", cwd=tmp_path)
    assert github.code == 3
    assert (
        "::error file=a%2Cb.yaml,line=2,col=1,title=chronos::unknown key 'webhok' "
        "(did you mean 'webhook'?)\n"
    ) in github.out
    assert "'%25,:' is not a duration" in github.out
    gitlab = json.loads(chronos("validate", ".", "-o", "gitlab", cwd=tmp_path).out)
    assert {entry["location"]["lines"]["begin"] for entry in gitlab} == {2, 3}
    assert len({entry["fingerprint"] for entry in gitlab}) == 2
    sarif = json.loads(chronos("validate", ".", "-o", "sarif", cwd=tmp_path).out)
    (run,) = sarif["runs"]
    assert sarif["version"] == "2.1.0"
    assert [r["locations"][0]["physicalLocation"]["region"] for r in run["results"]] == [
        {"startLine": 2, "startColumn": 1},
        {"startLine": 3, "startColumn": 10},
    ]


def test_schema_needs_no_client() -> None:
    code = "import sys; from chronos_cli.jobs.schema import job_schema; "
    code += "from chronos_cli.dispatch.registry import Registry; job_schema(Registry()); "
    clients = "{'h11','h2','httpx','grpc','confluent_kafka','nats','pika'}"
    code += f"print(sorted(set(sys.modules) & {clients}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def subschemas(schema: Any, parent_type: Any = None) -> Iterator[tuple[dict[str, Any], Any]]:
    """Yield every schema in a schema, with the type that it has itself or from around it."""
    if isinstance(schema, list):
        for item in schema:
            yield from subschemas(item, parent_type)
    elif isinstance(schema, dict):
        own = schema.get("type", parent_type)
        yield schema, own
        for key in ("properties", "$defs"):
            for value in schema.get(key, {}).values():
                yield from subschemas(value)
        for key in ("items", "additionalProperties"):
            yield from subschemas(schema.get(key))
        for key in ("if", "then", "else", "anyOf", "oneOf", "allOf"):
            yield from subschemas(schema.get(key), own)


ABOUT = {
    "properties": {"object"},
    "required": {"object"},
    "additionalProperties": {"object"},
    "items": {"array"},
    "minItems": {"array"},
    "minLength": {"string"},
    "maxLength": {"string"},
    "pattern": {"string"},
    "minimum": {"number", "integer"},
    "maximum": {"number", "integer"},
    "exclusiveMinimum": {"number", "integer"},
}


@pytest.mark.parametrize("make", [job_schema, config_schema])
def test_the_strict_mode_of_ajv_has_nothing_to_say(make: Callable[[Registry], Any]) -> None:
    """Its rules: one type, each keyword beside its type, what is required defined in place."""
    for schema, kind in subschemas(make(Registry())):
        assert not isinstance(kind, list), schema
        for keyword, kinds in ABOUT.items():
            assert keyword not in schema or kind in kinds, (keyword, schema)
        assert set(schema.get("required", ())) <= set(schema.get("properties", ())), schema
