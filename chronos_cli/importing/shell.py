"""The words of a shell's command line, as POSIX has them (XCU 2.2, 2.3).

Not by `shlex`: it takes the quotes away, and `'$TOKEN'` is a text where `"$TOKEN"` is a variable.
"""

import re
import sys
from collections.abc import Mapping, Sequence

from msgspec import Struct

from chronos_cli.dispatch.importer import reference
from chronos_cli.errors import NotImportableError
from chronos_cli.redact import bears_secret

ARITHMETIC = "\0(("
# The longest goes first.
_OPERATORS = ("&&", "||", ";;", "|&", "|", ";", "&", "(", ")", "\n")
_REDIRECTIONS = ("&>>", "&>", "<<<", "<<", ">>", ">&", ">|", "<&", "<>", ">", "<")
_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_ANSI = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "e": "\x1b", "f": "\f", "v": "\v"}
_ANSI_NUMBER = r"x[0-9a-fA-F]{1,2}|u[0-9a-fA-F]{1,4}|U[0-9a-fA-F]{1,8}|[0-7]{1,3}"


class Redirection(Struct, frozen=True):
    """`2>>log`: the operator with its number, and the file."""

    operator: str
    target: str


class SimpleCommand(Struct):
    """The words of one command, and what stands behind it: `&&`, `|`, `;` or nothing."""

    words: list[str] = []
    redirections: list[Redirection] = []
    operator: str = ""


def commands_of(text: str, variables: Mapping[str, str]) -> list[SimpleCommand]:
    """Return the commands of a line. Known variables are put in, unless they hold secrets.

    Others stand in the words as `reference` writes them. Raises NotImportableError for what only
    a shell can do: substitution of commands, here-documents, groups.
    """
    return _Parser(_Lexer(text, variables).tokens()).commands()


class _Token(Struct, frozen=True):
    text: str
    kind: str  # word, operator, redirection


class _Parser:
    def __init__(self, tokens: Sequence[_Token]) -> None:
        self._tokens = list(reversed(tokens))

    def commands(self) -> list[SimpleCommand]:
        found = [SimpleCommand()]
        while self._tokens:
            token = self._tokens.pop()
            if token.kind == "word":
                found[-1].words.append(token.text)
            elif token.kind == "redirection":
                found[-1].redirections.append(self._redirection(token.text))
            else:
                self._end(found, token.text)
        return [one for one in found if one.words or one.redirections]

    def _redirection(self, operator: str) -> Redirection:
        if not self._tokens or self._tokens[-1].kind != "word":
            raise NotImportableError(f"nothing stands behind '{operator}'")
        return Redirection(operator, self._tokens.pop().text)

    @staticmethod
    def _end(found: list[SimpleCommand], operator: str) -> None:
        if operator in {"(", ")"}:
            raise NotImportableError("it groups commands with ( )")
        if found[-1].words:
            found[-1].operator = ";" if operator == "\n" else operator
            found.append(SimpleCommand())


class _Lexer:
    """Takes a text apart. `_word` gathers the word that is being read; None between words."""

    def __init__(self, text: str, variables: Mapping[str, str]) -> None:
        self._text = text.replace("\\\r\n", "").replace("\\\n", "").replace("\0", "")
        self._variables = variables
        self._at = 0
        self._word: list[str] | None = None
        self._is_quoted = False
        self._found: list[_Token] = []

    def tokens(self) -> list[_Token]:
        while self._at < len(self._text):
            self._step(self._text[self._at])
        self._end_word()
        return self._found

    def _step(self, letter: str) -> None:
        if letter in " \t\r":
            self._at += 1
            self._end_word()
        elif letter == "'":
            self._add(self._until("'", self._at + 1), quoted=True)
        elif letter == '"':
            self._at += 1
            self._double_quoted()
        elif letter == "\\":
            self._add(self._text[self._at + 1 : self._at + 2], quoted=True)
            self._at += 2
        elif letter in "$`":
            self._expansion(is_quoted=False)
        elif letter == "#" and self._word is None:
            self._at = (self._text + "\n").index("\n", self._at)
        elif letter == "~" and self._word is None:
            self._home()
        elif not self._operator():
            self._add(letter)
            self._at += 1

    def _add(self, text: str, *, quoted: bool = False) -> None:
        self._word = [*(self._word or []), text]
        self._is_quoted = self._is_quoted or quoted

    def _end_word(self) -> None:
        if self._word is not None:
            self._found.append(_Token("".join(self._word), "word"))
        self._word, self._is_quoted = None, False

    def _until(self, quote: str, start: int) -> str:
        """Return the text up to a quote, and go behind it."""
        end = self._text.find(quote, start)
        if end < 0:
            raise NotImportableError(f"a quote ({quote}) is not closed")
        self._at = end + 1
        return self._text[start:end]

    def _double_quoted(self) -> None:
        self._add("", quoted=True)
        while (letter := self._text[self._at : self._at + 1]) != '"':
            if not letter:
                raise NotImportableError('a quote (") is not closed')
            following = self._text[self._at + 1 : self._at + 2]
            if letter == "\\" and following and following in '$`"\\':
                self._add(following)
                self._at += 2
            elif letter in "$`":
                self._expansion(is_quoted=True)
            else:
                self._add(letter)
                self._at += 1
        self._at += 1

    def _operator(self) -> bool:
        """Read an operator that begins here, if one does."""
        for operator in _REDIRECTIONS:
            if self._text.startswith(operator, self._at):
                self._redirection(operator)
                return True
        for operator in _OPERATORS:
            if self._text.startswith(operator, self._at):
                self._end_word()
                self._found.append(_Token(operator, "operator"))
                self._at += len(operator)
                return True
        return False

    def _redirection(self, operator: str) -> None:
        number = ""
        if self._word is not None and not self._is_quoted and "".join(self._word).isdecimal():
            number, self._word = "".join(self._word), None
        self._end_word()
        if operator.startswith("<<"):
            raise NotImportableError("its input is a here-document (<<)")
        self._found.append(_Token(number + operator, "redirection"))
        self._at += len(operator)

    def _home(self) -> None:
        rest = self._text[self._at + 1 : self._at + 2]
        known = self._variables.get("HOME") if rest in {"", "/", " "} else None
        self._add(known or "~")
        self._at += 1

    def _expansion(self, *, is_quoted: bool) -> None:
        """Read what begins with `$` or a backquote."""
        text, at = self._text, self._at
        if match := re.compile(rf"\$(?:({_NAME})|\{{({_NAME})\}})").match(text, at):
            self._at = match.end()
            self._variable(match[1] or match[2], is_quoted=is_quoted)
        elif text.startswith("$((", at) and (end := text.find("))", at)) > 0:
            self._add(f"{ARITHMETIC}{text[at + 3 : end].strip()}\0")
            self._at = end + 2
        elif text.startswith("$(", at) or text[at] == "`":
            raise NotImportableError("it takes the output of a command: $(…)")
        elif text.startswith("$'", at) and not is_quoted:
            self._ansi_quoted()
        elif text.startswith("${", at) or re.compile(r"\$[\d?!#@*$-]").match(text, at):
            raise NotImportableError(f"only a shell knows '{text[at : at + 12].split()[0]}'")
        else:
            self._add("$")
            self._at += 1

    def _variable(self, name: str, *, is_quoted: bool) -> None:
        value = self._variables.get(name)
        if value is None or bears_secret(name, from_outside=True):
            self._add(reference(name), quoted=True)
        elif is_quoted or len(value.split()) == 1:
            self._add(value, quoted=True)
        else:
            for number, part in enumerate(value.split()):
                if number:
                    self._end_word()
                self._add(part, quoted=True)

    def _ansi_quoted(self) -> None:
        """Read `$'…'`, which browsers write when they copy a request as a command of curl."""
        match = re.compile(r"\$'((?:[^'\\]|\\.)*)'", re.DOTALL).match(self._text, self._at)
        if match is None:
            raise NotImportableError("a quote (') is not closed")
        self._at = match.end()
        text = re.sub(rf"\\({_ANSI_NUMBER}|.)", _unescaped, match[1], flags=re.DOTALL)
        # Browsers write a letter beyond U+FFFF as two halves.
        self._add(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"), quoted=True)


def _unescaped(match: re.Match[str]) -> str:
    code = match[1]
    if code[0] in "xuU" and len(code) > 1:
        number = int(code[1:], 16)
    elif code[0] in "01234567":
        number = int(code, 8)
    else:
        return _ANSI.get(code, code)
    # No argument of a program holds the first.
    return chr(number) if 0 < number <= sys.maxunicode else ""
