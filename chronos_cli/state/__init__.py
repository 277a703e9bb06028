"""What outlives a process: history, the last ticks, and who is running."""
