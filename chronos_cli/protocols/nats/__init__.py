"""The protocol `nats`."""
