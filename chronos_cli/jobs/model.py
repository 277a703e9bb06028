"""What a job is, once its file has been read."""

import difflib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, Protocol

from msgspec import UNSET, Meta, Struct, field

from chronos_cli.jobs.cloudevents import CloudEvents, Mode
from chronos_cli.problems import Flaw, Position
from chronos_cli.units import Duration, FilePath, PositiveDuration

if TYPE_CHECKING:
    from chronos_cli.schedule.calendar import Calendar


def _as_id(text: str) -> str:
    """Return the ID that is nearest to a text; empty where nothing of it can stand in one."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-._")[:128]


_ID_FORM = "an ID: letters, digits, '.', '_' and '-', at most 128, a letter or digit first"
JobId = Annotated[
    str,
    Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$", extra={"form": (_ID_FORM, _as_id)}),
]

# What is sent once a job has ended, by how it did: dispatches of their own.
NOTICES = ("on_failure", "on_success", "on_recovery")


# What `retry_on` may name, beside codes: `expectation` is an answer that was not the expected one.
FAILURE_CLASSES = ("unreachable", "timeout", "rejected", "expectation")
# As reports call a timeout.
_ALIASES = ("timed_out",)
_NOT_AGAIN = ("never", "none", "no", "off", "false")
_STATUS_CLASS = r"[0-9][xX]+"


def _is_misspelt(name: str) -> bool:
    if re.fullmatch(_STATUS_CLASS, name):
        return len(name) != 3
    if name.isupper():  # a code, most of which are alike
        return name.lower() in {*FAILURE_CLASSES, *_ALIASES}
    return bool(difflib.get_close_matches(name.lower(), [*FAILURE_CLASSES, *_ALIASES], 1))


class RetryPolicy(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """When and how often a failed attempt is made again."""

    max_attempts: Annotated[int, Meta(ge=1, le=1000, description="Attempts in all")] = 3
    initial_interval: Annotated[Duration, Meta(description="Wait before the second attempt")] = 1.0
    max_interval: Annotated[Duration, Meta(description="No wait is longer")] = 60.0
    multiplier: Annotated[float, Meta(ge=1, le=100, description="Growth of the wait")] = 2.0
    jitter: Annotated[
        float, Meta(ge=0, le=1, description="Share by which a wait varies at random, 0 to 1")
    ] = 0.2
    retry_on: Annotated[
        tuple[str, ...],
        Meta(
            description="Classes (unreachable, timeout, rejected, expectation) and the protocol's "
            "own codes (409, 5xx, ABORTED) that are tried again"
        ),
    ] = ("unreachable", "timeout")

    @staticmethod
    def instead_of_text(text: str) -> str | None:
        """Return the block of one who wants no second attempt."""
        return "{max_attempts: 1}" if text.lower() in _NOT_AGAIN else None

    def flaws(self) -> Iterator[Flaw]:
        """Yield what in `retry_on` is a misspelt class, which would end all retries.

        Codes are of the protocols, and some of them let any text be one.
        """
        for number, name in enumerate(self.retry_on):
            if name not in {*FAILURE_CLASSES, *_ALIASES} and _is_misspelt(name):
                known = ", ".join(FAILURE_CLASSES)
                message = f"'{name[:40]}' is no class of failures and no protocol's code"
                hint = f"one of {known}; or a code such as 409, 5xx, ABORTED"
                yield Flaw(("retry_policy", "retry_on", number), message, hint)


class Notify(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """How many failures in a row are told of: once, until the job recovers."""

    after: Annotated[
        int, Meta(ge=1, le=1_000_000, description="on_failure is sent at this failure in a row")
    ] = 1
    repeat: Annotated[
        PositiveDuration | None,
        Meta(description="And again whenever this has passed while it lasts. Default: never"),
    ] = None

    @staticmethod
    def instead_of_text(text: str) -> str | None:
        """Return the block of one who says whom to tell, not when."""
        return None if text.isdigit() else "{after: 1}, and on_failure: with whom to tell"


class DispatchSpec(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """What is sent and for how long it is tried; beside these keys stands one target block."""

    timeout: Annotated[PositiveDuration, Meta(description="Limit of one attempt")] = 30.0
    deadline: Annotated[
        PositiveDuration | None,
        Meta(
            description="Limit of all attempts and waits together. Default: what max_attempts, "
            "timeout and max_interval can add up to",
            examples=["10m"],
        ),
    ] = None
    retry_policy: Annotated[
        RetryPolicy, Meta(examples=[{"max_attempts": 5, "initial_interval": "1s"}])
    ] = RetryPolicy()
    payload: Annotated[
        Any,
        Meta(
            description="Text is sent as it is, anything else as JSON",
            examples=[{"report": "daily"}],
        ),
    ] = UNSET
    payload_file: Annotated[
        FilePath | None, Meta(description="A file, beside the job file, sent byte for byte")
    ] = None
    content_type: Annotated[str | None, Meta(description="Default: by the payload's kind")] = None
    cloudevents: Annotated[
        Mode | CloudEvents | None,
        Meta(description="Send the message as a CloudEvent. Default: no"),
    ] = None


class JobSpec(DispatchSpec, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The keys that every job has."""

    name: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=256,
            description="What people call it",
            examples=["nightly-report"],
        ),
    ]
    id: Annotated[
        JobId | None,
        Meta(description="Identifies the job; letters, digits, '.', '_', '-'. Default: the name"),
    ] = None
    description: Annotated[str, Meta(description="For people; not sent")] = ""
    schedule: Annotated[
        str | tuple[str, ...] | None,
        Meta(
            description="Cron expression (6 fields: seconds first), @daily, @every 30s, "
            "@at 2027-01-04T09:00, @reboot; or a list of these",
            examples=['"0 9 * * 1-5"'],
        ),
    ] = None
    timezone: Annotated[str, Meta(description="IANA time zone of schedule and times")] = "UTC"
    starts: Annotated[
        str | None, Meta(description="No tick before this date or time", examples=["2027-01-01"])
    ] = None
    ends: Annotated[
        str | None, Meta(description="No tick after this date or time", examples=["2027-12-31"])
    ] = None
    exceptions: Annotated[
        str | tuple[str, ...],
        Meta(
            description="No tick on these: dates, ranges 2026-12-24..2027-01-01, quiet hours "
            "22:00-06:00, iCalendar files beside the job file",
            examples=[["2026-12-24..2027-01-01", "22:00-06:00"]],
        ),
    ] = field(default=(), name="except")
    enabled: Annotated[bool, Meta(description="false: the job is skipped")] = True
    tags: Annotated[dict[str, str], Meta(description="For --tag; not sent")] = {}
    concurrency: Annotated[
        Literal["allow", "forbid", "replace"],
        Meta(description="What happens when the previous execution is still running"),
    ] = "allow"
    on_interrupted: Annotated[
        Literal["retry", "ignore"],
        Meta(description="What happens to an execution that was cut off by the scheduler's death"),
    ] = "retry"
    missed_runs: Annotated[
        Literal["ignore", "execute_one", "execute_all"],
        Meta(description="What happens to runs missed while the scheduler was down"),
    ] = "execute_one"
    starting_deadline: Annotated[
        PositiveDuration | None, Meta(description="A start that is later than this is dropped")
    ] = None
    jitter: Annotated[Duration, Meta(description="Spreads scheduled starts over this time")] = 0.0
    notify: Annotated[
        Notify | None,
        Meta(description="When on_failure and on_recovery are sent. Default: at every failure"),
    ] = None


class Target(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The base of a protocol's target block: its fields are the block's keys.

    It must import without the protocol's client library.
    """

    def flaws(self) -> Iterator[Flaw]:
        """Yield what types cannot say: checked when the file is loaded and after rendering."""
        return iter(())

    @classmethod
    def other_names(cls) -> Mapping[str, str]:
        """Return what people call this block, each with the block to write for it.

        Without a block it is another word for this one's key.
        """
        return {}

    @classmethod
    def advice(cls) -> Mapping[str, str]:
        """Return keys that people write in this block, each with what to write instead.

        `body: …` is answered by the line `payload: {value}`, or by any text.
        """
        return {}

    def describe(self) -> str:
        """Return the target in one line, for reports: `POST https://api.example.com/job`."""
        raise NotImplementedError

    def warnings(self) -> Iterator[str]:
        """Yield what is dangerous here; it is said at every run."""
        return iter(())

    def body_key(self) -> str | None:
        """Return the key of this block, if any, that takes the place of a payload."""
        return None

    def further_modules(self) -> dict[str, str]:
        """Return modules that this block needs beyond its protocol's, and the extras with them."""
        return {}

    def partition_key(self, job_id: str) -> str | None:  # noqa: ARG002
        """Return what the protocol spreads messages by: an event's `partitionkey`."""
        return None

    def event_flaws(self, mode: Mode, extensions: Collection[str]) -> Iterator[Flaw]:  # noqa: ARG002
        """Yield what in this block goes against a CloudEvent; `extensions` are names."""
        return iter(())


class Settings(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The base of a protocol's own settings in chronos.yaml (`dispatcher.<protocol>`)."""


class TargetKind(Protocol):
    """What the loader must know of a protocol."""

    @property
    def protocol(self) -> str:
        """Its name in reports and in chronos.yaml."""
        ...

    @property
    def target(self) -> type[Target]:
        """The struct of its target block."""
        ...

    @property
    def settings(self) -> type[Settings]:
        """The struct of its settings in chronos.yaml."""
        ...

    @property
    def event_modes(self) -> tuple[Mode, ...]:
        """How it can carry a CloudEvent, the default first."""
        ...


class TargetKinds(Protocol):
    """The target blocks that a job may have, by their key in the job file."""

    def target_keys(self) -> list[str]:
        """Return every known key."""
        ...

    def kind(self, key: str) -> TargetKind:
        """Return what stands behind a key; ImportError if it is broken."""
        ...


def loadable(kinds: TargetKinds) -> dict[str, TargetKind]:
    """Return the protocols whose code can be imported, by the key of their target block.

    A broken one has its message where a job uses it.
    """
    found: dict[str, TargetKind] = {}
    for key in kinds.target_keys():
        try:
            found[key] = kinds.kind(key)
        except ImportError:
            continue
    return found


class Payload(Struct, frozen=True):
    """What the user wants sent. Neither value nor raw: the execution's own metadata."""

    value: Any = UNSET
    raw: bytes | None = None
    content_type: str | None = None

    @property
    def is_metadata(self) -> bool:
        """Whether the user gave no payload."""
        return self.value is UNSET and self.raw is None


class Job(Struct, frozen=True):
    """One job, checked and complete.

    `key` is the target block's key (`webhook`), `protocol` what it stands for (`http`).
    `has_templates` tells whether target or payload may differ from attempt to attempt.
    `event` is the CloudEvent that the message is, with its mode; None for a plain message.
    `notices` are sent once it has ended: by `on_failure`, `on_success` or `on_recovery`.
    `calendar` is what its ticks depend on; None where that is one schedule and the zone.
    `warnings` are of what was found in its file, each with its place.
    """

    id: str
    spec: JobSpec
    key: str
    protocol: str
    target: Target
    payload: Payload
    position: Position
    event: CloudEvents | None = None
    has_templates: bool = True
    notices: "dict[str, Job]" = {}
    calendar: "Calendar | None" = None
    warnings: tuple[str, ...] = ()

    @property
    def deadline(self) -> float:
        """Seconds that all attempts and waits may take together."""
        if self.spec.deadline is not None:
            return self.spec.deadline
        policy = self.spec.retry_policy
        waits = (policy.max_attempts - 1) * policy.max_interval
        return policy.max_attempts * self.spec.timeout + waits


def warnings_of(jobs: Iterable[Job]) -> dict[str, list[str]]:
    """Return what is dangerous in jobs and their notices, each with the IDs of the jobs."""
    found: dict[str, list[str]] = {}
    for job in jobs:
        for one in (job, *job.notices.values()):
            for message in dict.fromkeys((*one.target.warnings(), *one.warnings)):
                ids = found.setdefault(message, [])
                if job.id not in ids[-1:]:
                    ids.append(job.id)
    return found
