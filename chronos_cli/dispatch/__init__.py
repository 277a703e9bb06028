"""From a job to an outcome: executions, attempts, retry, and the interface of a protocol."""
