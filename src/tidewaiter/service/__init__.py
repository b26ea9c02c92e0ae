"""The service: inputs that never end, the same stages as a scan, findings as they happen."""
