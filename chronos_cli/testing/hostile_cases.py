"""Jobs sent through hostile proxies, a few at a time, by a process of their own."""

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

import msgspec

from chronos_cli.testing.harness import Gate, Harness
from chronos_cli.testing.hostile import KINDS, Behaviour, HostileProxy
from chronos_cli.testing.program import environment
from chronos_cli.testing.sender import Sent

# How much later than its limit the end of an attempt may come, in seconds.
_GRACE = 0.5
# Longer than this nothing can take.
_NEVER = 30.0


class Case(msgspec.Struct, frozen=True):
    """What came of one behaviour; `has_acted`: whether the proxy came to it.

    `limit` is how long the attempt might take, in seconds.
    """

    behaviour: Behaviour
    has_acted: bool
    limit: float
    sent: Sent

    @property
    def is_late(self) -> bool:
        """Whether it ended after its limit."""
        return self.sent.seconds > self.limit + _GRACE

    @property
    def may_be_rejected(self) -> bool:
        """Whether TLS, or chance, may read a refusal in what came: an alert, a status."""
        kind = self.behaviour.kind
        return kind == "garbage" or (kind == "flood" and self.sent.code == "TLS")

    def flaw(self, arrived: set[str]) -> str | None:
        """Say what is wrong with it, if anything; `arrived` are the IDs of what arrived."""
        sent, allowed = self.sent, {"succeeded", "timed_out"}
        if self.has_acted:
            allowed |= {"unreachable", "rejected"} if self.may_be_rejected else {"unreachable"}
        if sent.status not in allowed:
            return f"{self.behaviour}: {sent.status} ({sent.code}): {sent.message:.300}"
        if self.is_late:
            return f"{self.behaviour}: {sent.status} after {sent.seconds:.2f} s"
        if sent.status == "succeeded" and sent.execution_id not in arrived:
            return f"{self.behaviour}: succeeded, and did not arrive"
        return None


class Sender:
    """The process that sends; it is started anew when it has died. A context manager."""

    def __init__(self, log: Path) -> None:
        self._log = log.open("ab")
        self._process: asyncio.subprocess.Process | None = None
        self._answers: dict[str, asyncio.Future[Sent]] = {}
        self._reading: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
        if self._reading is not None and self._process is not None:
            await asyncio.wait({self._reading}, timeout=_NEVER)
            if not self._reading.done():
                self._process.kill()
                await self._reading
        self._log.close()

    async def send(self, execution_id: str, text: str, *, is_check: bool = False) -> Sent:
        """Have a job sent, or only checked; it is `crashed` where the process died of it."""
        if self._process is None:
            self._process = await self._start()
            self._reading = asyncio.create_task(self._read(self._process))
        stdin = self._process.stdin
        assert stdin is not None
        answer = self._answers[execution_id] = asyncio.get_running_loop().create_future()
        stdin.write(json.dumps([execution_id, text, is_check]).encode() + b"\n")
        try:
            return await asyncio.wait_for(answer, _NEVER)
        except TimeoutError:
            message = f"no end within {_NEVER:g} s"
            return Sent(execution_id=execution_id, status="crashed", message=message)

    async def _start(self) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "chronos_cli.testing.sender"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=self._log,
            env=environment(),
        )

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        while line := await process.stdout.readline():
            sent = msgspec.json.decode(line, type=Sent)
            self._settle(self._answers.pop(sent.execution_id), sent)
        code = await process.wait()
        self._process = None
        for execution_id, answer in self._answers.items():
            message = f"the process ended with {code}"
            sent = Sent(execution_id=execution_id, status="crashed", message=message)
            self._settle(answer, sent)
        self._answers.clear()

    @staticmethod
    def _settle(answer: "asyncio.Future[Sent]", sent: Sent) -> None:
        if not answer.done():  # nobody waits any more for one that came too late
            answer.set_result(sent)


class Trial:
    """Sends to one target of a harness through every kind of behaviour, or only checks."""

    def __init__(  # noqa: PLR0913
        self,
        harness: Harness,
        target: dict[str, Any],
        log: Path,
        *,
        seed: int,
        limit: float,
        is_check: bool = False,
    ) -> None:
        self._harness = harness
        self._target = target
        self._limit = limit
        self._seed = seed
        self._is_check = is_check
        self._sender = Sender(log)
        self._cases: list[Case] = []

    async def cases(self, packets: Sequence[int]) -> list[Case]:
        """Return what came of every behaviour, each after so many packets."""
        gates = self._harness.gates(self._target)
        # From the end: what takes long begins first.
        waiting = [Behaviour(kind, count) for kind in KINDS for count in packets]
        async with self._sender, asyncio.TaskGroup() as group:
            for gate in gates:
                group.create_task(self._work(gate, waiting))
        return self._cases

    async def _work(self, gate: Gate, waiting: list[Behaviour]) -> None:
        while waiting:
            behaviour = waiting.pop()
            case = await self._tried(behaviour, gate)
            if case.is_late:  # a busy machine is, but hardly twice
                case = await self._tried(behaviour, gate)
            self._cases.append(case)

    async def _tried(self, behaviour: Behaviour, gate: Gate) -> Case:
        async with HostileProxy(behaviour, gate, self._seed) as proxy:
            target = self._harness.rerouted(self._target, proxy.port)
            text = self._harness.job(target, timeout=f"{self._limit}s")
            sent = await self._sender.send(uuid4().hex, text, is_check=self._is_check)
            return Case(behaviour, proxy.has_acted, self._limit, sent)


def counted(cases: Sequence[Case]) -> dict[str, dict[str, int]]:
    """Return how often each status came, by kind of behaviour."""
    found: dict[str, Counter[str]] = {kind: Counter() for kind in KINDS}
    for case in cases:
        found[case.behaviour.kind][case.sent.status] += 1
    return {kind: dict(counter) for kind, counter in found.items()}
