"""Crontabs as jobs."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from msgspec import structs

from chronos_cli.cli.guard import guarded
from chronos_cli.dispatch.importer import CommandLine, Draft, hidden
from chronos_cli.dispatch.plugin import Plugin
from chronos_cli.dispatch.registry import Registry
from chronos_cli.errors import NotImportableError
from chronos_cli.importing.crontab import entries_of, seems_to_have_users
from chronos_cli.importing.jobs import ImportedJob, Imports, LeftOut
from chronos_cli.jobs.model import Settings, Target
from tests.support import Result, chronos, write


def imported(text: str, zone: str = "Europe/Berlin", *, has_users: bool = False) -> list[Any]:
    imports = Imports(Registry(), zone, "crontab")
    return [imports.of_entry(entry) for entry in entries_of(text, has_users=has_users)]


def job(text: str, **keywords: Any) -> dict[str, Any]:
    """The keys of the one job of a crontab."""
    (found,) = imported(text, **keywords)
    assert isinstance(found, ImportedJob), found
    keys: dict[str, Any] = yaml.safe_load(found.text)
    return keys


def reason(text: str) -> str:
    (found,) = imported(text)
    assert isinstance(found, LeftOut), found
    return found.reason


def test_schedule_zone_and_comment() -> None:
    found = job("# Rebuild:  the reports\n# every day\n0 9 * * mon-fri curl -f http://a/r\n")
    assert found["name"] == "a-r"
    assert found["description"] == "Rebuild:  the reports every day"
    assert (found["schedule"], found["timezone"]) == ("0 9 * * mon-fri", "Europe/Berlin")
    assert job("@daily curl http://a")["schedule"] == "@daily"
    assert job("*/5\t*  * * 7   curl http://a")["schedule"] == "*/5 * * * 7"


def test_the_zone_is_always_written() -> None:
    """Nine o'clock of the crontab's machine is not nine o'clock in UTC."""
    first, second = imported(
        "0 9 * * * curl http://a\nCRON_TZ = 'Asia/Tokyo'\n0 9 * * * curl http://b"
    )
    assert "timezone: Europe/Berlin" in first.text
    assert "timezone: Asia/Tokyo" in second.text


@pytest.mark.parametrize(
    "comment",
    [
        "# not above\n\n",
        "# of a variable\nA=b\n",
        "#0 9 * * * curl http://switched-off\n",
        "#@daily curl http://switched-off\n",
        "# m h  dom mon dow   command\n",
        "# ------\n",
    ],
)
def test_what_is_no_description(comment: str) -> None:
    assert "description" not in job(comment + "0 9 * * * curl http://a")


def test_a_secret_in_a_comment_is_masked() -> None:
    found = job("# with API_KEY=abcdefgh12\n0 9 * * * curl http://a")
    assert found["description"] == "with API_KEY=***"


def test_variables_of_the_crontab() -> None:
    lines = 'API="https://a.example.com"\nAPI_TOKEN=t0p-s3cret\nhttps_proxy=http://p:3128\n'
    (found,) = imported(lines + '0 9 * * * curl -H "Authorization: Bearer $API_TOKEN" $API/x$Y')
    keys = yaml.safe_load(found.text)
    assert keys["webhook"]["url"] == "https://a.example.com/x${Y}"
    assert keys["webhook"]["auth"] == {"bearer": {"token": "${API_TOKEN}"}}
    assert keys["webhook"]["proxy"] == "http://p:3128"
    assert "t0p-s3cret" not in found.text
    assert list(found.variables) == ["Y", "API_TOKEN"]


def test_percent_signs() -> None:
    found = job("0 9 * * * curl --data-binary @- http://a/x\\%20y%one%two\\%")
    assert found["payload"] == "one\ntwo%\n"
    assert found["webhook"]["url"] == "http://a/x%20y"
    assert job("0 9 * * * curl -d @- http://a%one%two")["payload"] == "onetwo"


def test_users_before_the_commands() -> None:
    text = "0 9 * * * root curl http://a\n@daily nobody cd && curl -d @x.json http://b\n"
    assert seems_to_have_users(text)
    assert not seems_to_have_users("0 9 * * * curl http://a\n")
    assert not seems_to_have_users("0 9 * * * mail -s x me\n")
    assert not seems_to_have_users("# nothing\n")
    (first, second) = imported(text, has_users=True)
    assert "line 1 of crontab, run as root" in first.text
    assert isinstance(second, LeftOut)  # the file is not there
    assert "x.json" in second.reason
    assert "if it is a user, add --system" in reason("0 9 * * * root curl http://a")


def test_what_a_shell_does_around_a_call() -> None:
    found = job("0 9 * * * flock -n /tmp/l timeout 30 curl http://a")
    assert (found["concurrency"], found["timeout"]) == ("forbid", "30s")
    assert "waits without limit" not in str(found)
    found = job("0 9 * * * timeout 30 curl -m 5 --retry 3 http://a")
    assert (found["timeout"], found["deadline"]) == ("5s", "30s")
    assert job("0 9 * * * sleep $((RANDOM \\% 90)); curl http://a")["jitter"] == "90s"
    assert job("RANDOM_DELAY=5\n0 9 * * * curl http://a")["jitter"] == "300s"
    assert job("0 9 * * * sleep 20; curl http://a")["schedule"] == "20 0 9 * * *"
    assert job("@hourly sleep 20; curl http://a")["schedule"] == "20 0 * * * *"


def test_ids_are_unique_and_tell_no_secret() -> None:
    token = "aB3dE5gH7jK9mN1pQ3sT5vX7"
    line = f"0 9 * * * curl -d 'again {token}' http://a/x/{token}?b\n"
    found = imported(line * 3)
    assert [one.id for one in found] == ["a-x", "a-x-2", "a-x-3"]
    for one in found:
        assert token not in one.text
        assert list(one.variables) == ["A_URL_TOKEN"]


def test_equal_secrets_share_a_variable_and_others_do_not() -> None:
    logins = ["bob:password1", "bob:password1", "bob:password2"]
    found = imported("".join(f"0 9 * * * curl -u {login} http://a\n" for login in logins))
    assert [list(one.variables) for one in found] == [["A_PASSWORD"]] * 2 + [["A_PASSWORD_2"]]


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("0 3 * * * /usr/bin/backup", "'backup' is none of the programs whose calls are known"),
        ("99 * * * * curl http://a", "schedule: 99 is not a minute"),
        ("0 0 30 2 * curl http://a", "schedule: "),
        ("hello", "it is no line of a crontab"),
        ("0 9 * *", "it is no line of a crontab"),
        ("0 9 * * * curl -d @/not/there http://a", "cannot read '/not/there'"),
        ("0 9 * * * curl http://a http://b", "it has 2 URLs"),
        ("0 9 * * * curl 'http://a/{b,c}'", "its URL is a pattern for several"),
        ("0 9 * * * curl ftp://a/b", "the URL must begin with http://"),
        ("0 9 * * * curl -K file http://a", "its options are in a file (-K)"),
        ("0 9 * * * curl -b jar.txt http://a", "its cookies are in a file"),
        (
            "0 9 * * * curl --nonsense=hunter22 http://a",
            "the option --nonsense of curl",
        ),
        ("0 9 * * * curl -H", "the option -H of curl has no value"),
        ("0 9 * * * curl -x socks5://p:1 http://a", "there is no proxy by socks5://"),
        ("0 9 * * * curl -d @- http://a", "it sends its standard input"),
        ("0 9 * * * curl -m soon http://a", "-m takes a number, not 'soon'"),
        ("0 9 * * * wget -r http://a", "option -r not recognized"),
        ("0 9 * * * kcat -C -b k -t t", "it does not produce"),
        ("0 9 * * * kcat -P -b k -t t%a%b", "it sends several messages"),
        ("0 9 * * * nats sub x", "of nats only 'pub SUBJECT [MESSAGE]' is known"),
        ("0 9 * * * grpcurl a:1 list", "of grpcurl only a call of one method is known"),
    ],
)
def test_what_is_left_out_has_its_reason(line: str, text: str) -> None:
    found = reason(line)
    assert text in found
    assert "hunter22" not in found


def test_reboot_is_a_job_where_schedules_know_it() -> None:
    from chronos_cli.schedule.expression import check_schedule

    (found,) = imported("@reboot curl http://a")
    flaw = check_schedule("@reboot")
    if flaw is None:
        assert "schedule: '@reboot'" in found.text
    else:
        assert flaw in found.reason


def test_brokers() -> None:
    found = job("0 9 * * * kcat -P -b k1:1,k2 -t jobs -k a -H x=y -z gzip%{}")
    assert found["payload"] == "{}"
    assert found["kafka"] == {
        "brokers": ["k1:1", "k2"],
        "topic": "jobs",
        "key": "a",
        "partitioner": "consistent_random",
        "headers": [{"name": "x", "value": "y"}],
        "compression": "gzip",
    }
    assert job("0 9 * * * echo a | kcat -P -b k -t jobs")["kafka"]["key"] is None
    found = job("0 9 * * * nats pub -s nats://bob:hunter22@n:4222 a.b 'the text' -H 'X: y'")
    assert found["payload"] == "the text"
    assert found["nats"] == {
        "url": "nats://n:4222",
        "subject": "a.b",
        "user": "bob",
        "password": "${NATS_PASSWORD}",
        "headers": {"X": "y"},
    }
    header = "-H 'authorization: Bearer abcdefgh'"
    line = f"grpcurl -plaintext -max-time=5 {header} -d '{{\"a\": 1}}' h:1 p.S/M"
    found = job(f"0 9 * * * {line}")
    assert (found["payload"], found["timeout"]) == ('{"a": 1}', "5s")
    assert found["grpc"] == {
        "address": "h:1",
        "method": "p.S/M",
        "metadata": {"authorization": "Bearer ${H_AUTHORIZATION}"},
    }
    assert job("0 9 * * * grpcurl -d '{}' h:1 p.S.M")["grpc"]["tls"] == {}


class OtherImporters(Registry):
    """Each protocol has these importers, in the place of its own."""

    def __init__(self, importers: Any) -> None:
        super().__init__()
        self._importers = importers

    def kind(self, key: str) -> Plugin[Target, Settings]:
        return structs.replace(super().kind(key), importers=self._importers)


def of_plugin(call: CommandLine) -> Draft:
    url = hidden(call, Draft(place=""), "s3cret-place", "LINE_TOKEN", "it")
    keys = {"webhook": {"url": f"http://{call.words[1]}/{url}"}}
    return Draft(place=call.words[1], keys=keys, secrets={"LINE_TOKEN": "it"}, remarks=["lost"])


def test_a_plugin_brings_its_own_importer() -> None:
    found = Imports(OtherImporters({"linecat": of_plugin})).of_command("linecat a", "/", {})
    assert (found.id, found.remarks, found.variables) == ("a", ["lost"], {"LINE_TOKEN": "it"})
    assert "url: http://a/${LINE_TOKEN}" in found.text


def test_a_line_that_is_no_text_is_listed_alone() -> None:
    text = b"A=\xff\n# \xff\n@daily curl http://a/$A\n@daily curl http://b/\xff\n".decode(
        errors="surrogateescape"
    )
    first, second = imported(text)
    assert isinstance(first, ImportedJob)
    assert second.reason == "it is not UTF-8 text"


@pytest.mark.parametrize(
    ("importers", "reason"),
    [
        ({"linecat": lambda call: 1 / 0}, "its importer failed: ZeroDivisionError"),
        ({"linecat": lambda call: sys.exit(9)}, "its importer failed: SystemExit: 9"),
        ({"linecat": lambda call: None}, "its importer made no draft of linecat"),
        ({"linecat": lambda call: Draft(place="a")}, "the job has no target"),
        (None, "'linecat' is none of the programs whose calls are known"),
    ],
)
def test_a_broken_importer_is_a_reason(importers: Any, reason: str) -> None:
    with pytest.raises(NotImportableError, match=reason):
        Imports(OtherImporters(importers)).of_command("linecat a", "/", {})


CRONTAB = """\
MAILTO=me@example.com
# The report
0 9 * * * curl -fsm 5 -u bob:hunter22 http://a.example.com/report > /dev/null
0 3 * * * curl -u bob:hunter22 http://a.example.com/ | jq .
"""


def test_the_command(tmp_path: Path) -> None:
    result = chronos("import", "crontab", "-", "--timezone", "Asia/Tokyo", stdin=CRONTAB)
    assert (result.code, "hunter22" in result.out + result.err) == (0, False)
    assert result.out == (
        "# From line 3 of standard input.\n"
        "# Needs A_EXAMPLE_COM_PASSWORD: the password of bob.\n"
        "name: a.example.com-report\n"
        "description: The report\n"
        "schedule: 0 9 * * *\n"
        "timezone: Asia/Tokyo\n"
        "timeout: 5s\n"
        "retry_policy: {max_attempts: 1}\n"
        "webhook:\n"
        "  url: http://a.example.com/report\n"
        "  method: GET\n"
        "  auth:\n"
        "    basic:\n"
        "      username: bob\n"
        "      password: ${A_EXAMPLE_COM_PASSWORD}\n"
        "---\n"
        "# Not imported:\n"
        "# line 4: 0 3 * * * curl -u *** http://a.example.com/ | jq .\n"
        "#   its output goes through a pipe to 'jq'\n"
    )
    assert result.err.splitlines() == [
        "imported 1 of 2 lines",
        "note: times are read in Asia/Tokyo (--timezone)",
        "note: MAILTO: chronos mails nobody; on_failure sends a notice",
        "export A_EXAMPLE_COM_PASSWORD=…  # needed before these jobs run: the password of bob",
        "not imported: line 4: its output goes through a pipe to 'jq': "
        "0 3 * * * curl -u *** http://a.example.com/ | jq .",
    ]
    whole = chronos("validate", "-", "--no-env", stdin=result.out)
    assert (whole.code, whole.err) == (0, "1 job checked, no problems\n")


Run = Callable[..., Result]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """`chronos import` within this process: there are many lines to try."""

    def run(*words: str) -> Result:
        monkeypatch.setattr(sys, "argv", ["chronos", "import", *words])
        code = guarded()
        told = capfd.readouterr()
        return Result(code, told.out, told.err, 0.0)

    return run


def test_a_file_for_each_job(tmp_path: Path, run: Run) -> None:
    folder = tmp_path / "jobs"
    again = ["crontab", write(tmp_path, CRONTAB, "crontab"), "--directory", str(folder)]
    result = run(*again)
    assert (result.code, result.out) == (0, "")
    assert sorted(one.name for one in folder.iterdir()) == [
        "a.example.com-report.yaml",
        "not-imported.txt",
    ]
    assert chronos("validate", str(folder), "--no-env").code == 0
    (folder / "a.example.com-report.yaml").write_text("mine")
    refused = run(*again)
    assert (refused.code, "exist already; add --force to overwrite them" in refused.err) == (
        2,
        True,
    )
    assert (folder / "a.example.com-report.yaml").read_text() == "mine"
    assert run(*again, "--force").code == 0
    assert (folder / "a.example.com-report.yaml").read_text() != "mine"


def test_the_own_crontab(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    program = tmp_path / "crontab"
    program.write_text("#!/bin/sh\n[ \"$1\" = -l ] && echo '@daily curl -fm5 http://a/b'\n")
    program.chmod(0o755)
    result = run("crontab")
    assert (result.code, "# From line 1 of crontab -l.\nname: a-b\n" in result.out) == (0, True)
    program.write_text("#!/bin/sh\necho 'no crontab for me' >&2; exit 1\n")
    message = "chronos: crontab -l: no crontab for me; name a file, or -\n"
    result = run("crontab")
    assert (result.code, result.err) == (2, message)


@pytest.mark.parametrize(
    ("crontab", "arguments", "code", "text"),
    [
        ("0 3 * * * backup\n", ["crontab", "FILE"], 3, "imported 0 of 1 lines"),
        ("", ["crontab", "FILE"], 3, "imported 0 of 0 lines"),
        ("", ["crontab", "/not/there"], 2, "cannot read /not/there"),
        ("", ["crontab", "FILE", "--timezone", "Berlin"], 2, "--timezone: no time zone 'Berlin'"),
        ("", ["curl", "curl -u bob:hunter22 http://a | jq"], 3, "curl -u *** http://a | jq"),
        ("", ["curl", "curl"], 3, "not imported: it has no URL: curl"),
        ("", ["curl", "ls"], 3, "'ls' is none of the programs"),
        ("", ["curl"], 2, "Missing argument"),
    ],
)
def test_exit_codes(
    tmp_path: Path, run: Run, *, crontab: str, arguments: list[str], code: int, text: str
) -> None:
    path = write(tmp_path, crontab, "crontab")
    result = run(*(path if word == "FILE" else word for word in arguments))
    assert (result.code, text in result.err, "hunter22" in result.err) == (code, True, False)


def test_ways_to_give_a_command_line(run: Run) -> None:
    words = ["curl", "-X", "PUT", "-d", "a b", "http://a/b"]
    line = "curl -X PUT -d 'a b' http://a/b"
    results = [
        run("curl", "--", *words),
        run("curl", line),
        chronos("import", "curl", "-", stdin=line),
        run("curl", f"$ {line}"),  # as it stands in a manual
    ]
    assert {(result.code, result.out) for result in results} == {(0, results[0].out)}
    assert "payload: a b\n" in results[0].out
