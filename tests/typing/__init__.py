"""What mypy must accept and refuse; the strict run over the whole tree checks it."""
