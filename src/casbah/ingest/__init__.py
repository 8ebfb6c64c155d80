"""Turns what a source wrote into new activities for the store."""
