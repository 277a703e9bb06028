"""From the text of a file to jobs: document, interpolation, reading, loading."""
