"""Takes log records out of the wrappers they travel in: collectors, clouds, searches, container logs, syslog.

What a wrapper looks like is data (`packs/vocabulary/envelopes.yml`); records that were *translated* on the way, such as
those of GKE, are turned back in `translated.py`. `layers.py` peels an input: it sniffs once, locks what it found, and
keeps the place, time, host and cluster of every record for the reader inside.
"""
