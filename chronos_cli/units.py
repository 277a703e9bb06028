"""Durations and sizes as people write them: `90s`, `1h30m`, `4MB`."""

import re
from typing import Annotated

from msgspec import Meta

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_DURATION_PART = r"([0-9]{1,12}(?:\.[0-9]{1,9})?)(ms|s|m|h|d|w)"
_PLAIN_NUMBER = r"[0-9]{1,12}(?:\.[0-9]{1,9})?"
_LONGEST = 366 * 86400.0

_BYTES = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9}
_BYTES |= {"KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "K": 2**10, "M": 2**20, "G": 2**30}
_SIZE = r"([0-9]{1,15}(?:\.[0-9]{1,9})?)\s*([A-Za-z]{0,3})"


def parse_duration(text: str) -> float:
    """Seconds from `500ms`, `30s`, `1h30m`, `2d`; a bare number is seconds.

    Raises ValueError, with a message for the user, on anything else and beyond 366 days.
    """
    text = text.strip()
    if re.fullmatch(_PLAIN_NUMBER, text):
        seconds = float(text)
    else:
        parts = re.findall(_DURATION_PART, text)
        if not parts or "".join(number + unit for number, unit in parts) != text:
            raise ValueError(f"'{text[:40]}' is not a duration such as 500ms, 30s or 1h30m")
        seconds = sum(float(number) * _SECONDS[unit] for number, unit in parts)
    if seconds > _LONGEST:
        raise ValueError(f"'{text[:40]}' is longer than 366 days")
    return seconds


def meant_duration(text: str) -> str | None:
    """Return the duration that a text in words means, as `parse_duration` reads it: `5 minutes`."""
    units = {"sec": "s", "second": "s", "minute": "m", "min": "m", "hour": "h", "hr": "h"}
    units |= {"day": "d", "week": "w", "msec": "ms", "millisecond": "ms"}
    units |= {unit: unit for unit in _SECONDS}
    match = re.fullmatch(r"([0-9]{1,9})\s*([a-z]+)", text.strip().lower())
    if match is None:
        return None
    unit = units.get(match[2]) or units.get(match[2].removesuffix("s"))
    return match[1] + unit if unit else None


def format_duration(seconds: float) -> str:
    """Write seconds the way `parse_duration` reads them, in at most two units."""
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f}ms"
    if seconds < 60:
        return f"{seconds:.2f}".rstrip("0").rstrip(".") + "s"
    parts = []
    rest = round(seconds)
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts[:2])


def parse_size(text: str) -> int:
    """Bytes from `512`, `64KiB`, `4MB`; raises ValueError, with a message for the user."""
    match = re.fullmatch(_SIZE, text.strip())
    unit = match[2].upper() if match else None
    if match is None or unit not in _BYTES:
        raise ValueError(f"'{text[:40]}' is not a size such as 512, 64KiB or 4MB")
    return int(float(match[1]) * _BYTES[unit])


_DURATION_SCHEMA = {
    "type": ["string", "number"],
    "pattern": r"^([0-9]+(\.[0-9]+)?|([0-9]+(\.[0-9]+)?(ms|s|m|h|d|w))+)$",
    "minimum": 0,
    "examples": ["500ms", "30s", "1h30m"],
}
_SIZE_SCHEMA = {
    "type": ["string", "integer"],
    "pattern": r"^[0-9]+(\.[0-9]+)?\s*([KMGkmg]([Ii]?[Bb])?|[Bb])?$",
    "minimum": 0,
    "examples": ["64KiB", "4MB"],
}

# `parse` is the job-file reader's way from the text of a scalar to the value.
# `form` names it in messages, and `meant` turns what is nearly one into the text to write.
_DURATION = {"parse": parse_duration, "form": "a duration such as 30s", "meant": meant_duration}
_SIZE_EXTRA = {"parse": parse_size, "form": "a size such as 4MB"}
Duration = Annotated[float, Meta(extra=_DURATION, extra_json_schema=_DURATION_SCHEMA)]
PositiveDuration = Annotated[float, Meta(gt=0, extra=_DURATION, extra_json_schema=_DURATION_SCHEMA)]
Size = Annotated[int, Meta(extra=_SIZE_EXTRA, extra_json_schema=_SIZE_SCHEMA)]


def _is_any(_text: str) -> bool:
    return True


# The name of a file that must be there to be read: `validate` looks for it, if `names_file` says so
# of the text. The job-file reader makes it absolute, from the folder of the file it stands in.
FilePath = Annotated[str, Meta(min_length=1, extra={"path": True, "names_file": _is_any})]
# The same for what may not be there yet, or is no file to be read: a socket.
PathName = Annotated[str, Meta(min_length=1, extra={"path": True})]
