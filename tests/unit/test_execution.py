"""The identities of executions, against Python's own UUIDs."""

import uuid
from datetime import UTC, datetime, timedelta, timezone

from chronos_cli.dispatch.execution import new_id, scheduled_id

_NAMESPACE = uuid.UUID("6f0f4c5e-6b0a-5b8e-9d5c-0c2f6d1e7a43")


def test_the_id_of_a_tick_comes_from_job_and_instant() -> None:
    moment = datetime(2026, 11, 23, 9, 0, 0, 250_000, UTC)
    expected = str(uuid.uuid5(_NAMESPACE, f"daily.report\n{moment.timestamp():.6f}"))
    elsewhere = moment.astimezone(timezone(timedelta(hours=9)))
    assert (
        scheduled_id("daily.report", moment) == scheduled_id("daily.report", elsewhere) == expected
    )


def test_an_id_of_its_own_is_a_random_uuid() -> None:
    ids = {new_id() for _ in range(100)}
    assert len(ids) == 100
    for text in ids:
        found = uuid.UUID(text)
        assert (str(found), found.version, found.variant) == (text, 4, uuid.RFC_4122)
