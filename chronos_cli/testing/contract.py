"""What every protocol does, on real far sides: one class of tests for all of them."""

import asyncio
import gc
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from chronos_cli.dispatch.outcome import Status
from chronos_cli.dispatch.registry import Registry
from chronos_cli.jobs.config import DispatcherCommon
from chronos_cli.jobs.model import JobSpec, Settings
from chronos_cli.testing import ports
from chronos_cli.testing.check_contract import CheckContract
from chronos_cli.testing.checks import SECRET, credentials, holds, open_things, over_tls, run
from chronos_cli.testing.harness import Harness
from chronos_cli.testing.inside import FailsFirst, dispatched, job_of, shown
from chronos_cli.testing.program import chronos, environment, finish, start

_NONSENSE = b"\xffnonsense \x00\r\n\r\n" * 8
_TRACE, _PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


class UnforeseenError(Exception):
    """An error of a client library that no plug-in can know."""


class Contract(CheckContract):
    """The tests, for a subclass whose name begins with `Test`.

    A fixture `harness` must be in sight of it.
    """

    @pytest.fixture
    def closed_port(self) -> int:
        """Return a port where nobody listens."""
        return ports.closed_port()

    @pytest.fixture
    def silent_port(self) -> Iterator[ports.SilentPort]:
        """Yield a port that accepts and never answers."""
        with ports.silent_port() as port:
            yield port

    # The plug-in itself.

    def test_the_plugin_is_one_thing(self, harness: Harness) -> None:
        """Its key, target and settings agree with each other, and with what is installed."""
        registry = Registry()
        plugin = registry.kind(harness.key)
        assert plugin.key == harness.key
        assert plugin.key not in JobSpec.__struct_fields__
        others = [registry.kind(key) for key in registry.target_keys() if key != harness.key]
        assert plugin.protocol not in {other.protocol for other in others}
        assert set(plugin.event_modes) <= {"binary", "structured"}
        # In chronos.yaml they stand in one mapping with what every protocol has.
        own = {*plugin.target.__struct_fields__, *plugin.settings.__struct_fields__}
        assert own & set(DispatcherCommon.__struct_fields__) == set()
        assert isinstance(plugin.settings(), Settings)
        target = job_of(harness.job(harness.target())).target
        assert type(target) is plugin.target
        assert target.describe()
        assert "\n" not in target.describe()

    def test_it_is_lazy(self, harness: Harness) -> None:
        """Neither the plug-in's module nor the check of a job imports the client library."""
        modules = Registry().kind(harness.key).client_modules
        script = (
            "import sys\n"
            "from chronos_cli.testing.inside import job_of\n"
            "job_of(sys.stdin.read()).target.describe()\n"
            f"print([name for name in {modules!r} if name in sys.modules])\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", script],
            input=harness.job(harness.target()),
            capture_output=True,
            text=True,
            env=environment(),
            timeout=60,
            check=False,
        )
        assert (done.stdout, done.stderr) == ("[]\n", "")

    # What arrives.

    def test_success_arrives_as_it_was_sent(self, harness: Harness) -> None:
        """A success means that one message is there, and that it is the payload."""
        target = harness.target()
        result = run(harness, target, payload=harness.payload)
        assert result.code == 0, result.out + result.err
        assert result.only["status"] == "succeeded"
        (message,) = harness.received(target)
        assert json.loads(message.body) == harness.payload

    def test_metadata_arrives(self, harness: Harness) -> None:
        """The metadata goes along as headers; without a payload it is the message too."""
        target = harness.target()
        moment = "2026-11-23T09:00:00+01:00"
        options = ("--scheduled-time", moment, "--execution-id", "execution-1")
        result = run(harness, target, *options, timezone="Europe/Berlin")
        assert result.code == 0, result.out + result.err
        (message,) = harness.received(target)
        assert message.headers["x-chronos-job-id"] == "contract"
        assert message.headers["x-chronos-execution-id"] == "execution-1"
        assert message.headers["x-chronos-scheduled-time"] == moment
        assert message.headers["x-chronos-attempt"] == "1"
        assert message.headers["traceparent"].startswith("00-")
        body = json.loads(message.body)
        assert (body["job_id"], body["execution_id"]) == ("contract", "execution-1")

    def test_the_execution_id_is_stable_over_retries(self, harness: Harness) -> None:
        """A receiver drops duplicates by it; each attempt has a span of its own in the trace."""
        target = harness.target()
        policy = {"max_attempts": 2, "initial_interval": "1ms"}
        lossy = FailsFirst()
        job = job_of(harness.job(target, retry_policy=policy))
        (outcome,) = asyncio.run(dispatched([job], lossy=lossy))
        assert outcome.status is Status.SUCCEEDED, outcome
        (message,) = harness.received(target)
        assert message.headers["x-chronos-attempt"] == "2"
        assert message.headers["x-chronos-execution-id"] == outcome.execution_id == "id-0"
        lost = lossy.lost.metadata["traceparent"].split("-")
        arrived = message.headers["traceparent"].split("-")
        assert lost[1] == arrived[1]
        assert lost[2] != arrived[2]

    def test_the_trace_is_continued(self, harness: Harness) -> None:
        """W3C Trace Context: the trace is the caller's, the span is a new one."""
        target = harness.target()
        env = {"TRACEPARENT": f"00-{_TRACE}-{_PARENT}-00", "TRACESTATE": "vendor=a b,other=1"}
        result = chronos("run", "-", stdin=harness.job(target), env=env)
        assert result.code == 0, result.out + result.err
        (message,) = harness.received(target)
        version, trace_id, parent_id, flags = message.headers["traceparent"].split("-")
        assert (version, trace_id, flags) == ("00", _TRACE, "00")
        assert parent_id not in {_PARENT, "0" * 16}
        assert message.headers["tracestate"] == env["TRACESTATE"]

    def test_a_binary_event_arrives_with_its_attributes(self, harness: Harness) -> None:
        """A plug-in that offers the mode `binary` carries what makes a message a CloudEvent."""
        if "binary" not in Registry().kind(harness.key).event_modes:
            refused = run(harness, harness.target(), cloudevents="binary")
            assert (refused.code, refused.out) == (3, ""), refused.err
            assert f"'{harness.key}' cannot carry a CloudEvent in the mode binary" in refused.err
            return
        target = harness.event_target()
        moment = "2026-11-23T09:00:00+00:00"
        options = ("--scheduled-time", moment, "--execution-id", "execution-1")
        keys = {"payload": harness.payload, "cloudevents": {"mode": "binary", "type": "a.b.v1"}}
        result = run(harness, target, *options, **keys)
        assert result.code == 0, result.out + result.err
        found = dict(harness.event_attributes(target))
        assert datetime.fromisoformat(found["time"]) == datetime.fromisoformat(moment)
        expected = {
            "specversion": "1.0",
            "id": "execution-1",
            "type": "a.b.v1",
            "source": "/chronos/jobs/contract",
            "subject": "contract",
        }
        assert {name: found.get(name) for name in expected} == expected

    def test_a_dry_run_sends_nothing(self, harness: Harness) -> None:
        """What it showed does not arrive beside what was sent afterwards."""
        target = harness.target()
        seen = run(harness, target, "--dry-run", "--execution-id", "execution-dry", output=False)
        assert seen.code == 0, seen.err
        assert run(harness, target, "--execution-id", "execution-1").code == 0
        (message,) = harness.received(target)
        assert message.headers["x-chronos-execution-id"] == "execution-1"

    # What fails.

    def test_refused(self, harness: Harness, closed_port: int) -> None:
        """Nobody listens: unreachable, said at once, and tried again."""
        policy = {"max_attempts": 2, "initial_interval": "10ms"}
        result = run(harness, harness.at_port(closed_port), retry_policy=policy)
        assert (result.code, result.only["status"]) == (5, "unreachable"), result.out
        assert len(result.only["attempts"]) == 2
        assert "refused" in result.only["message"].lower()
        assert result.only["duration_ms"] < 5000

    def test_a_silent_port_ends_at_the_limit(
        self, harness: Harness, silent_port: ports.SilentPort
    ) -> None:
        """No answer within `timeout`: timed out, and not much later."""
        result = run(harness, harness.at_port(silent_port), timeout="1s")
        assert (result.code, result.only["status"]) == (6, "timed_out"), result.out
        assert 950 <= result.only["duration_ms"] < 2000
        assert result.seconds < 5

    def test_a_far_side_that_hangs_up_is_unreachable(self, harness: Harness) -> None:
        """The end of a connection before the answer is whole."""
        with ports.broken_port(b"") as port:
            result = run(harness, harness.at_port(port), timeout="5s")
        assert (result.code, result.only["status"]) == (5, "unreachable"), result.out

    def test_nonsense_is_no_success_and_no_bug(self, harness: Harness) -> None:
        """An answer in no protocol at all is the far side's failure, in one of the three kinds."""
        with ports.broken_port(_NONSENSE) as port:
            result = run(harness, harness.at_port(port), timeout="3s")
        assert result.code in {4, 5, 6}, result.out + result.err
        assert "internal error" not in result.only["message"]
        assert result.err == ""

    def test_an_unforeseen_error_is_unreachable(
        self, harness: Harness, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What the library raises and nobody translates: no bug of Chronos, and no refusal."""
        job = job_of(harness.job(harness.target(), timeout="5s"))
        if not harness.break_client(monkeypatch, UnforeseenError("of the client library")):
            pytest.skip("this harness breaks no client library")
        (outcome,) = asyncio.run(dispatched([job]))
        assert outcome.status is Status.UNREACHABLE, outcome
        assert "of the client library" in outcome.message

    def test_bad_credentials_are_rejected_and_masked(self, harness: Harness) -> None:
        """A wrong password is not tried again, and shown nowhere."""
        target = credentials(harness)
        result = run(harness, target, retry_policy={"max_attempts": 3})
        assert (result.code, result.only["status"]) == (4, "rejected"), result.out
        assert len(result.only["attempts"]) == 1
        text = harness.job(target)
        for options in ((), ("-o", "json"), ("-o", "jsonl"), ("--quiet",), ("--dry-run",)):
            seen = chronos("run", "-", *options, stdin=text)
            assert SECRET not in seen.out + seen.err
        seen = chronos("validate", "-", stdin=text.replace('"timeout"', '"timout"'))
        assert (seen.code, SECRET in seen.err) == (3, False)

    def test_a_preview_shows_no_secret_header(self, harness: Harness) -> None:
        """Headers that bear secrets are named as such, also one whose name does not say so."""
        job = job_of(harness.job(credentials(harness)))
        preview = asyncio.run(shown(job))
        for name, value in preview.headers:
            assert not holds(value, SECRET), name
        assert not holds(preview.summary, SECRET)

    # TLS.

    def test_tls(self, harness: Harness) -> None:
        """A message arrives over TLS from a server whose authority is named."""
        target = over_tls(harness, "trusted")
        result = run(harness, target, payload=harness.payload)
        assert result.code == 0, result.out + result.err
        (message,) = harness.received(target)
        assert json.loads(message.body) == harness.payload

    def test_an_unknown_authority_is_rejected(self, harness: Harness) -> None:
        """A certificate that cannot be verified is a refusal, and not tried again."""
        target = over_tls(harness, "foreign")
        result = run(harness, target, retry_policy={"max_attempts": 3})
        assert (result.code, result.only["status"]) == (4, "rejected"), result.out
        assert len(result.only["attempts"]) == 1
        assert "certificate" in result.only["message"].lower()

    def test_a_missing_ca_file_is_rejected_and_named(
        self, harness: Harness, tmp_path: Path
    ) -> None:
        """The message says which file is missing."""
        target = harness.tls(tmp_path / "no-such-ca.pem")
        if target is None:
            pytest.skip("this protocol's far side has no TLS here")
        result = run(harness, target)
        assert (result.code, result.only["status"]) == (4, "rejected"), result.out
        assert "no-such-ca.pem" in result.only["message"]

    # What is left behind.

    def test_cancelled_cleanly(
        self, harness: Harness, silent_port: ports.SilentPort, tmp_path: Path
    ) -> None:
        """A signal ends the attempt at once, with nothing on stderr."""
        path = tmp_path / "job.yaml"
        path.write_text(harness.job(harness.at_port(silent_port), timeout="60s"))
        process = start("run", str(path), "-o", "json")
        with silent_port.wait_for_client():
            process.send_signal(signal.SIGINT)
            result = finish(process)
        assert (result.code, result.only["status"]) == (130, "interrupted")
        assert result.err == ""
        assert result.seconds < 2

    def test_nothing_is_left_open(self, harness: Harness) -> None:
        """After `close`, no socket, no task and no thread of the protocol's is left."""
        targets = [harness.target() for _ in range(5)]
        jobs = [job_of(harness.job(target)) for target in targets]
        asyncio.run(dispatched(jobs[:1]))  # what a client library keeps for ever, it has now
        before = open_things()
        outcomes = asyncio.run(dispatched(jobs[1:]))
        assert [outcome.status for outcome in outcomes] == [Status.SUCCEEDED] * 4
        end = time.monotonic() + 5
        while time.monotonic() < end and any(
            now > then for now, then in zip(open_things(), before, strict=True)
        ):
            gc.collect()
            time.sleep(0.05)
        sockets, threads = open_things()
        assert sockets <= before[0]
        assert threads <= before[1]
