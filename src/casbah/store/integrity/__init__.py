"""Checking all of a store, and saving what checks out, without opening it."""
