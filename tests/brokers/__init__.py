"""Real brokers for the tests: how to get them onto a machine, start them, and stop them."""
