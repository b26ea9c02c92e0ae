"""tidewaiter: watches who looks around in containers (MITRE ATT&CK T1613)."""

__version__ = "0.1.0"
