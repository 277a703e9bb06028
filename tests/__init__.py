"""The tests; real servers stand in `servers/` and `brokers/`."""
