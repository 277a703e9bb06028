"""What stands on the pages: blocks, commands and links, as a reader would paste or follow them.

The words behind a fence say what a block is: nothing for jobs, a file's name for what goes into
that file (chronos.yaml is the configuration), another word for the YAML of another program.
"""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from tests.support import ROOT

_FENCE = re.compile(r"^( *)```(\S*) ?(.*)\n((?:.*\n)*?)\1```$", re.MULTILINE)
_COMMAND = re.compile(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", re.MULTILINE)


class Block(Struct, frozen=True):
    """A fenced block: `info` is what stands behind its language, `line` where its text begins."""

    page: str
    line: int
    heading: str
    language: str
    info: str
    text: str

    @property
    def where(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def file(self) -> str | None:
        """The file that the block is the text of."""
        return self.info if "." in self.info else None


class Line(Struct, frozen=True):
    """A command line of a block, and the output that is shown below it."""

    where: str
    text: str
    output: str

    @property
    def words(self) -> list[str]:
        """Its words, as a shell divides them; without its comment."""
        lexer = shlex.shlex(self.text, posix=True, punctuation_chars=">")
        lexer.whitespace_split = True
        return list(lexer)

    @property
    def chronos(self) -> list[str] | None:
        """The arguments of chronos, without where its output goes; None for another program."""
        words = self.words
        if Path(words[0]).name != "chronos":
            return None
        return words[1 : words.index(">")] if ">" in words else words[1:]


def pages() -> list[Path]:
    """Every page for people, the README first."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "CONTRIBUTING.md"]


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def blocks(page: Path) -> Iterator[Block]:
    text = page.read_text()
    for found in _FENCE.finditer(text):
        before = text[: found.start(4)]
        headings = re.findall(r"^#+ (.*)$", before[: found.start() - found.start(4)], re.MULTILINE)
        line = before.count("\n") + 1
        yield Block(name_of(page), line, headings[-1], found[2], found[3], found[4])


def all_blocks(*languages: str) -> list[Block]:
    return [block for page in pages() for block in blocks(page) if block.language in languages]


def lines(block: Block) -> list[Line]:
    """The commands of a console block, in order."""
    found = list(_COMMAND.finditer(block.text))
    assert "".join(one[0] for one in found) == block.text, f"{block.where}: output of no command"
    numbers = [block.line + block.text[: one.start()].count("\n") for one in found]
    return [
        Line(f"{block.page}:{number}", one[1], one[2])
        for number, one in zip(numbers, found, strict=True)
    ]


def crontab_lines(block: Block) -> list[Line]:
    """The commands of a crontab, without their five fields."""
    entries = [line for line in block.text.splitlines() if line and line[0] in "*0123456789@"]
    return [Line(block.where, entry.split(maxsplit=5)[5], "") for entry in entries]


def anchors(page: Path) -> set[str]:
    """What a link may name on a page, as GitHub makes it of the headings."""
    text = _FENCE.sub("", page.read_text())
    heads = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head).lower().replace(" ", "-") for head in heads}


def links(page: Path) -> list[str]:
    """Where the links of a page lead."""
    return re.findall(r"\]\(([^)\s]+)\)", _FENCE.sub("", page.read_text()))
