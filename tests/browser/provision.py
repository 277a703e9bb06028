"""Installs what `make browser` needs: ``python -m tests.browser.provision``."""

import sys

from tests.brokers.provision import find_program, install, say

# The browser, what drives it, and what judges metrics and alerts.
_PROGRAMS = {
    "chromium": "chromium",
    "chromium-driver": "chromedriver",
    "prometheus": "promtool",
}
# Without fonts there would be boxes for letters.
_FONTS = "fonts-dejavu-core"


def main() -> int:
    """Get what is missing, one line for each thing; 1 where that cannot be."""
    lacking = [package for package, name in _PROGRAMS.items() if find_program(name) is None]
    refusal = install([*lacking, _FONTS]) if lacking else None
    for package in _PROGRAMS:
        say(f"could not install {package}: {refusal}" if refusal else f"have {package}")
    return 1 if refusal else 0


if __name__ == "__main__":
    sys.exit(main())
