"""The Docker gate: stands between callers and the socket of dockerd, and writes down who asked for what."""
