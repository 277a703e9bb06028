"""Fire times against a table and against an oracle."""
