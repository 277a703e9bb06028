"""`scheduler.heartbeat` of chronos.yaml: what the loop sends as long as all is well."""

from contextlib import suppress
from typing import Any

from msgspec import Struct, structs

from chronos_cli.jobs.build import JobBuilder
from chronos_cli.jobs.config import Config, HeartbeatSpec
from chronos_cli.jobs.faults import Faults
from chronos_cli.jobs.model import Job, TargetKinds
from chronos_cli.jobs.nodes import Mapping
from chronos_cli.jobs.problems import ProblemList, TooManyProblemsError
from chronos_cli.jobs.read import INVALID, Reader
from chronos_cli.jobs.typed import read_struct

_PATH = ("scheduler", "heartbeat")
_NAME = "chronos-heartbeat"
# Seconds from one to the next.
_SHORTEST = 1.0


class Heartbeat(Struct, frozen=True):
    """What is sent, and every how many seconds."""

    every: float
    job: Job


def read_heartbeat(
    config: Config, kinds: TargetKinds, problems: ProblemList, faults: Faults | None = None
) -> Heartbeat | None:
    """Return the heartbeat of a chronos.yaml; None, with the problems recorded, if it is wrong.

    `faults` are those of the file, where not all of it may be needed.
    """
    found = None
    with suppress(TooManyProblemsError):
        found = _read(config, kinds, problems, faults)
    if config.source is not None:
        problems.show_lines(config.source)
    return found


def _read(
    config: Config, kinds: TargetKinds, problems: ProblemList, faults: Faults | None
) -> Heartbeat | None:
    assert config.heartbeat is not None
    node = config.heartbeat.value
    reader = Reader(problems, kinds, faults=faults)
    if not isinstance(node, Mapping):
        reader.wrong(node, _PATH, "a mapping such as {every: 1m, webhook: {url: …}}")
        return None
    builder = JobBuilder(config, kinds, problems, faults=faults)
    before = problems.found
    spec: Any = read_struct(reader, node, HeartbeatSpec, _PATH, ignore=builder.ignored(node))
    own = HeartbeatSpec() if spec is INVALID else spec
    if own.every < _SHORTEST:
        where = node.entries["every"].value
        reader.fail(where, (*_PATH, "every"), "a heartbeat comes once a second at most")
    # One that is still tried when the next is due tells nobody anything.
    own = structs.replace(own, deadline=min(own.deadline or own.every, own.every))
    job = builder.dispatch(node, own, _NAME, _PATH)
    return Heartbeat(own.every, job) if job is not None and problems.found == before else None
