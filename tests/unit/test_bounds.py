"""However a file is made, reading it has an end: in nodes, in problems, in time and in memory."""

import subprocess
import sys
import textwrap
import time
from functools import cache
from pathlib import Path

import pytest
import yaml

from chronos_cli.jobs.document import MAX_BYTES, MAX_NODES
from chronos_cli.jobs.lines import Lines
from tests.support import ROOT
from tests.test_cases import load

GOOD = "name: a\nwebhook: {url: 'http://127.0.0.1:1/'}\n"
WRONG = GOOD + "x: 1\n"
COMMON = "jobs:\n" + "- {name: a, webhook: {url: 'http://x/'}}\n" * 44_000
HALF = MAX_NODES // 2 - 1000

# Texts near a bound, each refused; what the first message says.
HOSTILE = {
    "list of ones": (GOOD + "payload: [" + "1, " * (MAX_BYTES // 3 - 100) + "1]\n", "400,000 keys"),
    "tiny jobs": ("jobs:\n" + "- {a: 1}\n" * 1_500_000, "400,000 keys"),
    "tiny jobs below the bound": ("jobs:\n" + "- {a: 1}\n" * (HALF // 2), "'name' is missing"),
    "unknown keys": (GOOD + "".join(f"k{n}: 1\n" for n in range(800_000)), "400,000 keys"),
    "unknown keys below": (GOOD + "".join(f"k{n}: 1\n" for n in range(HALF)), "unknown key 'k0'"),
    "documents": ("--- 1\n" * 2_000_000, "a job must be a mapping"),
    "lines": (WRONG + "\n" * (MAX_BYTES - 200), "unknown key 'x'"),
    "variables": (GOOD + "payload: [" + "'${X}', " * HALF + "]\n", "variable 'X' is not set"),
    "dollars": (WRONG + "payload: '" + "$" * (MAX_BYTES - 200) + "'\n", "unknown key 'x'"),
    "numbers": (GOOD + "payload: [" + "1e999," * HALF + "1]\n", "out of the range"),
    "templates": (
        GOOD + "payload: [" + ",".join(f"'{{{{ x{n} }}}}'" for n in range(190_000)) + "]\n",
        "x0",
    ),
    "wrong jobs": (
        "jobs:\n" + "".join(f"- {{name: j{n}, webhook: {{url: 'x{n}'}}}}\n" for n in range(44_000)),
        "must begin with http",
    ),
    "one name": (
        "jobs:\n" + "- {name: a, webhook: {url: 'http://x/'}}\n" * 44_000,
        "is used twice",
    ),
    "wrong defaults": (
        "defaults: {timeout: x, enabled: no}\njobs:\n"
        + "".join(f"- {{name: j{n}, webhook: {{url: 'http://x/'}}}}\n" for n in range(44_000)),
        "'x' is not a duration",
    ),
}

MEASURE = """\
import re, sys, time
from chronos_cli.dispatch.registry import Registry
from chronos_cli.jobs.config import Config
from chronos_cli.jobs.files import read_file
from chronos_cli.jobs.interpolate import Sources
from chronos_cli.jobs.load import load_jobs
from chronos_cli.redact import Redactor
source = read_file(sys.argv[1], sys.stdin.buffer)
found = load_jobs([source], Config(), Registry(), Sources({}, Redactor()))
peak = int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1])
print(peak // 1024, time.process_time(), len(found.problems))
print(found.problems[0].message)
print(found.problems[-1].message)
"""


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_refused_is_refused_soon_and_in_little_memory(tmp_path: Path, name: str) -> None:
    text, told = HOSTILE[name]
    path = tmp_path / "job.yaml"
    path.write_text(text)
    slowness = _slowness()
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    counts, first, last = done.stdout.splitlines()
    memory, seconds, problems = map(float, counts.split())
    assert told in first
    assert memory < 200
    # What grows faster than the file takes many times as long.
    assert seconds < 3 * max(slowness, _slowness())
    assert problems <= 1001
    assert (problems == 1001) == ("more problems" in last)


def _slowness() -> float:
    """How much slower than an idle machine of today this one is now; at least 1."""
    began = time.process_time()
    [str(number) for number in range(1_000_000)]
    return max(1.0, _slowness_with_memory(), (time.process_time() - began) / 0.12)


@cache
def _slowness_with_memory() -> float:
    """The same where much memory is taken, as by reading YAML: there machines differ more."""
    began = time.process_time()
    yaml.compose(COMMON, Loader=yaml.CSafeLoader)
    return (time.process_time() - began) / 2.0


def test_a_thousand_problems_are_shown_and_the_others_counted(tmp_path: Path) -> None:
    path = tmp_path / "job.yaml"
    path.write_text(GOOD + "".join(f"k{n}: 1\n" for n in range(1234)))
    problems = load(path).problems
    assert [p.position.line for p in problems] == [*range(3, 1003), 1002]
    assert problems[-1].message == "234 more problems were found, which are not shown"
    path.write_text(GOOD + "".join(f"k{n}: 1\n" for n in range(20_000)))
    assert load(path).problems[-1].message.startswith("at least 9,000 more problems")


def test_ten_thousand_jobs_of_forty_nodes_are_no_hostile_file(tmp_path: Path) -> None:
    headers = ", ".join(f"x-{n}: v" for n in range(13))
    job = "- {{name: j{0}, webhook: {{url: 'http://h/{0}', headers: {{{1}}}}}}}\n"
    path = tmp_path / "job.yaml"
    path.write_text("jobs:\n" + "".join(job.format(n, headers) for n in range(10_000)))
    loaded = load(path)
    assert (len(loaded.jobs), loaded.problems) == (10_000, [])


def test_too_little_memory_is_a_message(tmp_path: Path) -> None:
    path = tmp_path / "job.yaml"
    path.write_text(GOOD + "payload: [" + ("x" * 38 + ", ") * 390_000 + "1]\n")
    limited = "import resource; resource.setrlimit(resource.RLIMIT_AS, (100 * 2**20,) * 2)\n"
    done = subprocess.run(
        [sys.executable, "-c", limited + MEASURE, str(path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "there is not enough memory to read this file" in done.stdout, done.stderr


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r", "\u2028", "\x85"])
@pytest.mark.parametrize("last", ["", "end"])
def test_lines_are_found_without_a_list(ending: str, last: str) -> None:
    listed = [f"line {n} ä" * (n % 7) for n in range(3000)]
    text = ending.join([*listed, last])
    lines = Lines(text.encode())
    expected = [*listed, *([last] if last else [])]
    assert lines.count == len(expected)
    assert [lines.get(n + 1) for n in range(len(expected))] == expected
    assert lines.get(0) is lines.get(len(expected) + 1) is None
    assert lines.get(3, 4) == expected[2][:4]
    assert (Lines(b"").count, Lines(b"").get(1)) == (1, "")


def test_variables_bring_in_no_more_than_fits(tmp_path: Path) -> None:
    (tmp_path / "big").write_text("x" * 2**20)
    text = GOOD + "payload: [" + "'${file:big}', " * 100 + "]\n"
    path = tmp_path / "job.yaml"
    path.write_text(textwrap.dedent(text))
    first = load(path).problems[0]
    assert "brings in more than 64 MiB" in first.message
