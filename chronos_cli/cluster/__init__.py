"""One schedule on many hosts, which share it through NATS JetStream."""
