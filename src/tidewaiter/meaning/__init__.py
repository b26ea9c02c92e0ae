"""Readers of meaning: what a command line, an Engine API target or a Kubernetes request does.

Pure functions from text to `Meaning`. What the words mean is data in `packs/vocabulary/`; the code here only
takes command lines and URLs apart. It stands below `sources` and `recognise`, because both need it and neither
may know the other.
"""
