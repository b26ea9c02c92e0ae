"""Sightings and surprises of one actor, gathered into episodes that someone should judge, and put into words."""
