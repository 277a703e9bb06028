"""One file per protocol; each is found by its entry point, never imported by name."""
