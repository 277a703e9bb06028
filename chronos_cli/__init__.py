"""Chronos fires jobs over HTTP, gRPC, Kafka, NATS and RabbitMQ from YAML files."""

__version__ = "0.1.0"
