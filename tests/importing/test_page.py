"""docs/coming-from-cron-and-curl.md shows what the program prints."""

import re

from tests.support import ROOT, chronos

PAGE = (ROOT / "docs" / "coming-from-cron-and-curl.md").read_text()


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    assert found
    return found[1]


def test_the_page_shows_what_is_printed() -> None:
    result = chronos(
        "import", "crontab", "-", "--timezone", "Europe/Berlin", stdin=block("crontab")
    )
    source = "standard input", "crontab.txt"
    assert result.out.replace(*source) == block("yaml")
    assert result.err == block("text")
