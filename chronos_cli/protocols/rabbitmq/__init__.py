"""The protocol `rabbitmq`."""
