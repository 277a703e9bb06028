"""A command is stopped only by what is wrong with the jobs, and the keys, that it needs."""

import io
import re
from pathlib import Path

import pytest

from chronos_cli.app.workspace import Checked, WorkspaceReader
from chronos_cli.errors import UsageError
from chronos_cli.jobs import faults
from chronos_cli.jobs.scope import TIMETABLE_KEYS, Choice, Scope
from chronos_cli.redact import Redactor
from tests.support import write

GOOD = "name: good\ntags: {team: a}\nschedule: '@daily'\nwebhook: {url: 'http://h/'}\n"
# A job of every kind of brokenness, with a part of what is said of it.
BROKEN = {
    "a variable": ("name: b\nwebhook: {url: 'http://h/${UNSET}'}\n", "variable 'UNSET' is not set"),
    "a secret": ("name: b\nwebhook: {url: 'http://h/${file:no}'}\n", "cannot read file 'no'"),
    "a key": ("name: b\nretries: 3\nwebhook: {url: 'http://h/'}\n", "unknown key 'retries'"),
    "a payload file": ("name: b\npayload_file: no\nwebhook: {url: 'http://h/'}\n", "cannot read"),
    "no target": ("name: b\n", "the job has no target"),
    "syntax": ("name: [\n", "not valid YAML"),
    "no job": ("", "holds no job"),
    "an ID": ("name: '${UNSET}'\nwebhook: {url: 'http://h/'}\n", "variable 'UNSET' is not set"),
    "twice": ("name: b\nname: b\nwebhook: {url: 'http://h/'}\n", "duplicate key"),
}


def read(folder: Path, scope: Scope, config: str | None = None) -> Checked:
    reader = WorkspaceReader(Redactor(), {"SET": "x"}, io.BytesIO())
    path = write(folder, config, "chronos.yaml") if config else None
    return reader.read([str(folder)], path, None, scope)


def chosen(*ids: str, **tags: str) -> Scope:
    return Scope(choice=Choice(frozenset(ids), tags))


def messages(checked: Checked) -> list[str]:
    return [problem.message for problem in checked.problems]


def aside(checked: Checked) -> list[str]:
    return [problem.message for problem in checked.workspace.aside]


@pytest.mark.parametrize("case", BROKEN)
@pytest.mark.parametrize("scope", [chosen("good"), chosen(team="a")])
def test_what_is_wrong_with_others_is_said_and_stops_nothing(
    tmp_path: Path, case: str, scope: Scope
) -> None:
    text, told = BROKEN[case]
    write(tmp_path, GOOD, "good.yaml")
    write(tmp_path, text, "other.yaml")
    checked = read(tmp_path, scope)
    assert [job.id for job in checked.workspace.jobs] == ["good"]
    assert messages(checked) == []
    assert told in "; ".join(aside(checked))
    assert all(problem.source is not None or not text for problem in checked.workspace.aside)


@pytest.mark.parametrize("case", BROKEN)
def test_without_a_choice_everything_counts(tmp_path: Path, case: str) -> None:
    text, told = BROKEN[case]
    write(tmp_path, GOOD, "good.yaml")
    write(tmp_path, text, "other.yaml")
    checked = read(tmp_path, Scope())
    assert told in "; ".join(messages(checked))
    assert aside(checked) == []


@pytest.mark.parametrize("case", sorted(set(BROKEN) - {"an ID", "syntax", "no job"}))
def test_what_is_wrong_with_a_chosen_job_stops_it(tmp_path: Path, case: str) -> None:
    text, told = BROKEN[case]
    write(tmp_path, GOOD, "good.yaml")
    write(tmp_path, text, "other.yaml")
    assert told in "; ".join(messages(read(tmp_path, chosen("b"))))


def test_of_shared_defaults_each_job_needs_what_it_does_not_replace(tmp_path: Path) -> None:
    text = """
    defaults:
      webhook: {url: "http://h/${A}", headers: {x: "${B}", y: "$${C}"}}
      kafka: {brokers: ["${D}"], topic: t}
    jobs:
      - {name: own, webhook: {url: "http://h/${SET}", headers: {x: z}}}
      - {name: inherits, webhook: {headers: {x: z}}}
    """
    write(tmp_path, text)
    checked = read(tmp_path, chosen("own"))
    (job,) = checked.workspace.jobs
    assert job.target.describe() == "POST http://h/x"
    assert job.target.headers["y"] == "${C}"  # type: ignore[attr-defined]
    assert messages(read(tmp_path, chosen("inherits"))) == ["variable 'A' is not set"]


def test_of_chrono_s_configuration_a_job_needs_its_own_protocol(tmp_path: Path) -> None:
    write(tmp_path, GOOD, "good.yaml")
    kafka = "name: k\nkafka: {brokers: ['h:1'], topic: t}\n"
    write(tmp_path, kafka, "k.yaml")
    config = "dispatcher:\n  kafka: {acks: sometimes, topic: '${UNSET}'}\n  http: {timeout: 3s}\n"
    checked = read(tmp_path, chosen("good"), config)
    assert (messages(checked), checked.workspace.jobs[0].spec.timeout) == ([], 3)
    assert len(aside(checked)) == 2
    checked = read(tmp_path, chosen("k"), config)
    assert len(messages(checked)) == 2
    assert len(messages(read(tmp_path, chosen("good"), "scheduler: {nonsense: 1}\n"))) == 1


def test_a_job_whose_tags_cannot_be_known_might_be_meant(tmp_path: Path) -> None:
    write(tmp_path, GOOD, "good.yaml")
    write(tmp_path, "name: b\ntags: {team: '${UNSET}'}\nwebhook: {url: 'http://h/'}\n", "b.yaml")
    assert messages(read(tmp_path, chosen(team="a"))) == ["variable 'UNSET' is not set"]
    assert messages(read(tmp_path, chosen("good", team="a"))) == []


def test_a_choice_that_leaves_no_job(tmp_path: Path) -> None:
    write(tmp_path, GOOD, "good.yaml")
    write(tmp_path, "name: b\nwebhook: {url: 'http://h/'}\n", "b.yaml")
    for scope, told in (
        (chosen("god"), "no job 'god' in these files (did you mean 'good'?)"),
        (chosen("nope"), "no job 'nope' in these files"),
        (chosen("good", "nope", team="a"), "no job 'nope' in these files"),
        (chosen("b", team="a"), "no job has the tag team=a"),
        (chosen(team=""), "no job has the tag team="),
    ):
        with pytest.raises(UsageError, match=re.escape(told)):
            read(tmp_path, scope)
    write(tmp_path, "name: [\n", "nope.yaml")
    checked = read(tmp_path, chosen("nope"))
    assert "not valid YAML" in messages(checked)[0]
    assert checked.note == "no job 'nope' in these files, as far as they are read"


def test_a_file_counts_as_a_whole_where_a_chosen_job_stands_in_it(tmp_path: Path) -> None:
    job = "{name: a, webhook: {url: 'http://h/'}}"
    write(tmp_path, f"jobs: [{job}]\nnonsense: 1\n", "a.yaml")
    write(tmp_path, GOOD, "good.yaml")
    assert messages(read(tmp_path, chosen("a"))) == ["unknown key 'nonsense'"]
    assert aside(read(tmp_path, chosen("good"))) == ["unknown key 'nonsense'"]


def test_what_ends_the_reading_stops_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faults, "MOST_FAULTS", 3)
    broken = "name: b\nwebhook: {url: 'http://h/${UNSET}'}\n---\n"
    write(tmp_path, broken * 5, "a.yaml")
    write(tmp_path, GOOD, "good.yaml")
    checked = read(tmp_path, chosen(team="a"))
    assert set(messages(checked)) == {"variable 'UNSET' is not set"}
    config = "dispatcher: {kafka: {topic: '${A}', brokers: ['${B}', '${C}', '${D}']}}\n"
    assert messages(read(tmp_path, Scope(keys=TIMETABLE_KEYS), config))


def test_what_is_not_shown_needs_no_secret(tmp_path: Path) -> None:
    text = """
    name: a
    schedule: "${CRON:-@daily}"
    timeout: ${T}
    tags: {team: "${UNSET}"}
    retry_policy: {max_attempts: "${N:?none}"}
    payload: {a: "${file:/nonexistent}"}
    kafka: {brokers: ["${B}"], topic: t, sasl: {mechanism: PLAIN, username: u, password: "${P}"}}
    on_failure: {webhook: {url: "${HOOK}"}, payload_file: none}
    """
    write(tmp_path, text)
    config = "dispatcher: {kafka: {tls: {key_password: '${K}', cert: a}}}\n"
    scope = Scope(keys=TIMETABLE_KEYS)
    checked = read(tmp_path, scope, config)
    assert (messages(checked), checked.workspace.jobs[0].spec.schedule) == ([], "@daily")
    shown = text.replace("${CRON:-@daily}", "${CRON}")
    write(tmp_path, shown)
    assert messages(read(tmp_path, scope, config)) == ["variable 'CRON' is not set"]
    write(tmp_path, text.replace("${HOOK}", "${HOOK"))
    assert messages(read(tmp_path, scope, config)) == ["'${' is not closed"]
    by_tag = Scope(choice=Choice(tags={"team": "x"}), keys=TIMETABLE_KEYS)
    write(tmp_path, text)
    assert messages(read(tmp_path, by_tag, config)) == ["variable 'UNSET' is not set"]
