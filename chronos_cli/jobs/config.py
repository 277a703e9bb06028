"""chronos.yaml: the operator's defaults and limits."""

import os
from collections.abc import Mapping as Environment
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, structs

from chronos_cli.errors import UsageError
from chronos_cli.jobs.document import ParsedFile
from chronos_cli.jobs.faults import Faults, ProblemsAside
from chronos_cli.jobs.files import SourceFile, check_named, parse_file
from chronos_cli.jobs.interpolate import Interpolation, Sources
from chronos_cli.jobs.merge import mark_shared, only, without
from chronos_cli.jobs.model import (
    DispatchSpec,
    RetryPolicy,
    Settings,
    TargetKind,
    TargetKinds,
    loadable,
)
from chronos_cli.jobs.nodes import Entry, Mapping, Node, Scalar, Sequence
from chronos_cli.jobs.problems import ProblemList, TooManyProblemsError
from chronos_cli.jobs.read import INVALID, Reader
from chronos_cli.jobs.typed import check_partial, read_struct
from chronos_cli.problems import Path as ProblemPath
from chronos_cli.problems import Problem
from chronos_cli.schedule.zones import check_zone
from chronos_cli.units import FilePath, PositiveDuration

# Keys of `scheduler` that are read elsewhere.
_APART = ("heartbeat",)
_SECTIONS = ("scheduler", "dispatcher", "secrets")
# Keys of `dispatcher.<protocol>` that are defaults for the job itself, not for its target block.
_JOB_KEYS = {"timeout"}
# Keys of `scheduler` that are defaults for every job, and the job's keys that they stand for.
_SCHEDULER_DEFAULTS = {
    "retry_policy": "retry_policy",
    "default_retry_policy": "retry_policy",
    "missed_runs": "missed_runs",
    "missed_run_policy": "missed_runs",
    "timezone": "timezone",
}


_MissedRuns = Literal["ignore", "execute_one", "execute_all"]


class ClusterTls(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """TLS to the servers of the cluster."""

    ca: Annotated[
        FilePath | None, Meta(description="PEM file of the authorities to trust, not the system's")
    ] = None
    cert: Annotated[FilePath | None, Meta(description="PEM file of our certificate")] = None
    key: Annotated[FilePath | None, Meta(description="PEM file of our private key")] = None
    server_name: Annotated[
        str | None, Meta(description="Name to expect in the certificate, if not the host's")
    ] = None
    first: Annotated[
        bool,
        Meta(description="TLS begins before the server's greeting: its handshake_first is true"),
    ] = False


class Cluster(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """How many hosts share one schedule (`cron --cluster`)."""

    group: Annotated[
        str, Meta(description="Hosts of one group share one schedule: letters, digits, _ and -")
    ] = "default"
    ack_wait: Annotated[
        PositiveDuration,
        Meta(description="After so long without a sign of life another host takes a job over"),
    ] = 30.0
    max_age: Annotated[
        PositiveDuration, Meta(description="How long a tick is known, and never fired twice")
    ] = 86400.0
    replicas: Annotated[int, Meta(ge=1, le=5, description="Servers that store each message")] = 3
    user: Annotated[str | None, Meta(description="User name, with 'password'")] = None
    password: Annotated[str | None, Meta(description="Password of 'user'")] = None
    token: Annotated[str | None, Meta(description="Authentication token")] = None
    credentials: Annotated[
        FilePath | None, Meta(description="A .creds file with a user's JWT and seed")
    ] = None
    nkey_seed: Annotated[FilePath | None, Meta(description="A file that holds an nkey seed")] = None
    tls: Annotated[ClusterTls | None, Meta(description="TLS to the cluster's servers")] = None


class HeartbeatSpec(DispatchSpec, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Sent by `cron` as long as ticks are on time; beside these keys stands one target block."""

    every: Annotated[
        PositiveDuration, Meta(description="How often; one that takes longer is given up")
    ] = 60.0


class Scheduler(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """How much may run at once, and what jobs inherit."""

    max_concurrent_jobs: Annotated[
        int, Meta(ge=1, le=100_000, description="Executions at the same time in one process")
    ] = 100
    missed_runs: Annotated[_MissedRuns, Meta(description="Default of a job's missed_runs")] = (
        "execute_one"
    )
    missed_run_policy: Annotated[
        _MissedRuns | None, Meta(description="Another name of missed_runs")
    ] = None
    retry_policy: Annotated[RetryPolicy, Meta(description="Default of a job's retry_policy")] = (
        RetryPolicy()
    )
    default_retry_policy: Annotated[
        RetryPolicy | None, Meta(description="Another name of retry_policy")
    ] = None
    cluster: Annotated[Cluster, Meta(description="Many hosts: `cron --cluster`")] = Cluster()
    timezone: Annotated[str, Meta(description="Default of a job's timezone")] = "UTC"
    # Read by `heartbeat.py`: its target is of any protocol.
    heartbeat: HeartbeatSpec | None = None


class DispatcherCommon(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Keys that `dispatcher.<protocol>` has for every protocol."""

    timeout: Annotated[PositiveDuration, Meta(description="Default of a job's timeout")] = 30.0


class DispatcherConfig(Struct, frozen=True):
    """What chronos.yaml says of one protocol: its settings, and defaults as nodes."""

    settings: Settings
    job_defaults: Mapping
    target_defaults: Mapping


class Config(Struct, frozen=True):
    """A whole chronos.yaml; the defaults when there is none.

    `broken` has what is wrong with single protocols, where not all of them may be needed.
    `heartbeat` has not been looked at yet; `source` is the file that it stands in.
    """

    scheduler: Scheduler = Scheduler()
    dispatchers: dict[str, DispatcherConfig] = {}
    job_defaults: Mapping | None = None
    broken: dict[str, list[Problem]] = {}
    heartbeat: Entry | None = None
    source: ParsedFile | None = None


def find_config(option: str | None, environment: Environment[str, str]) -> str | None:
    """Return the path of chronos.yaml: option, $CHRONOS_CONFIG, ./, $XDG_CONFIG_HOME/chronos/.

    Raises UsageError when a path that was named does not exist or is no file.
    """
    named = option or environment.get("CHRONOS_CONFIG")
    if named:
        if not os.path.lexists(named):
            raise UsageError(f"no such configuration file: {named}")
        check_named(named)
        return named
    home = Path(environment.get("HOME", "/"))
    config_home = Path(environment.get("XDG_CONFIG_HOME") or home / ".config")
    for path in (Path("chronos.yaml"), config_home / "chronos" / "chronos.yaml"):
        if path.exists() and not path.is_dir():
            return str(path)
    return None


def read_config(
    source: SourceFile, kinds: TargetKinds, sources: Sources, faults: Faults | None = None
) -> tuple[Config, ProblemList]:
    """Read and check chronos.yaml; with problems, the configuration is not to be used.

    `faults` are given where not all of it may be needed.
    """
    parsed = parse_file(source)
    problems = ProblemList()
    config = Config()
    with suppress(TooManyProblemsError):
        for problem in parsed.problems:
            problems.add(problem)
        if parsed.documents:
            reading = _Reading(parsed.documents[0].root, kinds, sources, problems, faults)
            config = structs.replace(reading.config(), broken=reading.broken(parsed), source=parsed)
    problems.show_lines(parsed)
    return config, problems


class _Reading:
    def __init__(
        self,
        root: Node,
        kinds: TargetKinds,
        sources: Sources,
        problems: ProblemList,
        faults: Faults | None,
    ) -> None:
        self._reader = Reader(problems, faults=faults)
        self._problems = problems
        self._faults = faults
        self._asides: dict[str, ProblemList] = {}
        self._by_protocol = {kind.protocol: kind for kind in loadable(kinds).values()}
        self._root = root
        # Before anything is looked up: the names count for this file too.
        sources.secret_names.update(self._secret_names())
        Interpolation(sources, problems, faults).replace_below(root)

    def config(self) -> Config:
        root = self._root
        if isinstance(root, Mapping):
            for name, entry in root.entries.items():
                if name not in _SECTIONS:
                    self._reader.unknown_key(entry, (), _SECTIONS)
            return self._sections(root)
        if not (isinstance(root, Scalar) and root.text == ""):
            self._reader.fail(
                root, (), "expected a mapping with 'scheduler', 'dispatcher' and 'secrets'"
            )
        return Config()

    def _secret_names(self) -> list[str]:
        """Return the variables under `secrets`, which stand there as they are called."""
        entry = self._root.entries.get("secrets") if isinstance(self._root, Mapping) else None
        if entry is None:
            return []
        if not isinstance(entry.value, Sequence):
            self._reader.fail(entry.value, ("secrets",), "expected a list of variables' names")
            return []
        names: list[str] = []
        for index, item in enumerate(entry.value.items):
            if isinstance(item, Scalar) and item.text.isascii() and item.text.isidentifier():
                names.append(item.text)
            else:
                self._reader.fail(item, ("secrets", index), "expected the name of a variable")
        return names

    def _sections(self, root: Mapping) -> Config:
        scheduler = Scheduler()
        job_defaults = heartbeat = None
        if entry := root.entries.get("scheduler"):
            scheduler = read_struct(
                self._reader, entry.value, Scheduler, ("scheduler",), ignore=_APART
            )
            if isinstance(entry.value, Mapping):
                self._check_names(entry.value)
                job_defaults = _renamed(entry.value, _SCHEDULER_DEFAULTS)
                self._check_zone(entry.value)
                heartbeat = entry.value.entries.get("heartbeat")
        dispatchers: dict[str, DispatcherConfig] = {}
        if entry := root.entries.get("dispatcher"):
            dispatchers = self._dispatchers(entry)
        return Config(scheduler, dispatchers, job_defaults, heartbeat=heartbeat)

    def _check_zone(self, scheduler: Mapping) -> None:
        entry = scheduler.entries.get("timezone")
        if entry is None or not isinstance(entry.value, Scalar) or entry.value.unknown:
            return
        if message := check_zone(entry.value.text):
            self._reader.fail(entry.value, ("scheduler", "timezone"), message)

    def _check_names(self, node: Mapping) -> None:
        """Record a default that stands there under both of its names."""
        for name, other in _SCHEDULER_DEFAULTS.items():
            if name != other and name in node.entries and other in node.entries:
                message = f"'{name}' is another name of '{other}'"
                self._reader.fail(node.entries[name].key, ("scheduler", name), message, "keep one")

    def _dispatchers(self, section: Entry) -> dict[str, DispatcherConfig]:
        path: ProblemPath = ("dispatcher",)
        if not isinstance(section.value, Mapping):
            self._reader.fail(section.value, path, "expected a mapping of protocols")
            return {}
        found: dict[str, DispatcherConfig] = {}
        for protocol, entry in section.value.entries.items():
            kind = self._by_protocol.get(protocol)
            if kind is None:
                self._reader.unknown_key(entry, path, sorted(self._by_protocol))
            elif not isinstance(entry.value, Mapping):
                self._reader.fail(entry.value, (*path, protocol), "expected a mapping")
            else:
                found[protocol] = self._dispatcher(entry.value, kind, (*path, protocol))
        return found

    def _dispatcher(self, node: Mapping, kind: TargetKind, path: ProblemPath) -> DispatcherConfig:
        problems = self._problems_of(kind.protocol)
        reader = Reader(problems, faults=self._faults)
        texts = Reader(problems, templates=True, faults=self._faults)
        settings_keys = set(kind.settings.__struct_fields__)
        target_node = without(node, settings_keys | _JOB_KEYS)
        settings: Any = read_struct(reader, only(node, settings_keys), kind.settings, path)
        read_struct(reader, only(node, _JOB_KEYS), DispatcherCommon, path)
        known = settings_keys | _JOB_KEYS
        check_partial(texts, target_node, kind.target, path, ignore=sorted(known))
        mark_shared(target_node)
        return DispatcherConfig(
            settings=kind.settings() if settings is INVALID else settings,
            job_defaults=only(node, _JOB_KEYS),
            target_defaults=target_node,
        )

    def broken(self, parsed: ParsedFile) -> dict[str, list[Problem]]:
        """Return what is wrong with single protocols, if that stands apart."""
        for aside in self._asides.values():
            aside.show_lines(parsed)
        return {name: aside.sorted() for name, aside in self._asides.items() if aside}

    def _problems_of(self, protocol: str) -> ProblemList:
        """Return where the problems of one protocol go: apart, if it may not be needed."""
        if self._faults is None:
            return self._problems
        return self._asides.setdefault(protocol, ProblemsAside())


def _renamed(node: Mapping, names: dict[str, str]) -> Mapping:
    entries = {names[name]: entry for name, entry in node.entries.items() if name in names}
    renamed = Mapping(node.file, node.line, node.column, entries)
    mark_shared(renamed)
    return renamed
