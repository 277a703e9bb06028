"""The text of a crontab: its entries, with what holds for each (crontab(5))."""

import re
from collections.abc import Iterator

import msgspec
from msgspec import Struct

from chronos_cli.schedule.expression import check_schedule

_VARIABLE = r"""\s*(?:"([^"]+)"|'([^']+)'|([A-Za-z_][A-Za-z0-9_]*))\s*=\s*(.*?)\s*"""
_FIELDS = 5
_COLUMNS = r"m\s+h\s+dom\s+mon\s+dow\b.*"


class Entry(Struct, frozen=True, kw_only=True):
    """One line that runs a command.

    `comment` stood right above it. `user` is None in a user's own crontab. `variables` are those
    set above it; `stdin` is what stands behind `%`. `flaw` says why the line cannot be read.
    """

    line: int
    text: str
    schedule: str = ""
    command: str = ""
    user: str | None = None
    comment: str = ""
    stdin: str | None = None
    variables: dict[str, str] = {}
    flaw: str | None = None


def entries_of(text: str, *, has_users: bool) -> Iterator[Entry]:
    """Yield the entries of a crontab; with `has_users` a user stands before each command.

    Bytes that are not UTF-8 stand in the text as `surrogateescape` has them.
    """
    variables: dict[str, str] = {}
    comments: list[str] = []
    for number, line in enumerate(text.replace("\0", "").split("\n"), 1):
        stripped = line.strip()
        if stripped.startswith("#"):
            comments.append(_as_utf_8(stripped.strip("# \t")))
        elif match := re.fullmatch(_VARIABLE, line):
            value = match[4]
            if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
                value = value[1:-1]
            variables[match[1] or match[2] or match[3]] = _as_utf_8(value)
            comments = []
        elif stripped:
            entry = Entry(
                line=number,
                text=stripped,
                comment=" ".join(filter(_is_description, comments)),
                variables=dict(variables),
            )
            yield _read(entry, has_users=has_users)
            comments = []
        else:
            comments = []


def seems_to_have_users(text: str) -> bool:
    """Whether in every entry a user of this machine stands before the command, as in /etc/cron.d.

    `mail -s …` is the program, not the user of that name.
    """
    entries = [entry for entry in entries_of(text, has_users=True) if not entry.flaw]
    return bool(entries) and all(
        _is_user(entry.user or "") and not entry.command.startswith("-") for entry in entries
    )


def _is_user(name: str) -> bool:
    import pwd

    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def _read(entry: Entry, *, has_users: bool) -> Entry:
    """Take a line apart into schedule, user, command and input."""
    if _as_utf_8(entry.text) != entry.text:
        return msgspec.structs.replace(entry, flaw="it is not UTF-8 text")
    count = 1 if entry.text.startswith("@") else _FIELDS
    words = entry.text.split(None, count + has_users)
    if len(words) < count + has_users + 1:
        return msgspec.structs.replace(entry, flaw="it is no line of a crontab")
    command, stdin = _split_input(words[-1])
    return msgspec.structs.replace(
        entry,
        schedule=" ".join(words[:count]),
        user=words[count] if has_users else None,
        command=command,
        stdin=stdin,
    )


def _as_utf_8(text: str) -> str:
    return text.encode(errors="surrogateescape").decode(errors="replace")


def _split_input(text: str) -> tuple[str, str | None]:
    """Return the command, and its input: what stands behind the first `%` without a backslash."""
    parts = re.split(r"(?<!\\)%", text)
    command, *lines = (part.replace("\\%", "%") for part in parts)
    return command, "\n".join(lines) + "\n" if lines else None


def _is_description(comment: str) -> bool:
    """Whether a comment is of people's words: not a line, nor a job that is switched off."""
    if not any(letter.isalnum() for letter in comment) or re.fullmatch(_COLUMNS, comment):
        return False
    words = comment.split()
    switched_off = " ".join(words[:_FIELDS])
    is_name = words[0].startswith("@") and check_schedule(words[0]) is None
    return not is_name and (len(words) <= _FIELDS or check_schedule(switched_off) is not None)
