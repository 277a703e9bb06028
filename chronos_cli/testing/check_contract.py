"""What `chronos check` does with every protocol, on real far sides: a part of the contract."""

import asyncio
import time
from pathlib import Path

import pytest

from chronos_cli.dispatch.outcome import Status
from chronos_cli.dispatch.registry import Registry
from chronos_cli.testing import ports
from chronos_cli.testing.checks import SECRET, credentials, over_tls
from chronos_cli.testing.harness import Harness
from chronos_cli.testing.inside import (
    certificate_end_of,
    certificate_key_of,
    checked,
    dispatched,
    job_of,
)
from chronos_cli.testing.program import chronos

_NONSENSE = b"\xffnonsense \x00\r\n\r\n" * 8
_FAILURES = {Status.REJECTED, Status.UNREACHABLE, Status.TIMED_OUT}


class CheckContract:
    """The tests; those that need steps are skipped for a plug-in without a check."""

    def test_a_check_sends_nothing(self, harness: Harness) -> None:
        """It goes well, and then one message arrives: that of the dispatch."""
        target = harness.target()
        job = job_of(harness.job(target))
        result = asyncio.run(checked(job))
        assert result.status is Status.SUCCEEDED, result
        assert result.steps[0].name == "loaded"
        asyncio.run(dispatched([job]))
        assert len(harness.received(target)) == 1

    def test_a_check_of_a_closed_port(self, harness: Harness, closed_port: int) -> None:
        """Unreachable, by a step that says so."""
        require_steps(harness)
        result = asyncio.run(checked(job_of(harness.job(harness.at_port(closed_port)))))
        assert result.status is Status.UNREACHABLE, result
        assert "refused" in result.steps[-1].message.lower()

    def test_a_check_of_a_silent_port(
        self, harness: Harness, silent_port: ports.SilentPort
    ) -> None:
        """Timed out at the job's limit."""
        require_steps(harness)
        target = harness.checked(harness.at_port(silent_port))
        result = asyncio.run(checked(job_of(harness.job(target, timeout="500ms"))))
        assert result.status is Status.TIMED_OUT, result
        assert sum(step.duration_ms for step in result.steps) < 1500

    @pytest.mark.parametrize("answer", [b"", _NONSENSE], ids=["end", "nonsense"])
    def test_a_check_of_what_speaks_something_else(self, harness: Harness, answer: bytes) -> None:
        """One of the three failures, and no bug."""
        require_steps(harness)
        with ports.broken_port(answer) as port:
            target = harness.checked(harness.at_port(port))
            result = asyncio.run(checked(job_of(harness.job(target, timeout="3s"))))
        assert result.status in _FAILURES, result

    def test_a_check_of_bad_credentials(self, harness: Harness) -> None:
        """Rejected, with the exit code of `run`, and the secret is shown nowhere."""
        require_steps(harness)
        text = harness.job(harness.checked(credentials(harness)))
        result = chronos("check", "-", "-o", "json", stdin=text)
        assert (result.code, result.only["status"]) == (4, "rejected"), result.out + result.err
        assert SECRET not in result.out + result.err

    def test_a_check_over_tls(self, harness: Harness) -> None:
        """It goes well with a known authority, and is rejected with an unknown one."""
        require_steps(harness)
        good, bad = (job_of(harness.job(over_tls(harness, one))) for one in ("trusted", "foreign"))
        assert asyncio.run(checked(good)).status is Status.SUCCEEDED
        result = asyncio.run(checked(bad))
        assert result.status is Status.REJECTED, result
        assert "certificate" in result.steps[-1].message.lower()

    def test_a_certificate_is_looked_at_without_a_word(self, harness: Harness) -> None:
        """Its end is known where the authority is; jobs with the same far side have one key."""
        require_steps(harness)
        good, bad = (job_of(harness.job(over_tls(harness, one))) for one in ("trusted", "foreign"))
        end = asyncio.run(certificate_end_of(good))
        assert end is not None
        assert end > time.time()
        assert asyncio.run(certificate_end_of(bad)) is None
        key = certificate_key_of(good)
        assert key is not None
        assert key == certificate_key_of(job_of(harness.job(over_tls(harness, "trusted"))))
        assert key != certificate_key_of(bad)
        assert certificate_key_of(job_of(harness.job(harness.target()))) is None

    def test_a_check_with_a_missing_ca_file(self, harness: Harness, tmp_path: Path) -> None:
        """Rejected, and the file is named."""
        require_steps(harness)
        target = harness.tls(tmp_path / "no-such-ca.pem")
        if target is None:
            pytest.skip("this protocol's far side has no TLS here")
        result = asyncio.run(checked(job_of(harness.job(target))))
        assert result.status is Status.REJECTED, result
        assert "no-such-ca.pem" in result.steps[-1].message


def require_steps(harness: Harness) -> None:
    """Skip the test for a plug-in that brings no steps of its own."""
    if Registry().kind(harness.key).check is None:
        pytest.skip("this plug-in has no check")
