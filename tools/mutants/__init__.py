"""Mutation testing of chosen places: see `__main__`."""
