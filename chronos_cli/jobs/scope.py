"""What a command needs of the job files: which jobs, and which of their keys."""

from collections.abc import Mapping
from enum import Enum

from msgspec import Struct


class Outline(Struct, frozen=True):
    """What a job is chosen by, as far as its file tells; None for what cannot be known."""

    id: str | None
    tags: Mapping[str, str | None]


class Choice(Struct, frozen=True):
    """The jobs with one of these IDs (with any ID, if none is named) and with all of these tags."""

    ids: frozenset[str] = frozenset()
    tags: dict[str, str] = {}

    @property
    def is_all(self) -> bool:
        """Whether every job is chosen."""
        return not self.ids and not self.tags

    def may_take(self, job: Outline) -> bool:
        """Whether a job is chosen; one whose tags cannot be known might be, so it is."""
        if self.ids and job.id not in self.ids:
            return False
        tags = job.tags
        return all(key in tags and tags[key] in {value, None} for key, value in self.tags.items())


class Files(Enum):
    """Files that jobs name: none of them, those named from the job file's folder on, or any."""

    NONE = 0
    BESIDE = 1
    ANY = 2


class Scope(Struct, frozen=True, kw_only=True):
    """What a command needs: the chosen jobs, of which `keys` have to be known (None: all).

    `files` are those that must be there when a job names them. With `may_lack`, whoever asks says
    what it means when a chosen job is not there.
    """

    choice: Choice = Choice()
    keys: frozenset[str] | None = None
    files: Files = Files.NONE
    may_lack: bool = False

    @property
    def is_partial(self) -> bool:
        """Whether something may be wrong in the files that does not matter."""
        return self.keys is not None or not self.choice.is_all

    @property
    def shown(self) -> frozenset[str]:
        """The keys of a job whose values have to be known before all others."""
        return (self.keys or frozenset()) | ({"tags"} if self.choice.tags else set())


ALL = Choice()
EVERYTHING = Scope()
# What `next` shows of a job.
TIMETABLE_KEYS = frozenset("name id schedule timezone starts ends except enabled jitter".split())
# What an export says in another scheduler's words.
EXPORT_KEYS = TIMETABLE_KEYS | frozenset(
    "tags concurrency missed_runs starting_deadline timeout deadline retry_policy".split()
)
# What `list` shows beside the target.
LIST_KEYS = frozenset("name id schedule timezone enabled tags".split())
