"""Readers of logs: bytes in, `Activity` out. One file is one source.

A source module has a docstring that names the format's documentation, and a module constant `SOURCE`.
Nothing is registered by hand: `catalogue.py` lists the modules of this package that have one.
Sources are pure: they never touch a database, the network, the clock or the screen.
"""
