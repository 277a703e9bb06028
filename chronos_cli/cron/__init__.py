"""The schedule in the foreground: when a tick is due, and what becomes of it."""
