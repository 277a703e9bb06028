"""Schedules in words."""

import pytest

from chronos_cli.schedule.describe import describe

WORDS = [
    ("0 9 * * 1-5", "at 09:00, Monday to Friday"),
    ("15 10 * * ?", "at 10:15 every day"),
    ("0 30 9 * * mon", "at 09:30, Monday"),
    ("30 0 9 * * *", "at 09:00:30 every day"),
    ("0 */6 * * *", "at 00:00, 06:00, 12:00 and 18:00 every day"),
    ("0 */2 * * *", "at minute 0 in every 2nd hour"),
    ("0 */5 * * *", "at 00:00, 05:00, 10:00, 15:00 and 20:00 every day"),
    ("* * * * *", "every minute"),
    ("* * * * * *", "every second"),
    ("30 * * * * *", "at second 30 of every minute"),
    ("*/15 * * * *", "every 15 minutes"),
    ("*/7 * * * *", "every 7 minutes (from minute 0 each time)"),
    ("*/5 9-17 * * 1-5", "every 5 minutes in hours 9 to 17, Monday to Friday"),
    ("0-30/10 8,20 * * *", "at minutes 0, 10, 20 and 30 in hours 8 and 20"),
    ("@hourly", "at minute 0 of every hour"),
    ("@yearly", "at 00:00, on day 1 of the month in January"),
    ("0 9 * 3-5 *", "at 09:00 every day in March to May"),
    ("*/10 * * 6,7 *", "every 10 minutes, in June and July"),
    ("0 0 13 * 5", "at 00:00, on day 13 of the month or on Friday"),
    ("0 0 13 3 5", "at 00:00, on day 13 of the month or on Friday, in March"),
    ("0 0 1-7 * */7", "at 00:00, on days 1 to 7 of the month, if that is Sunday"),
    ("0 0 */2 * 1", "at 00:00, on every 2nd day of the month, from the 1st, if that is Monday"),
    ("0 0 15,L * *", "at 00:00, on day 15 and the last day of the month"),
    ("0 0 * * 1,L5", "at 00:00, Monday and the last Friday of the month"),
    ("0 0 * * fri#2", "at 00:00, the 2nd Friday of the month"),
    ("0 0 * * sat-sun", "at 00:00, Saturday and Sunday"),
    ("*/60 * * * *", "at minute 0 of every hour"),
    ("0 */24 * * *", "at 00:00 every day"),
    ("*/90 9 * * *", "at 09:00 every day"),
    ("*/60 * * * * *", "every minute"),
    ("0 0 */40 * *", "at 00:00, on day 1 of the month"),
    ("0 0 1 */13 *", "at 00:00, on day 1 of the month in January"),
    ("@every 90s", "every 1m30s"),
    ("@every 1h1m1s", "every 3661s"),
    ("@every 30", "every 30s"),
    ("@every 1.5s", "every 1.5s"),
]


@pytest.mark.parametrize(("schedule", "words"), WORDS)
def test_describe(schedule: str, words: str) -> None:
    assert describe(schedule) == words
