"""The use cases: load a workspace, carry out a batch, serve the loop. No argv, no printing."""
