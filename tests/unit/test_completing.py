"""What a shell is told at each press of a key."""

from pathlib import Path

import pytest

from chronos_cli.cli.completing import answer
from chronos_cli.dispatch.outcome import Status
from tests.state.support import TICK, outcome, store_in
from tests.support import write

JOBS = """
defaults: {tags: {team: finance}}
jobs:
  - {name: Daily Report, webhook: {url: "http://h/${UNSET}"}}
  - {name: audit, tags: {env: prod, who: "${WHO}"}}
  - {name: "${NAME}"}
  - {id: "a:b", nonsense: 1}
"""


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    write(tmp_path, JOBS)
    (tmp_path / "chronos").mkdir()
    store = store_in(tmp_path / "chronos")
    store.started("id:1", "report", TICK, origin="run")
    store.ended(outcome("id:1", Status.REJECTED), origin="run")
    store.close()


def asked(line: str, capfd: pytest.CaptureFixture[str], shell: str = "bash") -> list[str]:
    answer(shell, [line] if shell == "bash" else line.split(" ")[1:])
    return capfd.readouterr().out.splitlines()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("chronos r", "words run replay receive"),
        ("chronos --v", "words --version"),
        ("chronos help hi", "words history"),
        ("chronos nonsense ", "words"),
        ("chronos im", "words import"),
        ("chronos import c", "words crontab curl"),
        ("chronos import curl --dir", "words --directory"),
        ("chronos run ", "files"),
        ("chronos run --config ", "files"),
        ("chronos run --var ", "words"),
        ("chronos run --dr", "words --dry-run"),
        ("chronos run --output j", "words json jsonl"),
        ("chronos run --output=t", "words table"),
        ("chronos run -o t", "words table"),
        ("chronos run job.yaml --job ", "words daily-report audit a:b"),
        ("chronos run job.yaml --job a:", "words b"),
        ("chronos run . --quiet --job au", "words audit"),
        ("chronos run 'job.yaml' --tag ", "words team=finance env=prod"),
        ("chronos run job.yaml --tag team=", "words finance"),
        ("chronos run job.yaml --tag='team=f", "words"),
        ("chronos run nowhere --job ", "words"),
        ("chronos history ", "words id:1"),
        ("chronos replay id:", "words 1"),
        ("chronos history --job ", "words report"),
        ("chronos replay --jobs job.yaml --job d", "words daily-report"),
        ("chronos init --protocol ht", "words http"),
        ("chronos init --protocol we", "words webhook"),
        ("chronos completion f", "words fish"),
        (
            "chronos explain retry_policy.max",
            "words retry_policy.max_attempts retry_policy.max_interval",
        ),
        ("chronos explain nonsense.", "words"),
    ],
)
def test_what_may_stand_there(line: str, words: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert asked(line, capfd) == words.split()


def test_other_shells_are_told_what_a_word_means(capfd: pytest.CaptureFixture[str]) -> None:
    line = "chronos history "
    assert asked(line, capfd, "fish") == ["words", "id:1\treport rejected"]
    assert asked(line, capfd, "zsh") == ["words", "id\\:1:report rejected"]
    line = "chronos validate --no"
    assert asked(line, capfd, "fish")[1].startswith("--no-env\tCheck only what")


def test_a_hostile_tag_is_no_command_of_the_shell(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path, "name: a\ntags: {team: 'c;rm -rf $(x)'}\nwebhook: {url: 'http://h/'}\n")
    assert asked(f"chronos run {path} --tag ", capfd) == ["words", "'team=c;rm -rf $(x)'"]
    assert asked(f"chronos run {path} --tag team=", capfd) == ["words", "'c;rm -rf $(x)'"]
