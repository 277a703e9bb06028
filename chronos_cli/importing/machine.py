"""What a crontab takes from the machine that it is on."""

from pathlib import Path

from chronos_cli.schedule.zones import check_zone

_ZONES = "zoneinfo/"
_VARIANTS = ("posix/", "right/")


def machine_zone(localtime: Path = Path("/etc/localtime")) -> str | None:
    """Return the IANA name of the machine's time zone; None where it is not known.

    Without the file the C library takes UTC (tzset(3)).
    """
    if not localtime.exists():
        return "UTC"
    _, found, name = str(localtime.resolve()).rpartition(_ZONES)
    for variant in _VARIANTS:
        name = name.removeprefix(variant)
    if not found or check_zone(name):
        name = _named_beside(localtime)
    return name if name and not check_zone(name) else None


def _named_beside(localtime: Path) -> str:
    """Return what Debian notes beside a file that is a copy."""
    try:
        return (localtime.parent / "timezone").read_text(encoding="ascii").strip()
    except (OSError, UnicodeError):
        return ""


def home_of(user: str | None) -> str:
    """Return the folder that the commands of a user run in; the own one of this process."""
    import os
    import pwd

    try:
        entry = pwd.getpwnam(user) if user else pwd.getpwuid(os.getuid())
    except KeyError:
        return "/"
    return entry.pw_dir
