"""Brings findings to where they are used, and loses none."""
