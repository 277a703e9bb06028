"""The protocol `kafka`."""
