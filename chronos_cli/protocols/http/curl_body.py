"""What a command line of curl sends: its data, its form, its file."""

import re
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote_plus

from chronos_cli.dispatch.importer import has_reference, shown
from chronos_cli.errors import NotImportableError
from chronos_cli.protocols.http.body import FORM_TYPE
from chronos_cli.protocols.http.curl_options import CurlOption
from chronos_cli.protocols.http.drafting import HttpDraft

_DATA = frozenset("data data-ascii data-binary data-raw data-urlencode json".split())
_FORM = frozenset(("form", "form-string"))
_JSON_TYPE = "application/json"
# What curl takes a file for by its name's ending (lib/mime.c).
_TYPES = {
    ".gif": "image/gif",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
    ".htm": "text/html",
    ".html": "text/html",
    ".pdf": "application/pdf",
    ".xml": "application/xml",
}
_LINE_ENDS = (b"\n", b"\r", b"\0")


class CurlBody:
    """Reads the options that say what is sent; `take_over` puts it into the job."""

    def __init__(self, http: HttpDraft, options: list[CurlOption]) -> None:
        self._http = http
        self._data = [option for option in options if option.name in _DATA]
        self._form = [option for option in options if option.name in _FORM]
        self._queries = [option.value for option in options if option.name == "url-query"]
        files = [option.value for option in options if option.name == "upload-file"]
        self._file = files[-1] if files else None
        names = {option.name for option in options}
        self._is_get, self._is_head = "get" in names, "head" in names
        self._is_json = "json" in names
        kinds = (bool(self._data), bool(self._form), self._file is not None)
        if sum(kinds) > 1:
            raise NotImportableError("it sends data, a form or a file: two of them at once")

    def method(self) -> str:
        """Return the method that curl would take without -X."""
        if self._is_head:
            return "HEAD"
        if self._file is not None:
            return "PUT"
        has_body = self._form or (self._data and not self._is_get)
        return "POST" if has_body else "GET"

    def query(self) -> str:
        """Return what -G and --url-query add to the URL."""
        parts = [_encoded(value) for value in self._queries]
        if self._is_get and self._data:
            parts.append(self._text())
        return "&".join(parts)

    def take_over(self) -> None:
        """Put what is sent into the job, except for the content type."""
        if self._form:
            self._take_form()
        elif self._file is not None and self._file in {"-", "."}:
            raise NotImportableError("it sends its standard input (-T -)")

    def settle(self, method: str) -> None:
        """Put data into the job, once the headers are known: one may say what the data are."""
        http = self._http
        if self._is_json:
            headers = http.block.get("headers", {})
            if "accept" not in {name.lower() for name in headers}:
                http.add_header("Accept", _JSON_TYPE)
        kind = _JSON_TYPE if self._is_json else FORM_TYPE
        if self._file is not None:
            http.set_payload_file(self._file, None)
            if "content_type" not in http.draft.keys:
                http.remark("curl -T names no content type; here it is application/octet-stream")
        elif self._data and not self._is_get:
            if (file := self._lone_file()) is not None:
                http.set_payload_file(file, kind)
            else:
                http.set_payload(self._text(), kind)
        elif not self._form and method not in {"GET", "HEAD", "OPTIONS", "TRACE", "DELETE"}:
            http.draft.keys["payload"] = ""  # without it the job's own metadata would be sent

    def _lone_file(self) -> str | None:
        """Return the file that is sent as it is, when there is nothing else."""
        first = self._data[0]
        is_file = first.name in {"data", "data-ascii", "data-binary", "json"}
        if len(self._data) > 1 or not is_file or not first.value.startswith("@"):
            return None
        name = first.value[1:]
        if name == "-":
            return None
        content = self._http.content(name) or b""
        if first.name in {"data", "data-ascii"} and any(end in content for end in _LINE_ENDS):
            self._http.remark(f"curl -d takes the line ends out of {name}; here they are sent")
        return name

    def _text(self) -> str:
        sign = "" if self._is_json else "&"
        return sign.join(self._part(option) for option in self._data)

    def _part(self, option: CurlOption) -> str:
        value = option.value
        if option.name == "data-urlencode":
            return _encoded(value)
        if option.name == "data-raw" or not value.startswith("@"):
            return value
        if value != "@-":
            raise NotImportableError(f"it puts a file among other data: {shown(value)}")
        text = self._http.call.stdin
        if text is None:
            raise NotImportableError("it sends its standard input, and nothing is known of that")
        strips = option.name in {"data", "data-ascii"}
        return text.replace("\n", "").replace("\r", "") if strips else text

    def _take_form(self) -> None:
        fields: dict[str, Any] = {}
        files: dict[str, Any] = {}
        for option in self._form:
            name, sign, value = option.value.partition("=")
            if not sign:
                raise NotImportableError(f"a field of its form has no value: {shown(name)}")
            if option.name == "form" and value.startswith("@"):
                _append(files, name, self._part_of_file(value[1:]))
            elif option.name == "form" and value.startswith(("<", "(")):
                raise NotImportableError(f"a field of its form is read from a file: {name}")
            else:
                _append(fields, name, self._field(name, value, option.name == "form"))
        self._http.block["multipart"] = {
            key: part for key, part in (("fields", fields), ("files", files)) if part
        }

    def _field(self, name: str, value: str, has_options: bool) -> str:
        """Return the text of a field; curl reads what stands behind a `;` as options of it."""
        if has_options:
            quoted = re.match(r'"((?:[^"\\]|\\.)*)"', value)
            text, _, rest = value.partition(";")
            if quoted:
                text, rest = (
                    re.sub(r'\\(["\\])', r"\1", quoted[1]),
                    value[quoted.end() :].strip(";"),
                )
            if rest:
                self._http.remark(f"of the field {name} '{shown(rest.strip())}' is not sent")
            value = text
        return self._http.hide_field(name, value)

    def _part_of_file(self, value: str) -> dict[str, str]:
        path, *options = value.split(";")
        path = path.strip('"')
        if "," in path or path == "-":
            raise NotImportableError(f"a field of its form is several files, or stdin: {path}")
        part = {"path": self._http.path(path)}
        given = dict(option.strip().partition("=")[::2] for option in options)
        if filename := given.get("filename", "").strip('"'):
            part["filename"] = filename
        ending = PurePosixPath(filename or path).suffix.lower()
        part["content_type"] = given.get("type") or _TYPES.get(ending, "application/octet-stream")
        return part


def _append(fields: dict[str, Any], name: str, value: Any) -> None:
    """Add a field; one that comes again makes a list."""
    if name not in fields:
        fields[name] = value
    elif isinstance(fields[name], list):
        fields[name].append(value)
    else:
        fields[name] = [fields[name], value]


def _encoded(value: str) -> str:
    """Return what --data-urlencode makes of its value: `text`, `=text` or `name=text`."""
    name, sign, text = value.partition("=")
    at = name.find("@")
    if at >= 0:
        raise NotImportableError(f"it encodes a file: --data-urlencode {shown(value)}")
    if not sign:
        name, text = "", value
    if has_reference(text):
        raise NotImportableError(f"it encodes a variable: --data-urlencode {shown(value)}")
    encoded = quote_plus(text)
    return f"{name}={encoded}" if name else encoded
