"""What to write where a text is no YAML: the mistakes that people make, known by their line."""

import re
from collections.abc import Iterator

from msgspec import Struct, structs

from chronos_cli.jobs.lines import Lines
from chronos_cli.jobs.written import in_quotes

_LONGEST = 500
# A key and its value on one line, with what stands before and behind.
_PAIR = r"(?P<indent>\s*(?:-\s+)*)(?P<key>[\w.-]+):\s+(?P<value>.*?)(?:\s+#.*)?\s*"
_CRONTAB = r"\s*(?P<schedule>(?:[0-9*/,-]+\s+){4}[0-9A-Za-z*/,-]+)\s+\S.*"
_IN_BRACES = r"""(?P<key>[\w.-]+):\s*(?P<value>[^\s,"'{}]*(?:%s)[^\s,}]*)"""
_VARIABLE, _TEMPLATE = r"\$\{[^}]*\}", r"\{\{.*?\}\}"
_NEEDS_QUOTES = frozenset("*&!%@`|>")


class Mistake(Struct, frozen=True):
    """What is wrong: line and column count from 1; `cause` is the parser's own word."""

    line: int
    column: int
    message: str
    hint: str | None = None
    cause: str = ""


class Fault(Struct, frozen=True):
    """Where the parser stopped, and where what it was reading began; both count from 1."""

    line: int
    column: int
    message: str
    begin: tuple[int, int] | None = None


def explained(lines: Lines, fault: Fault) -> Mistake:
    """Return a fault of the text as a person would say it."""
    plain = Mistake(fault.line, fault.column, f"not valid YAML: {fault.message}")
    found = next(_Line(lines, fault).mistakes(), plain)
    return structs.replace(found, cause=fault.message)


def braces_as_key(lines: Lines, line: int) -> Mistake | None:
    """Return the mistake where a template without quotes is read as a mapping."""
    text = lines.get(line, _LONGEST) or ""
    pair = re.fullmatch(_PAIR, text)
    if pair is None or not pair["value"].startswith("{{"):
        return None
    hint = f"write: {pair['key']}: {in_quotes(pair['value'])}"
    return Mistake(line, pair.start("value") + 1, "a template '{{ … }}' needs quotes", hint)


def with_quotes(lines: Lines, line: int) -> str | None:
    """Return a hint with the value of a line in quotes."""
    pair = re.fullmatch(_PAIR, lines.get(line, _LONGEST) or "")
    return f"write: {pair['key']}: {in_quotes(pair['value'])}" if pair else None


class _Line:
    """The line on which the parser stopped, and those around it."""

    def __init__(self, lines: Lines, fault: Fault) -> None:
        self._lines = lines
        self._fault = fault
        self._text = lines.get(fault.line, _LONGEST) or ""
        self._pair = re.fullmatch(_PAIR, self._text)
        self._before = self._line_before(fault.line)

    def mistakes(self) -> Iterator[Mistake]:
        """Yield what may be meant, the likeliest first."""
        yield from self._tab()
        yield from self._crontab()
        yield from self._first_letter()
        message = self._fault.message
        if "mapping values" in message:
            yield from self._no_pair_before()
            yield from self._too_deep()
            yield from self._colon_in_value()
        yield from self._comment()
        yield from self._braces()
        if "end of stream" in message or "unexpected end" in message:
            yield from self._open_quote()
        if "escape" in message:
            yield from self._escape()
        yield from self._behind_quotes()
        if "expected ':'" in message:
            yield from self._block_text()
        if "expected key" in message:
            yield from self._quote_above()
        if "expected key" in message or "'-' indicator" in message:
            yield from self._uneven()
        if "','" in message:
            yield from self._comma()
        if "document start" in message:
            yield from self._outside()

    def _line_before(self, number: int) -> tuple[int, str]:
        """Return the last line before this one that says something, with its number."""
        while number > 1:
            number -= 1
            text = self._lines.get(number, _LONGEST) or ""
            if text.strip() and not text.lstrip().startswith("#"):
                return number, text
        return 0, ""

    def _at(self, column: int, message: str, hint: str | None, line: int = 0) -> Mistake:
        return Mistake(line or self._fault.line, column, message, hint)

    def _tab(self) -> Iterator[Mistake]:
        indent = self._text[: len(self._text) - len(self._text.lstrip())]
        if "\t" in indent:
            column = indent.index("\t") + 1
            line = indent.replace("\t", "  ") + self._text.strip()[:80]
            yield self._at(column, "a tab is not allowed here", f"indent with blanks: '{line}'")
        elif "\t" in self._text[max(0, self._fault.column - 1) :][:1]:
            yield self._at(self._fault.column, "a tab is not allowed here", "write a blank")

    def _crontab(self) -> Iterator[Mistake]:
        if match := re.fullmatch(_CRONTAB, self._text):
            hint = (
                "'chronos import crontab FILE' writes the jobs of a crontab; by hand, write: "
                f'schedule: "{match["schedule"]}"'
            )
            column = match.start("schedule") + 1
            yield self._at(column, "this is a line of a crontab, not of a job file", hint)

    def _first_letter(self) -> Iterator[Mistake]:
        pair = self._pair
        if pair is None or pair["value"][:1] not in _NEEDS_QUOTES:
            return
        if self._fault.column > pair.start("value") + 2:
            return
        message = f"a value that begins with '{pair['value'][0]}' needs quotes"
        yield self._at(pair.start("value") + 1, message, self._quoted(pair["value"]))

    def _quoted(self, value: str) -> str | None:
        return f"write: {self._pair['key']}: {in_quotes(value)}" if self._pair else None

    def _no_pair_before(self) -> Iterator[Mistake]:
        """`name:report`, `name = report` in the line above."""
        number, text = self._before
        match = re.fullmatch(r"(\s*)([\w.-]+)(:|\s*=\s*)(\S.*)", text)
        if match is None or re.fullmatch(_PAIR, text):
            return
        line = f"{match[2]}: {match[4]}"
        if match[3] == ":":
            message = f"a blank is missing behind '{match[2]}:'"
        else:
            message = "key and value are divided by ':' and a blank"
        yield self._at(match.start(3) + 1, message, f"write: {line}", number)

    def _too_deep(self) -> Iterator[Mistake]:
        before = re.fullmatch(_PAIR, self._before[1])
        if before is None or self._pair is None or before["value"][:1] in {"|", ">", ""}:
            return
        if len(self._pair["indent"]) > len(before["indent"]):
            line = " " * len(before["indent"]) + self._text.strip()
            message = f"this line is indented deeper than '{before['key']}' above"
            column = self._pair.start("key") + 1
            yield self._at(column, message, f"write it below '{before['key']}': '{line}'")

    def _colon_in_value(self) -> Iterator[Mistake]:
        if self._pair and re.search(r":(\s|$)", self._pair["value"]):
            column = self._pair.start("value") + 1
            message = "a value with ': ' in it needs quotes"
            yield self._at(column, message, self._quoted(self._pair["value"]))

    def _comment(self) -> Iterator[Mistake]:
        for number in (self._fault.line, self._before[0]):
            text = self._lines.get(number, _LONGEST) or ""
            if match := re.fullmatch(r"\s*(//|/\*|--\s|;)\s*(.*)", text):
                comment = match[2].removesuffix("*/").strip()
                column = match.start(1) + 1
                yield self._at(column, "a comment begins with '#'", f"write: # {comment}", number)

    def _braces(self) -> Iterator[Mistake]:
        """`{url: ${URL}}`: in braces, those of a variable or a template need quotes."""
        for what, pattern in (("template '{{ … }}'", _TEMPLATE), ("variable '${…}'", _VARIABLE)):
            match = re.search(_IN_BRACES % pattern, self._text)
            if match and self._text[: match.start()].count("{"):
                hint = f"write: {match['key']}: {in_quotes(match['value'])}"
                message = f"a {what} in braces needs quotes"
                yield self._at(match.start("value") + 1, message, hint)

    def _open_quote(self) -> Iterator[Mistake]:
        begin = self._fault.begin
        if begin is None:
            return
        text = self._lines.get(begin[0], _LONGEST) or ""
        quote = text[begin[1] - 1 : begin[1]]
        if quote in {"'", '"'}:
            yield Mistake(
                *begin, "the quote that begins here is not closed", f"write: {text.strip()}{quote}"
            )

    def _quote_above(self) -> Iterator[Mistake]:
        """Yield a quote that is closed by the first one of the next line."""
        number, text = self._before
        pair = re.fullmatch(_PAIR, text)
        quote = pair["value"][:1] if pair else ""
        if pair and quote in {"'", '"'} and pair["value"].count(quote) == 1:
            message = "the quote that begins here is not closed"
            yield self._at(
                pair.start("value") + 1, message, f"write: {text.strip()}{quote}", number
            )

    def _block_text(self) -> Iterator[Mistake]:
        """Yield the text below `payload: |` that stands at the left."""
        number, text = self._before
        head = re.fullmatch(_PAIR, self._line_before(number)[1])
        if head and head["value"][:1] in {"|", ">"}:
            message = f"the text of '{head['key']}' must be indented deeper than its key"
            line = f"{head['indent']}  {text.strip()[:80]}"
            yield self._at(1, message, f"write: '{line}'", number)

    def _escape(self) -> Iterator[Mistake]:
        if self._pair and self._pair["value"].startswith('"'):
            value = self._pair["value"].strip('"')
            message = 'within " a backslash begins an escape'
            column = self._fault.column
            yield self._at(column, message, f"write: {self._pair['key']}: '{value}'")

    def _behind_quotes(self) -> Iterator[Mistake]:
        """`"report" of the day`, `"say "hello""`."""
        pair = self._pair
        if pair is None or pair["value"][:1] not in {"'", '"'} or self._fault.column == 1:
            return
        value = pair["value"]
        is_around = len(value) > 1 and value[0] == value[-1]
        inner = value[1:-1] if is_around else value
        message = "behind the closing quote stands more text"
        yield self._at(self._fault.column, message, self._quoted(inner))

    def _uneven(self) -> Iterator[Mistake]:
        indent = len(self._text) - len(self._text.lstrip())
        wanted = len(self._before[1]) - len(self._before[1].lstrip())
        if indent == wanted:
            return
        line = " " * wanted + self._text.strip()[:80]
        message = f"this line is indented by {indent}, and the one above by {wanted}"
        yield self._at(indent + 1, message, f"indent both alike: '{line}'")

    def _comma(self) -> Iterator[Mistake]:
        number, text = self._before
        begin = self._fault.begin
        stripped = text.rstrip()
        if begin and number > begin[0] and not stripped.endswith((",", "{", "[")):
            message = "a comma is missing at the end of this line"
            yield self._at(len(stripped) + 1, message, f"write: {stripped.strip()},", number)
        elif begin:
            first = self._lines.get(begin[0], _LONGEST) or ""
            sign = first[begin[1] - 1 : begin[1]]
            close = {"{": "}", "[": "]"}.get(sign)
            if close:
                message = f"the '{sign}' that begins here is not closed"
                yield Mistake(*begin, message, f"write: {first.strip()}{close}")

    def _outside(self) -> Iterator[Mistake]:
        first = self._line_before(self._fault.line)[1]
        if self._before[1].strip() == "...":
            message = "'...' ends the file; jobs are divided by '---'"
            yield self._at(1, message, "write: ---", self._before[0])
        elif first.startswith(" "):
            number = self._before[0]
            while (above := self._line_before(number))[0]:
                number = above[0]
            line = (self._lines.get(number, _LONGEST) or "").strip()
            message = "the first line is indented, and others are not"
            yield self._at(1, message, f"write it at the left: {line}", number)
