"""`python -m chronos_cli` is `chronos`."""

from chronos_cli.cli.main import main

if __name__ == "__main__":
    main()
