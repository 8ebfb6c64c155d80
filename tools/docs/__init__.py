"""Writes the generated pages of `docs/`: see `__main__`."""
