"""The times that options take: one reader for all of them."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from chronos_cli.cli.options import parse_moment, parse_optional_moment
from chronos_cli.errors import UsageError


@pytest.fixture(autouse=True)
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-23T09:00:00+01:00", "2026-11-23T09:00:00+01:00"),
        ("2026-11-23T09:00Z", "2026-11-23T09:00:00+00:00"),
        ("2026-11-23", "2026-11-23T00:00:00+01:00"),
        ("2026-07-01", "2026-07-01T00:00:00+02:00"),
    ],
)
def test_a_time_and_a_date(text: str, moment: str) -> None:
    assert parse_moment("--since", text).isoformat() == moment


def test_words_and_how_long_ago() -> None:
    now = datetime.now(UTC)
    assert abs(parse_moment("--after", "now") - now) < timedelta(seconds=5)
    assert abs(parse_moment("--after", "1d") - (now - timedelta(days=1))) < timedelta(seconds=5)
    today, yesterday = (parse_moment("--after", word) for word in ("today", "yesterday"))
    assert (today.hour, today.minute, yesterday.hour) == (0, 0, 0)
    assert today.date() - yesterday.date() == timedelta(days=1)
    assert today <= now.astimezone() + timedelta(seconds=5)
    assert parse_optional_moment("--after", None) is None


@pytest.mark.parametrize(
    "text",
    [
        *"tomorrow 2026-11-23T09:00 2026-02-30 0001-01-01 9999-12-31 9999-12-31T00:00Z -1d".split(),
        "",
        "1 day",
        "0001-01-01T00:00+14:00",
    ],
)
def test_anything_else_is_said_to_be_none(text: str) -> None:
    with pytest.raises(UsageError, match="--after takes a time"):
        parse_moment("--after", text)
