"""The one call that a command line makes, and what the shell does around it."""

import re
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath

from msgspec import Struct

from chronos_cli.dispatch.importer import has_reference, replace_references
from chronos_cli.errors import NotImportableError
from chronos_cli.importing.shell import ARITHMETIC, SimpleCommand, commands_of
from chronos_cli.units import parse_duration

_ASSIGNMENT = r"([A-Za-z_][A-Za-z0-9_]*)=(.*)"
# What only looks after the process, and its options that take a value.
_AROUND = {
    "nice": ("-n",),
    "ionice": ("-c", "-n"),
    "chrt": (),
    "nohup": (),
    "setsid": (),
    "time": (),
    "exec": (),
    "command": (),
    "chronic": (),
    "stdbuf": ("-o", "-e", "-i"),
}
_SHELLS = frozenset({"sh", "bash", "dash"})
_KEYWORDS = frozenset("if then for while until case { [ [[ test !".split())
_RANDOM = r"RANDOM\s*%\s*(\d{1,6})"
_NOTHING = (["true"], [":"], ["exit", "0"])
_MOST_NESTED = 5


class Call(Struct):
    """One call, and what of the shell around it becomes keys of a job.

    `seconds` is a fixed delay behind the minute, `jitter` one at random, both in seconds; `limit`
    ends the call from outside.
    """

    words: list[str]
    folder: str
    variables: dict[str, str]
    remarks: list[str]
    stdin: str | None = None
    seconds: int = 0
    jitter: int = 0
    limit: float | None = None
    forbids_overlap: bool = False

    @property
    def program(self) -> str:
        """The name of the program, without its folder."""
        return PurePosixPath(self.words[0]).name


def call_of(text: str, folder: str, variables: Mapping[str, str], stdin: str | None = None) -> Call:
    """Return the call that a command line makes; NotImportableError where there is not one."""
    call = Call([], folder, dict(variables), [], stdin)
    _Reading(call).read(text)
    if not call.words:
        raise NotImportableError("it is no command")
    return call


class _Reading:
    """Takes a command line apart, from outside in, into a `Call`."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._nesting = 0

    def read(self, text: str) -> None:
        """Read a line, which may stand within another (`sh -c '…'`)."""
        self._nesting += 1
        if self._nesting > _MOST_NESTED:
            raise NotImportableError("its shells are nested too deep")
        commands = _without_ends(commands_of(text, self._call.variables))
        while len(commands) > 1 and self._prepares(commands[0]):
            del commands[0]
        if not commands or not commands[0].words:
            raise NotImportableError("it is no command")
        if len(commands) > 1:
            raise NotImportableError(_why_not_one(commands))
        self._redirect(commands[0])
        self._unwrap(commands[0].words)

    def _prepares(self, command: SimpleCommand) -> bool:
        """Take over a command before the call that says how it is made; False if it does not."""
        words = command.words
        if command.operator == "|":
            return self._feeds(words)
        if command.operator not in {"&&", ";"}:
            return False
        if words[0] == "cd" and len(words) <= 2:
            target = words[1] if len(words) == 2 else self._call.variables.get("HOME", "/")
            if has_reference(target):
                raise NotImportableError("it goes to a folder that is in a variable")
            self._call.folder = str(PurePosixPath(self._call.folder) / target)
        elif words[0] == "sleep" and len(words) == 2:
            self._sleep(words[1])
        elif words[0] == "export" and all(re.fullmatch(_ASSIGNMENT, one) for one in words[1:]):
            self._assign(words[1:])
        elif all(re.fullmatch(_ASSIGNMENT, one) for one in words):
            self._assign(words)
        else:
            return False
        return True

    def _feeds(self, words: list[str]) -> bool:
        """Take over `echo TEXT |` as the call's input."""
        is_plain = words[0] == "echo" and not any("\\" in word for word in words)
        end = "" if words[1:2] == ["-n"] else "\n"
        text = words[1:] if end else words[2:]
        if not is_plain or text[:1] in (["-e"], ["-E"]):
            return False
        self._call.stdin = " ".join(text) + end
        return True

    def _assign(self, words: list[str]) -> None:
        self._call.variables |= dict(word.partition("=")[::2] for word in words)

    def _sleep(self, text: str) -> None:
        arithmetic = re.fullmatch(rf"{re.escape(ARITHMETIC)}{_RANDOM}\0([smh]?)", text)
        if arithmetic:
            unit = {"": 1, "s": 1, "m": 60, "h": 3600}[arithmetic[2]]
            self._call.jitter += int(arithmetic[1]) * unit
        elif re.fullmatch(r"[0-5]?\d", text):
            self._call.seconds += int(text)
        else:
            raise NotImportableError(f"it waits first: sleep {_plain(text)}")

    def _redirect(self, command: SimpleCommand) -> None:
        for redirection in command.redirections:
            target = _plain(redirection.target)
            if "<" in redirection.operator:
                if target != "/dev/null":
                    raise NotImportableError(f"its input is a file: {target}")
            elif target != "/dev/null" and not redirection.operator.endswith(">&"):
                self._call.remarks.append(
                    f"its output went to {target}; chronos writes to its own log and history"
                )

    def _unwrap(self, words: list[str]) -> None:
        """Take off what stands before the call in the same command."""
        while words:
            name = PurePosixPath(words[0]).name
            if re.fullmatch(_ASSIGNMENT, words[0]):
                self._assign(words[:1])
                del words[0]
            elif name in _SHELLS:
                self._shell(words)
                return
            elif (take_off := self._wrappers().get(name)) is not None:
                words = take_off(words[1:])
            elif name in _AROUND:
                words = _behind_options(words[1:], _AROUND[name])
            else:
                break
        if not words:
            return
        if words[0] in _KEYWORDS:
            raise NotImportableError(f"it is a piece of a shell's program ({words[0]})")
        if any(ARITHMETIC in word for word in words):
            raise NotImportableError("it computes: $((…))")
        self._call.words = words

    def _wrappers(self) -> dict[str, Callable[[list[str]], list[str]]]:
        return {"flock": self._flock, "timeout": self._timeout, "env": self._env}

    def _shell(self, words: list[str]) -> None:
        if len(words) != 3 or not re.fullmatch(r"-[el]*c", words[1]):
            raise NotImportableError(f"it runs a script: {_plain(' '.join(words[:2]))}")
        self.read(words[2])

    def _flock(self, words: list[str]) -> list[str]:
        rest = _behind_options(words, ("-w", "--timeout", "--wait", "-E"))
        options = words[: len(words) - len(rest)]
        if not {"-n", "--nonblock", "--nb", "-xn", "-nx"} & set(options):
            self._call.remarks.append(
                "flock waits for the other; here a start is skipped (concurrency: forbid)"
            )
        self._call.forbids_overlap = True
        if len(rest) > 2 and rest[1] in {"-c", "--command"}:
            self.read(rest[2])
            return []
        return rest[1:]

    def _timeout(self, words: list[str]) -> list[str]:
        rest = _behind_options(words, ("-s", "--signal", "-k", "--kill-after"))
        try:
            self._call.limit = parse_duration(rest[0]) if rest else None
        except ValueError as error:
            raise NotImportableError(f"timeout: {error}") from None
        return rest[1:]

    def _env(self, words: list[str]) -> list[str]:
        if words and words[0].startswith("-"):
            raise NotImportableError(f"it sets its environment anew: env {_plain(words[0])}")
        return words


def _behind_options(words: list[str], with_value: tuple[str, ...]) -> list[str]:
    """Return the words behind the options; those named take a value of their own."""
    rest = list(words)
    while rest and rest[0].startswith("-") and len(rest[0]) > 1:
        option = rest.pop(0)
        if option in with_value and rest:
            rest.pop(0)
    return rest


def _without_ends(commands: list[SimpleCommand]) -> list[SimpleCommand]:
    """Take off `|| true` and the like, which only hide a failure."""
    while len(commands) > 1 and commands[-1].words in _NOTHING:
        if commands[-2].operator not in {"||", ";"}:
            break
        commands.pop()
        commands[-1].operator = ""
    return commands


def _why_not_one(commands: list[SimpleCommand]) -> str:
    """Return why several commands are not one call."""
    first, second = commands[0], commands[1]
    # Of an assignment only the name: its value may be a secret.
    names = [_plain(one.words[0].partition("=")[0]) for one in (first, second) if one.words]
    if first.words[0] in _KEYWORDS:
        return f"it is a piece of a shell's program ({first.words[0]})"
    if first.operator.startswith("|") and first.operator != "||":
        return f"its output goes through a pipe to '{names[-1]}'"
    if first.operator == "||":
        return f"it calls '{names[-1]}' on failure; a notice (on_failure) can do that"
    return f"it is several commands ('{names[0]}', '{names[-1]}'): write a job for each"


def _plain(text: str) -> str:
    """Return a word as it stood, for a message."""
    text = re.sub(rf"{re.escape(ARITHMETIC)}([^\0]*)\0", r"$((\1))", text)
    return replace_references(text, lambda name: f"${name}")
