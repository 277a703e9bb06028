"""`python -m chronos_cli` is `chronos`."""

import _signal  # type: ignore[import-not-found]
import os

if __name__ == "__main__":
    # Amid an import, Python's own way with SIGINT is a traceback.
    _signal.signal(_signal.SIGINT, lambda *_: os._exit(130))
    from chronos_cli.cli.main import main

    main()
