"""The protocol `http`."""
