"""The program with another clock: `skewed.py SECONDS WORDS…`."""

import sys
from datetime import UTC, datetime, timedelta

from chronos_cli.cli.main import main
from chronos_cli.clock import SystemClock

if __name__ == "__main__":
    skew = timedelta(seconds=float(sys.argv.pop(1)))

    def now(_: SystemClock) -> datetime:
        return datetime.now(UTC) + skew

    SystemClock.now = now  # type: ignore[assignment,method-assign]
    main()
