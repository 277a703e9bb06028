"""The protocol `grpc`."""
