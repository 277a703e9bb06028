"""The state room: a file, what it tells, and what happens when it cannot be used."""
