"""What things are called on the servers: streams, subjects, keys."""

import re

from msgspec import Struct

from chronos_cli.errors import StateError
from chronos_cli.state.entries import ALL_JOBS

CONSUMER = "hosts"
_PLAIN = r"[A-Za-z0-9_-]"
# No job can be called so: there is no such escape.
PROBE = "=probe"
# Stands for all jobs in the key of a pause.
_ALL = "=all"


class Names(Struct, frozen=True):
    """The names of one group of hosts, which share one schedule."""

    group: str

    @classmethod
    def of(cls, group: str) -> "Names":
        """Return the names of a group; StateError for one that cannot be part of a subject."""
        if not re.fullmatch(f"{_PLAIN}+", group):
            raise StateError(
                f"chronos.yaml: scheduler.cluster.group: '{group}' has other characters than "
                "letters, digits, '_' and '-'"
            )
        return cls(group)

    @property
    def ticks(self) -> str:
        """The stream of the ticks, each of which is a claim."""
        return f"CHRONOS_{self.group}_TICKS"

    @property
    def outcomes(self) -> str:
        """The stream of what was started, and what came of it."""
        return f"CHRONOS_{self.group}_OUTCOMES"

    @property
    def bucket(self) -> str:
        """The stream behind the key-value bucket of marks, locks and hosts."""
        return f"KV_CHRONOS_{self.group}"

    def tick(self, job_id: str, moment_ms: int) -> str:
        """Return the subject of a tick, by its job and scheduled time (unix ms)."""
        return f"chronos.{self.group}.tick.{token(job_id)}.{moment_ms}"

    def outcome(self, job_id: str, moment_ms: int | str) -> str:
        """Return the subject of what a tick came to; `*` for all of a job's."""
        return f"chronos.{self.group}.outcome.{token(job_id)}.{moment_ms}"

    def probe(self, kind: str, number: int = 0) -> str:
        """Return a subject beside those of jobs: `tick` or `outcome`, and a number."""
        return f"chronos.{self.group}.{kind}.{PROBE}.{number}"

    def turn(self, job_id: str, seq: int, number: int) -> str:
        """Return the subject that stands for taking a job's lock, as its key stood at `seq`."""
        return f"chronos.{self.group}.tick.{PROBE}.{token(job_id)}.{seq}.{number}"

    def host_turn(self, host: str, seq: int) -> str:
        """Return the subject that stands for taking a host's name, as its key stood at `seq`."""
        return f"chronos.{self.group}.tick.{PROBE}.=host.{token(host)}.{seq}"

    def claimed(self, subject: str = "") -> str:
        """Return where a stored tick is told of; without a tick, where all of them are."""
        return f"chronos.{self.group}.claimed.{subject.partition('.tick.')[2] or '>'}"

    def cancel(self, job_id: str | None = None) -> str:
        """Return where the holder of a job's lock is asked to end; without a job, of all."""
        return f"chronos.{self.group}.cancel.{'*' if job_id is None else token(job_id)}"

    def pause(self, job_id: str) -> str:
        """Return the subject of a job's pause, or of that of `ALL_JOBS`."""
        return self.key("pause", job_id) if job_id else f"{self.key('pause', '')}{_ALL}"

    def key(self, kind: str, name: str) -> str:
        """Return the subject of a key: `mark`, `lock`, `host`, `jobs` or `pause`, and a name."""
        return f"$KV.CHRONOS_{self.group}.{kind}.{token(name) if name != '*' else name}"


def token(text: str) -> str:
    """Return a text as one part of a subject."""
    return re.sub(rf"(?!{_PLAIN}).", _escaped, text, flags=re.DOTALL)


def text_of(part: str) -> str:
    """Return the text that a part of a subject stands for."""
    raw = re.sub(r"=([0-9A-F]{2})", lambda found: chr(int(found[1], 16)), part)
    return raw.encode("latin-1", errors="replace").decode(errors="replace")


def job_and_moment(subject: str) -> tuple[str, int]:
    """Return job ID and scheduled time (unix ms) of the subject of a tick or an outcome."""
    parts = subject.split(".")
    return text_of(parts[-2]), int(parts[-1])


def job_of_pause(subject: str) -> str:
    """Return the job ID of the subject of a pause; `ALL_JOBS` for that of all."""
    part = subject.rpartition(".")[2]
    return ALL_JOBS if part == _ALL else text_of(part)


def _escaped(found: re.Match[str]) -> str:
    return "".join(f"={byte:02X}" for byte in found[0].encode())
