"""Derives additional facts from the values of an event, locally."""
