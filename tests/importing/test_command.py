"""What a shell does around a call, and what only a shell can do."""

from pathlib import Path

import pytest

from chronos_cli.dispatch.importer import reference
from chronos_cli.errors import NotImportableError
from chronos_cli.importing.command import Call, call_of
from chronos_cli.importing.machine import machine_zone
from chronos_cli.importing.masking import masked
from chronos_cli.importing.shell import commands_of
from chronos_cli.redact import Redactor

KNOWN = {"HOME": "/home/me", "API": "https://a", "TWO": "b c", "API_TOKEN": "t0p-s3cret"}


def words_of(text: str) -> list[str]:
    return [word for command in commands_of(text, KNOWN) for word in command.words]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a  b\tc", ["a", "b", "c"]),
        ("a 'b  c' \"d 'e'\" f\\ g ''", ["a", "b  c", "d 'e'", "f g", ""]),
        ("a\"b\"'c'd", ["abcd"]),
        ("$API/x ${API} '$API' \\$API", ["https://a/x", "https://a", "$API", "$API"]),
        ('a $TWO "$TWO" x$TWO', ["a", "b", "c", "b c", "xb", "c"]),
        ("$API_TOKEN", [reference("API_TOKEN")]),
        ('"Bearer $UNKNOWN!"', [f"Bearer {reference('UNKNOWN')}!"]),
        ('"\\$a \\x \\"q\\""', ['$a \\x "q"']),
        ("$'a\\n\\'b\\x41\\u00fc\\101'", ["a\n'bAüA"]),
        ("$'\\ud83d\\ude00' $'\\UFFFFFFFF\\x00'", ["\U0001f600", ""]),
        ("~/x ~ a~ '~'", ["/home/me/x", "/home/me", "a~", "~"]),
        ("a # not this", ["a"]),
        ("a b#c", ["a", "b#c"]),
        ("a \\\n  b", ["a", "b"]),
        ("a $ 100%", ["a", "$", "100%"]),
        ("https://x/?a=1\\&b=2", ["https://x/?a=1&b=2"]),
    ],
)
def test_words_of_a_shell(text: str, words: list[str]) -> None:
    assert words_of(text) == words


def call(text: str, stdin: str | None = None) -> Call:
    return call_of(text, "/home/me", KNOWN, stdin)


@pytest.mark.parametrize(
    "text",
    [
        "p x",
        "/usr/bin/env A=b p x",
        "p x >/dev/null 2>&1",
        "p x &>/dev/null",
        "p x 2>/dev/null </dev/null &",
        "p x || true",
        "p x; exit 0",
        "nice -n 19 ionice -c 3 nohup p x",
        "sh -c 'p x'",
        'bash -lc "nice p x"',
        "A=b p x",
        "export A=b; p x",
        "exec p x",
        "sleep 0; p x",
    ],
)
def test_what_changes_nothing(text: str) -> None:
    found = call(text)
    assert (found.words, found.remarks, found.folder) == (["p", "x"], [], "/home/me")
    assert (found.jitter, found.limit, found.forbids_overlap, found.stdin) == (0, None, False, None)


def test_what_becomes_keys_of_the_job() -> None:
    assert call("cd /srv/app && p").folder == "/srv/app"
    assert call("cd && cd sub; p").folder == "/home/me/sub"
    assert call("sleep $((RANDOM % 60)) && p").jitter == 60
    assert call("sleep $(( RANDOM%5 ))m; p").jitter == 300
    assert call("sleep 30; p").seconds == 30
    assert call("timeout 30 p").limit == 30
    assert call("timeout -k 5 --signal=KILL 2m p").limit == 120
    assert call("flock -n /tmp/l p x").words == ["p", "x"]
    assert call("flock -n /tmp/l -c 'timeout 9 p x'").words == ["p", "x"]
    assert call("flock -n /tmp/l p").forbids_overlap
    assert call("flock -n /tmp/l p").remarks == []
    assert "here a start is skipped" in call("flock -w 5 /tmp/l p").remarks[0]
    assert call("p >> /var/log/p.log 2>&1").remarks == [
        "its output went to /var/log/p.log; chronos writes to its own log and history"
    ]
    assert call("echo a 'b c' | p").stdin == "a b c\n"
    assert call("echo -n a | p").stdin == "a"
    assert call("p", "from %\n").stdin == "from %\n"
    assert call("http_proxy=http://p:1 p").variables["http_proxy"] == "http://p:1"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("p | jq .", "its output goes through a pipe to 'jq'"),
        ("p | TOKEN=abcdefgh jq", "its output goes through a pipe to 'TOKEN'"),
        ("cat x | p", "its output goes through a pipe to 'p'"),
        ("echo 'a\\n' | p", "its output goes through a pipe to 'p'"),
        ("p || mail -s x me", "it calls 'mail' on failure; a notice (on_failure) can do that"),
        ("p && q", "it is several commands ('p', 'q'): write a job for each"),
        ("p; q", "it is several commands ('p', 'q'): write a job for each"),
        ("p $(date)", "it takes the output of a command: $(…)"),
        ('p "`date`"', "it takes the output of a command: $(…)"),
        ("p ${X:-y}", "only a shell knows '${X:-y}'"),
        ("p $?", "only a shell knows '$?'"),
        ("p $((1 + 1))", "it computes: $((…))"),
        ("(p)", "it groups commands with ( )"),
        ("if p; then q; fi", "it is a piece of a shell's program (if)"),
        ("[ -x /p ] && p", "it is a piece of a shell's program ([)"),
        ("p < file", "its input is a file: file"),
        ("p <<EOF", "its input is a here-document (<<)"),
        ("p 'x", "a quote (') is not closed"),
        ('p "x', 'a quote (") is not closed'),
        ("p >", "nothing stands behind '>'"),
        ("sleep 600; p", "it waits first: sleep 600"),
        ("sleep $((RANDOM / 3)); p", "it waits first: sleep $((RANDOM / 3))"),
        ("sh script.sh", "it runs a script: sh script.sh"),
        ("timeout x p", "timeout: 'x' is not a duration such as 500ms, 30s or 1h30m"),
        ("env -i p", "it sets its environment anew: env -i"),
        ("cd $X && p", "it goes to a folder that is in a variable"),
        ("# nothing", "it is no command"),
        ("timeout 5", "it is no command"),
        ("A=b", "it is no command"),
    ],
)
def test_what_only_a_shell_can_do(text: str, reason: str) -> None:
    with pytest.raises(NotImportableError) as caught:
        call(text)
    assert str(caught.value) == reason


SECRET = "hunter22XyZ"


@pytest.mark.parametrize(
    "text",
    [
        f"curl -u bob:{SECRET} https://x | jq",
        f"curl -su bob:{SECRET} https://x | jq",
        f"curl -ubob:{SECRET} https://x | jq",
        f"curl --user 'bob:{SECRET}' https://x | jq",
        f"curl -H 'Authorization: Bearer {SECRET}' x | jq",
        f'curl -H "X-Api-Key:{SECRET}" x | jq',
        f"curl -b 'session={SECRET}' x | jq",
        f"curl 'https://x/?token={SECRET}' | jq",
        f"curl https://me:{SECRET}@x | jq",
        f"PGPASSWORD={SECRET} pg_dump",
        f"curl -d 'password={SECRET}' x | jq",
        f"""curl -d '{{"password": "{SECRET}"}}' x | jq""",
        "curl https://hooks.slack.com/services/T0/B0/aB3dE5gH7jK9mN1pQ3sT5vX7 | jq",
        f"mysql -p{SECRET} -e x",
        f"nats pub --password={SECRET} a b | x",
    ],
)
def test_a_line_that_is_listed_shows_no_secret(text: str) -> None:
    shown = masked(text, Redactor())
    assert SECRET not in shown
    assert "aB3dE5" not in shown
    assert "***" in shown


def test_a_line_without_secrets_is_shown_as_it_is() -> None:
    text = "0 9 * * * grpcurl -plaintext -d '{\"a\": 1}' host:1 a.B/C; kcat -P -b k:1 >> x.log 2>&1"
    assert masked(text, Redactor()) == text


def test_the_zone_of_a_machine(tmp_path: Path) -> None:
    localtime = tmp_path / "localtime"
    assert machine_zone(localtime) == "UTC"
    localtime.symlink_to("/usr/share/zoneinfo/Europe/Berlin")
    assert machine_zone(localtime) == "Europe/Berlin"
    localtime.unlink()
    localtime.write_bytes(b"TZif2")
    assert machine_zone(localtime) is None
    (tmp_path / "timezone").write_text("America/New_York\n")
    assert machine_zone(localtime) == "America/New_York"
