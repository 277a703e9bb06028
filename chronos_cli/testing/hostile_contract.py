"""What every protocol does when its far side, or the way to it, is hostile.

`CHRONOS_TEST_PACKETS=40` tries every count of packets up to it, `CHRONOS_TEST_SEED` other garbage.
"""

import asyncio
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from chronos_cli.testing.checks import run
from chronos_cli.testing.harness import Gate, Harness
from chronos_cli.testing.hostile import Behaviour, HostileProxy
from chronos_cli.testing.hostile_cases import Case, Trial, counted

WIRES = ("plain", "tls", "login")
# Without CHRONOS_TEST_PACKETS these are tried, and each has less time, in seconds.
_FEW, _SHORT, _LONG = (0, 1, 2, 3, 5, 8, 13, 21, 34), 0.6, 1.0
_OF_A_CHECK = (1, 4)
_MOST = os.environ.get("CHRONOS_TEST_PACKETS")
_SEED = int(os.environ.get("CHRONOS_TEST_SEED", "1"))
# How long what was acknowledged may take to be seen by somebody else, in seconds.
_ARRIVAL = 10.0
# Passes everything: no connection of a test has so many packets.
_HONEST = Behaviour("silence", 1_000_000)


class HostileContract:
    """The tests, for a subclass whose name begins with `Test`.

    A fixture `harness` must be in sight of it, whose `server_port` and `rerouted` tell how to
    bring a proxy between.
    """

    @pytest.mark.parametrize("wire", WIRES)
    def test_hostile_far_sides(
        self, harness: Harness, wire: str, tmp_path: Path, record_property: Any
    ) -> None:
        """Cut anywhere, garbage, silence, floods and drips: unreachable, or timed out in time."""
        target, log = target_of(harness, wire), tmp_path / "stderr"
        trial = Trial(harness, target, log, seed=_SEED, limit=_LONG if _MOST else _SHORT)
        cases = asyncio.run(trial.cases(packets()))
        record_property("hostile", [harness.key, wire, counted(cases)])
        arrived = seen(harness, target, cases)
        flaws = [flaw for case in cases if (flaw := case.flaw(arrived))]
        assert not flaws, f"seed {_SEED}:\n" + "\n".join(flaws)
        assert log.read_text() == ""
        assert any(case.sent.status == "succeeded" for case in cases)

    def test_hostile_far_sides_of_a_check(self, harness: Harness, tmp_path: Path) -> None:
        """The same for a check, which need not come so far as to be deceived."""
        target, log = harness.checked(target_of(harness, "plain")), tmp_path / "stderr"
        limit = _LONG if _MOST else _SHORT
        trial = Trial(harness, target, log, seed=_SEED, limit=limit, is_check=True)
        cases = asyncio.run(trial.cases(packets() if _MOST else _OF_A_CHECK))
        everything = {case.sent.execution_id for case in cases}  # nothing is to arrive
        flaws = [flaw for case in cases if (flaw := case.flaw(everything))]
        assert not flaws, f"seed {_SEED}:\n" + "\n".join(flaws)
        assert log.read_text() == ""

    @pytest.mark.parametrize(
        ("behaviour", "timeout", "code"),
        [
            (_HONEST, "5s", 0),
            (Behaviour("FIN after the server's", 0), "5s", 5),
            (Behaviour("RST after the client's", 1), "5s", 5),
            (Behaviour("silence", 0), "1s", 6),
        ],
        ids=str,
    )
    def test_the_exit_code(
        self, harness: Harness, behaviour: Behaviour, timeout: str, code: int
    ) -> None:
        """The same through `chronos run`: an exit code of the table, nothing on stderr."""
        target = target_of(harness, "plain")
        (gate, *_) = harness.gates(target)
        with proxy_at(behaviour, gate) as port:
            result = run(harness, harness.rerouted(target, port), timeout=timeout)
        assert result.code == code, result.out + result.err
        assert result.err == ""


def target_of(harness: Harness, wire: str) -> dict[str, Any]:
    """Return a target over a wire; skips the test where there is none that can be rerouted."""
    if wire == "plain":
        target: dict[str, Any] | None = harness.target()
    elif wire == "login":
        target = harness.login_target()
    else:
        files = harness.authorities
        target = None if files is None else harness.tls(files.trusted)
    if target is None:
        pytest.skip(f"this harness has no target of the kind: {wire}")
    if not harness.gates(target):
        pytest.skip("this harness does not tell where its server listens")
    return target


def packets() -> tuple[int, ...]:
    """Return after how many packets the proxies act."""
    return tuple(range(int(_MOST) + 1)) if _MOST else _FEW


def seen(harness: Harness, target: dict[str, Any], cases: list[Case]) -> set[str]:
    """Return the IDs that an independent consumer finds, once all that succeeded are there."""
    wanted = {case.sent.execution_id for case in cases if case.sent.status == "succeeded"}
    found: set[str] = set()
    end = time.monotonic() + _ARRIVAL
    while not wanted <= found and time.monotonic() < end:
        messages = harness.received(target)
        found |= {message.headers["x-chronos-execution-id"] for message in messages}
    return found


@contextmanager
def proxy_at(behaviour: Behaviour, gate: Gate) -> Iterator[int]:
    """Yield the port of a proxy that runs in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever, daemon=True)
    thread.start()
    proxy = HostileProxy(behaviour, gate, _SEED)
    asyncio.run_coroutine_threadsafe(proxy.__aenter__(), loop).result(10)
    try:
        yield proxy.port
    finally:
        asyncio.run_coroutine_threadsafe(proxy.__aexit__(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
