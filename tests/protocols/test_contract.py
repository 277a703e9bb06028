"""What every protocol must do, on real far sides. A protocol that is registered is tested here."""

import asyncio
import gc
import json
import signal
import threading
import time
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from chronos_cli.clock import SystemClock
from chronos_cli.dispatch.attempts import Attempts
from chronos_cli.dispatch.delivery import Delivery
from chronos_cli.dispatch.execution import Execution, in_zone
from chronos_cli.dispatch.outcome import Outcome, Status
from chronos_cli.dispatch.plugin import Receipt
from chronos_cli.dispatch.registry import Registry
from chronos_cli.errors import UnreachableError
from chronos_cli.jobs.config import Config
from chronos_cli.jobs.files import SourceFile
from chronos_cli.jobs.interpolate import Sources
from chronos_cli.jobs.load import load_jobs
from chronos_cli.jobs.model import Job, Target
from chronos_cli.redact import Redactor
from tests.brokers.certificates import Certificates
from tests.protocols.harness import Harness
from tests.support import Result, SilentPort, chronos, finish, start

PAYLOAD = {"report": "daily", "text": "Grüße, \u65e5\u672c"}
FAST = {"max_attempts": 1}


@pytest.fixture(scope="module", params=Registry().target_keys())
def harness(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Harness:
    module = import_module(f"tests.protocols.harness_{request.param}")
    opened: Harness = module.open_harness(tmp_path_factory.mktemp(request.param), request)
    return opened


def document(harness: Harness, target: dict[str, Any], **keys: Any) -> str:
    return json.dumps(
        {"name": "contract", "timeout": "10s", "retry_policy": FAST, harness.key: target, **keys}
    )


def run(harness: Harness, target: dict[str, Any], *options: str, **keys: Any) -> Result:
    text = document(harness, target, **keys)
    return chronos("run", "-", "-o", "json", *options, stdin=text)


def load(text: str) -> Job:
    source = SourceFile("job.yaml", text.encode())
    loaded = load_jobs([source], Config(), Registry(), Sources({}, Redactor()))
    assert loaded.problems == []
    return loaded.jobs[0]


def test_success_arrives_as_it_was_sent(harness: Harness) -> None:
    target = harness.target()
    result = run(harness, target, payload=payload_for(harness))
    assert result.code == 0, result.out + result.err
    assert result.only["status"] == "succeeded"
    (message,) = harness.received(target)
    assert json.loads(message.body) == payload_for(harness)


def payload_for(harness: Harness) -> dict[str, str]:
    """gRPC has a schema: there the payload is one that its service knows."""
    payload = getattr(harness, "payload", PAYLOAD)
    assert isinstance(payload, dict)
    return payload


def test_metadata_arrives(harness: Harness) -> None:
    target = harness.target()
    time = "2026-11-23T09:00:00+01:00"
    options = ("--scheduled-time", time, "--execution-id", "execution-1")
    result = run(harness, target, *options, timezone="Europe/Berlin")
    assert result.code == 0, result.out + result.err
    (message,) = harness.received(target)
    assert message.headers["x-chronos-job-id"] == "contract"
    assert message.headers["x-chronos-execution-id"] == "execution-1"
    assert message.headers["x-chronos-scheduled-time"] == time
    assert message.headers["x-chronos-attempt"] == "1"
    assert message.headers["traceparent"].startswith("00-")
    body = json.loads(message.body)
    assert (body["job_id"], body["execution_id"]) == ("contract", "execution-1")


def test_refused(harness: Harness, closed_port: int) -> None:
    policy = {"max_attempts": 2, "initial_interval": "10ms"}
    result = run(harness, harness.refused(closed_port), retry_policy=policy)
    assert (result.code, result.only["status"]) == (5, "unreachable"), result.out
    assert len(result.only["attempts"]) == 2
    assert "refused" in result.only["message"].lower()
    assert result.only["duration_ms"] < 5000


def test_a_silent_port_ends_at_the_limit(harness: Harness, silent_port: int) -> None:
    result = run(harness, harness.silent(silent_port), timeout="1s")
    assert (result.code, result.only["status"]) == (6, "timed_out"), result.out
    assert 950 <= result.only["duration_ms"] < 2000
    assert result.seconds < 5


def test_bad_credentials_are_rejected_and_masked(harness: Harness) -> None:
    secret = "wr0ng-s3cret-of-the-test"
    target = harness.bad_credentials(secret)
    if target is None:
        pytest.skip("this protocol has no credentials of its own")
    result = run(harness, target, retry_policy={"max_attempts": 3})
    assert (result.code, result.only["status"]) == (4, "rejected"), result.out
    assert len(result.only["attempts"]) == 1
    text = document(harness, target)
    for options in ((), ("-o", "json"), ("-o", "jsonl"), ("--quiet",)):
        shown = chronos("run", "-", *options, stdin=text)
        assert secret not in shown.out + shown.err
    shown = chronos("validate", "-", stdin=text.replace('"timeout"', '"timout"'))
    assert (shown.code, secret in shown.err) == (3, False)


def test_tls(harness: Harness, certificates: Certificates) -> None:
    target = harness.tls(str(certificates.ca))
    if target is None:
        pytest.skip("this protocol's far side has no TLS here")
    result = run(harness, target, payload=payload_for(harness))
    assert result.code == 0, result.out + result.err
    (message,) = harness.received(target)
    assert json.loads(message.body) == payload_for(harness)


def test_an_unknown_authority_is_rejected(harness: Harness, certificates: Certificates) -> None:
    target = harness.tls(str(certificates.other_ca))
    if target is None:
        pytest.skip("this protocol's far side has no TLS here")
    result = run(harness, target, retry_policy={"max_attempts": 3})
    assert (result.code, result.only["status"]) == (4, "rejected"), result.out
    assert len(result.only["attempts"]) == 1
    assert "certificate" in result.only["message"].lower()


def test_a_missing_ca_file_is_rejected_and_named(harness: Harness, tmp_path: Path) -> None:
    target = harness.tls(str(tmp_path / "no-such-ca.pem"))
    if target is None:
        pytest.skip("this protocol's far side has no TLS here")
    result = run(harness, target)
    assert (result.code, result.only["status"]) == (4, "rejected"), result.out
    assert "no-such-ca.pem" in result.only["message"]


def test_cancelled_cleanly(harness: Harness, silent_port: SilentPort, tmp_path: Path) -> None:
    path = tmp_path / "job.yaml"
    path.write_text(document(harness, harness.silent(silent_port), timeout="60s"))
    process = start("run", str(path), "-o", "json")
    with silent_port.wait_for_client():
        process.send_signal(signal.SIGINT)
        result = finish(process)
    assert (result.code, result.only["status"]) == (130, "interrupted")
    assert result.err == ""
    assert result.seconds < 2


class FailsFirst:
    """A dispatcher whose first attempt is lost before the real one is asked."""

    real: Any
    lost: Delivery[Target]

    async def send(self, delivery: Delivery[Target]) -> Receipt:
        if delivery.attempt == 1:
            self.lost = delivery
            raise UnreachableError("lost on the way")
        receipt = await self.real.send(delivery)
        assert isinstance(receipt, Receipt)
        return receipt


def test_the_execution_id_is_stable_over_retries(harness: Harness) -> None:
    target = harness.target()
    policy = {"max_attempts": 2, "initial_interval": "1ms"}
    job = load(document(harness, target, retry_policy=policy))
    outcome = asyncio.run(dispatch([job], lossy=FailsFirst()))[0]
    assert outcome.status is Status.SUCCEEDED, outcome
    (message,) = harness.received(target)
    assert message.headers["x-chronos-attempt"] == "2"
    assert message.headers["x-chronos-execution-id"] == outcome.execution_id == "id-0"


def test_the_trace_is_continued(harness: Harness) -> None:
    target = harness.target()
    trace, parent = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
    env = {"TRACEPARENT": f"00-{trace}-{parent}-00", "TRACESTATE": "vendor=a b,other=1"}
    result = chronos("run", "-", stdin=document(harness, target), env=env)
    assert result.code == 0, result.out + result.err
    (message,) = harness.received(target)
    version, trace_id, parent_id, flags = message.headers["traceparent"].split("-")
    assert (version, trace_id, flags) == ("00", trace, "00")
    assert parent_id not in {parent, "0" * 16}
    assert message.headers["tracestate"] == env["TRACESTATE"]


def test_each_attempt_has_a_parent_id_of_its_own(harness: Harness) -> None:
    target = harness.target()
    policy = {"max_attempts": 2, "initial_interval": "1ms"}
    job = load(document(harness, target, retry_policy=policy))
    lossy = FailsFirst()
    outcome = asyncio.run(dispatch([job], lossy=lossy))[0]
    assert outcome.status is Status.SUCCEEDED, outcome
    (message,) = harness.received(target)
    lost = lossy.lost.metadata["traceparent"].split("-")
    arrived = message.headers["traceparent"].split("-")
    assert lost[1] == arrived[1]
    assert lost[2] != arrived[2]


def test_nothing_is_left_open(harness: Harness) -> None:
    """After `close`, no socket, no task and no thread of the protocol's is left."""
    targets = [harness.target() for _ in range(5)]
    jobs = [load(document(harness, target)) for target in targets]
    asyncio.run(dispatch(jobs[:1]))  # what a client library keeps for ever, it has now
    sockets, threads = open_sockets(), threading.active_count()
    outcomes = asyncio.run(dispatch(jobs[1:]))
    assert [outcome.status for outcome in outcomes] == [Status.SUCCEEDED] * 4
    end = time.monotonic() + 5
    while time.monotonic() < end and (open_sockets(), threading.active_count()) > (
        sockets,
        threads,
    ):
        gc.collect()
        time.sleep(0.05)
    assert open_sockets() <= sockets
    assert threading.active_count() <= threads


def open_sockets() -> int:
    count = 0
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            count += str(descriptor.readlink()).startswith("socket:")
    return count


async def dispatch(jobs: list[Job], *, lossy: FailsFirst | None = None) -> list[Outcome]:
    plugin = Registry().kind(jobs[0].key)
    real = plugin.dispatcher(plugin.settings())
    dispatcher: Any = real
    if lossy is not None:
        lossy.real, dispatcher = real, lossy
    clock = SystemClock()
    executions = [
        Execution(f"id-{n}", job, in_zone(job, clock.now())) for n, job in enumerate(jobs)
    ]
    outcomes = await asyncio.gather(
        *(Attempts(clock, execution, dispatcher).outcome() for execution in executions)
    )
    before_close = asyncio.all_tasks()
    await real.close()
    await asyncio.sleep(0)
    left = {
        task for task in asyncio.all_tasks() & before_close if task is not asyncio.current_task()
    }
    assert not left, left
    return list(outcomes)
