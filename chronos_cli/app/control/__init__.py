"""Asking a loop, and steering it, over a socket beside its state file."""
