"""What a request carries: the job's payload, a form, or a form with files."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated
from urllib.parse import urlencode

from msgspec import Meta, Struct

from chronos_cli.errors import FileTooLargeError, RejectedError, UnreadableFileError
from chronos_cli.files import check_readable, read_bytes
from chronos_cli.jobs.template import Template
from chronos_cli.problems import Flaw
from chronos_cli.problems import Path as FlawPath
from chronos_cli.protocols.checks import has_control
from chronos_cli.units import FilePath

MAX_FILES = 16 * 1024 * 1024
FORM_TYPE = "application/x-www-form-urlencoded"

Fields = dict[str, str | list[str]]


class FilePart(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A file in a form."""

    path: Annotated[FilePath, Meta(description="The file, beside the job file")]
    filename: Annotated[str | None, Meta(description="Name to give it. Default: its own")] = None
    content_type: Annotated[str | None, Meta(description="Default: by the name's ending")] = None

    def name(self) -> str:
        """Return the name that the far side is told."""
        return self.filename or Path(self.path).name

    def kind(self) -> str:
        """Return the content type."""
        import mimetypes

        guessed = mimetypes.guess_type(self.name())[0]
        return self.content_type or guessed or "application/octet-stream"

    def flaws(self, path: FlawPath) -> Iterator[Flaw]:
        """Yield why the file cannot be sent."""
        if not isinstance(self.path, Template):
            try:
                check_readable(self.path)
            except UnreadableFileError as error:
                yield Flaw((*path, "path"), f"cannot read '{self.path}': {error}")
        for name, text in (("filename", self.filename), ("content_type", self.content_type)):
            if text and not isinstance(text, Template) and has_control(text):
                yield Flaw((*path, name), "a line break or a control character is in it")


class MultipartForm(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A form of fields and files (RFC 7578)."""

    fields: Annotated[Fields, Meta(description="Name and text; a list repeats the field")] = {}
    files: Annotated[
        dict[str, FilePart | list[FilePart]],
        Meta(description="Field name and file; a list repeats the field"),
    ] = {}

    def parts(self) -> Iterator[tuple[str, FlawPath, FilePart]]:
        """Yield field name, path in the block and file of each file."""
        for name, value in self.files.items():
            path = ("multipart", "files", name)
            if isinstance(value, FilePart):
                yield name, path, value
            else:
                for index, part in enumerate(value):
                    yield name, (*path, index), part

    def flaws(self) -> Iterator[Flaw]:
        """Yield what the types cannot say."""
        if not self.fields and not self.files:
            yield Flaw(("multipart",), "an empty form", "add 'fields' or 'files'")
        for _, path, part in self.parts():
            yield from part.flaws(path)


class Body(Struct, frozen=True):
    """Bytes that are sent, and what they are. `shown` is the same before compression."""

    content: bytes
    content_type: str
    encoding: str | None = None
    shown: bytes = b""


def form_body(fields: Fields) -> Body:
    """Return a form as a browser would send it."""
    content = urlencode(pairs(fields)).encode()
    return Body(content, FORM_TYPE, shown=content)


def multipart_body(form: MultipartForm, seed: str) -> Body:
    """Return a form with files: the same bytes for the same content and seed.

    Raises RejectedError when a file cannot be read, or all are larger than MAX_FILES together.
    """
    parts: list[tuple[bytes, bytes]] = []
    for name, value in pairs(form.fields):
        parts.append((_disposition(name), value.encode()))
    left = MAX_FILES
    for name, _, part in form.parts():
        content = _read(part.path, left)
        left -= len(content)
        head = _disposition(name, part.name()) + f"\r\nContent-Type: {part.kind()}".encode()
        parts.append((head, content))
    boundary = _boundary(seed, parts)
    lines = b"".join(
        b"--" + boundary + b"\r\n" + head + b"\r\n\r\n" + content + b"\r\n"
        for head, content in parts
    )
    content = lines + b"--" + boundary + b"--\r\n"
    return Body(content, f"multipart/form-data; boundary={boundary.decode()}", shown=content)


def compressed(body: Body) -> Body:
    """Return a body packed with gzip: the same bytes every time."""
    import gzip

    packed = gzip.compress(body.content, compresslevel=6, mtime=0)
    return Body(packed, body.content_type, "gzip", body.shown)


def pairs(fields: Fields) -> list[tuple[str, str]]:
    """Return name and value of each field, lists taken apart."""
    return [
        (name, item)
        for name, value in fields.items()
        for item in (value if isinstance(value, list) else [value])
    ]


def _read(name: str, limit: int) -> bytes:
    try:
        return read_bytes(name, limit)
    except FileTooLargeError as error:
        message = f"the files are larger than {MAX_FILES // 2**20} MiB"
        raise RejectedError(message, code="BODY") from error
    except UnreadableFileError as error:
        raise RejectedError(f"cannot read '{name}': {error}", code="BODY") from error


def _disposition(name: str, filename: str | None = None) -> bytes:
    text = f'Content-Disposition: form-data; name="{_quoted(name)}"'
    if filename is not None:
        text += f'; filename="{_quoted(filename)}"'
    return text.encode()


def _quoted(text: str) -> str:
    """Write a name the way HTML says; backslashes would be read as part of it."""
    return text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


def _boundary(seed: str, parts: list[tuple[bytes, bytes]]) -> bytes:
    import hashlib

    number = 0
    while True:
        digest = hashlib.sha256(f"{seed}\n{number}".encode()).hexdigest()[:32].encode()
        if not any(digest in head or digest in content for head, content in parts):
            return digest
        number += 1
