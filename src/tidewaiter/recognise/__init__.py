"""Recognisers: Sigma rules over the normal form. pySigma parses, we decide and return evidence."""
