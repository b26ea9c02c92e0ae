"""Where findings go: one file per format. A sink turns values into text or bytes; it decides nothing."""
